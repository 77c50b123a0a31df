"""Generated cases: a Dockerfile, a build context, and rounds of edits to it.

Every command is safe to repeat and reads only what no later step writes, because that is what
replaying in place promises. Names are few, so that copies overlap and edits collide.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

BASE = "livepush-base/busybox:12"

_FILES = ("a", "b", "c.txt", "d e", ".hid", "-x", "é", "s/a", "s/t/b", "u/a", "lib/k.txt")
_START = ("a", "b", "c.txt", "s/a", "s/t/b", "u/a", "lib/k.txt")
_DIRECTORIES = ("s", "s/t", "u", "lib", "empty")
_SOURCES = (".", "s", "s/", "*", "u", "*.txt", "s/*", "a", "lib", "?", "[a-c]*", "./", "*/t", "s/t")
_DESTINATIONS = ("/o", "/p/q", "sub", "/tmp/in", "/etc/conf", "/deep/er")
_FLAGS = ("", "", "", "--chown=bob ", "--chown=7:8 ", "--chown=bob:bob ")
_IGNORES = (
    "",
    "*.txt\n",
    "s/t\n!s/t/b\n",
    "**/a\n",
    "lib\n.dockerignore\nDockerfile\n",
    "*\n!s\n!a\n!mark*\n",  # what the harness marks a round's end with must be seen
)


@dataclass(frozen=True)
class Edit:
    """One thing that a person does to a context; what does not fit the disk is left out."""

    what: str  # write, remove, directory, link, move
    path: str
    value: str = ""  # content, target, or where to
    mode: int = 0o644

    def __repr__(self) -> str:
        return f"Edit({self.what!r}, {self.path!r}, {self.value!r}, {self.mode:#o})"


@dataclass(frozen=True)
class Case:
    """A Dockerfile, the edits that make its first context, and rounds of more."""

    dockerfile: str
    start: tuple[Edit, ...]
    rounds: tuple[tuple[Edit, ...], ...]

    def __repr__(self) -> str:
        steps = "\n".join(f"  round {i}: {list(edits)}" for i, edits in enumerate(self.rounds))
        return f"\n{self.dockerfile}  start: {list(self.start)}\n{steps}"


def apply(root: Path, edit: Edit) -> None:
    """Carries the edit out below `root`."""
    path = root / edit.path
    try:
        if edit.what == "move":
            if path.exists() and not os.path.lexists(root / edit.value):
                path.rename(root / edit.value)
            return
        if edit.what == "directory" and path.is_dir() and not path.is_symlink():
            path.chmod(edit.mode)
            return
        _remove(path)
        if edit.what == "remove":
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if edit.what == "write":
            path.write_text(edit.value)
            path.chmod(edit.mode)
        elif edit.what == "directory":
            path.mkdir()
            path.chmod(edit.mode)
        else:
            path.symlink_to(edit.value)
    except (NotADirectoryError, FileExistsError):
        return  # a parent is a file by now


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()


_contents = st.text("abc\n", max_size=6)
_edits = st.one_of(
    st.builds(
        Edit,
        st.just("write"),
        st.sampled_from((*_FILES, "s", "lib")),
        _contents,
        st.sampled_from((0o644, 0o644, 0o600, 0o755)),
    ),
    st.builds(Edit, st.just("remove"), st.sampled_from((*_FILES, *_DIRECTORIES))),
    st.builds(
        Edit,
        st.just("directory"),
        st.sampled_from((*_DIRECTORIES, "a")),
        mode=st.sampled_from((0o755, 0o700)),
    ),
    st.builds(
        Edit,
        st.just("link"),
        st.sampled_from(_FILES),
        st.sampled_from(("a", "nowhere", "../b", "/etc")),
    ),
    st.builds(Edit, st.just("move"), st.sampled_from(_DIRECTORIES), st.sampled_from(("s", "new"))),
)


_extra = st.lists(st.sampled_from(_FILES), unique=True, max_size=4)


@st.composite
def cases(draw: st.DrawFn, *, rounds: int) -> Case:
    """A case of that many rounds of edits."""
    start = [Edit("write", path, "0") for path in (*_START, *draw(_extra))]
    ignore = draw(st.sampled_from(_IGNORES))
    if ignore:
        start.append(Edit("write", ".dockerignore", ignore))
    edits = st.lists(_edits, min_size=1, max_size=4).map(tuple)
    return Case(
        dockerfile="\n".join(draw(_dockerfiles())) + "\n",
        start=tuple(start),
        rounds=tuple(draw(st.lists(edits, min_size=rounds, max_size=rounds))),
    )


@st.composite
def _dockerfiles(draw: st.DrawFn) -> list[str]:
    lines: list[str] = []
    # By stage, the destinations that are still free: a directory that a command reads is written
    # by no later step, also not in the stages that go on from there.
    free: dict[str, list[str]] = {}
    for index in range(draw(st.integers(1, 3))):
        parent = draw(st.sampled_from((BASE, BASE, *free)))
        left = list(free.get(parent, _DESTINATIONS))
        lines.append(f"FROM {parent} AS stage{index}")
        lines += draw(_stage_lines(list(free), left))
        free[f"stage{index}"] = left
    # The engine's own builder builds, and fails with, stages that nobody uses, too.
    text = "\n".join(lines)
    unused = [
        name for name in list(free)[:-1] if f"={name} " not in text and f"FROM {name} " not in text
    ]
    lines += [f"COPY --from={name} /gen /used/{name}/" for name in unused]
    # What ignores the signal to stop is waited for at every restart.
    return [*lines, "STOPSIGNAL SIGKILL", 'CMD ["sleep", "9999"]']


@st.composite
def _stage_lines(draw: st.DrawFn, names: list[str], free: list[str]) -> list[str]:
    lines = draw(st.sampled_from(([], [], ["WORKDIR /w"], ["WORKDIR /w", "ENV D=/o"])))
    lines = [*lines, "RUN mkdir -p /gen"]
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(("copy", "copy", "run", "stage")))
        if not free:
            break
        dest = draw(st.sampled_from(free))
        if kind == "copy":
            lines.append(draw(_copies(dest)))
        elif kind == "run":
            out = f"/gen/{number}"
            lines.append(
                f"RUN rm -rf {out} && mkdir -p {out} {dest} && cp -r {dest} {out}/ "
                f"&& (cd {dest} && find . | sort) > {out}/list"
            )
            free.remove(dest)
        elif names:
            source = draw(st.sampled_from(names))
            lines.append(f"COPY --from={source} /gen {dest}/")
    return lines


@st.composite
def _copies(draw: st.DrawFn, dest: str) -> str:
    flag = draw(st.sampled_from(_FLAGS))
    sources = draw(st.lists(st.sampled_from(_SOURCES), min_size=1, max_size=2, unique=True))
    # The legacy builder refuses several sources, and several matches, for anything else.
    several = len(sources) > 1 or any(set("*?[") & set(source) for source in sources)
    slash = "/" if several or draw(st.booleans()) else ""
    word = draw(st.sampled_from(("COPY", "COPY", "ADD")))
    return f"{word} {flag}{' '.join(sources)} {dest}{slash}"
