"""The layers of an image: what each step of its build wrote and removed.

An engine gives them only with the whole image. Of that nothing is kept but what is asked for: the
names first, and the bytes of a few files in a second reading.
"""

from __future__ import annotations

import json
import posixpath
import re
import tarfile
import tempfile
import zlib
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from livepush.fetched import BROKEN, SPOOL_IN_MEMORY, Fetched, entry_of
from livepush.model import Copy, Entry, MakeDir, Run, Step
from livepush.saved import MANIFEST, SavedStream
from livepush.tree import Tree, above, clean

Wanted = Callable[[str], bool]
_REMOVED = ".wh."
_EMPTIED = ".wh..wh..opq"
_OF_THE_DRIVER = ".wh..wh."
# The engine's own builder marks what is no command, BuildKit begins with the instruction.
_KEYWORD = re.compile(r"(?:(?P<name>[A-Z]+) |.*? #\(nop\) +(?P<legacy>[A-Z]+) )")
_WRITERS = ("ADD", "COPY", "RUN", "WORKDIR")


@dataclass(frozen=True, slots=True)
class Layer:
    """What one step wrote and removed. Paths are relative to the root.

    `removed` are paths that it took away, `emptied` directories that it began anew. `file` is its
    archive in the saved image, empty where it wrote nothing; `first_names` are those that further
    names of a file (hard links) have there.
    """

    created_by: str = ""
    file: str = ""
    entries: Mapping[str, Entry] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    emptied: frozenset[str] = frozenset()
    first_names: Mapping[str, str] = field(default_factory=dict)

    def removes(self, path: str) -> bool:
        """Whether nothing stands at `path` after the step, whatever was there before it."""
        if path in self.entries:
            return False
        return path in self.removed or any(self._ends_at(parent) for parent in above(path))

    def _ends_at(self, parent: str) -> bool:
        entry = self.entries.get(parent)
        no_directory = entry is not None and entry.kind != "dir"
        return no_directory or parent in self.removed or parent in self.emptied


async def read_layers(saved: AsyncIterable[bytes], wanted: Wanted) -> tuple[Layer, ...] | None:
    """The layers in the stream of a saved image, in order, with the paths that are `wanted`.

    There is one for each line of the image's history. None for what cannot be read that way: a
    compression other than gzip, or a history that does not fit the layers, as a squashed image has.
    """
    stream, drafts = SavedStream(), dict[str, _Draft]()
    try:
        async for piece in saved:
            for file, what in stream.feed(piece):
                if isinstance(what, tarfile.TarInfo):
                    drafts.setdefault(file, _Draft()).add(what, wanted)
    except (*BROKEN, zlib.error):
        return None
    history = _history(stream)
    if history is None:
        return None
    return tuple(drafts.get(file, _Draft()).layer(made_by, file) for made_by, file in history)


async def read_files(
    saved: AsyncIterable[bytes], wanted: Mapping[str, tuple[Layer, str]]
) -> Fetched:
    """The bytes of files: `wanted` tells the layer and the path there for each name they get.

    What is not found has no span. The result must be closed; it has no tree.
    """
    sources: dict[tuple[str, str], list[str]] = {}
    for name, (layer, path) in wanted.items():
        sources.setdefault((layer.file, layer.first_names.get(path, path)), []).append(name)
    archive = tempfile.SpooledTemporaryFile(max_size=SPOOL_IN_MEMORY)  # noqa: SIM115  # Fetched's
    spans: dict[str, tuple[int, int]] = {}
    stream, taking = SavedStream(), False
    try:
        async for piece in saved:
            for file, what in stream.feed(piece):
                if isinstance(what, tarfile.TarInfo):
                    names = sources.get((file, clean(what.name)), [])
                    spans.update(dict.fromkeys(names, (archive.tell(), what.size)))
                    taking = bool(names)
                elif taking:
                    archive.write(what)
    except BaseException:  # a cancel as well: the temporary file has no other owner yet
        archive.close()
        raise
    return Fetched(Tree({}), archive, spans)


def by_step(layers: Sequence[Layer], steps: Sequence[Step]) -> Mapping[int, Layer] | None:
    """The layer of each of `steps`, by position, which are the last ones of an image.

    None where the image was made by other steps.
    """
    writers = [layer for layer in layers if _keyword(layer.created_by) in _WRITERS]
    last = writers[len(writers) - len(steps) :] if len(writers) >= len(steps) else []
    if len(last) != len(steps) or not all(map(_made_by, steps, last)):
        return None
    return dict(enumerate(last))


def _made_by(step: Step, layer: Layer) -> bool:
    if _keyword(layer.created_by) != _keyword_of(step):
        return False
    # Builders join the words of a command, and put what else they know before and behind it.
    return not isinstance(step, Run) or _solid(" ".join(step.argv)) in _solid(layer.created_by)


def _keyword(created_by: str) -> str:
    """The instruction that a line of an image's history is of; empty for none."""
    found = _KEYWORD.match(created_by)
    if found is None:
        return "RUN" if created_by else ""
    return found["name"] or found["legacy"]


def _keyword_of(step: Step) -> str:
    if isinstance(step, Copy):
        return "ADD" if step.is_add else "COPY"
    if isinstance(step, MakeDir):
        return "WORKDIR"
    return "RUN" if isinstance(step, Run) else step.text.split()[0].upper()


def _solid(text: str) -> str:
    return "".join(text.split())


def _history(stream: SavedStream) -> list[tuple[str, str]] | None:
    """What made each layer, and the archive it is in, empty for a step that wrote nothing."""
    images = json.loads(stream.text(MANIFEST) or "[]")
    if len(images) != 1:
        return None
    config = json.loads(stream.text(images[0]["Config"]) or "{}")
    history = config.get("history") or []
    files = [stream.archive(name) for name in images[0]["Layers"] or []]
    known = [file for file in files if file is not None]
    full = [line for line in history if not line.get("empty_layer")]
    if not len(known) == len(files) == len(full):
        return None
    rest = iter(known)
    return [
        (line.get("created_by") or "", "" if line.get("empty_layer") else next(rest))
        for line in history
    ]


class _Draft:
    """A layer while it is read."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._removed: set[str] = set()
        self._emptied: set[str] = set()
        self._first_names: dict[str, str] = {}

    def add(self, member: tarfile.TarInfo, wanted: Wanted) -> None:
        path = clean(member.name)
        parent, name = posixpath.split(path)
        if name == _EMPTIED:
            self._emptied.add(parent)
        elif name.startswith(_OF_THE_DRIVER):
            return
        elif name.startswith(_REMOVED):
            self._removed.add(posixpath.join(parent, name.removeprefix(_REMOVED)))
        elif wanted(path):
            if member.islnk():
                first = clean(member.linkname)
                self._first_names[path] = self._first_names.get(first, first)
                member.type = tarfile.REGTYPE
            self._entries[path] = entry_of(member)

    def layer(self, created_by: str, file: str) -> Layer:
        return Layer(
            created_by,
            file,
            self._entries,
            frozenset(self._removed),
            frozenset(self._emptied),
            self._first_names,
        )
