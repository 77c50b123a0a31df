"""The images of build stages: an engine builds each from the live Dockerfile, out of its cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from livepush.archive import Files, NoFiles, pack
from livepush.dockerfile import parse
from livepush.engine import Engine, ImageConfig, Tell
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

    @property
    def own(self) -> frozenset[str]:
        """The paths that livepush fills itself, instead of the user's file or beside them."""
        written = (path for path, item in self.items.items() if item.entry.content is not None)
        return frozenset(written)


def build_context(text: str, files: Files, dockerfile: str, *, legacy: bool) -> BuildContext:
    """The filtered context with the Dockerfile `text` in it.

    Where the context holds that very text at `dockerfile`, nothing is added. Otherwise BuildKit is
    sent it in that file's place, so that no step sees a file too many, or under a name of its own
    where there is no such file. For the engine's own builder (`legacy`) it always has that name
    and, as the docker command line does for a Dockerfile outside of the context, the ignore file
    that is sent names it: that builder leaves it out of every `COPY` then.
    """
    items = {path: Item(entry, path) for path, entry in files.tree.walk()}
    theirs, ours = _read(files, dockerfile), text.encode(errors="surrogateescape")
    if theirs is not None and theirs.rstrip(b"\n") == ours.rstrip(b"\n"):
        return BuildContext(items, files, dockerfile)
    place = DOCKERFILE if legacy or theirs is None else dockerfile
    items[place] = _written(ours)
    if legacy:
        items[_IGNORE] = _written(_ignoring(_read(files, _IGNORE)))
    return BuildContext(items, files, place)


def _ignoring(theirs: bytes | None) -> bytes:
    added = [DOCKERFILE] if theirs is not None else [DOCKERFILE, _IGNORE]
    return b"\n".join([theirs or b"", *(name.encode() for name in added), b""])


def _written(content: bytes) -> Item:
    return Item(Entry("file", 0o644, size=len(content), content=content), "")


@dataclass(frozen=True, slots=True)
class StageImage:
    """A stage's image, and what was `sent` for it where livepush had it built."""

    id: str
    sent: BuildContext | None = None


@dataclass(frozen=True, slots=True)
class StageBuilder:
    """Has the stages of the Dockerfile `text` built; it stands at `dockerfile` in the context.

    `labels` gives those of a stage's image. `legacy` is whether the builder is the engine's own, as
    it must be for the application's image, or BuildKit.
    """

    engine: Engine
    text: str
    dockerfile: str
    build_args: Mapping[str, str] = field(repr=False)
    labels: Callable[[Stage], Mapping[str, str]]
    legacy: bool

    async def build(self, stage: Stage, files: Files, tell: Tell | None = None) -> StageImage:
        """The stage's image, with the context as it is now.

        Raises `BuildFailedError` for a step that failed, and `EngineError`.
        """
        text, target = targeted(self.text, stage)
        context = build_context(text, files, self.dockerfile, legacy=self.legacy)
        image = await self.engine.build(
            pack(context.items.items(), context.files, lambda _: None),
            dockerfile=context.dockerfile,
            target=target,
            build_args=self.build_args,
            labels=self.labels(stage),
            legacy=self.legacy,
            tell=tell,
        )
        return StageImage(image, context)


async def base_image(
    engine: Engine, name: str, labels: Mapping[str, str], *, legacy: bool
) -> ImageConfig | None:
    """The configuration of a base image, which the builder may hold without a name.

    None where the engine cannot have it at all.
    """
    known = await engine.image(name)
    if known is not None:
        return known
    only = {DOCKERFILE: _written(f"FROM {name}\n".encode())}
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


def targeted(text: str, stage: Stage) -> tuple[str, str]:
    """The Dockerfile `text`, and what a build of it calls `stage`: engines know no numbers.

    A stage without a name is given one, which loses no cache, unless it is the last one.
    """
    if stage.name:
        return text, stage.name
    source = parse(text)
    every = [each for each in source.instructions if each.keyword == "FROM"]
    if stage.index == len(every) - 1:
        return text, ""
    instruction, name = every[stage.index], f"livepush-stage-{stage.index}"
    flags = "".join(f"--{flag.name}={flag.value} " for flag in instruction.flags)
    lines = list(source.lines)
    lines[instruction.line - 1 : instruction.end_line] = [
        f"FROM {flags}{instruction.operands} AS {name}",
        *[""] * (instruction.end_line - instruction.line),
    ]
    return "\n".join(lines) + "\n", name


def _read(files: Files, path: str) -> bytes | None:
    entry = files.tree.get(path)
    if entry is None or entry.kind != "file":
        return None
    with files.open_file(path) as file:
        return file.read()
