"""A container's file tree in memory, with the rules of the Engine API's archives for it."""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from livepush.engine import PathKind, PathStat
from livepush.errors import EngineError

_MAX_LINKS = 40
_REMOVED, _EMPTIED = ".wh.", ".wh..wh..opq"  # in the layers of images
_TYPES: dict[PathKind, bytes] = {
    "file": tarfile.REGTYPE,
    "dir": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
}


@dataclass(slots=True)
class Node:
    """What stands at a path; one node at several paths is a file with several names."""

    kind: PathKind
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    content: bytes = b""
    target: str = ""

    def copy(self) -> Node:
        return Node(self.kind, self.mode, self.uid, self.gid, self.content, self.target)


class Files:
    """Nodes by absolute path. Every parent of a path is there, and is a directory."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {"/": Node("dir", 0o755)}

    def copy(self) -> Files:
        files, twins = Files(), dict[int, Node]()
        for path, node in self._nodes.items():
            twin = twins.get(id(node))  # there for another name of the same file
            if twin is None:
                twin = twins[id(node)] = node.copy()
            files._nodes[path] = twin
        return files

    def __iter__(self) -> Iterator[str]:
        """All paths, parents first, in order."""
        return iter(sorted(self._nodes))

    def node(self, path: str) -> Node | None:
        """The node at `path`, a link at its end not followed."""
        where = self._located(path)
        return None if where is None else self._nodes.get(where)

    def resolve(self, path: str) -> str | None:
        """Where `path` leads with every link followed, there or not; None where it cannot lead."""
        return self._located(path, follow=True)

    def stat(self, path: str) -> PathStat | None:
        node = self.node(path)
        if node is None:
            return None
        target = (self.resolve(path) or "") if node.kind == "link" else ""
        return PathStat(node.kind, node.mode, len(node.content), target)

    def read(self, path: str) -> bytes | None:
        """The content of the file at `path`, links followed; None where there is none."""
        where = self.resolve(path)
        node = self._nodes.get(where) if where is not None else None
        return node.content if node is not None and node.kind == "file" else None

    def write(self, path: str, content: bytes, *, mode: int = 0o644, uid: int = 0) -> None:
        """As a program writes: through links, a file that is there keeps its mode and owner."""
        where = self.resolve(path)
        node = self._nodes.get(where) if where is not None else None
        if where is None or (node is not None and node.kind != "file"):
            raise IsADirectoryError(path)
        if node is not None:
            node.content = content
        else:
            self.place(where, Node("file", mode, uid, uid, content))

    def place(self, path: str, node: Node) -> None:
        """Puts a node at `path` instead of what is there, as extracting an archive does."""
        where = self._located(path)
        if where is None:
            raise NotADirectoryError(path)
        if where == "/":
            return
        self._make_parents(where)
        old = self._nodes.get(where)
        if not (old is not None and old.kind == node.kind == "dir"):
            self.remove(where)
        self._nodes[where] = node

    def remove(self, path: str) -> None:
        """Removes what is at `path` with all below it; a link itself."""
        where = self._located(path)
        if where not in (None, "/"):
            for below in [where, *self.below(where)]:
                self._nodes.pop(below, None)

    def below(self, path: str) -> list[str]:
        """All paths below the directory at `path`."""
        prefix = f"{path.rstrip('/')}/"
        return [other for other in self if other.startswith(prefix) and other != "/"]

    def extract(self, archive: bytes) -> None:
        """Extracts a tar at `/`. Contract: `Engine.put`."""
        with tarfile.open(fileobj=io.BytesIO(archive), encoding="utf-8") as tar:
            for member in tar:
                try:
                    self._extract(tar, member)
                except NotADirectoryError as error:
                    raise EngineError(f"not a directory: {error}", status=500) from error

    def apply(self, layer: bytes) -> None:
        """Lays the tar of an image's layer over the files: `.wh.` names take others away."""
        with tarfile.open(fileobj=io.BytesIO(layer), encoding="utf-8") as tar:
            members = tar.getmembers()
            for member in members:
                parent, name = posixpath.split(posixpath.normpath(f"/{member.name}"))
                if name == _EMPTIED:
                    for below in self.below(parent):
                        self.remove(below)
                elif name.startswith(_REMOVED):
                    self.remove(posixpath.join(parent, name.removeprefix(_REMOVED)))
            for member in members:
                if not posixpath.basename(member.name).startswith(_REMOVED):
                    self._extract(tar, member)

    def archive(self, path: str) -> bytes:
        """A tar of what is at `path`. Contract: `Engine.get`."""
        where = self._located(path)
        if where is None or where not in self._nodes:
            raise FileNotFoundError(path)
        raw = io.BytesIO()
        base = posixpath.basename(where) or "/"
        with tarfile.open(fileobj=raw, mode="w", encoding="utf-8") as tar:
            for each in [where, *self.below(where)]:
                name = (base + each[len(where) :]) if where != "/" else each.lstrip("/") or "."
                node = self._nodes[each]
                info = tarfile.TarInfo(name)
                info.type, info.mode, info.linkname = _TYPES[node.kind], node.mode, node.target
                info.uid, info.gid, info.size = node.uid, node.gid, len(node.content)
                tar.addfile(info, io.BytesIO(node.content))
        return raw.getvalue()

    def _extract(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        path = posixpath.normpath(f"/{member.name}")
        mode, uid, gid = member.mode & 0o7777, member.uid, member.gid
        if member.isdir():
            self.place(path, Node("dir", mode, uid, gid))
        elif member.issym():
            self.place(path, Node("link", 0o777, uid, gid, target=member.linkname))
        elif member.islnk():
            first = self.node(posixpath.normpath(f"/{member.linkname}"))
            if first is None:
                raise NotADirectoryError(member.linkname)
            self.place(path, first)
        else:
            content = tar.extractfile(member)
            self.place(path, Node("file", mode, uid, gid, content.read() if content else b""))

    def _make_parents(self, path: str) -> None:
        parent = posixpath.dirname(path)
        node = self._nodes.get(parent)
        if node is None:
            self._make_parents(parent)
            self._nodes[parent] = Node("dir", 0o755)
        elif node.kind != "dir":
            raise NotADirectoryError(parent)

    def _located(self, path: str, *, follow: bool = False) -> str | None:
        """`path` with the links in its parents followed, with `follow` also one at its end."""
        todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        here, links = "/", 0
        while todo:
            part = todo.pop()
            if part == "..":
                here = posixpath.dirname(here)
                continue
            there = posixpath.join(here, part)
            node = self._nodes.get(there)
            if node is None or node.kind == "dir" or (node.kind == "link" and not (todo or follow)):
                here = there
            elif node.kind == "link":
                links += 1
                if links > _MAX_LINKS:
                    return None
                here = "/" if node.target.startswith("/") else here
                todo.extend(p for p in reversed(node.target.split("/")) if p not in ("", "."))
            elif todo:
                return None
            else:
                here = there
        return here
