"""The build context as it was when it was read: its tree, and the bytes that are there now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from livepush.context import Context
from livepush.tree import Tree


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`archive.Files` of a build context."""

    context: Context
    tree: Tree

    def open_file(self, path: str) -> IO[bytes]:
        """The file at `path`, for reading. Raises `FileNotFoundError` and `PermissionError`."""
        return self.context.open_file(path)
