"""Files -> tar stream. Nothing is held whole in memory.

The format is GNU tar's with times in whole seconds: both builders and every engine read it, and
unlike PAX it never puts a header before the one that the API looks for. Reading files and hashing
them is blocking work, so the async side hands it to a thread, a piece at a time.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import os
import tarfile
from collections.abc import (
    AsyncGenerator,
    Callable,
    Iterable,
    Iterator,
)
from dataclasses import dataclass, replace
from typing import IO, Protocol

from livepush.manifest import Item
from livepush.model import Entry
from livepush.shield import settle
from livepush.span import LARGE, PORTION, Piece, Span
from livepush.tree import Tree

CHUNK = 1024 * 1024  # bytes read and sent at once
XATTR = "SCHILY.xattr."  # what archives call the extended attributes
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
        if size >= PORTION:
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
            digest = digest_of(file)
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
            XATTR + name: value.decode(errors="surrogateescape") for name, value in xattrs
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
        return replace(entry, xattrs=attributes_of(entry, file), digest=digest_of(file))


def _state(file: IO[bytes]) -> tuple[int, ...]:
    """What changes with the bytes of a file on disk; empty where it is none."""
    try:
        stat = os.fstat(file.fileno())
    except io.UnsupportedOperation:
        return ()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def digest_of(file: IO[bytes]) -> bytes:
    """The digest of all of a file."""
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(CHUNK):
        digest.update(piece)
    return digest.digest()
