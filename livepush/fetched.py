"""Tar streams of an engine -> trees, with the files or without. Nothing is held whole in memory.

Reading and hashing is blocking work, so the async sides hand it to a thread, a piece at a time.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import tarfile
import tempfile
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from typing import IO

import anyio

from livepush.archive import XATTR, digest_of
from livepush.errors import EngineError
from livepush.model import Entry
from livepush.tarstream import TarStream
from livepush.tree import Tree, clean

SPOOL_IN_MEMORY = 8 * 1024 * 1024  # bytes of a fetched archive that need no file on disk
BROKEN = (tarfile.TarError, ValueError, OverflowError, RecursionError)
"""What `tarfile` raises for bytes that are no archive, or one that is made to harm."""
_KINDS = {tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "link"}
# What is fetched together is compared: no archive shares an identity with another, nor with a disk.
_SERIALS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Fetched:
    """The files of an archive that an engine sent, kept in a temporary file until closed."""

    tree: Tree
    archive: IO[bytes]
    spans: dict[str, tuple[int, int]]  # offset and length of each file's bytes

    def open_file(self, path: str) -> IO[bytes]:
        offset, size = self.spans[path]
        return io.BufferedReader(_Slice(self.archive, offset, size))

    def close(self) -> None:
        self.archive.close()


async def fetch(stream: AsyncGenerator[bytes, None], *, prefix: str) -> Fetched:
    """Reads an engine's archive whose names begin with a path's last component.

    `prefix` is the directory of that path; the tree's paths are relative to the root. Raises what
    `stream` does, and `EngineError` for bytes that are no archive, or half of one.
    """
    with ExitStack() as unowned:
        archive = unowned.enter_context(tempfile.SpooledTemporaryFile(max_size=SPOOL_IN_MEMORY))
        try:
            async with aclosing(stream) as pieces:
                async for piece in pieces:
                    await anyio.to_thread.run_sync(archive.write, piece)
            fetched = await anyio.to_thread.run_sync(_indexed, archive, prefix)
        except BROKEN as error:
            raise EngineError(f"the engine sent a broken archive of {prefix}/: {error}") from None
        unowned.pop_all()  # it is the caller's to close from here on
        return fetched


async def first_entry(stream: AsyncGenerator[bytes, None]) -> Entry:
    """What an engine's archive of one path says of that path itself; the rest is not waited for.

    Raises what `stream` does, and `EngineError` for bytes that are no archive.
    """
    reader = TarStream()
    try:
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                for member in reader.feed(piece):
                    if isinstance(member, tarfile.TarInfo):
                        return entry_of(member)
    except BROKEN as error:
        raise EngineError(f"the engine sent a broken archive: {error}") from None
    raise EngineError("the engine sent an empty archive")


async def read_tree(stream: AsyncGenerator[bytes, None], *, prefix: str) -> Tree:
    """The tree that `fetch` gives, without the files. Raises as that does."""
    listing = _Listing(prefix)
    reader = _Reader(listing)
    try:
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                await anyio.to_thread.run_sync(reader.feed, piece)
        reader.end()
    except BROKEN as error:
        raise EngineError(f"the engine sent a broken archive of {prefix}/: {error}") from None
    return Tree.of(listing.entries.items())


class _Listing:
    """The entries of an archive by their paths, as its members come."""

    def __init__(self, prefix: str) -> None:
        self.entries: dict[str, Entry] = {}
        self._prefix = prefix
        self._serial = next(_SERIALS)
        self._linked = 0

    def path(self, name: str) -> str:
        return clean(f"{self._prefix}/{name}")

    def add(self, member: tarfile.TarInfo, digest: bytes = b"") -> None:
        """Raises `tarfile.ReadError` for a second name of what has no first one."""
        path = self.path(member.name)
        if not member.islnk():
            self.entries[path] = entry_of(member, digest)
            return
        name = self.path(member.linkname)
        first = self.entries.get(name)
        if first is None or first.kind != "file":
            raise tarfile.ReadError(f"{member.name} is a second name of nothing")
        if first.inode is None:
            self._linked += 1
            first = self.entries[name] = replace(first, inode=(-self._serial, self._linked))
        self.entries[path] = first


class _Reader:
    """Reads an archive for its listing while it comes; nothing of it is kept."""

    def __init__(self, listing: _Listing) -> None:
        self._listing = listing
        self._stream = TarStream()
        self._file: tarfile.TarInfo | None = None  # whose bytes are coming
        self._digest = hashlib.sha256()

    def feed(self, piece: bytes) -> None:
        for member in self._stream.feed(piece):
            if isinstance(member, bytes):
                self._digest.update(member)
                continue
            self._end_file()
            if member.isreg():
                self._file, self._digest = member, hashlib.sha256()
            else:
                self._listing.add(member)

    def end(self) -> None:
        """Raises `tarfile.TarError` where it was cut short."""
        self._end_file()
        self._stream.end()

    def _end_file(self) -> None:
        if self._file is not None:
            self._listing.add(self._file, self._digest.digest())
            self._file = None


def _indexed(archive: IO[bytes], prefix: str) -> Fetched:
    archive.seek(0)
    listing = _Listing(prefix)
    spans: dict[str, tuple[int, int]] = {}
    with tarfile.open(fileobj=archive, mode="r:", errorlevel=1) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            listing.add(member, digest_of(content) if content else b"")
            path = listing.path(member.name)
            if member.isreg():
                spans[path] = (member.offset_data, member.size)
            elif member.islnk():
                spans[path] = spans[listing.path(member.linkname)]
    return Fetched(Tree.of(listing.entries.items()), archive, spans)


def entry_of(member: tarfile.TarInfo, digest: bytes = b"") -> Entry:
    """What an archive says of one of its members."""
    kind = "file" if member.isreg() else _KINDS.get(member.type, "other")
    return Entry(
        kind=kind,  # type: ignore[arg-type]  # the table above holds nothing else
        mode=member.mode & 0o7777,
        uid=member.uid,
        gid=member.gid,
        size=member.size,
        target=member.linkname if member.issym() else "",
        mtime=int(member.mtime),
        digest=digest,
        xattrs=tuple(
            (name.removeprefix(XATTR), value.encode(errors="surrogateescape"))
            for name, value in sorted(member.pax_headers.items())
            if name.startswith(XATTR)
        ),
    )


class _Slice(io.RawIOBase):
    """A part of a file as a file; the parts of one file are read by turns, never at once."""

    def __init__(self, file: IO[bytes], offset: int, size: int) -> None:
        super().__init__()
        self._file, self._offset, self._size, self._at = file, offset, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        left = max(0, self._size - self._at)
        self._file.seek(self._offset + self._at)
        piece = self._file.read(min(len(buffer), left))
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
