"""Measured `COPY`, `ADD` and `WORKDIR` cases: what our stages and manifests write, path by path.

A case is folded over a tree in memory: the base image `bb`, then each step's manifest on top of
what the steps before it have made, as a builder would extract it. What needs a `RUN` to be carried
out or an archive to be unpacked is left to the engine tests; a rule picks those, and their number
is asserted so that the rule cannot silently grow.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from livepush.engine import ImageConfig
from livepush.errors import DockerfileParseError, InvalidArgumentError
from livepush.ignore import Ignore
from livepush.live import Dockerfile
from livepush.manifest import Conflict, Destination, Item, clash, manifest
from livepush.model import Copy, Entry, Graph, MakeDir, Run, Stage
from livepush.owner import UnknownOwner, resolve, resolve_legacy
from livepush.selection import MissingSource
from livepush.tree import Tree

VECTORS = [
    case
    for name in ("copy.json", "copy-more.json")
    for case in json.loads((Path(__file__).parent / "vectors" / name).read_text())["cases"]
]
DIR = Entry("dir", 0o755)


def file(content: str, mode: int = 0o644, uid: int = 0, gid: int = 0) -> Entry:
    return Entry("file", mode, uid, gid, content=content.encode())


def link(target: str) -> Entry:
    return Entry("link", 0o777, target=target)


_BOB = "root:x:0:0::/root:/bin/sh\nbob:x:1001:1002::/home/bob:/bin/sh\n"
# What the commands of the cases leave behind, so that no command has to be carried out.
EFFECTS: Mapping[str, Mapping[str, Entry]] = {
    "mkdir /real && ln -s /real /lnk": {"real": DIR, "lnk": link("/real")},
    "echo R > /real && ln -s /real /lnk": {"real": file("R\n"), "lnk": link("/real")},
    "ln -s /real /lnk": {"lnk": link("/real")},
    "mkdir -p /p/real && ln -s real /p/lnk": {"p": DIR, "p/real": DIR, "p/lnk": link("real")},
    "mkdir -p /p && ln -s ../../../../q /p/lnk && mkdir /q": {
        "p": DIR,
        "p/lnk": link("../../../../q"),
        "q": DIR,
    },
    "mkdir /o && ln -s /real /o/s": {"o": DIR, "o/s": link("/real")},
    "mkdir -p /o && echo 1 > /o/x": {"o": DIR, "o/x": file("1\n")},
    "mkdir /o; echo 1 > /o/x": {"o": DIR, "o/x": file("1\n")},
    "echo 1 > /o": {"o": file("1\n")},
    "mkdir -p /o/x": {"o": DIR, "o/x": DIR},
    "mkdir -p /p/o/s": {"p": DIR, "p/o": DIR, "p/o/s": DIR},
    "mkdir /o": {"o": DIR},
    "mkdir /q": {"q": DIR},
    "mkdir /real && ln -s /real /p && mkdir -m 700 /q": {
        "real": DIR,
        "p": link("/real"),
        "q": Entry("dir", 0o700),
    },
    "mkdir -m 700 /x && chown 5:5 /x": {"x": Entry("dir", 0o700, 5, 5)},
    "chmod 1777 /tmp": {"tmp": Entry("dir", 0o1777)},
    'mkdir -p /etc && echo "root:x:0:0::/root:/bin/sh" > /etc/passwd'
    ' && echo "bob:x:1001:1002::/home/bob:/bin/sh" >> /etc/passwd'
    ' && printf "root:x:0:\\nstaff:x:50:\\nbob:x:1002:\\n" > /etc/group': {
        "etc/passwd": file(_BOB),
        "etc/group": file("root:x:0:\nstaff:x:50:\nbob:x:1002:\n"),
    },
    "ln -s d /w/ld; ln -s a /w/la; chown 5:6 /w/a /w/d; chmod 4711 /w/a; ln /w/a /w/hl;"
    " chmod 770 /w/d; mkdir -m 3777 /w/d/st; chown 7:7 /w/d/st": {
        "w/ld": link("d"),
        "w/la": link("a"),
        "w/a": file("A", 0o4711, uid=5, gid=6),
        "w/hl": file("A", 0o4711, uid=5, gid=6),
        "w/d": Entry("dir", 0o770, 5, 6),
        "w/d/st": Entry("dir", 0o3777, 7, 7),
    },
}

_DIR = {"type": "dir", "mode": "0755", "uid": 0, "gid": 0}
_Y = {"type": "file", "mode": "0600", "uid": 0, "gid": 0, "content": "Y"}
_FLAG = "the frontend of that engine does not know the flag; this is what one makes that does"
# Cases that we end otherwise than BuildKit, with what we say, and why.
DIFFERENT: Mapping[str, tuple[object, str]] = {
    "flags-parents-3ad405": (
        {"p": _DIR, "p/d": _DIR, "p/d/s": {**_DIR, "mode": "0711"}, "p/d/s/y": _Y},
        _FLAG,
    ),
    "flags-exclude-66a648": (
        {
            "p": _DIR,
            "p/l": {"type": "symlink", "mode": "0777", "uid": 0, "gid": 0, "target": "x"},
            "p/s": {**_DIR, "mode": "0711"},
            "p/s/y": _Y,
            "p/x": {**_Y, "mode": "0644", "content": "X"},
        },
        _FLAG,
    ),
    "names-and-parsing-backslash-name-json-01a100": (
        {"o": _DIR, "o/a\\b": {**_Y, "mode": "0644", "content": "A"}},
        "BuildKit's client sends no file of such a name unless another source takes it, too, so no"
        " container begins like this",
    ),
}


# Cases that only the engine's own builder refuses, which leaves no container to begin with.
BUILT_ANYWAY: Mapping[str, str] = {
    "workdir-env-from-from-idx-later-45ff46": "a stage that nobody needs copies from a later one",
    "stages-scratch-empty-70d186": "there is nothing in the image",
}


class OnlyBuiltError(Exception):
    """A step that only a build can take: what it leaves is the build's own business."""


def needs_an_engine(case: Mapping[str, Any]) -> bool:
    """Whether a command, an archive or an image's bytes decide the outcome."""
    text = case["dockerfile"]
    commands = [line.split("RUN ")[1] for line in text.splitlines() if "RUN " in line]
    unknown = any(c not in EFFECTS and c != "pwd > /pwd" for c in commands)
    archives = "ADD" in text and any("content_b64" in e for e in case["context"].values())
    return unknown or archives or "--from=bb:" in text


PURE = [case for case in VECTORS if not needs_an_engine(case)]
# What the engine's own builder does not know, so that no container of its begins with it.
_NOT_LEGACY = re.compile(r"--(chmod|link|parents|exclude)|<<|\$BUILDPLATFORM")
LEGACY = [case for case in PURE if not _NOT_LEGACY.search(case["dockerfile"])]


def test_what_is_left_to_the_engine_tests() -> None:
    assert (len(VECTORS), len(VECTORS) - len(PURE), len(PURE) - len(LEGACY)) == (516, 18, 127)


@pytest.mark.parametrize("case", PURE, ids=lambda case: case["id"])
def test_case(case: Mapping[str, Any]) -> None:
    expected = case["expect"].get("tree", "fails")
    if case["id"] in DIFFERENT:
        assert expected != DIFFERENT[case["id"]][0]
        expected = DIFFERENT[case["id"]][0]
    assert outcome(case) == expected


@pytest.mark.parametrize("case", LEGACY, ids=lambda case: case["id"])
def test_case_for_the_engine_s_own_builder(case: Mapping[str, Any]) -> None:
    expected = case.get("expect_legacy", case["expect"]).get("tree", "fails")
    if case["id"] in BUILT_ANYWAY:
        assert expected == "fails"
        assert outcome(case, legacy=True) != expected
        return
    assert outcome(case, legacy=True) == expected


def test_the_differences_are_all_cases() -> None:
    assert DIFFERENT.keys() <= {case["id"] for case in PURE}
    assert BUILT_ANYWAY.keys() <= {case["id"] for case in LEGACY}


def outcome(case: Mapping[str, Any], *, legacy: bool = False, old: bool = False) -> object:
    """What differs from the base image afterwards, or in a word why nothing does."""
    try:
        return described(built(case, legacy, old))
    except (DockerfileParseError, InvalidArgumentError, MissingSource, Conflict, UnknownOwner):
        return "fails"
    except OnlyBuiltError:
        return "a build's"


def built(case: Mapping[str, Any], legacy: bool, old: bool) -> Files:
    options = dict(zip(case["build_args"][::2], case["build_args"][1::2], strict=True))
    arguments = dict([options["--build-arg"].split("=")]) if "--build-arg" in options else {}
    entries = {path: entry(path, e, case["context"]) for path, e in case["context"].items()}
    entries.pop(".", None)  # the mode of the context itself concerns nobody
    dockerfile = options.get("-f", "Dockerfile").removeprefix("{ctx}/")
    text = case["dockerfile"].encode(errors="surrogateescape")
    entries.setdefault("Dockerfile", Entry("file", 0o644, content=text))
    graph = Dockerfile(entries[dockerfile].content or b"").graph(
        build_args=arguments,
        target=options.get("--target", ""),
        legacy=legacy,
        images={"bb": ImageConfig("", old_buildkit=old)},
    )
    return folded(graph, filtered(entries, dockerfile, legacy))


def entry(path: str, said: Mapping[str, Any], context: Mapping[str, Any]) -> Entry:
    """The context's entry as a scan gives it: whoever owns it on disk, it is root's."""
    if said["type"] == "dir":
        return Entry("dir", int(said.get("mode", "0755"), 8))
    if said["type"] == "symlink":
        return link(said["target"])
    linked = {e["target"] for e in context.values() if e["type"] == "hardlink"}
    if said["type"] == "hardlink":
        path, said = said["target"], context[said["target"]]
    content = said.get("content", "").encode(errors="surrogateescape")
    return Entry(
        "file",
        int(said.get("mode", "0644"), 8),
        content=base64.b64decode(said.get("content_b64", "")) or content,
        inode=(hash(path),) if path in linked else None,
    )


def filtered(entries: Mapping[str, Entry], dockerfile: str, legacy: bool) -> Tree:
    """The context as the ignore file leaves it; an ignored directory stays for what is below."""
    names = (".dockerignore",) if legacy else (f"{dockerfile}.dockerignore", ".dockerignore")
    text = next((entries[name].content for name in names if name in entries), None)
    ignore = Ignore.parse(text or b"", legacy=legacy)
    whole = dict(Tree.of(sorted(entries.items())).walk())
    kept = {path for path in whole if not ignore.ignored(path)}
    above = {"/".join(p.split("/")[:depth]) for p in kept for depth in range(p.count("/") + 1)}
    sent = {path: whole[path] for path in whole if path in kept or path in above}
    if legacy:
        unsaid = {path: replace(sent[path], mode=0o755) for path in sent.keys() - kept}
        sent.update(unsaid)
    return Tree.of(sorted(sent.items()))


def folded(graph: Graph, context: Tree) -> Files:
    """The files of the target stage; other stages are built only where it copies from them."""

    def stage_files(stage: Stage) -> Files:
        files = Files({} if stage.image == "scratch" else dict(BASE))
        for step in stage.steps:
            if isinstance(step, Copy):
                files.copy(step, context if step.origin is None else origin_tree(step.origin))
            elif isinstance(step, MakeDir):
                files.make(step)
            elif isinstance(step, Run):
                files.entries.update(effect(step))
            else:
                raise OnlyBuiltError(step.text)
        return files

    def origin_tree(origin: int | str) -> Tree:
        return stage_files(graph.stages[int(origin)]).tree

    return stage_files(graph.target)


def effect(step: Run) -> Mapping[str, Entry]:
    if step.command == "pwd > /pwd":
        return {"pwd": file(f"{step.workdir}\n")}
    return EFFECTS[step.command]


@dataclass
class Files:
    """The files of one stage while it is built: entries by relative path, with their bytes."""

    entries: dict[str, Entry]
    _steps: int = field(default=0)

    @property
    def tree(self) -> Tree:
        return Tree.of(self.entries.items())

    def copy(self, step: Copy, source: Tree) -> None:
        self._steps += 1
        by = resolve_legacy if step.legacy else resolve
        owner = by(step.chown, *self.users()) if step.chown else None
        path = self.landing(step.dest)
        there = self.entries.get(path)
        is_dir = step.dest_is_dir or not path or (there is not None and there.kind == "dir")
        wanted = manifest(step, source, Destination(f"/{path}", is_dir), owner)
        for made, entry in wanted.made.items():
            self.make_missing(made[1:], entry)
            if made in wanted.on_the_way:
                self.entries[made[1:]] = replace(self.entries[made[1:]], mode=entry.mode)
        for written, item in wanted.items.items():
            self.put(written[1:], self.unlinked(item), legacy=step.legacy)

    def make(self, step: MakeDir) -> None:
        path = self.landing(step.path)
        owner = resolve(step.user, *self.users()) if step.user else (0, 0)
        parts = path.split("/") if path else []
        for depth in range(1, len(parts) + 1):
            self.make_missing("/".join(parts[:depth]), Entry("dir", 0o755, *owner))

    def make_missing(self, path: str, entry: Entry) -> None:
        if clash(self.entries.setdefault(path, entry), entry):
            raise Conflict(path)

    def put(self, path: str, entry: Entry, *, legacy: bool) -> None:
        there = self.entries.get(path)
        if there is not None and clash(there, entry):
            if not legacy:
                raise Conflict(path)
            for below in [held for held in self.entries if held.startswith(f"{path}/")]:
                del self.entries[below]
        self.entries[path] = entry

    def unlinked(self, item: Item) -> Entry:
        """The entry, its hard links set apart from those of other steps."""
        inode = item.entry.inode
        return replace(item.entry, inode=(self._steps, *inode) if inode else None)

    def users(self) -> tuple[str, str]:
        found = (self.entries.get(f"etc/{name}") for name in ("passwd", "group"))
        passwd, group = ((e.content or b"").decode() if e else "" for e in found)
        return passwd, group

    def landing(self, path: str) -> str:
        """Where `path` leads, links followed; what is missing of it stays as it is written."""
        here: list[str] = []
        todo = path.split("/")
        links = 0
        while todo:
            part = todo.pop(0)
            there = self.entries.get("/".join([*here, part]))
            if there is not None and there.kind == "link":
                links += 1
                if links > 255:
                    raise Conflict(path)  # builders give up on it
                here = [] if there.target.startswith("/") else here
                todo = [*there.target.split("/"), *todo]
            elif part == "..":
                here = here[:-1]
            elif part not in ("", "."):
                here.append(part)
        return "/".join(here)


BASE = {
    "bin": DIR,
    "etc": DIR,
    "tmp": DIR,
    "usr": DIR,
}


def described(files: Files) -> dict[str, object]:
    """The tree as the vectors spell it, without what the base image has as well."""
    first: dict[tuple[int, ...], str] = {}
    found: dict[str, object] = {}
    for path, entry in sorted(files.entries.items()):
        if BASE.get(path) == entry:
            continue
        look = {"mode": f"{entry.mode:04o}", "uid": entry.uid, "gid": entry.gid}
        if entry.kind == "dir":
            found[path] = {"type": "dir", **look}
        elif entry.kind == "link":
            found[path] = {"type": "symlink", **look, "target": entry.target}
        elif entry.inode is not None and first.setdefault(entry.inode, path) != path:
            found[path] = {"type": "hardlink", **look, "target": first[entry.inode]}
        else:
            found[path] = {"type": "file", **look, **bytes_of(entry)}
    return found


def bytes_of(entry: Entry) -> dict[str, str]:
    content = entry.content or b""
    if len(content) > 1024:
        return {"sha1": hashlib.sha1(content, usedforsecurity=False).hexdigest()}
    return {"content": content.decode(errors="surrogateescape")}
