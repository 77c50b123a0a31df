"""A tar stream in parcels: whole archives of what is small and plain, as long as that comes.

A shell in a container takes such a one at a time, and answers before the next. What is anything
else, and all that stands behind it, is the rest, which goes another way.
"""

from __future__ import annotations

import tarfile
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from livepush.span import PORTION, Piece, Span, whole

LIMIT = 512 * 1024
"""Bytes of a file that is small."""

_LIGHT = 32 * 1024  # bytes a member: with more, an upload is the quicker road
_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


@dataclass(frozen=True, slots=True)
class Parcel:
    """An archive without its end, the paths of its `files`, and those that are `directories`.

    It is `whole` where the stream holds nothing besides.
    """

    content: bytes
    files: tuple[str, ...]
    directories: tuple[str, ...]
    whole: bool

    @property
    def archive(self) -> bytes:
        return self.content + _END

    @property
    def is_light(self) -> bool:
        """Whether it is rather many members than many bytes."""
        return len(self.content) <= _LIGHT * (len(self.files) + len(self.directories))


@dataclass(frozen=True, slots=True)
class _Member:
    end: int
    path: str
    is_directory: bool


class Parcels:
    """Takes parcels off a tar stream in GNU's format, as `livepush.archive` packs it."""

    def __init__(self, stream: AsyncIterator[Piece]) -> None:
        self._stream = stream
        self._begun = bytearray()  # of what no parcel has taken
        self._untouched = True
        self.is_over = False
        """Whether parcels have taken all of it."""

    async def take(self) -> Parcel | None:
        """The next parcel; None where what comes next is nothing for one."""
        at = 0
        files: list[str] = []
        directories: list[str] = []
        while not self.is_over and at < PORTION:
            member = _member(self._begun, at)
            if isinstance(member, int):
                piece = await anext(self._stream, b"")
                if isinstance(piece, Span):
                    self._stream = _chained(piece, self._stream)
                    break
                if not piece:
                    break  # it was cut short, which whoever gets the rest will tell
                self._begun += piece
                continue
            if member is None:
                self.is_over = await self._is_end(at)
                break
            at = member.end
            (directories if member.is_directory else files).append(member.path)
        if not at:
            return None
        content = bytes(self._begun[:at])
        del self._begun[:at]
        whole, self._untouched = self._untouched and self.is_over, False
        return Parcel(content, tuple(files), tuple(directories), whole)

    def give_back(self, parcel: Parcel) -> None:
        """It was of no use: the rest begins with it."""
        self._begun[:0] = parcel.content
        self.is_over = False

    async def rest(self) -> AsyncGenerator[Piece, None]:
        """All that no parcel has taken, as an archive."""
        if self._begun:
            yield bytes(self._begun)
        async for piece in self._stream:
            yield piece

    async def _is_end(self, at: int) -> bool:
        if self._begun[at : at + _BLOCK] != _END[:_BLOCK]:
            return False
        self._begun += await whole(self._stream)
        return True


async def _chained(piece: Piece, stream: AsyncIterator[Piece]) -> AsyncGenerator[Piece, None]:
    yield piece
    async for following in stream:
        yield following


def _member(stream: bytes | bytearray, at: int) -> _Member | int | None:
    """The member that begins there; the bytes that have to be there first, where they are not.

    None for what is no small, plain member, as for the end of the archive.
    """
    long_name = b""
    while True:
        header = stream[at : at + _BLOCK]
        if len(header) < _BLOCK:
            return at + _BLOCK
        kind, size = header[156:157], _number(header[124:136])
        if size is None or size > LIMIT:
            return None
        begin, at = at + _BLOCK, at + _BLOCK + size + -size % _BLOCK
        if kind not in _LONG:
            break
        if kind == tarfile.GNUTYPE_LONGNAME:
            long_name = bytes(stream[begin : begin + size])
    if len(stream) < at:
        return at
    name = (long_name or bytes(header[:100])).partition(b"\0")[0].rstrip(b"/")
    path = "/" + name.decode(errors="surrogateescape")
    if kind == tarfile.DIRTYPE:
        # A request is one line.
        return None if long_name or b"\n" in name else _Member(at, path, is_directory=True)
    # Not every `tar` gives links to their owner.
    is_roots = not (_number(header[108:116]) or _number(header[116:124]))
    is_plain = kind == tarfile.REGTYPE or (kind == tarfile.SYMTYPE and is_roots)
    return _Member(at, path, is_directory=False) if is_plain else None


def _number(field: bytes | bytearray) -> int | None:
    """An octal number; None for one in another form."""
    digits = bytes(field).strip(b"\0 ")
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        return None
