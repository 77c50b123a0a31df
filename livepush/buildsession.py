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
from urllib.parse import unquote_plus

import anyio

from livepush.buildcontext import BuildContext, written
from livepush.calls import Talk
from livepush.cause import ungrouped
from livepush.errors import EngineError
from livepush.filesync import END, ERROR, REQUEST, Directory, Packet
from livepush.grpcserver import Call, Method, Server
from livepush.manifest import Item
from livepush.pattern import has_wildcard
from livepush.sending import sent
from livepush.tree import Tree, clean

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
    rest it may want what some sources name.
    """
    name = metadata.get("dir-name", [""])[0]
    if name == "dockerfile":
        return {posixpath.basename(context.dockerfile): written(context.text)}
    if name != "context":
        raise EngineError(f"The build asks for the directory {name!r}, which livepush has not.")
    wanted = metadata.get("followpaths", [])
    if "followpaths-encoded" in metadata:  # so newer engines say names beyond ASCII
        wanted = [unquote_plus(path, errors="surrogateescape") for path in wanted]
    if wanted == _IGNORE_FILE:
        return {}
    return _led_to(wanted, context) if wanted else context.items


def _led_to(sources: Iterable[str], context: BuildContext) -> Mapping[str, Item]:
    """What docker's client sends of a context when it is asked for `sources`.

    That is everything where one is not there, which a build then complains of, and where a pattern
    means more to a client than a copy takes.
    """
    tree, tops = context.tree, {clean(source) for source in sources}
    if not all(_is_plain(tree, top) for top in tops):
        return context.items
    found = sent(tree, tops)
    return {path: item for path, item in context.items.items() if path in found}


def _is_plain(tree: Tree, top: str) -> bool:
    if has_wildcard(top):
        return "**" not in top and not top.startswith("!")
    return tree.resolve(top) is not None
