"""What pushes have done in a container, kept on disk so that it outlives the process that did it.

A later session cannot tell by itself which files of a container pushes have written and which the
running application has. So each path is noted before it is touched, and what is noted stays for
as long as the container: relative to its image it is true whatever came later.

Where a session ends with nothing owed, it notes the state of the context that it leaves behind: a
next one that meets the same has nothing to find out.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from livepush.tree import Tree

_KEPT = 30 * 24 * 3600  # seconds without a push, after which nobody is taken to ask any more


@dataclass(frozen=True, slots=True)
class Touched:
    """What pushes have done in a container since it was like its image: the `paths` written or
    removed, absolute, and whether commands ran, which may have touched anything.
    """

    paths: frozenset[str] = frozenset()
    commands: bool = False

    def __bool__(self) -> bool:
        return bool(self.paths) or self.commands


class Journal:
    """What is noted of the container with that id, in a file of `folder`: a line of JSON each.

    Without a folder nothing outlives the process, nor does what the disk does not take.
    """

    def __init__(self, folder: Path | None = None, container: str = "") -> None:
        self._file = file = None if folder is None else folder / f"{container}.jsonl"
        self._paths: set[str] = set()
        self._commands = False
        self.settled = ""
        """The state of the context that the last session left landed; empty where it did not."""
        if file is not None:
            _forget_old(file.parent)
            for line in _lines(file):
                self._take(line)

    @property
    def touched(self) -> Touched:
        return Touched(frozenset(self._paths), self._commands)

    def add(self, paths: Iterable[str]) -> None:
        """`paths` are about to be written or removed."""
        new = set(paths) - self._paths
        if new or (self.settled and paths):
            self._paths |= new
            self._note({"paths": sorted(new)})

    def ran(self) -> None:
        """A command is about to run."""
        if not self._commands or self.settled:
            self._commands = True
            self._note({"commands": True})

    def settle(self, state: str) -> None:
        """All of that state of the context has landed, and nothing is owed."""
        if state != self.settled:
            self._note({"settled": state})
            self.settled = state

    def _take(self, line: Mapping[str, object]) -> None:
        paths = line.get("paths")
        self._paths.update(paths if isinstance(paths, list) else ())
        self._commands = self._commands or bool(line.get("commands"))
        self.settled = str(line.get("settled", ""))

    def _note(self, line: Mapping[str, object]) -> None:
        self.settled = ""
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # A line of its own, also behind one that a process which was killed left unfinished.
            with self._file.open("ab", buffering=0) as file:
                file.write(b"\n" + json.dumps(line).encode())
        except OSError:
            self._file = None


def journals(environ: Mapping[str, str]) -> Path:
    """The folder of a user's journals: below the state directory, as XDG has it."""
    state = environ.get("XDG_STATE_HOME", "")
    home = Path(state) if os.path.isabs(state) else Path.home() / ".local/state"
    return home / "livepush"


def state_of(tree: Tree, *words: str) -> str:
    """A digest of all that can tell one state of a context from another, and of `words`."""
    digest = hashlib.sha256(repr(words).encode())
    for path, entry in tree.walk():
        look = path, entry.kind, entry.mode, entry.target, entry.stamp
        digest.update(repr(look).encode(errors="surrogateescape"))
    return digest.hexdigest()


def _lines(file: Path) -> list[Mapping[str, object]]:
    try:
        text = file.read_text(errors="replace")
    except OSError:
        return []
    found: list[Mapping[str, object]] = []
    for line in text.splitlines():
        try:
            read = json.loads(line)
        except ValueError:
            continue
        if isinstance(read, dict):
            found.append(read)
    return found


def _forget_old(folder: Path) -> None:
    try:
        for file in folder.glob("*.jsonl"):
            if time.time() - file.stat().st_mtime > _KEPT:
                file.unlink(missing_ok=True)
    except OSError:
        return
