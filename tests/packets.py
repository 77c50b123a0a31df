"""A reader of what is told of a directory's entries, by the schema of their protocol buffers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Stat:
    path: bytes
    mode: int
    owner: tuple[int, int]
    size: int
    mtime: int  # nanoseconds
    target: bytes
    xattrs: dict[bytes, bytes] = field(default_factory=dict)


def stats(packets: Iterable[bytes]) -> list[Stat]:
    return [_stat(stat) for packet in packets for number, stat in _fields(packet) if number == 2]


def _stat(message: bytes | int) -> Stat:
    assert isinstance(message, bytes)
    fields = dict(_fields(message))
    xattrs = [dict(_fields(value)) for number, value in _fields(message) if number == 10]
    numbers = {number: value for number, value in fields.items() if isinstance(value, int)}
    texts = {number: value for number, value in fields.items() if isinstance(value, bytes)}
    return Stat(
        texts[1],
        numbers[2],
        (numbers.get(3, 0), numbers.get(4, 0)),
        numbers.get(5, 0),
        numbers.get(6, 0),
        texts.get(7, b""),
        {bytes(each[1]): bytes(each[2]) for each in xattrs},
    )


def _fields(message: bytes | int) -> Iterator[tuple[int, bytes | int]]:
    assert isinstance(message, bytes)
    here = 0
    while here < len(message):
        key, here = _varint(message, here)
        value, here = _varint(message, here)
        if key & 7 == 0:
            yield key >> 3, value
        else:
            assert key & 7 == 2
            here += value
            yield key >> 3, message[here - value : here]


def _varint(message: bytes, here: int) -> tuple[int, int]:
    value = shift = 0
    while message[here] & 0x80:
        value |= (message[here] & 0x7F) << shift
        shift += 7
        here += 1
    return value | message[here] << shift, here + 1
