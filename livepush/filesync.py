"""How BuildKit is sent a directory: fsutil's protocol, in which only asked-for bytes travel.

First every entry is told, depth first and in byte order, and numbered by that order; meanwhile the
receiver asks for files by number. Packets are protocol buffers:
https://github.com/tonistiigi/fsutil/tree/master/types. No I/O but reading the files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from livepush.archive import Files, attributes_of, open_item, size_of
from livepush.errors import EngineError
from livepush.manifest import Item
from livepush.model import Entry

STAT, REQUEST, DATA, END, ERROR = range(5)  # the kinds of packets
_PIECE = 64 * 1024  # bytes of a file in a packet
_MTIME = 1  # the time's place in a stamp, in nanoseconds
_KINDS = {"dir": 1 << 31, "link": 1 << 27}  # as Go has them, above the permissions
_PIPE = 1 << 25
_SPECIAL = {0o4000: 1 << 23, 0o2000: 1 << 22, 0o1000: 1 << 20}
_VARINT, _BYTES = 0, 2  # how a field's value is written


@dataclass(frozen=True, slots=True)
class Packet:
    """What a receiver says: the `number` of the file it asks for, or as `data` what went wrong."""

    kind: int
    number: int = 0
    data: bytes = b""

    @classmethod
    def read(cls, message: bytes) -> Packet:
        """Raises `EngineError` for what is no packet."""
        fields = dict(_fields(message))
        kind, number, data = fields.get(1, 0), fields.get(3, 0), fields.get(4, b"")
        if not (isinstance(kind, int) and isinstance(number, int) and isinstance(data, bytes)):
            raise EngineError("The engine sent a broken packet.")
        return cls(kind, number, data)

    def __bytes__(self) -> bytes:
        data = _field(4, self.data) if self.data else b""
        return _field(1, self.kind) + _field(3, self.number) + data


class Directory:
    """`items` by path, with the bytes that `files` has for them, as one receiver is told of it.

    Of a directory with something in it, it is told together with that: where all of that is gone
    by its turn, a build would find an empty directory and go through, and its cache would know.
    """

    def __init__(self, items: Mapping[str, Item], files: Files) -> None:
        self._items = items
        self._files = files
        self._numbered: list[str] = []

    def entries(self) -> Iterator[bytes]:
        """Packets that tell all entries. Raises `OSError` for a file that may not be read.

        What is gone meanwhile is left out: the change that took it is on its way.
        """
        first_names: dict[tuple[int, ...], str] = {}
        withheld: list[tuple[str, bytes]] = []
        ordered = sorted(self._items.items(), key=_depth_first)
        behind = [*(path for path, _ in ordered[1:]), ""]
        for (path, item), following in zip(ordered, behind, strict=False):
            inode = item.entry.inode
            first = first_names.get(inode, "") if inode is not None else ""
            try:
                stat = _stat(path, item.entry, first) if first else self._stat(path, item)
            except (FileNotFoundError, NotADirectoryError):
                continue
            if inode is not None:
                first_names.setdefault(inode, path)
            withheld = [(way, told) for way, told in withheld if path.startswith(f"{way}/")]
            withheld.append((path, _field(2, stat)))
            if following.startswith(f"{path}/"):
                continue
            for each, told in withheld:
                self._numbered.append(each)
                yield told
            withheld.clear()
        yield bytes(Packet(STAT))

    def contents(self, number: int) -> Iterator[bytes]:
        """Packets with the bytes of the file that was told as the `number`th, from 0.

        Raises `EngineError` where there was none, and `OSError` for one that may not be read.
        """
        if number >= len(self._numbered):
            raise EngineError(f"The engine asked for file {number}, of which it was not told.")
        try:
            with open_item(self._items[self._numbered[number]], self._files) as file:
                while piece := file.read(_PIECE):
                    yield bytes(Packet(DATA, number, piece))
        except (FileNotFoundError, NotADirectoryError):
            pass  # it is gone meanwhile
        yield bytes(Packet(DATA, number))

    def _stat(self, path: str, item: Item) -> bytes:
        if item.entry.kind != "file":
            return _stat(path, item.entry)
        with open_item(item, self._files) as file:
            xattrs = attributes_of(item.entry, file)
            return _stat(path, replace(item.entry, size=size_of(file), xattrs=xattrs))


def _depth_first(item: tuple[str, Item]) -> list[bytes]:
    return os.fsencode(item[0]).split(b"/")


def _stat(path: str, entry: Entry, hard_link: str = "") -> bytes:
    """An entry as everybody's, which is what docker makes of a build context."""
    special = (there for bit, there in _SPECIAL.items() if entry.mode & bit)
    mode = sum(special, entry.mode & 0o777 | _KINDS.get(entry.kind, 0) | _PIPE * entry.pipe)
    mtime = entry.stamp[_MTIME] if entry.stamp else entry.mtime * 1_000_000_000
    fields = [
        _field(1, os.fsencode(path)),
        _field(2, mode),
        _field(5, 0 if hard_link else entry.size),
        _field(6, mtime),
        _field(7, os.fsencode(hard_link or entry.target)),
    ]
    for name, value in entry.xattrs or ():
        fields.append(_field(10, _field(1, os.fsencode(name)) + _field(2, value)))
    return b"".join(fields)


def _field(number: int, value: int | bytes) -> bytes:
    """One field of a protocol buffer."""
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # a number below zero is written as its complement
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protocol buffer, as numbers and values. Raises `EngineError`."""
    here = 0

    def varint() -> int:
        nonlocal here
        value = shift = 0
        while True:
            byte = message[here]
            here += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte <= 0x7F:
                return value

    try:
        while here < len(message):
            key = varint()
            if key & 7 == _VARINT:
                yield key >> 3, varint()
            elif key & 7 == _BYTES:
                length = varint()
                here += length
                if here > len(message):
                    raise IndexError
                yield key >> 3, message[here - length : here]
            else:
                raise IndexError
    except IndexError:
        raise EngineError("The engine sent a broken packet.") from None
