"""The build context: a directory on disk, and which of its files a build would be sent."""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from livepush.errors import InvalidArgumentError
from livepush.ignore import Ignore
from livepush.model import Changes
from livepush.rescan import rescan
from livepush.scan import entry_at, opened, scan
from livepush.tree import Tree, above

# Opening a fifo would wait for its writer.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_OTHER_KIND = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO)  # a link, no directory, a socket


@dataclass(frozen=True, slots=True)
class Context:
    """A build context. Its paths are relative to `root`, which is absolute and without links.

    `dockerfile` is where the Dockerfile is, whether it is there or not, and `ignore_file` the
    ignore file in force, or None; relative to `root`, but absolute where they are outside of it.
    `ignore` is what that file said when the context was opened: when one of `control_files`
    changes, open the context anew. With `legacy` it is as the engine's own builder is sent it.

    The methods block on the disk; a scan of 100,000 files takes about a second.
    """

    root: Path
    dockerfile: str
    ignore_file: str | None
    ignore: Ignore

    @classmethod
    def open(
        cls, root: Path | str, *, dockerfile: Path | str = "Dockerfile", legacy: bool = False
    ) -> Context:
        """The context in the directory `root`; a relative `dockerfile` is relative to it.

        `<Dockerfile>.dockerignore` is the ignore file, and where there is none, `.dockerignore`;
        with `legacy` it is always that. Raises `InvalidArgumentError` where `root` is no directory
        or the ignore file cannot be read, and `DockerfileParseError` for a pattern in it that no
        builder takes.
        """
        real = Path(os.path.realpath(root))
        if not os.path.isdir(real):
            wrong = "is not a directory" if os.path.exists(real) else "does not exist"
            raise InvalidArgumentError(
                f"the build context {root} {wrong}", hint="Name the directory that holds the app."
            )
        where = _spelled(real, os.path.join(real, dockerfile))
        for ignore_file in _ignore_files(where, legacy):
            path = real / ignore_file
            if os.path.isfile(path):
                return cls(real, where, ignore_file, _read_ignore(path, ignore_file, legacy))
        return cls(real, where, None, Ignore.parse("", legacy=legacy))

    @property
    def control_files(self) -> tuple[str, ...]:
        """Where the Dockerfile and an ignore file are, or would be if somebody made one."""
        return (self.dockerfile, *_ignore_files(self.dockerfile, self.legacy))

    @property
    def legacy(self) -> bool:
        """Whether it is as the engine's own builder is sent it."""
        return self.ignore.legacy

    def scan(self) -> Tree:
        """All that a build would be sent, owned by 0:0, and the Dockerfile unless ignored.

        Raises `InvalidArgumentError` where `root` or a directory in it cannot be read.
        """
        return scan(str(self.root), self.ignore)

    def rescan(self, tree: Tree, hints: Collection[str]) -> tuple[Tree, Changes]:
        """`tree` brought up to date where `hints` point, and what really differs.

        A hint is the path of an entry that may have changed, for a directory with all below it;
        `""` means the whole tree, and an absolute path nothing in it. `tree` stays as it is.
        Raises as `scan` does.
        """
        return rescan(str(self.root), self.ignore, tree, hints)

    def relative(self, path: Path | str) -> str:
        """`path` as trees spell it; a relative one is relative to the root.

        Raises `InvalidArgumentError` for a path outside of the context.
        """
        text = os.fspath(path)
        spelled = posixpath.normpath(text)
        if posixpath.isabs(spelled):
            spelled = _spelled(self.root, spelled)
        if posixpath.isabs(spelled) or spelled == ".." or spelled.startswith("../"):
            raise InvalidArgumentError(
                f"{text} is outside the build context {self.root}",
                hint="Name a path inside of it, relative to it.",
            )
        return "" if spelled == "." else spelled

    def gone_above(self, paths: Collection[str]) -> frozenset[str]:
        """The directories above `paths` that are not on disk, ignored or not; the root is none.

        Raises as `scan` does.
        """
        parents = {parent for path in paths for parent in above(path) if parent}
        return frozenset(path for path in parents if entry_at(str(self.root), path) is None)

    def ignored(self, path: str) -> bool:
        """Whether the ignore file keeps `path` out of the context."""
        return self.ignore.ignored(path)

    def skips(self, directory: str) -> bool:
        """Whether nothing at or below `directory` is in the context, whatever it holds."""
        return self.ignore.ignored(directory) and not self.ignore.may_hold_kept(directory)

    def open_file(self, path: str) -> BinaryIO:
        """The regular file at `path`, for reading; no link is followed on the way to it.

        Raises `FileNotFoundError` for what is missing or is no regular file (any more), and
        `PermissionError`.
        """
        parent, _, name = path.rpartition("/")
        try:
            directory = opened(str(self.root), parent)
            try:
                file = os.open(name, _OPEN, dir_fd=directory)
            finally:
                os.close(directory)
        except OSError as error:
            if error.errno in _OTHER_KIND:
                raise _missing(path) from None
            error.filename = path  # it has the last component alone, as it was opened
            raise
        if stat.S_ISREG(os.fstat(file).st_mode):
            return os.fdopen(file, "rb")
        os.close(file)
        raise _missing(path)


def _missing(path: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def _ignore_files(dockerfile: str, legacy: bool) -> tuple[str, ...]:
    return (".dockerignore",) if legacy else (f"{dockerfile}.dockerignore", ".dockerignore")


def _read_ignore(path: Path, name: str, legacy: bool) -> Ignore:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InvalidArgumentError(
            f"the ignore file {path} cannot be read: {error.strerror}",
            hint="Allow yourself to read it, or remove it.",
        ) from error
    return Ignore.parse(text, name=name, legacy=legacy)


def _spelled(root: Path, path: str) -> str:
    """An absolute `path` relative to `root`, or absolute where it is outside of it.

    Links in front of its last component are resolved where the text alone does not lead into
    `root`: it may be reached by another name.
    """
    for candidate in map(Path, (os.path.normpath(path), _resolved(path))):
        if candidate.is_relative_to(root):
            return str(candidate.relative_to(root))
    return _resolved(path)


def _resolved(path: str) -> str:
    directory, name = os.path.split(os.path.normpath(path))
    return os.path.join(os.path.realpath(directory), name)
