"""What an engine is sent for a build: the filtered context, and the live Dockerfile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from livepush.archive import Files
from livepush.manifest import Item
from livepush.model import Entry
from livepush.tree import Tree

DOCKERFILE = ".livepush.Dockerfile"
"""What the live Dockerfile is called in a context for the engine's own builder."""
_IGNORE = ".dockerignore"


@dataclass(frozen=True, slots=True)
class BuildContext:
    """`items` by path, whose bytes `files` has, and the Dockerfile `text` of the name `dockerfile`.

    For the engine's own builder the Dockerfile is among the items.
    """

    items: Mapping[str, Item]
    files: Files
    dockerfile: str
    text: bytes

    @property
    def tree(self) -> Tree:
        return Tree.of((path, item.entry) for path, item in self.items.items())

    @property
    def own(self) -> frozenset[str]:
        """The paths that livepush fills itself, instead of the user's file or beside them."""
        written = (path for path, item in self.items.items() if item.entry.content is not None)
        return frozenset(written)


def build_context(text: str, files: Files, dockerfile: str, *, legacy: bool) -> BuildContext:
    """The filtered context `files`, and the Dockerfile `text`, which the user's messages call
    `dockerfile`.

    BuildKit is sent the two apart. The engine's own builder (`legacy`) reads the Dockerfile from
    the context: where that holds the very text at `dockerfile`, nothing is added; otherwise it is
    there under a name of its own and, as the docker command line does for a Dockerfile outside of
    the context, the ignore file that is sent names it, so that no `COPY` takes it.
    """
    items = {
        path: Item(entry, path)
        for path, entry in files.tree.walk()
        # Of sockets BuildKit makes empty files; the other builder's client sends none.
        if entry.kind != "other" or entry.pipe or not legacy
    }
    ours = text.encode(errors="surrogateescape")
    if not legacy or (_read(files, dockerfile) or b"").rstrip(b"\n") == ours.rstrip(b"\n"):
        return BuildContext(items, files, dockerfile, ours)
    items[DOCKERFILE] = written(ours)
    items[_IGNORE] = written(_ignoring(_read(files, _IGNORE)))
    return BuildContext(items, files, DOCKERFILE, ours)


def _ignoring(theirs: bytes | None) -> bytes:
    added = [DOCKERFILE] if theirs is not None else [DOCKERFILE, _IGNORE]
    return b"\n".join([theirs or b"", *(name.encode() for name in added), b""])


def written(content: bytes) -> Item:
    """A file of livepush's own."""
    return Item(Entry("file", 0o644, size=len(content), content=content), "")


def _read(files: Files, path: str) -> bytes | None:
    """The file's bytes, links inside the context followed; None where there is none."""
    found = files.tree.resolve(path)
    entry = None if found is None else files.tree.get(found)
    if found is None or entry is None or entry.kind != "file":
        return None
    with files.open_file(found) as file:
        return file.read()
