"""Tar streams for tests, and what they hold."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass

from livepush import manifest
from livepush.archive import NoFiles
from livepush.buildcontext import BuildContext
from livepush.model import Entry


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of an archive, compared whole."""

    name: str
    kind: str = "file"
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    content: bytes = b""
    target: str = ""


_KINDS = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "pipe": tarfile.FIFOTYPE,
    "device": tarfile.CHRTYPE,
}


def sources(*items: Item) -> BuildContext:
    """A build context of files, among which is the Dockerfile."""
    entries = {
        each.name: Entry("file", each.mode, size=len(each.content), content=each.content)
        for each in items
    }
    text = next((each.content for each in items if each.name == "Dockerfile"), b"")
    return BuildContext(
        {path: manifest.Item(entry, "") for path, entry in entries.items()},
        NoFiles(),
        "Dockerfile",
        text,
    )


async def stream(*items: Item) -> AsyncGenerator[bytes, None]:
    yield packed(*items)


async def pieces(raw: bytes, size: int) -> AsyncGenerator[bytes, None]:
    """`raw`, `size` bytes at a time."""
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


def packed(*items: Item) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8") as tar:
        for item in items:
            info = tarfile.TarInfo(item.name)
            info.type, info.mode, info.linkname = _KINDS[item.kind], item.mode, item.target
            info.uid, info.gid, info.size = item.uid, item.gid, len(item.content)
            tar.addfile(info, io.BytesIO(item.content))
    return raw.getvalue()


async def items(pieces: AsyncIterable[bytes]) -> list[Item]:
    raw = b"".join([piece async for piece in pieces])
    with tarfile.open(fileobj=io.BytesIO(raw), encoding="utf-8") as tar:
        return [_item(tar, member) for member in tar]


def _item(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Item:
    kind = {kind: name for name, kind in _KINDS.items()}[member.type]
    content = tar.extractfile(member) if kind == "file" else None
    return Item(
        member.name.rstrip("/"),
        kind,
        member.mode & 0o7777,
        member.uid,
        member.gid,
        content.read() if content else b"",
        member.linkname,
    )
