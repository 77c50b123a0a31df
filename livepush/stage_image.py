"""The images of build stages: an engine builds each from the live Dockerfile, out of its cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from livepush.archive import Files, NoFiles, pack
from livepush.dockerfile import parse
from livepush.engine import Engine, ImageConfig
from livepush.errors import EngineError
from livepush.manifest import Item
from livepush.model import Entry, Stage
from livepush.tree import Tree

DOCKERFILE = ".livepush.Dockerfile"
"""What the live Dockerfile is called in a context that does not hold it itself."""
_IGNORE = ".dockerignore"


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What an engine is sent for a build: `items` by path, and the tree that they make.

    `dockerfile` is the path of the Dockerfile among them.
    """

    items: Mapping[str, Item]
    files: Files
    dockerfile: str

    @property
    def tree(self) -> Tree:
        return Tree.of((path, item.entry) for path, item in self.items.items())


def build_context(text: str, files: Files, dockerfile: str) -> BuildContext:
    """The filtered context with the Dockerfile `text` in it.

    Where the context holds that very text at `dockerfile`, nothing is added. Otherwise it gets a
    name that no `COPY` takes and, as the docker command line does for a Dockerfile outside of the
    context, the ignore file that is sent names it.
    """
    items = {path: Item(entry, path) for path, entry in files.tree.walk()}
    if _read(files, dockerfile) == text.encode(errors="surrogateescape"):
        return BuildContext(items, files, dockerfile)
    theirs, ours = _read(files, _IGNORE), [DOCKERFILE]
    if theirs is None:
        ours.append(_IGNORE)
    ignore = b"\n".join([theirs or b"", *(name.encode() for name in ours), b""])
    for name, content in ((DOCKERFILE, text.encode(errors="surrogateescape")), (_IGNORE, ignore)):
        items[name] = Item(Entry("file", 0o644, size=len(content), content=content), "")
    return BuildContext(items, files, DOCKERFILE)


async def build_stage(
    engine: Engine,
    context: BuildContext,
    stage: Stage,
    *,
    build_args: Mapping[str, str],
    labels: Mapping[str, str],
    legacy: bool,
) -> str:
    """Builds the image of one stage and returns its id. Raises `EngineError`.

    `legacy` is whether the builder is the engine's own, as it must be for the application's image.
    """
    return await engine.build(
        pack(context.items.items(), context.files, lambda _: None),
        dockerfile=context.dockerfile,
        target=target_name(stage),
        build_args=build_args,
        labels=labels,
        legacy=legacy,
    )


async def base_image(
    engine: Engine, name: str, labels: Mapping[str, str], *, legacy: bool
) -> ImageConfig | None:
    """The configuration of a base image, which the builder may hold without a name.

    None where the engine cannot have it at all.
    """
    known = await engine.image(name)
    if known is not None:
        return known
    content = f"FROM {name}\n".encode()
    only = {DOCKERFILE: Item(Entry("file", 0o644, size=len(content), content=content), "")}
    try:
        built = await engine.build(
            pack(only.items(), NoFiles(), lambda _: None),
            dockerfile=DOCKERFILE,
            labels=labels,
            legacy=legacy,
        )
    except EngineError:
        return None
    return await engine.image(built)


def target_name(stage: Stage) -> str:
    """What a build can call the stage by; engines take names only, no numbers."""
    return stage.name or f"livepush-stage-{stage.index}"


def with_stage_names(text: str) -> str:
    """The Dockerfile with a name for every stage; names lose no cache."""
    source = parse(text)
    lines = list(source.lines)
    stages = [each for each in source.instructions if each.keyword == "FROM"]
    for index, instruction in enumerate(stages):
        if len(instruction.operands.split()) == 1:
            flags = "".join(f"--{flag.name}={flag.value} " for flag in instruction.flags)
            named = f"FROM {flags}{instruction.operands} AS livepush-stage-{index}"
            lines[instruction.line - 1 : instruction.end_line] = [
                named,
                *[""] * (instruction.end_line - instruction.line),
            ]
    return "\n".join(lines) + "\n"


def _read(files: Files, path: str) -> bytes | None:
    entry = files.tree.get(path)
    if entry is None or entry.kind != "file":
        return None
    with files.open_file(path) as file:
        return file.read()
