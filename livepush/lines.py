"""Pieces of output -> lines, of several streams at once. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator

_LONGEST = 64 * 1024  # bytes of a line without an end, before it is one all the same


class Lines:
    """Holds, of each stream, what has come of a line that has not ended yet."""

    def __init__(self) -> None:
        self._pieces: dict[Hashable, bytearray] = {}

    def feed(self, stream: Hashable, data: bytes) -> Iterator[bytes]:
        """Takes what came on `stream`; gives the lines that have ended, without their ends."""
        piece = self._pieces.pop(stream, bytearray())
        *ended, rest = data.split(b"\n")
        for end in ended:
            yield bytes(piece) + end
            piece.clear()
        piece += rest
        if len(piece) > _LONGEST:
            yield bytes(piece)
            piece.clear()
        if piece:
            self._pieces[stream] = piece

    def rest(self, streams: Collection[Hashable] | None = None) -> Iterator[bytes]:
        """What is left of `streams`, by default all, which have ended.

        Of who spoke last comes last.
        """
        ended = [each for each in self._pieces if streams is None or each in streams]
        for stream in ended:
            yield bytes(self._pieces.pop(stream))
