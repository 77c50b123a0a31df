"""A build session: an engine asks livepush for what its BuildKit needs of a build context.

It is how the docker command line sends a context, and only that gives the same build: no step sees
the Dockerfile, and the cache is one. The engine calls, over a connection that livepush opened:
https://github.com/moby/buildkit/tree/master/session.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from contextlib import aclosing
from functools import partial
from itertools import chain

import anyio

from livepush.buildcontext import BuildContext, written
from livepush.calls import Talk
from livepush.cause import ungrouped
from livepush.errors import EngineError
from livepush.filesync import END, ERROR, REQUEST, Directory, Packet
from livepush.grpcserver import Call, Method, Server
from livepush.manifest import Item
from livepush.pattern import has_wildcard
from livepush.tree import above, clean

_SYNC = "/moby.filesync.v1.FileSync/DiffCopy"
_HEALTH = "/grpc.health.v1.Health/Check"
METHODS = (_SYNC, _HEALTH)
"""What an engine may call here."""

_SERVING = b"\x08\x01"  # the answer to whether all is well
_IGNORE_FILE = [".dockerignore"]  # what an engine wants by itself before it wants the rest
_AT_ONCE = 128 * 1024  # bytes of packets that are made, and sent, together


async def serve(talk: Talk, context: BuildContext) -> None:
    """Answers for `context` until the engine ends the connection, and closes it.

    Raises `EngineError` where it breaks off, and `OSError` for a file that may not be read.
    """
    methods: dict[str, Method] = {_SYNC: partial(_sync, context), _HEALTH: _say_healthy}
    async with aclosing(talk):
        await Server(talk, methods).serve()


async def _say_healthy(call: Call) -> None:
    await call.say([_SERVING])


async def _sync(context: BuildContext, call: Call) -> None:
    """Sends the directory that is asked for."""
    directory = Directory(_wanted(context, call.metadata), context.files)
    with ungrouped():
        async with anyio.create_task_group() as telling:
            telling.start_soon(_say, call, directory.entries())
            while packets := [Packet.read(message) for message in await call.hear()]:
                kinds = {packet.kind for packet in packets}
                if ERROR in kinds:
                    break  # the engine tells itself what went wrong there
                numbers = [packet.number for packet in packets if packet.kind == REQUEST]
                await _say(call, chain.from_iterable(map(directory.contents, numbers)))
                if END in kinds:
                    await call.say([bytes(Packet(END))])
                    return
            telling.cancel_scope.cancel()


async def _say(call: Call, packets: Iterable[bytes]) -> None:
    made = iter(packets)
    while some := await asyncio.to_thread(_some, made):
        await call.say(some)


def _some(packets: Iterator[bytes]) -> list[bytes]:
    taken: list[bytes] = []
    size = 0
    for packet in packets:
        taken.append(packet)
        size += len(packet)
        if size >= _AT_ONCE:
            break
    return taken


def _wanted(context: BuildContext, metadata: Mapping[str, list[str]]) -> Mapping[str, Item]:
    """What is in the directory that a call's `metadata` name.

    The context is filtered already: an engine that finds no ignore file leaves nothing out. Of the
    rest it may want what some paths lead to.
    """
    name = metadata.get("dir-name", [""])[0]
    if name == "dockerfile":
        return {posixpath.basename(context.dockerfile): written(context.text)}
    if name != "context":
        raise EngineError(f"The build asks for the directory {name!r}, which livepush has not.")
    wanted = metadata.get("followpaths", [])
    if wanted == _IGNORE_FILE:
        return {}
    return _led_to(wanted, context.items) if wanted else context.items


def _led_to(sources: Iterable[str], items: Mapping[str, Item]) -> Mapping[str, Item]:
    """What `sources` name, with all below and above.

    That is everything where one is not simply there: a pattern, a link, or a name that only some
    versions of BuildKit spell otherwise.
    """
    tops = {clean(source) for source in sources}
    ways = {way for top in tops for way in (top, *above(top))} - {""}
    if any(map(has_wildcard, tops)) or not tops <= items.keys() or _has_link(ways, items):
        return items
    return {
        path: item
        for path, item in items.items()
        if path in ways or not tops.isdisjoint(above(path))
    }


def _has_link(paths: Iterable[str], items: Mapping[str, Item]) -> bool:
    return any(items[path].entry.kind == "link" for path in paths if path in items)
