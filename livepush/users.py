"""Who is known in one container: its own passwd and group, read when they matter."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable

from livepush.engine import Engine
from livepush.model import Copy, MakeDir, Step
from livepush.origin import fetch_text
from livepush.owner import needs_files, resolve, resolve_legacy

_FILES = ("passwd", "group")


class Users:
    """The users and groups of one container, as far as `steps` name any."""

    def __init__(self, engine: Engine, container: str, steps: Collection[Step]) -> None:
        self._engine = engine
        self._container = container
        names = [step.chown for step in steps if isinstance(step, Copy)]
        names += [step.user for step in steps if isinstance(step, MakeDir)]
        self._matter = any(map(needs_files, names))
        self._known = not self._matter
        self._passwd = self._group = ""

    async def learn(self) -> None:
        """Reads who is known, if that matters and may have changed. Raises `EngineError`."""
        if not self._known:
            self._passwd = await fetch_text(self._engine, self._container, "/etc/passwd")
            self._group = await fetch_text(self._engine, self._container, "/etc/group")
        self._known = True

    def doubt(self) -> None:
        """Somebody else may have changed them."""
        self._known = not self._matter

    def touch(self, paths: Iterable[str]) -> None:
        """`paths` are about to be written."""
        if any(posixpath.basename(path) in _FILES for path in paths):
            self.doubt()

    def number(self, user: str) -> tuple[int, int]:
        """The numbers of `user[:group]`; root's for nobody."""
        return resolve(user, self._passwd, self._group) if user else (0, 0)

    def owner(self, copy: Copy) -> tuple[int, int] | None:
        """Whose the files of `copy` are, where it says so. Raises `UnknownOwner`."""
        by = resolve_legacy if copy.legacy else resolve
        return by(copy.chown, self._passwd, self._group) if copy.chown else None
