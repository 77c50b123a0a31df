"""What builds are sent instead of files of the context, and what of it ends in containers.

To the engine's own builder, a Dockerfile that is not in the context has to be sent beside it, and
the ignore file then hides it from every `COPY`. So a fresh build, and a build by the docker command
line, may hold an ignore file that is not the user's, which is no difference.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import replace

import anyio.to_thread

from livepush.archive import Files, NoFiles, pack
from livepush.buildcontext import BuildContext
from livepush.engine import Engine
from livepush.fetched import Fetched, read_tree
from livepush.manifest import Item
from livepush.model import Copy, Entry, Fixed, Step, origins
from livepush.pattern import below
from livepush.selection import MissingSource, matches
from livepush.tree import Tree

_IGNORE = ".dockerignore"
_DOCKERS_LINE = re.compile(rb"\n\.dockerfile\.[0-9a-f]+\n")
_LONGEST_LINE = 64  # bytes


def as_theirs(built: Tree, sent: BuildContext, files: Files) -> Tree:
    """The tree of a build as if the context's own `files` had been `sent`, and nothing beside.

    The ignore file that was not theirs has the content that is, wherever it was taken. Raises
    `FileNotFoundError` where that is gone by now.
    """
    item = sent.items.get(_IGNORE)
    if item is None or item.entry.content is None:
        return built
    ours = hashlib.sha256(item.entry.content).digest()
    theirs = files.tree.get(_IGNORE)

    def entries() -> Iterator[tuple[str, Entry]]:
        for path, entry in built.walk():
            if entry.digest != ours:
                yield path, entry
            elif theirs is not None:
                yield path, _copied(theirs, files, entry, item.entry)

    return Tree.of(entries())


def _copied(theirs: Entry, files: Files, written: Entry, sent: Entry) -> Entry:
    """The user's ignore file where `written` stands, which is how `sent` was copied."""
    kept = replace(theirs, uid=written.uid, gid=written.gid)
    if theirs.kind != "file":
        return kept
    mode = theirs.mode if written.mode == sent.mode else written.mode
    with files.open_file(_IGNORE) as file:
        content = file.read()
    digest = hashlib.sha256(content).digest()
    return replace(kept, mode=mode, size=len(content), content=content, digest=digest)


def reaches(step: Step, sent: BuildContext, stages: Collection[int]) -> bool:
    """Whether `step` may take what livepush alone was `sent` for, or anything of those stages."""
    if any(origin in stages for origin in origins(step)):
        return True
    own = sent.own
    return bool(own) and any(
        below(source, path) is not None for source in _followed(step, sent.tree) for path in own
    )


def _followed(step: Step, tree: Tree) -> Iterator[str]:
    """What a step copies of the context `tree`, and where links among that lead."""
    if isinstance(step, Fixed):
        sources = step.sources
    else:
        sources = step.sources if isinstance(step, Copy) and step.origin is None else ()
    for source in sources:
        yield source
        with contextlib.suppress(MissingSource):
            yield from filter(None, map(tree.resolve, matches(tree, source)))


async def corrected(engine: Engine, container: str, sent: BuildContext) -> None:
    """Makes theirs what a container holds that was `sent`, wherever commands have taken it."""
    here = await read_tree(engine.export(container), prefix="")
    theirs = await anyio.to_thread.run_sync(as_theirs, here, sent, sent.files)
    gone = [f"/{path}" for path, _ in here.walk() if theirs.get(path) is None]
    if gone:
        await engine.delete(container, gone)
    items = [
        (f"/{path}", Item(entry, path)) for path, entry in theirs.walk() if entry != here.get(path)
    ]
    if items:
        await engine.put(container, pack(items, NoFiles(), lambda _: None))


def without_dockers_line(here: Fetched, wanted: Tree, files: Files) -> Tree:
    """The tree of a container as if docker had added nothing to the ignore file in it.

    `wanted` is what it should be; where it has the context's ignore file, docker's is taken for it.
    """
    theirs = files.tree.get(_IGNORE)
    if theirs is None or theirs.kind != "file":
        return here.tree
    with files.open_file(_IGNORE) as file:
        content = file.read()
    digest = hashlib.sha256(content).digest()

    def is_dockers(path: str, entry: Entry) -> bool:
        there = wanted.get(path)
        return (
            path in here.spans
            and (there is not None and there.digest == digest != entry.digest)
            and entry.size - len(content) in range(_LONGEST_LINE)
            and _has_dockers_line(here, path, content)
        )

    return Tree.of(
        (path, replace(entry, digest=digest) if is_dockers(path, entry) else entry)
        for path, entry in here.tree.walk()
    )


def _has_dockers_line(here: Fetched, path: str, content: bytes) -> bool:
    with here.open_file(path) as file:
        there = file.read()
    added = there.removeprefix(content)
    return there.startswith(content) and _DOCKERS_LINE.fullmatch(added) is not None
