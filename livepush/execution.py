"""Commands in a container, over the exec part of the Docker Engine API.

The engine starts a command and streams its output, but cannot end it, and closing the stream does
not either. A command is therefore run below `shell.supervised`, which first tells its session and
mark; ending it is a second command. Without a shell only a restart of the container ends it. And
the end of the output proves nothing, because a lost connection looks the same: what counts is that
the engine then knows the exit status.

A command outlives a livepush that is killed. By its name, which tells of which process it is, and
which the engine shows with its arguments, it is found and ended when the next session begins.
"""

from __future__ import annotations

import asyncio
import math
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import Any

from livepush import process, shell
from livepush.calls import Requests
from livepush.engine import Command, ContainerInfo, OutputSink
from livepush.errors import ContainerNotRunningError, EngineError, LivepushError
from livepush.replies import Frames, Reply, understood
from livepush.shield import finish

_SESSION_LINE = re.compile(rb"(\d+) (-|-?\d+)\n")
_PART_OF_IT = re.compile(rb"\d+( (-|-?\d+)?)?")
_NO_MARK = "-"
_START = 10.0  # seconds within which a command tells its session once it was asked for
_KEPT_BY_KERNEL = 10.0  # seconds beyond the grace until a process counts as unkillable
_OURS = "livepush-"  # begins the names of all sessions
_ROOT = "0"  # with root's groups; an empty user would be the container's own


Restart = Callable[[], Awaitable[None]]


class Executions:
    """The commands that one connection runs.

    One that could not be ended, because the engine was out of reach, is ended before the next one
    begins in its container.
    """

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._lost: list[Execution] = []

    async def run(
        self,
        container: ContainerInfo,
        command: Command,
        output: OutputSink,
        *,
        supervised: bool,
        grace: float,
        restart: Restart | None = None,
    ) -> int:
        """Its exit status. Contract: `Engine.run`."""
        for earlier in [each for each in self._lost if each.container.id == container.id]:
            await earlier.end_late(grace)
            self._lost.remove(earlier)
        execution = Execution(
            self._requests, container, command, output, supervised=supervised, restart=restart
        )
        try:
            return await execution.run(grace)
        finally:
            if execution.lost:
                self._lost.append(execution)


class Execution:
    """One command in a container, from its start to its end.

    `lost` is whether it may run on, because the engine could not be asked to end it.
    """

    def __init__(
        self,
        requests: Requests,
        container: ContainerInfo,
        command: Command,
        output: OutputSink,
        *,
        supervised: bool,
        restart: Restart | None = None,
    ) -> None:
        """`supervised` is whether the container has a shell to run the command below.

        `restart` ends all that runs in a container without one, if that may be done.
        """
        self.container = container
        self.lost = False
        self._requests = requests
        self._command = command
        self._output = output
        self._supervised = supervised
        self._restart = restart
        self._head = b""
        self._name = named(8)
        self._id = ""  # of the engine, once it has one
        self._session: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    async def run(self, grace: float) -> int:
        """Its exit status. Contract: `Engine.run`."""
        following = asyncio.ensure_future(self._follow())
        try:
            return await asyncio.shield(following)
        except BaseException:  # a cancel and the sink's own errors as well: none ends the command
            await finish(self._end(following, grace))
            raise

    async def _follow(self) -> int:
        command = self._command
        argv, env = list(command.argv), list(command.env)
        if self._supervised:
            argv, env = shell.supervised(command, self._name)
        config = {
            "Cmd": argv,
            "Env": [*_unset(self.container.env), *env],
            "User": command.user or _ROOT,
            "WorkingDir": command.workdir,
        }
        self._id = await created(self._requests, self.container.id, config)
        output = self._take if self._supervised else self._output
        return await _executed(self._requests, self.container.id, self._id, output)

    def _take(self, piece: bytes, is_stderr: bool) -> None:
        """Passes output on, except the line that tells the session."""
        if is_stderr or self._session.done():
            self._output(piece, is_stderr)
            return
        self._head += piece
        line = _SESSION_LINE.match(self._head)
        if line:
            self._session.set_result((int(line[1]), line[2].decode()))
        # What is no such line, nor its beginning, is why nothing was started.
        elif _PART_OF_IT.fullmatch(self._head):
            return
        else:
            self._session.cancel()
        rest = self._head[line.end() if line else 0 :]
        if rest:
            self._output(rest, False)

    async def _end(self, following: asyncio.Task[int], grace: float) -> None:
        if not self._supervised:
            await self._restarted(following)
            await asyncio.wait({following})
        if following.done() and following.exception() is None:
            return
        begun: set[asyncio.Future[Any]] = {following, self._session}
        await asyncio.wait(begun, timeout=_START, return_when=asyncio.FIRST_COMPLETED)
        try:
            await self._end_session(grace)
            await asyncio.wait({following}, timeout=_KEPT_BY_KERNEL)
        except (ContainerNotRunningError, EngineError):
            # In a container that is paused it goes on later.
            self.lost = self._supervised
        following.cancel()
        await asyncio.wait({following})

    async def _restarted(self, following: asyncio.Task[int]) -> None:
        for _ in range(2):  # the command may have begun only after the first
            if self._restart is None or following.done():
                return
            with suppress(EngineError, ContainerNotRunningError):
                await self._restart()
            await asyncio.wait({following}, timeout=_START)

    async def end_late(self, grace: float) -> None:
        """Ends it, if it still runs, once the engine can be reached again."""
        running = False
        try:
            running, _ = await state(self._requests, self.container.id, self._id)
        except EngineError as error:
            if error.status != 404:  # by which an engine that was started anew knows nothing of it
                raise
        if running:
            # Its id may be another session's by now.
            await self._ended(self._name, _NO_MARK, grace)

    async def _end_session(self, grace: float) -> None:
        if self._session.cancelled() or not self._supervised or not self._id:
            return
        mark = _NO_MARK
        if self._session.done():
            number, mark = self._session.result()
            session = str(number)
        else:
            # The connection was lost before it told its id.
            running, _ = await state(self._requests, self.container.id, self._id)
            if not running:
                return
            session = self._name
        await self._ended(session, mark, grace)

    async def _ended(self, session: str, mark: str, grace: float) -> None:
        argv = shell.ending(session, mark, grace)
        status, said = await _as_root(self._requests, self.container.id, argv, self.container.env)
        if status:
            raise EngineError(f"A command in the container {self.container.name} goes on: {said}")


async def delete(
    requests: Requests, container: str, paths: Sequence[str], directories: Sequence[str]
) -> None:
    """Contract: `Engine.delete`, in a container with a shell."""
    for argv in shell.deletions(paths, directories):
        status, said = await _as_root(requests, container, argv)
        if status:
            raise EngineError(f"Not all could be deleted in the container {container}: {said}")


async def end(requests: Requests, container: str, session: str) -> None:
    """Ends at once all of the session of that name. Raises `EngineError` where it cannot be."""
    status, _ = await _as_root(requests, container, shell.ending(session, _NO_MARK, 0))
    if status:
        raise EngineError(f"The shell {session} in the container {container} does not end.")


def named(length: int) -> str:
    """A name for a session in a container, of which `length` bytes are chance."""
    return f"{_OURS}{secrets.token_hex(length)} {process.stamp()}"


async def end_orphans(requests: Requests, container: str, commands: Iterable[str]) -> None:
    """Ends those of `commands`, the engine's ids, whose livepush is over.

    Raises `EngineError` and `ContainerNotRunningError` where one cannot be ended, once the others
    are.
    """
    errors: list[LivepushError] = []
    for command in commands:
        try:
            await _end_orphan(requests, container, command)
        except (EngineError, ContainerNotRunningError) as error:
            if getattr(error, "status", None) != 404:  # by which it has ended meanwhile
                errors.append(error)
    if errors:
        raise errors[0]


async def _end_orphan(requests: Requests, container: str, command: str) -> None:
    what = _what(container)
    reply = await requests.json("GET", f"exec/{command}/json", what)
    with understood(what):
        arguments, runs = reply["ProcessConfig"]["arguments"] or [], bool(reply["Running"])
    names = (shell.session(argument) for argument in arguments[1:2])
    for name in names if runs else ():
        stamp = name.removeprefix(_OURS).partition(" ")[2]
        if name.startswith(_OURS) and process.fate(stamp) == "over":
            await end(requests, container, name)


def missing(container: str) -> ContainerNotRunningError:
    return ContainerNotRunningError(f"There is no container {container}.")


async def _as_root(
    requests: Requests, container: str, argv: list[str], env: Iterable[str] = ()
) -> tuple[int, str]:
    """Its exit status and all its output, as text."""
    said = bytearray()
    command = await created(requests, container, root_config(argv, env))
    status = await _executed(requests, container, command, lambda piece, _: said.extend(piece))
    return status, said.decode(errors="replace").strip()


async def created(requests: Requests, container: str, config: Reply) -> str:
    """The engine's id for a command that is about to run."""
    what = _what(container)
    config = {"AttachStdout": True, "AttachStderr": True, **config}
    try:
        with _where_it_runs():
            created = await requests.json("POST", f"containers/{container}/exec", what, body=config)
    except EngineError as error:
        if error.status == 404:
            raise missing(container) from error
        raise
    with understood(what):
        return str(created["Id"])


@contextmanager
def _where_it_runs() -> Iterator[None]:
    """Raises `ContainerNotRunningError` where the engine refuses a command for that reason."""
    try:
        yield
    except EngineError as error:
        if error.status == 409:
            raise ContainerNotRunningError(error.message) from error
        raise


async def _executed(requests: Requests, container: str, command: str, output: OutputSink) -> int:
    """Runs the command of that id; its exit status."""

    async def runs() -> bool:
        return (await state(requests, container, command))[0]

    path, body, frames = f"exec/{command}/start", {"Detach": False, "Tty": False}, Frames()
    starting = requests.pieces(
        "POST", path, _what(container), body=body, patience=math.inf, goes_on=runs
    )
    with _where_it_runs():
        async with aclosing(starting) as pieces:
            async for piece in pieces:
                for payload, is_stderr in frames.feed(piece):
                    output(payload, is_stderr)
    running, status = await state(requests, container, command)
    if running or status is None:
        raise EngineError(f"The connection was lost while a command ran in {container}.")
    return status


async def state(requests: Requests, container: str, command: str) -> tuple[bool, int | None]:
    """Whether the command of that id runs, and its exit status where it has ended."""
    what = _what(container)
    reply = await requests.json("GET", f"exec/{command}/json", what)
    with understood(what):
        return bool(reply["Running"]), reply["ExitCode"]


def root_config(argv: list[str], env: Iterable[str]) -> Reply:
    """A command of livepush's own, without what the container's `env` would pass on."""
    return {"Cmd": argv, "Env": [*_unset(env), shell.PATH], "User": _ROOT, "WorkingDir": "/"}


def _what(container: str) -> str:
    return f"run a command in the container {container}"


def _unset(env: Iterable[str]) -> list[str]:
    """A name without a value takes the variable away that the container would pass on."""
    return ["HOSTNAME", *(variable.partition("=")[0] for variable in env)]
