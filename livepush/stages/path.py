"""Paths inside a container as instructions write them."""

from __future__ import annotations

import posixpath


def absolute(workdir: str, path: str) -> str:
    """`path` from `workdir`, lexically clean, `..` clamped at the root."""
    return "/" + posixpath.normpath(posixpath.join("/", workdir, path)).lstrip("/")


def is_directory_form(path: str) -> bool:
    """Whether the text itself says that `path` is a directory."""
    return path.endswith("/") or posixpath.basename(path) in ("", ".", "..")
