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
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from livepush.errors import DockerfileParseError, InvalidArgumentError
from livepush.ignore import Ignore
from livepush.live import Dockerfile
from livepush.manifest import Destination, Item, MissingSource, manifest
from livepush.model import Copy, Entry, Fixed, Graph, MakeDir, Stage
from livepush.owner import resolve, resolve_user
from livepush.tree import Tree

VECTORS = json.loads((Path(__file__).parent / "vectors" / "copy.json").read_text())["cases"]

# Steps that only a build can take for us: the case's tree is the build's own business.
ONLY_BUILT: Mapping[str, str] = {}
# Cases that we end otherwise than BuildKit, and why.
DIFFERENT: Mapping[str, str] = {}


class BuildError(Exception):
    """What the fold itself finds: a type conflict at a destination, which fails a build."""


def needs_an_engine(case: Mapping[str, Any]) -> bool:
    """Whether a `RUN` has to be carried out, or an archive unpacked, to know the outcome."""
    keywords = {line.split()[0].upper() for line in case["dockerfile"].splitlines() if line.split()}
    archives = "ADD" in keywords and any("content_b64" in e for e in case["context"].values())
    return "RUN" in keywords or archives


PURE = [case for case in VECTORS if not needs_an_engine(case)]


@pytest.mark.parametrize("case", PURE, ids=lambda case: case["id"])
def test_case(case: Mapping[str, Any]) -> None:
    got = outcome(case)
    expected = "fails" if "error" in case["expect"] else case["expect"]["tree"]
    assert got == expected


def outcome(case: Mapping[str, Any]) -> object:
    """What differs from the base image afterwards, or that the build fails."""
    try:
        return described(built(case))
    except (DockerfileParseError, InvalidArgumentError, MissingSource, BuildError):
        return "fails"


def built(case: Mapping[str, Any]) -> Files:
    options = dict(zip(case["build_args"][::2], case["build_args"][1::2], strict=True))
    arguments = dict([options["--build-arg"].split("=")]) if "--build-arg" in options else {}
    entries = {path: entry(e, case["context"]) for path, e in case["context"].items()}
    dockerfile = options.get("-f", "Dockerfile").removeprefix("{ctx}/")
    text = case["dockerfile"].encode(errors="surrogateescape")
    entries.setdefault("Dockerfile", Entry("file", 0o644, content=text))
    graph = Dockerfile(entries[dockerfile].content or b"").graph(
        build_args=arguments, target=options.get("--target", "")
    )
    return folded(graph, filtered(entries, dockerfile))


def entry(described: Mapping[str, Any], context: Mapping[str, Any]) -> Entry:
    inode = None
    if described["type"] == "hardlink":
        described = context[described["target"]]
    mode = int(described.get("mode", {"dir": "0755"}.get(described["type"], "0644")), 8)
    match described["type"]:
        case "dir":
            return Entry("dir", mode)
        case "symlink":
            return Entry("link", 0o777, target=described["target"])
    content = described.get("content", "").encode(errors="surrogateescape")
    content = base64.b64decode(described.get("content_b64", "")) or content
    return Entry("file", mode, size=len(content), content=content, inode=inode)


def filtered(entries: Mapping[str, Entry], dockerfile: str) -> Tree:
    """The context as the ignore file leaves it; an ignored directory stays for what is below."""
    names = (f"{dockerfile}.dockerignore", ".dockerignore")
    text = next((entries[name].content for name in names if name in entries), None)
    ignore = Ignore.parse(text or b"")
    kept = {path for path in entries if not ignore.ignored(path)}
    above = {posixpath.dirname(path) for path in kept}
    return Tree.of((p, e) for p, e in sorted(entries.items()) if p in kept | above)


def folded(graph: Graph, context: Tree) -> Files:
    """The files of the target stage; other stages are built only where it copies from them."""

    def stage_files(stage: Stage) -> Files:
        files = Files({} if stage.image == "scratch" else dict(BASE))
        for step in stage.steps:
            if isinstance(step, Copy):
                files.copy(step, context if step.origin is None else origin_tree(step.origin))
            elif isinstance(step, MakeDir):
                files.make(step)
            else:
                raise OnlyBuiltError(step.text)
        return files

    def origin_tree(origin: int | str) -> Tree:
        return stage_files(graph.stages[int(origin)]).tree

    return stage_files(graph.target)


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
        owner = resolve(step.chown, *self.users()) if step.chown else None
        path = self.landing(step.dest)
        there = self.entries.get(path)
        is_dir = step.dest_is_dir or not path or (there is not None and there.kind == "dir")
        wanted = manifest(step, source, Destination(f"/{path}", is_dir), owner)
        for made in wanted.made:
            self.make_missing(made[1:], wanted.owner)
        for written, item in wanted.items.items():
            self.put(written[1:], self.unlinked(item))

    def make(self, step: MakeDir) -> None:
        path = self.landing(step.path)
        owner = resolve_user(step.user, *self.users())
        parts = path.split("/") if path else []
        for depth in range(1, len(parts) + 1):
            self.make_missing("/".join(parts[:depth]), owner)

    def make_missing(self, path: str, owner: tuple[int, int]) -> None:
        there = self.entries.get(path)
        if there is None:
            self.entries[path] = Entry("dir", 0o755, *owner)
        elif there.kind != "dir":
            raise BuildError(f"{path} is no directory")

    def put(self, path: str, entry: Entry) -> None:
        there = self.entries.get(path)
        if there is not None and (there.kind == "dir") != (entry.kind == "dir"):
            raise BuildError(f"a {entry.kind} at {path}, where a {there.kind} is")
        self.entries[path] = entry

    def unlinked(self, item: Item) -> Entry:
        """The entry, its hard links set apart from those of other steps."""
        inode = item.entry.inode
        return replace(item.entry, inode=(self._steps, inode[1]) if inode else None)

    def users(self) -> tuple[str, str]:
        found = (self.entries.get(f"etc/{name}") for name in ("passwd", "group"))
        passwd, group = ((e.content or b"").decode() if e else "" for e in found)
        return passwd, group

    def landing(self, path: str) -> str:
        """Where `path` leads, links followed; what is missing of it stays as it is written."""
        tree = self.tree
        parts = path.strip("/").split("/")
        for depth in range(len(parts), 0, -1):
            here = "/".join(parts[:depth])
            resolved = tree.resolve(here)
            if resolved is not None:
                return "/".join([resolved, *parts[depth:]]).strip("/")
        return path.strip("/")


BASE = {
    "bin": Entry("dir", 0o755),
    "etc": Entry("dir", 0o755),
    "tmp": Entry("dir", 0o1777),
    "usr": Entry("dir", 0o755),
}


def described(files: Files) -> dict[str, object]:
    """The tree as the vectors spell it, without what the base image has as well."""
    first: dict[tuple[int, int], str] = {}
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
        return {"sha1": hashlib.sha1(content).hexdigest()}
    return {"content": content.decode(errors="surrogateescape")}
