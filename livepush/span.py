"""Bytes of an open file in a stream, which need not pass through this process: `sendfile`."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator
from dataclasses import dataclass
from typing import IO

LARGE = 8 * 1024 * 1024
"""Bytes of a file that are worth it."""

PORTION = 256 * 1024
"""Bytes of small files that go together: while one portion is unpacked the next one is read."""

_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Span:
    """The first `size` bytes of `file`, which is on disk, and open until the next piece is due.

    Where it has become shorter, zeros follow: its size is promised already.
    """

    file: IO[bytes]
    size: int

    def pieces(self, begin: int = 0) -> Iterator[bytes]:
        """The bytes from `begin` on. Blocks on the disk."""
        self.file.seek(begin)
        left = self.size - begin
        while left:
            piece = self.file.read(min(_CHUNK, left)) or bytes(min(_CHUNK, left))
            left -= len(piece)
            yield piece


Piece = bytes | Span
"""A piece of a stream."""


async def whole(stream: AsyncIterable[Piece]) -> bytes:
    """All of a stream in memory."""
    found = bytearray()
    async for piece in stream:
        for part in piece.pieces() if isinstance(piece, Span) else [piece]:
            found += part
    return bytes(found)
