"""Deletes in containers without a shell: replaces the directory that something is to leave.

All that an engine does to a container's files without a command is to unpack an archive, and of
what that can do only one thing removes: a file in a directory's place takes all of it away. So the
directory becomes a file, and then the directory again, without what goes. What stays is linked
aside meanwhile, in `ASIDE`, and linked back: the files are the same ones, with all that belongs to
them, and no byte of them travels. Should that break off, what is aside is linked back by the next
deletion. A file without content is left at `ASIDE`, where the container cannot see it, because
`/dev` is mounted there.

What a running application makes in the directory between the look at it and its replacement is
lost, and so are its sockets there. A process that is in the directory is then in a removed one.
"""

from __future__ import annotations

import copy
import posixpath
import tarfile
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from livepush.engine import ContainerInfo, Engine
from livepush.errors import EngineError, NoShellError
from livepush.fetched import BROKEN
from livepush.mounts import ENGINES_FILES, is_within, touching
from livepush.realpath import RealPaths
from livepush.tarstream import TarStream
from livepush.tree import above

ASIDE = "/dev/.livepush"
_PLACE = f"{ASIDE}/place"  # a link to the directory that is replaced
_KEPT = f"{ASIDE}/kept"
# What an engine itself mounts into containers.
_MOUNTED = ("/dev", "/proc", "/sys", *ENGINES_FILES)
_CHUNK = 256 * 1024  # bytes of an upload at a time

Members = Mapping[str, tarfile.TarInfo]
"""What stands in a container, by absolute path, parents first; hard links lead to such a path."""


def refusal(directory: str, info: ContainerInfo, *, restarts: bool) -> str:
    """Why a directory, links followed, cannot be replaced; empty where it can. Pure."""
    if directory == "/":
        return "is in the root"
    mounted = touching(directory, (*_MOUNTED, *info.mounts))
    if mounted:
        return f"is beside {mounted}, which is mounted"
    if info.running and not restarts and is_within(info.workdir or "/", directory):
        return "is in the directory that the application runs in"
    return ""


async def delete(
    engine: Engine,
    info: ContainerInfo,
    paths: Sequence[str],
    directories: Sequence[str],
    *,
    restarts: bool,
) -> None:
    """Keeps the contract of `Engine.delete` for a container without a shell."""
    await _put_back(engine, info.id)
    real = RealPaths(engine, info.id)
    mounts = tuple([await real.target(mount) for mount in info.mounts])
    info = replace(info, mounts=mounts, workdir=await real.target(info.workdir or "/"))

    def refused(path: str) -> str:
        return refusal(posixpath.dirname(path), info, restarts=restarts)

    doomed = [await real.of(path) for path in paths]
    hollow = [await real.of(path) for path in directories]
    looked_at = (*map(posixpath.dirname, doomed), *hollow)
    present: dict[str, tarfile.TarInfo] = {}
    for top in _outermost(d for d in looked_at if not refusal(d, info, restarts=restarts)):
        present |= await _members(engine, info.id, top)
    stuck = {p for p in doomed if refused(p) and await engine.stat(info.id, p) is not None}
    gone = _gone(doomed, hollow, present)
    stuck |= {path for path in gone if refused(path)}
    for place in _outermost(map(posixpath.dirname, gone - stuck)):
        there = present if place in present else await _members(engine, info.id, place)
        kept = {p: m for p, m in there.items() if is_within(p, place) and _stays(p, gone)}
        await engine.put(info.id, _packed(_replaced(place, kept)))
        await engine.put(info.id, _packed([_file(ASIDE)]))
    if stuck:
        path = min(stuck)
        raise NoShellError(
            f"{path} in the container {info.name} cannot be deleted without /bin/sh: "
            f"it {refused(path)}."
        )


async def _put_back(engine: Engine, container: str) -> None:
    """Ends a replacement that broke off: what is aside stands in its place again."""
    stat = await engine.stat(container, ASIDE)
    if stat is None or stat.kind != "dir":
        return
    members = await _members(engine, container, ASIDE)
    place = members[_PLACE].linkname if _PLACE in members else ""
    aside = ((path.removeprefix(_KEPT), member) for path, member in members.items())
    kept = {path: member for path, member in aside if place and is_within(path, place)}
    await engine.put(container, _packed(_linked_back(kept)))
    await engine.put(container, _packed([_file(ASIDE)]))


def _gone(doomed: Iterable[str], hollow: Iterable[str], present: Members) -> set[str]:
    """What is to go of what is there, with the directories that are empty then."""
    gone = {path for path in doomed if path in present}
    children: dict[str, set[str]] = {}
    for path in present:
        children.setdefault(posixpath.dirname(path), set()).add(path)
    for path in hollow:
        if path in present and present[path].isdir() and children.get(path, set()) <= gone:
            gone.add(path)
    return gone


def _stays(path: str, gone: Collection[str]) -> bool:
    return path not in gone and not any(parent in gone for parent in above(path))


def _outermost(directories: Iterable[str]) -> list[str]:
    every = set(directories)
    return sorted(d for d in every if every.isdisjoint(above(d)))


async def _members(engine: Engine, container: str, directory: str) -> dict[str, tarfile.TarInfo]:
    """What is at and below `directory`; nothing where it is not there."""
    found: dict[str, tarfile.TarInfo] = {}
    stream, parent = TarStream(), posixpath.dirname(directory)
    try:
        async with aclosing(engine.get(container, directory)) as pieces:
            async for piece in pieces:
                for member in stream.feed(piece):
                    if isinstance(member, tarfile.TarInfo):
                        found[posixpath.join(parent, member.name)] = member
        stream.end()  # what is not known of would go with the directory
    except FileNotFoundError:
        return {}
    except BROKEN as error:
        raise EngineError(f"The engine sent a broken archive of {directory}: {error}") from error
    for member in found.values():
        if member.islnk():
            member.linkname = posixpath.join(parent, member.linkname)
    return found


def _replaced(place: str, kept: Members) -> Iterator[tarfile.TarInfo]:
    """The archive that leaves at `place` only what is `kept`."""
    yield _directory(ASIDE)
    yield _link(_PLACE, place)
    yield from _set_aside(kept)
    yield _file(place)
    yield from _linked_back(kept)


def _set_aside(kept: Members) -> Iterator[tarfile.TarInfo]:
    sources: dict[str, str] = {}
    for path, member in kept.items():
        if member.isdir():
            yield _named(member, _KEPT + path)
            continue
        first = member.linkname if member.islnk() else path
        # A file with several names keeps them: an overlay would make a file of each.
        yield _hard_link(member, _KEPT + path, sources.get(first, path))
        sources[first] = _KEPT + path


def _linked_back(kept: Members) -> Iterator[tarfile.TarInfo]:
    for path, member in kept.items():
        yield _named(member, path) if member.isdir() else _hard_link(member, path, _KEPT + path)


def _named(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo:
    named = copy.copy(member)
    named.name = path.lstrip("/")
    return named


def _hard_link(member: tarfile.TarInfo, path: str, to: str) -> tarfile.TarInfo:
    # The engine sets mode, owner and attributes of what it links, too.
    link = _named(member, path)
    link.type, link.size, link.linkname = tarfile.LNKTYPE, 0, to.lstrip("/")
    return link


def _directory(path: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path.lstrip("/"))
    info.type, info.mode = tarfile.DIRTYPE, 0o700
    return info


def _link(path: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path.lstrip("/"))
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def _file(path: str) -> tarfile.TarInfo:
    return tarfile.TarInfo(path.lstrip("/"))


async def _packed(members: Iterable[tarfile.TarInfo]) -> AsyncIterator[bytes]:
    waiting = bytearray()
    for member in members:
        # Only the one format has extended attributes, only the other any bytes as names.
        waiting += member.tobuf(
            tarfile.PAX_FORMAT if member.pax_headers else tarfile.GNU_FORMAT,
            "utf-8",
            "surrogateescape",
        )
        if len(waiting) >= _CHUNK:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting) + bytes(2 * tarfile.BLOCKSIZE)
