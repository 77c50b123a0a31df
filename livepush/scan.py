"""What is on disk below the root of a build context, as a tree, without what is ignored.

Nothing here follows a symbolic link or leaves the root. What vanishes while it is being looked at
is absent. An ignored directory stands in the tree for as long as something below it is kept, so
it is held back until the walk meets such a thing; the client of the engine's own builder does not
say then what it is like.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from typing import NoReturn

from livepush.errors import InvalidArgumentError
from livepush.ignore import Ignore, Verdict
from livepush.model import Entry
from livepush.tree import ROOT, Tree

Directories = dict[str, dict[str, Entry]]
"""The entries of each directory by name, by the directory's path."""

_GONE = (FileNotFoundError, NotADirectoryError)
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def scan(root: str, ignore: Ignore) -> Tree:
    """The whole tree below `root`.

    Raises `InvalidArgumentError` where `root` is gone, or it or a directory in it cannot be read:
    a build could not read it either.
    """
    found = scan_below(root, "", ignore.root())
    if found is None:
        raise InvalidArgumentError(
            f"the build context {root} is gone", hint="Put the directory back, or name another."
        )
    return Tree(found)


def scan_below(root: str, top: str, verdict: Verdict) -> Directories | None:
    """The directory `top` and those below it, with what is kept in them; None if it is gone.

    `verdict` is the one on `top`. Raises `InvalidArgumentError` for an unreadable directory.
    """
    found: Directories = {}
    withheld: dict[str, Entry] = {}
    todo: list[tuple[str, Entry | None, Verdict]] = [(top, None, verdict)]
    while todo:
        here, itself, verdict = todo.pop()
        prefix = f"{here}/" if here else ""
        kept: dict[str, Entry] = {}
        try:
            for name, entry, of_entry in _listing(root, here, verdict):
                if entry.kind == "dir":
                    todo.append((prefix + name, entry, of_entry))
                else:
                    kept[name] = entry
        except _GONE:
            continue
        if itself is None:
            found[here] = kept
        elif kept or not verdict.ignored:
            _admit(found, withheld, here, itself)
            found[here] = kept
        else:
            withheld[here] = itself
    return found or None


def entry_at(root: str, path: str) -> Entry | None:
    """The entry at `path` as the disk has it now, ignored or not; None if there is none.

    Raises `InvalidArgumentError` where its directory cannot be read.
    """
    parent, _, name = path.rpartition("/")
    try:
        if not name:
            return _entry(os.lstat(root), root)
        directory = opened(root, parent)
        try:
            return _entry(os.lstat(name, dir_fd=directory), name, directory)
        finally:
            os.close(directory)
    except _GONE:
        return None
    except OSError as error:
        _unreadable(os.path.join(root, parent), error)


def opened(root: str, path: str) -> int:
    """A descriptor of the directory at `path`, for the caller to close. Raises `OSError`.

    It is reached step by step, because any directory on the way may be swapped for a link that
    leads out of the root, and held open it stays the same one whatever becomes of its path.
    """
    directory = os.open(root, _OPEN_DIRECTORY)
    for name in filter(None, path.split("/")):
        try:
            below = os.open(name, _OPEN_DIRECTORY, dir_fd=directory)
        finally:
            os.close(directory)
        directory = below
    return directory


def as_sent(entry: Entry, verdict: Verdict) -> Entry:
    """The entry of a directory as a builder is sent it, given the verdict on its path."""
    unsaid = verdict.legacy and verdict.ignored and entry.kind == "dir"
    return replace(entry, mode=ROOT.mode) if unsaid else entry


def _admit(found: Directories, withheld: dict[str, Entry], path: str, entry: Entry) -> None:
    """Enter a directory into its parent, and that into its own if it was held back."""
    above: Entry | None = entry
    while above is not None:
        parent, _, name = path.rpartition("/")
        found.setdefault(parent, {})[name] = above
        path, above = parent, withheld.pop(parent, None)


def _listing(root: str, here: str, verdict: Verdict) -> Iterator[tuple[str, Entry, Verdict]]:
    """The kept entries of a directory, and the ignored directories that may hold some."""
    full = os.path.join(root, here)
    prefix = f"{here}/" if here else ""
    try:
        directory = opened(root, here)
    except _GONE:
        raise
    except OSError as error:
        _unreadable(full, error)
    try:
        with os.scandir(directory) as items:
            for item in items:
                of_item = verdict.child(prefix + item.name) if verdict.rules else verdict
                if of_item.ignored and not _may_hold_kept(item, of_item):
                    continue
                try:
                    status = item.stat(follow_symlinks=False)
                    entry = _entry(status, item.name, directory)
                    yield item.name, as_sent(entry, of_item), of_item
                except FileNotFoundError:
                    continue
    except _GONE:
        raise
    except OSError as error:
        _unreadable(full, error)
    finally:
        os.close(directory)


def _may_hold_kept(item: os.DirEntry[str], verdict: Verdict) -> bool:
    return item.is_dir(follow_symlinks=False) and verdict.may_hold_kept()


def _unreadable(path: str, error: OSError) -> NoReturn:
    raise InvalidArgumentError(
        f"the directory {path} of the build context cannot be read: {error.strerror}",
        hint="Allow yourself to read it, or list it in .dockerignore.",
    ) from error


def _entry(status: os.stat_result, path: str, directory: int | None = None) -> Entry:
    """The entry of what has this `status` and stands at `path`, seen from `directory`."""
    kind = stat.S_IFMT(status.st_mode)
    mode = status.st_mode & 0o7777
    mtime = status.st_mtime_ns // 1_000_000_000
    if kind == stat.S_IFREG:
        return Entry(
            "file",
            mode,
            size=status.st_size,
            mtime=mtime,
            stamp=(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino),
            inode=(status.st_dev, status.st_ino) if status.st_nlink > 1 else None,
        )
    if kind == stat.S_IFLNK:
        return Entry("link", mode, target=os.readlink(path, dir_fd=directory), mtime=mtime)
    if kind == stat.S_IFDIR:
        return Entry("dir", mode, mtime=mtime)
    return Entry("other", mode, mtime=mtime, pipe=kind == stat.S_IFIFO)
