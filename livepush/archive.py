"""Files -> tar stream, and back. Nothing is held whole in memory.

The format is GNU tar's with times in whole seconds: both builders and every engine read it, and
unlike PAX it never puts a header before the one that the API looks for. Reading files and hashing
them is blocking work, so the async sides hand it to a thread, a piece at a time.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import itertools
import os
import tarfile
import tempfile
from collections.abc import (
    AsyncGenerator,
    Callable,
    Iterable,
    Iterator,
)
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from typing import IO, Protocol

import anyio

from livepush.errors import EngineError
from livepush.manifest import Item
from livepush.model import Entry
from livepush.shield import settle
from livepush.span import LARGE, Piece, Span
from livepush.tarstream import TarStream
from livepush.tree import Tree, clean

CHUNK = 1024 * 1024  # bytes read and sent at once
SPOOL_IN_MEMORY = 8 * 1024 * 1024  # bytes of a fetched archive that need no file on disk
_KINDS = {tarfile.DIRTYPE: "dir", tarfile.SYMTYPE: "link"}
BROKEN = (tarfile.TarError, ValueError, OverflowError, RecursionError)
"""What `tarfile` raises for bytes that are no archive, or one that is made to harm."""
_XATTR = "SCHILY.xattr."  # what archives call the extended attributes
# What is fetched together is compared: no archive shares an identity with another, nor with a disk.
_SERIALS = itertools.count(1)
_OURS = "user."  # of the build context's, builders give nobody else's with certainty


class Files(Protocol):
    """A tree, and a way to read the files in it."""

    @property
    def tree(self) -> Tree: ...

    def open_file(self, path: str) -> IO[bytes]: ...


class NoFiles:
    """For entries that have no bytes, such as directories."""

    tree = Tree({})

    def open_file(self, path: str) -> IO[bytes]:
        raise FileNotFoundError(path)


@dataclass(frozen=True, slots=True)
class Sent:
    """What really went into a stream: the entry with the digest of the bytes that were read."""

    path: str
    item: Item


async def pack(
    items: Iterable[tuple[str, Item]],
    files: Files,
    sent: Callable[[Sent], None],
    *,
    attributes: bool = False,
) -> AsyncGenerator[Piece, None]:
    """The tar stream of `items`, absolute paths; `sent` is told each one that is in it.

    A file that vanished since its tree was read is left out. With `attributes` the extended ones
    of files on disk go along. Raises `PermissionError` for a file that may not be read.
    """
    pieces = _merged(_pieces(items, files, sent, attributes))

    def read() -> asyncio.Task[tuple[Piece, bool]]:
        return asyncio.create_task(asyncio.to_thread(next, pieces))

    following = read()
    is_last = False
    try:
        while not is_last:
            piece, is_last = await asyncio.shield(following)
            if isinstance(piece, Span):
                yield piece  # it has its file only until the next one is asked for
                following = read()
            else:
                if not is_last:  # the next one is read while this one is on its way
                    following = read()
                yield piece
    finally:
        await settle(following)
        if not following.cancelled():
            following.exception()  # nobody asks for it any more


def _merged(pieces: Iterator[Piece]) -> Iterator[tuple[Piece, bool]]:
    """The same, but the small ones together, and the end; a large one is not copied.

    With each goes whether it is the last.
    """
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        if isinstance(piece, Span):
            yield b"".join(waiting), False
            yield piece, False
            waiting, size = [], 0
            continue
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK // 2:
            yield b"".join(waiting) if len(waiting) > 1 else piece, False
            waiting, size = [], 0
    yield b"".join([*waiting, bytes(2 * tarfile.BLOCKSIZE)]), True


def _pieces(
    items: Iterable[tuple[str, Item]],
    files: Files,
    sent: Callable[[Sent], None],
    attributes: bool,
) -> Iterator[Piece]:
    first_names: dict[tuple[int, ...], str] = {}
    for path, item in items:
        entry = item.entry
        if entry.kind != "file":
            yield _header(path, entry)
            sent(Sent(path, item))
        elif entry.inode is not None and entry.inode in first_names:
            yield _header(path, entry, hard_link=first_names[entry.inode])
            sent(Sent(path, item))
        else:
            try:
                file = open_item(item, files)
            except (FileNotFoundError, NotADirectoryError):
                continue
            if entry.inode is not None:
                first_names[entry.inode] = path
            yield from _file_pieces(path, item, file, sent, attributes)


def _file_pieces(
    path: str, item: Item, file: IO[bytes], sent: Callable[[Sent], None], attributes: bool
) -> Iterator[Piece]:
    with file:
        xattrs = attributes_of(item.entry, file) if attributes else item.entry.xattrs
        size = size_of(file)
        yield _header(path, item.entry, size=size, xattrs=xattrs)
        span, digest = Span(file, size), b""
        if size >= LARGE and (before := _state(file)):
            yield span
            digest = _hashed(file)
            if _state(file) != before:
                digest = b""  # these need not be the bytes that were sent
        else:
            read = hashlib.sha256()
            # The change that shrank a file while it is read is on its way.
            for piece in span.pieces():
                read.update(piece)
                yield piece
            digest = read.digest()
        yield bytes(-size % tarfile.BLOCKSIZE)
    entry = replace(item.entry, size=size, xattrs=xattrs, digest=digest)
    sent(Sent(path, Item(entry, item.source)))


def open_item(item: Item, files: Files) -> IO[bytes]:
    """The bytes of a file, which `files` has unless the item itself does. Raises `OSError`."""
    if item.entry.content is not None:
        return io.BytesIO(item.entry.content)
    return files.open_file(item.source)


def size_of(file: IO[bytes]) -> int:
    """The bytes of an open file, of which none is read."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def _header(
    path: str,
    entry: Entry,
    *,
    hard_link: str = "",
    size: int = 0,
    xattrs: tuple[tuple[str, bytes], ...] | None = None,
) -> bytes:
    """The header of an entry; of a file, `size` and `xattrs` are as it is now."""
    info = tarfile.TarInfo(path.lstrip("/"))
    info.mode, info.uid, info.gid, info.mtime = entry.mode, entry.uid, entry.gid, entry.mtime
    if hard_link:
        info.type, info.linkname = tarfile.LNKTYPE, hard_link.lstrip("/")
    elif entry.kind == "dir":
        info.type = tarfile.DIRTYPE
    elif entry.kind == "link":
        info.type, info.linkname = tarfile.SYMTYPE, entry.target
    elif entry.pipe:
        info.type = tarfile.FIFOTYPE
    else:
        info.size = size
    if xattrs is None:
        xattrs = entry.xattrs
    if xattrs and not hard_link:
        info.pax_headers = {
            _XATTR + name: value.decode(errors="surrogateescape") for name, value in xattrs
        }
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def attributes_of(entry: Entry, file: IO[bytes]) -> tuple[tuple[str, bytes], ...]:
    """The extended attributes of an entry, which its open file may have to tell."""
    if entry.xattrs is not None:
        return entry.xattrs
    try:
        number = file.fileno()
        names = sorted(name for name in os.listxattr(number) if name.startswith(_OURS))
        return tuple((name, os.getxattr(number, name)) for name in names)
    except io.UnsupportedOperation:
        return ()  # bytes that no disk holds
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.ENODATA):
            raise
        return ()  # a file system that has none, or somebody takes them away at this moment


def examined(entry: Entry, files: Files, path: str) -> Entry:
    """The entry with what only the file at `path` tells: its digest and extended attributes.

    Raises `OSError` as reading it does.
    """
    with files.open_file(path) as file:
        return replace(entry, xattrs=attributes_of(entry, file), digest=_hashed(file))


def _state(file: IO[bytes]) -> tuple[int, ...]:
    """What changes with the bytes of a file on disk; empty where it is none."""
    try:
        stat = os.fstat(file.fileno())
    except io.UnsupportedOperation:
        return ()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _hashed(file: IO[bytes]) -> bytes:
    """The digest of all of a file."""
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(CHUNK):
        digest.update(piece)
    return digest.digest()


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
            listing.add(member, _hashed(content) if content else b"")
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
            (name.removeprefix(_XATTR), value.encode(errors="surrogateescape"))
            for name, value in sorted(member.pax_headers.items())
            if name.startswith(_XATTR)
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
