"""Edits of a build context: what a person, a tool or a version control system does to files."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

DIRECTORY = 0o755
_MANY = 40  # files that appear at once, as with a version control system's checkout


@dataclass(frozen=True, slots=True)
class Edit:
    """One thing that is done to a context; what does not fit the disk is left out.

    `what` is one of `_KINDS`; `value` is the content, the target, or where to.
    """

    what: str
    path: str
    value: str = ""
    mode: int = 0o644

    def __repr__(self) -> str:
        given = [repr(self.what), repr(self.path)]
        plain = DIRECTORY if self.what == "directory" else 0o644
        if self.value or self.mode != plain:
            given.append(repr(self.value))
        if self.mode != plain:
            given.append(f"{self.mode:#o}")
        return f"Edit({', '.join(given)})"


def apply(root: Path, edit: Edit) -> None:
    """Carries the edit out below `root`."""
    # Nothing is written through a link, which may lead out of the context.
    if all(_may_hold(path) for path in _above(root, edit.path)):
        _KINDS[edit.what](root, edit)


def look(root: Path) -> Mapping[str, str]:
    """What a build could see of all below `root`, by path."""
    seen: dict[str, str] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            seen[str(path.relative_to(root))] = _seen(path)
    return seen


def _seen(path: Path) -> str:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return f"link to {path.readlink()}"
    if stat.S_ISDIR(mode):
        return f"directory {stat.S_IMODE(mode):o}"
    return f"file {stat.S_IMODE(mode):o} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def _above(root: Path, path: str) -> list[Path]:
    return [root / parent for parent in Path(path).parents]


def _may_hold(path: Path) -> bool:
    return not os.path.lexists(path) or _is_directory(path)


def _is_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _cleared(root: Path, edit: Edit) -> Path:
    """Where the edit puts something, with nothing there any more."""
    path = root / edit.path
    if _is_directory(path):
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write(root: Path, edit: Edit) -> None:
    path = root / edit.path
    path = path if _is_file(path) else _cleared(root, edit)
    path.write_text(edit.value)
    path.chmod(edit.mode)


def _replace(root: Path, edit: Edit) -> None:
    """As many editors save: beside it, and then over it."""
    path = root / edit.path
    if _is_directory(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}~")
    beside.write_text(edit.value)
    beside.chmod(edit.mode)
    beside.replace(path)


def _remove(root: Path, edit: Edit) -> None:
    if os.path.lexists(root / edit.path):
        _cleared(root, edit)


def _directory(root: Path, edit: Edit) -> None:
    path = root / edit.path
    if not _is_directory(path):
        _cleared(root, edit).mkdir()
    path.chmod(edit.mode)


def _link(root: Path, edit: Edit) -> None:
    _cleared(root, edit).symlink_to(edit.value)


def _hard_link(root: Path, edit: Edit) -> None:
    other = root / edit.value
    if (
        all(map(_may_hold, _above(root, edit.value)))
        and _is_file(other)
        and edit.path != edit.value
    ):
        path = _cleared(root, edit)
        if other.exists():
            path.hardlink_to(other)


def _move(root: Path, edit: Edit) -> None:
    old, new = root / edit.path, root / edit.value
    free = not os.path.lexists(new) and old not in new.parents
    if os.path.lexists(old) and free and all(map(_may_hold, _above(root, edit.value))):
        new.parent.mkdir(parents=True, exist_ok=True)
        old.rename(new)


def _chmod(root: Path, edit: Edit) -> None:
    path = root / edit.path
    if path.exists() and not path.is_symlink():
        path.chmod(edit.mode)


def _touch(root: Path, edit: Edit) -> None:
    path = root / edit.path
    if os.path.lexists(path):
        os.utime(path, follow_symlinks=False)


def _rewrite(root: Path, edit: Edit) -> None:
    path = root / edit.path
    if _is_file(path):
        path.write_bytes(path.read_bytes())


def _many(root: Path, edit: Edit) -> None:
    for number in range(_MANY):
        apply(root, Edit("write", f"{edit.path}/m{number}", edit.value, edit.mode))


def _archive(root: Path, edit: Edit) -> None:
    """A tar, compressed if it is called so; the value names its files, as `a=content,b/c=…`."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member in filter(None, edit.value.split(",")):
            name, _, content = member.partition("=")
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid = len(content), edit.mode, 7
            tar.addfile(info, io.BytesIO(content.encode()))
    packed = gzip.compress(raw.getvalue(), mtime=0) if edit.path.endswith("gz") else raw.getvalue()
    _cleared(root, edit).write_bytes(packed)


_KINDS: Mapping[str, Callable[[Path, Edit], None]] = {
    "write": _write,
    "replace": _replace,
    "remove": _remove,
    "directory": _directory,
    "link": _link,
    "hard link": _hard_link,
    "move": _move,
    "chmod": _chmod,
    "touch": _touch,
    "rewrite": _rewrite,
    "many": _many,
    "archive": _archive,
}

ALWAYS = ("a", "b", "c.txt", "s/a", "s/t/b", "u/a", "lib/k.txt")
"""The files of every context at first."""
FILES = (*ALWAYS, "d e", ".hid", "-x", "é", "[b]")
DIRECTORIES = ("s", "s/t", "u", "lib", "empty")
ARCHIVES = ("arc.tar", "arc.tgz")
IGNORES = (
    "",
    "*.txt\n",
    "s/t\n!s/t/b\n",
    "**/a\n",
    "lib\n.dockerignore\nDockerfile\n",
    "*\n!s\n!a\n!mark*\n",  # what the harness marks a round's end with must be seen
)

_contents = st.text("abc\n", max_size=6)
_modes = st.sampled_from((0o644, 0o644, 0o600, 0o755, 0o4755))
_folder_modes = st.sampled_from((DIRECTORY, 0o700, 0o1777))
_files = st.sampled_from((*ALWAYS, *FILES, "new/n"))
_directories = st.sampled_from(DIRECTORIES)
_anything = st.sampled_from((*ALWAYS, *FILES, *DIRECTORIES))


def _made(what: str, *fields: st.SearchStrategy[object]) -> st.SearchStrategy[Edit]:
    return st.builds(Edit, st.just(what), *fields)


members = st.lists(
    st.sampled_from(("a=1", "a=2", "x/y=1", "x/z=", "s/a=3")), unique=True, max_size=3
).map(",".join)
ignores = _made("write", st.just(".dockerignore"), st.sampled_from(IGNORES[1:]))
_edits = (
    _made("write", st.one_of(_files, st.sampled_from(("s", "lib"))), _contents, _modes),
    _made("write", _files, _contents),
    _made("replace", _files, _contents, _modes),
    _made("remove", _anything),
    _made("directory", st.one_of(_directories, st.just("a")), st.just(""), _folder_modes),
    _made("link", _anything, st.sampled_from(("a", "nowhere", "../b", "/etc", "s", "u"))),
    _made("hard link", _files, st.sampled_from(("a", "s/a"))),
    _made("move", _anything, st.sampled_from(("s", "new", "lib/in", "b"))),
    _made("chmod", _files, st.just(""), _modes),
    _made("chmod", _directories, st.just(""), _folder_modes),
    _made("touch", _anything),
    _made("rewrite", _files),
    _made("many", st.sampled_from(("s", "lib")), _contents),
)


@st.composite
def edits(draw: st.DrawFn, *, archives: bool) -> tuple[Edit, ...]:
    """What is done in one round; with `archives`, to archives as well."""
    kinds = [*_edits, ignores, _made("remove", st.just(".dockerignore"))]
    if archives:
        kinds += 3 * [_made("archive", st.sampled_from(ARCHIVES), members)]
    return tuple(draw(st.lists(st.one_of(kinds), min_size=1, max_size=4)))
