"""The verbs of `Engine` in requests of the Docker Engine API (moby's, 1.24 to 1.50)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import posixpath
import signal
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import TypeVar
from urllib.parse import quote, urlencode

from livepush import replacement, replies, shell
from livepush.buildcontext import BuildContext
from livepush.buildrequest import build
from livepush.calls import Connection
from livepush.engine import (
    CREATED,
    LABEL,
    Command,
    ContainerInfo,
    Engine,
    ImageConfig,
    OutputSink,
    Owned,
    PathStat,
    Tell,
)
from livepush.errors import ContainerNotRunningError, EngineError
from livepush.execution import Executions, delete, end_orphans, missing
from livepush.parcels import Parcels
from livepush.replies import Json, Reply, understood
from livepush.resident import Resident
from livepush.restarting import Restart
from livepush.shield import finish, settle
from livepush.span import Piece

_TERM = ("", "TERM", "SIGTERM", "15")  # as users write it, or leave it to be
_NOT_A_DIRECTORY = "not a directory"  # how the engine says that a path leads through a file
_LOOP = ("too many links", "too many levels of symbolic links")  # it follows a link for ever
# Not those by which one is made: its maker is about to start it.
_HAPPENINGS = ["start", "die", "pause", "unpause", "destroy"]
_HEARTBEAT = 60.0  # seconds, after which an engine that tells nothing is asked whether it is there
_REMOVING = "already in progress"
_GATHERING = 1800  # seconds that an image may be silent

T = TypeVar("T")


class ApiEngine(Engine):
    """Every verb but `aclose`.

    Beyond the contract: in a container without `/bin/sh` only a restart can end a command. Where
    there is none anyway, a cancelled `run` waits for its end, and leaves the processes that it put
    in the background.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._executions = Executions(connection)
        self._residents: dict[str, Resident] = {}
        self._may_have_orphans: set[str] = set()  # containers

    async def ping(self) -> str:
        reply = await self._json("GET", "version", "tell its version")
        api, _ = await self._connection.negotiated()
        with understood("tell its version"):
            return replies.name(reply, api)

    async def container(self, container: str) -> ContainerInfo | None:
        if not container:
            return None  # the engine would take the question for one about all of them
        what = f"inspect the container {container}"
        return await self._found(f"{_of(container)}/json", what, replies.container_info)

    async def happenings(self, container: str, name: str) -> AsyncGenerator[None, None]:
        wanted = {"type": ["container"], "container": [container, name], "event": _HAPPENINGS}
        path = f"events?{urlencode({'filters': json.dumps(wanted)})}"
        what = f"tell of the container {name}"
        listening = self._connection.pieces("GET", path, what, patience=math.inf, quiet=_HEARTBEAT)
        async with aclosing(listening) as pieces:
            async for _ in pieces:
                yield

    async def image(self, reference: str) -> ImageConfig | None:
        if not reference:
            return None
        version, _ = await self._connection.negotiated()
        read = partial(replies.image_config, version=version)
        what = f"inspect the image {reference}"
        return await self._found(f"{_image(reference)}/json", what, read)

    async def build(
        self,
        context: BuildContext,
        *,
        target: str = "",
        build_args: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        tell: Tell | None = None,
        legacy: bool | None = None,
        cached: bool = True,
    ) -> str:
        return await build(
            self._connection,
            context,
            target=target,
            build_args=build_args or {},
            labels=labels or {},
            tell=tell,
            legacy=legacy,
            cached=cached,
        )

    async def create(self, image: str, *, labels: Mapping[str, str], start: bool) -> str:
        creating = asyncio.ensure_future(self._create(image, labels, start))
        try:
            await settle(creating)
        except asyncio.CancelledError:
            if not creating.exception():
                await finish(self.remove(creating.result()))
            raise
        return creating.result()

    async def _create(self, image: str, labels: Mapping[str, str], start: bool) -> str:
        config = {
            "Image": image,
            "Labels": {**labels, CREATED: "1"},
            "User": "0",
            "Entrypoint": list(shell.IDLE) if start else [],
            # An image without a command makes no container, not even one that is never started.
            "Cmd": [] if start else ["-"],
            "Healthcheck": {"Test": ["NONE"]},
            "StopSignal": "SIGKILL",
        }
        what = f"create from {image}"
        reply = await self._json("POST", "containers/create", what, body=config)
        with understood(what):
            container = str(reply["Id"])
        if start:
            try:
                await self._json("POST", f"{_of(container)}/start", f"start a container of {image}")
            except EngineError:
                await self.remove(container)
                raise
        return container

    async def attend(self, container: str) -> None:
        self._may_have_orphans.add(container)
        with contextlib.suppress(EngineError, ContainerNotRunningError):  # the next run sees to it
            await self._end_orphans(container)
        resident = self._residents.setdefault(container, Resident(self._connection, container))
        await resident.open()

    async def _end_orphans(self, container: str) -> None:
        """Ends what a livepush that is over has left running there, where that is to be done."""
        if container in self._may_have_orphans:
            what = f"inspect the container {container}"
            commands = await self._found(f"{_of(container)}/json", what, replies.commands)
            await end_orphans(self._connection, container, commands or ())
            self._may_have_orphans.discard(container)

    async def close_residents(self) -> None:
        """Before the connection is given up."""
        for container in tuple(self._residents):
            await self.leave(container)

    async def leave(self, container: str) -> None:
        resident = self._residents.pop(container, None)
        if resident is not None:
            await resident.aclose()

    async def remove(self, container: str) -> None:
        await self.leave(container)
        what = f"remove the container {container}"
        try:
            await self._connection.answer("DELETE", f"{_of(container)}?force=1&v=1", what)
        except EngineError as error:
            # Somebody else may be at it, or the engine itself, for one that removes itself.
            if error.status != 404 and not (error.status == 409 and _REMOVING in error.message):
                raise

    async def remove_image(self, image: str) -> None:
        what = f"remove the image {image}"
        found = await self._found(f"{_image(image)}/json", what, replies.removable)
        while found is not None and not found.tagged:
            try:
                await self._connection.answer("DELETE", f"{_image(found.id)}?noprune=1", what)
            except EngineError as error:
                if error.status not in (404, 409):
                    raise
                return
            # The engine's own builder makes an image of every label, each upon the one before.
            below = found.below
            path = f"{_image(below)}/json"
            found = await self._found(path, what, replies.removable) if below else None
            if found is not None and not found.ours:
                return

    async def restart(self, container: str, *, grace: float) -> None:
        seconds = math.ceil(grace)
        if seconds and await self._is_in_vain(container):
            seconds = 0
        try:
            await Restart(self._connection, container, _of(container)).carry_out(seconds)
            if container in self._residents:
                await self._residents[container].forget()
        finally:
            if container in self._residents:
                self._residents[container].reopen()

    async def stat(self, container: str, path: str) -> PathStat | None:
        what = f"look at {_told(path)} in the container {container}"
        location = _archive(container, path)
        try:
            headers, _ = await self._connection.answer("HEAD", location, what)
        except EngineError as refusal:
            if refusal.status == 404:
                await self._existing(container)
                return None
            # The answer to a HEAD tells no reason, and some reasons are an answer.
            reason = await self._reason(location, what) or refusal
            if _NOT_A_DIRECTORY in reason.message:
                return None
            if any(words in reason.message for words in _LOOP):
                parent = await self.stat(container, posixpath.dirname(path))
                reached = parent is not None and (parent.kind == "dir" or parent.target)
                return PathStat("link", 0o777, 0) if reached else None
            raise reason from None
        with understood(what):
            return replies.path_stat(headers["X-Docker-Container-Path-Stat"])

    async def absent(self, container: str, paths: Sequence[str]) -> bool:
        resident = await self._resident(container)
        return resident is not None and await resident.absent(paths)

    async def put(self, container: str, archive: AsyncIterable[Piece]) -> None:
        resident = await self._resident(container)
        if resident is not None:
            parcels = Parcels(aiter(archive))
            while parcel := await parcels.take():
                if not await resident.deliver(parcel):
                    parcels.give_back(parcel)
                    break
            if parcels.is_over:
                return
            archive = parcels.rest()
        what = f"put files into the container {container}"
        path = _archive(container, "/")
        try:
            async with aclosing(self._connection.send("PUT", path, what, archive)) as pieces:
                async for _ in pieces:
                    pass
        except EngineError as error:
            if error.status == 404:
                raise missing(container) from error
            raise

    async def get(self, container: str, path: str) -> AsyncGenerator[bytes, None]:
        what = f"get {_told(path)} from the container {container}"
        location = _archive(container, path)
        name = posixpath.basename(path)
        if _told(name) != name:
            # The engine would give an empty archive.
            raise EngineError(f"The engine cannot {what}, whose name is not UTF-8: get its parent.")
        try:
            async with aclosing(self._connection.pieces("GET", location, what)) as pieces:
                async for piece in pieces:
                    yield piece
        except EngineError as error:
            if error.status == 404:
                await self._existing(container)
                raise FileNotFoundError(path) from error
            if _NOT_A_DIRECTORY in error.message:
                raise FileNotFoundError(path) from error
            raise

    async def export(self, container: str) -> AsyncGenerator[bytes, None]:
        what = f"export the container {container}"
        location = f"{_of(container)}/export"
        getting = self._connection.pieces("GET", location, what, patience=_GATHERING)
        try:
            async with aclosing(getting) as pieces:
                async for piece in pieces:
                    yield piece
        except EngineError as error:
            if error.status == 404:
                raise missing(container) from error
            raise

    async def save(self, image: str) -> AsyncGenerator[bytes, None]:
        path, what = f"{_image(image)}/get", f"save the image {image}"
        getting = self._connection.pieces("GET", path, what, patience=_GATHERING)
        async with aclosing(getting) as pieces:
            async for piece in pieces:
                yield piece

    async def delete(
        self,
        container: str,
        paths: Sequence[str],
        *,
        directories: Sequence[str] = (),
        restarts: bool = False,
    ) -> None:
        resident = await self._resident(container)
        if resident is not None and await finish(resident.remove(paths, directories)):
            return
        if await self.stat(container, shell.SHELL) is not None:
            with contextlib.suppress(ContainerNotRunningError):
                await finish(delete(self._connection, container, paths, directories))
                return
        info = await self._existing(container)
        if info.paused:
            raise _paused(info)
        await finish(replacement.delete(self, info, paths, directories, restarts=restarts))

    async def run(
        self,
        container: str,
        command: Command,
        output: OutputSink,
        *,
        grace: float,
        restarts: bool = False,
    ) -> int:
        info = await self._existing(container)
        if info.paused:
            raise _paused(info)
        if not info.running:
            raise ContainerNotRunningError(
                f"The container {info.name} is not running.",
                hint=f"Start it with `docker start {info.name}`; what is owed follows.",
            )
        await self._end_orphans(container)
        supervised = await self.stat(container, shell.SHELL) is not None
        return await self._executions.run(
            info,
            command,
            output,
            supervised=supervised,
            grace=grace,
            # An engine counts in whole seconds; so long nobody waits who was told to wait for less.
            restart=partial(self.restart, container, grace=math.floor(grace)) if restarts else None,
        )

    async def owned(self) -> tuple[Owned, ...]:
        made = urlencode({"all": "1", "filters": json.dumps({"label": [CREATED]})})
        built = urlencode({"filters": json.dumps({"label": [f"{LABEL}.session"]})})
        containers = await self._json("GET", f"containers/json?{made}", "list containers")
        images = await self._json("GET", f"images/json?{built}", "list images")
        with understood("list what is livepush's"):
            return (*replies.owned("container", containers), *replies.owned("image", images))

    async def _resident(self, container: str) -> Resident | None:
        """The shell that stays in the container, which is at nothing and has left nothing."""
        resident = self._residents.get(container)
        if resident is not None:
            await resident.settle()
            if litter := tuple(resident.litter):
                resident.litter.clear()
                try:
                    await self.delete(container, litter)
                except BaseException:  # a cancel as well: it may still be there
                    resident.litter += litter
                    raise
        return resident

    async def _is_in_vain(self, container: str) -> bool:
        """Whether the stop signal of the container surely does nothing."""
        resident = self._residents.get(container)
        info = await self.container(container) if resident is not None else None
        if resident is None or info is None or info.paused or info.stop_signal not in _TERM:
            return False
        with contextlib.suppress(EngineError, ContainerNotRunningError):
            return await resident.is_ignored(signal.SIGTERM)
        return False

    async def _existing(self, container: str) -> ContainerInfo:
        info = await self.container(container)
        if info is None:
            raise missing(container)
        return info

    async def _reason(self, location: str, what: str) -> EngineError | None:
        async with aclosing(self._connection.pieces("GET", location, what)) as pieces:
            try:
                await anext(pieces)
            except EngineError as error:
                return error
        return None

    async def _json(self, method: str, path: str, what: str, *, body: Json = None) -> Json:
        return await self._connection.json(method, path, what, body=body)

    async def _found(self, path: str, what: str, read: Callable[[Reply], T]) -> T | None:
        try:
            found = await self._json("GET", path, what)
        except EngineError as error:
            if error.status == 404:
                return None
            raise
        with understood(what):
            return read(found)


def _paused(info: ContainerInfo) -> ContainerNotRunningError:
    return ContainerNotRunningError(
        f"The container {info.name} is paused.",
        hint=f"Let it go on with `docker unpause {info.name}`; what is owed follows.",
    )


def _of(container: str) -> str:
    return f"containers/{quote(container, safe='')}"


def _image(reference: str) -> str:
    return f"images/{quote(reference, safe='/:@')}"


def _archive(container: str, path: str) -> str:
    # A slash at the end would follow a link there.
    name = quote((path.rstrip("/") or "/").encode(errors="surrogateescape"), safe="/")
    return f"{_of(container)}/archive?path={name}"


def _told(path: str) -> str:
    """`path` as it can be printed: with marks for bytes that are not UTF-8."""
    return path.encode(errors="surrogateescape").decode(errors="replace")
