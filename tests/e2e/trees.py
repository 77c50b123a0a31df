"""The file trees of containers and images, and how two of them differ.

A tree is read from `docker export`, which works for a running container and for one that was only
created. What an engine puts into every container itself is left out.
"""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields

_ENGINES_OWN = (
    *("/dev", "/proc", "/sys", "/.dockerenv"),
    *("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab"),
)
_KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "link",
    tarfile.FIFOTYPE: "fifo",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
}


@dataclass(frozen=True, slots=True)
class Node:
    """What stands at a path; `content` is the SHA-256 of a file's bytes, `target` a link's text."""

    kind: str
    mode: int
    uid: int
    gid: int
    content: str = ""
    target: str = ""


Tree = Mapping[str, Node]
"""Nodes by absolute path. A file with several names is a node at each of them."""


def exported(
    container: str, program: str = "docker", environ: Mapping[str, str] | None = None
) -> Tree:
    """All that is in the container's file system, and no volume.

    `program` is the docker command line, `environ` its environment, by default the one here.
    """
    with subprocess.Popen(
        [program, "export", container], stdout=subprocess.PIPE, env=environ
    ) as export:
        assert export.stdout is not None
        with tarfile.open(fileobj=export.stdout, mode="r|") as archive:
            tree = dict(_nodes(archive))
        # What pads the archive's end.
        export.stdout.read()
    assert export.returncode == 0, f"docker export {container} ended with {export.returncode}"
    return tree


def differences(actual: Tree, wanted: Tree, *, but: Collection[str] = ()) -> list[str]:
    """One line a path that differs, in order; the paths in `but` and all below them may."""
    paths = sorted(path for path in {*actual, *wanted} if not _is_below(path, but))
    return [
        line for path in paths if (line := _difference(path, actual.get(path), wanted.get(path)))
    ]


def _nodes(archive: tarfile.TarFile) -> Iterator[tuple[str, Node]]:
    nodes: dict[str, Node] = {}
    for member in archive:
        path = "/" + member.name.strip("/")
        if path == "/" or _is_below(path, _ENGINES_OWN):
            continue
        if member.islnk():
            nodes[path] = nodes["/" + member.linkname.strip("/")]
        else:
            file = archive.extractfile(member) if member.isreg() else None
            content = hashlib.sha256(file.read()).hexdigest() if file else ""
            nodes[path] = Node(
                kind=_KINDS[member.type],
                mode=member.mode & 0o7777,
                uid=member.uid,
                gid=member.gid,
                content=content,
                target=member.linkname if member.issym() else "",
            )
        yield path, nodes[path]


def _difference(path: str, actual: Node | None, wanted: Node | None) -> str:
    if actual == wanted:
        return ""
    if actual is None:
        return f"{path}: missing"
    if wanted is None:
        return f"{path}: too much, a {actual.kind}"
    if actual.kind != wanted.kind:
        return f"{path}: a {actual.kind} instead of a {wanted.kind}"
    return f"{path}: " + ", ".join(
        f"{name} {_shown(name, actual)} instead of {_shown(name, wanted)}"
        for name in (each.name for each in fields(Node))
        if getattr(actual, name) != getattr(wanted, name)
    )


def _shown(name: str, node: Node) -> str:
    return f"{node.mode:o}" if name == "mode" else str(getattr(node, name))


def _is_below(path: str, tops: Collection[str]) -> bool:
    return any(path == top or path.startswith(f"{top}/") for top in tops)
