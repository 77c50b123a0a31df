"""Reads a tar stream while it comes, piece by piece. Pure.

A saved image is an archive of archives, and of a directory often nothing but the names is wanted:
`tarfile` would have all of it on disk first.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator

BLOCK = tarfile.BLOCKSIZE
_END = bytes(BLOCK)
_WITHOUT_CONTENT = frozenset(
    {tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE}
    | {tarfile.FIFOTYPE}
)
_LONG = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}
_EXTENDED = tarfile.XHDTYPE
_GLOBAL = tarfile.XGLTYPE
_XATTR = "SCHILY.xattr."


class TarStream:
    """One tar stream, in the formats of POSIX and GNU, names as surrogate-escaped UTF-8.

    Members carry their extended attributes in `pax_headers`, and no other extension.
    """

    def __init__(self) -> None:
        self._header = bytearray()
        self._left = 0  # bytes of the content to come
        self._padding = 0
        self._extension: bytes | None = None  # type of the header whose content is coming
        self._content = bytearray()
        self._said: dict[str, str] = {}  # of the next member, by the headers before its own
        self._ended = False

    def feed(self, piece: bytes) -> Iterator[tarfile.TarInfo | bytes]:
        """Takes what came; gives each member, and behind it the pieces of its content.

        Raises `tarfile.TarError` where it is no tar.
        """
        at = 0
        while at < len(piece):
            if self._left:
                part = piece[at : at + self._left]
                self._left -= len(part)
                if self._extension is None:
                    yield part
                else:
                    self._content += part
            elif self._padding:
                part = piece[at : at + self._padding]
                self._padding -= len(part)
            else:
                part = piece[at : at + BLOCK - len(self._header)]
                self._header += part
                if len(self._header) == BLOCK:
                    yield from self._begun()
            at += len(part)
            if not self._left and self._extension is not None:
                self._extend()

    def end(self) -> None:
        """Once nothing more comes. Raises `tarfile.TarError` where it was cut short."""
        if not self._ended:
            raise tarfile.ReadError("it ends too early")

    def _begun(self) -> Iterator[tarfile.TarInfo]:
        block = bytes(self._header)
        self._header.clear()
        if block == _END:
            self._ended = True
            return
        member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if member.type in (*_LONG, _EXTENDED, _GLOBAL):
            self._extension = member.type
        else:
            _apply(self._said, member)
            self._said = {}
        self._left = 0 if member.type in _WITHOUT_CONTENT else member.size
        self._padding = -self._left % BLOCK
        if self._extension is None:
            yield member

    def _extend(self) -> None:
        content = bytes(self._content)
        if self._extension in _LONG:
            self._said[_LONG[self._extension]] = _text(content.rstrip(b"\0"))
        elif self._extension == _EXTENDED:
            self._said.update(_records(content))
        self._content.clear()
        self._extension = None


def is_tar(start: bytes) -> bool:
    """Whether a file that begins with `start`, a block at least, is a tar, which may be empty."""
    if start[:BLOCK] == _END:
        return True
    try:
        tarfile.TarInfo.frombuf(start[:BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _apply(said: dict[str, str], member: tarfile.TarInfo) -> None:
    member.name = said.get("path", member.name).rstrip("/")
    member.linkname = said.get("linkpath", member.linkname)
    member.size = int(said.get("size", member.size))
    member.uid = int(said.get("uid", member.uid))
    member.gid = int(said.get("gid", member.gid))
    member.pax_headers = {k: v for k, v in said.items() if k.startswith(_XATTR)}


def _records(content: bytes) -> Iterator[tuple[str, str]]:
    """The records of an extended header: its own length, a blank, `key=value`, a newline."""
    while content:
        length = content.partition(b" ")[0]
        if not length.isdigit() or not len(length) < int(length) <= len(content):
            raise tarfile.ReadError("an extended header is broken")
        record, content = content[: int(length)], content[int(length) :]
        key, _, value = record[len(length) + 1 : -1].partition(b"=")
        yield _text(key), _text(value)


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")
