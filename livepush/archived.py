"""Archives that an `ADD` unpacks. The bytes decide, not the name, as with the builders."""

from __future__ import annotations

import tarfile
from dataclasses import replace

from livepush.archive import Files
from livepush.fetched import BROKEN
from livepush.model import Copy, Fixed, Graph, Stage, Step
from livepush.selection import MissingSource, matches

_REASON = "unpacks an archive, which is not replayed live"


_ZSTD = b"\x28\xb5\x2f\xfd"  # with which what zstd has compressed begins


def without_archives(graph: Graph, files: Files) -> Graph:
    """The stages with every `ADD` that unpacks something as a step that only a build can take.

    It stays one when the archive becomes a plain file: what it unpacked has to go then.
    """

    def fixed(step: Step) -> Step:
        if isinstance(step, Copy) and _unpacks(step, files):
            return Fixed(step.line, step.text, _REASON, step.sources)
        return step

    def stage_of(stage: Stage) -> Stage:
        return replace(stage, steps=tuple(map(fixed, stage.steps)))

    return replace(graph, stages=tuple(map(stage_of, graph.stages)))


def _unpacks(step: Copy, files: Files) -> bool:
    if not step.is_add or step.origin is not None:
        return False
    try:
        found = [path for source in step.sources for path in matches(files.tree, source)]
    except MissingSource:
        return False  # the copy itself says so when its turn comes
    resolved = (files.tree.resolve(path) for path in found)
    return any(path is not None and _is_archive(path, files) for path in resolved)


def _is_archive(path: str, files: Files) -> bool:
    entry = files.tree.get(path)
    if entry is None or entry.kind != "file":
        return False
    try:
        with files.open_file(path) as file:
            if file.read(len(_ZSTD)) == _ZSTD:
                return True  # or a file, to older versions: a build tells
        with files.open_file(path) as file, tarfile.open(fileobj=file, mode="r:*") as archive:
            return archive.next() is not None
    except (*BROKEN, EOFError, OSError):
        return False
