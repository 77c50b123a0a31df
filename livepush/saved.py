"""The stream of a saved image, as `docker save` writes it: archives in an archive. Pure.

It is read as it comes, because it has all of the image in it. Engines before 25 call a layer
`ID/layer.tar` and make equal ones links; later ones have the OCI layout, whose names tell nothing.
Which archive is which layer comes at the very end.
"""

from __future__ import annotations

import posixpath
import tarfile
import zlib
from collections.abc import Callable, Iterator

from livepush.tarstream import BLOCK, TarStream, is_tar
from livepush.tree import clean

MANIFEST = "manifest.json"
_MOST_TEXT = 16 * 1024 * 1024  # bytes of an image's configuration
_GZIP = b"\x1f\x8b"
_WITH_GZIP_HEADER = 31  # for zlib


class SavedStream:
    """Splits the stream into the members of the archives in it, and keeps its texts."""

    def __init__(self) -> None:
        self._stream = TarStream()
        self._files: dict[str, _File] = {}
        self._links: dict[str, str] = {}
        self._current: _File | None = None

    def feed(self, piece: bytes) -> Iterator[tuple[str, tarfile.TarInfo | bytes]]:
        """Takes what came; gives members and pieces of their contents by their archive's name.

        Raises `tarfile.TarError` and `zlib.error`.
        """
        for what in self._stream.feed(piece):
            if isinstance(what, tarfile.TarInfo):
                self._begin(what)
            elif self._current is not None:
                for inner in self._current.feed(what):
                    yield self._current.name, inner

    def archive(self, name: str) -> str | None:
        """The file that `name` is, links followed; None where it is no archive that can be read."""
        file = self._files.get(self._links.get(clean(name), clean(name)))
        return file.name if file is not None and file.is_archive else None

    def text(self, name: str) -> str:
        """The content of a file that is no archive; empty where there is none."""
        file = self._files.get(clean(name))
        return file.text.decode(errors="replace") if file is not None else ""

    def _begin(self, member: tarfile.TarInfo) -> None:
        name = clean(member.name)
        self._current = None
        if member.isreg():
            self._current = self._files[name] = _File(name)
        elif member.issym():
            self._links[name] = clean(posixpath.join(posixpath.dirname(name), member.linkname))


class _File:
    """One file: an archive, plain or compressed by gzip, or a `text` that is kept."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = bytearray()
        self._archive: TarStream | None = None
        self._unzip: Callable[[bytes], bytes] | None = None
        self._skipped = False

    @property
    def is_archive(self) -> bool:
        return self._archive is not None

    def feed(self, piece: bytes) -> Iterator[tarfile.TarInfo | bytes]:
        if self._archive is None:
            piece = self._recognized(piece)
        if self._archive is not None:
            yield from self._archive.feed(self._unzip(piece) if self._unzip else piece)

    def _recognized(self, piece: bytes) -> bytes:
        """What belongs to the archive, once it is known to be one."""
        if self._skipped:
            return b""
        self.text += piece
        zipped = self.text.startswith(_GZIP)
        if zipped or (len(self.text) >= BLOCK and is_tar(bytes(self.text[:BLOCK]))):
            self._archive = TarStream()
            if zipped:
                self._unzip = zlib.decompressobj(_WITH_GZIP_HEADER).decompress
        self._skipped = len(self.text) > _MOST_TEXT
        if self._archive is None and not self._skipped:
            return b""
        start = bytes(self.text)
        self.text.clear()
        return start
