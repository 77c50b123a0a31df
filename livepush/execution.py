"""Commands in a container, over the exec part of the Docker Engine API.

The engine starts a command and streams its output, but cannot end it, and closing the stream does
not either. A command is therefore run below `shell.supervised`, which first tells the id of its
session; ending it is a second command. And the end of the output proves nothing, because a lost
connection looks the same: what counts is that the engine then knows the exit status.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing, suppress
from typing import Protocol

from livepush import shell
from livepush.engine import Command, ContainerInfo, OutputSink
from livepush.errors import ContainerNotRunningError, EngineError
from livepush.replies import Frames, Json, Reply
from livepush.shield import finish

_SESSION_LINE = re.compile(rb"(\d+)\n")
_START = 10.0  # seconds within which a command tells its session once it was asked for
_KEPT_BY_KERNEL = 10.0  # seconds beyond the grace until a process counts as unkillable
_ROOT = "0"  # with root's groups; an empty user would be the container's own


class Requests(Protocol):
    """The two kinds of request to an engine; `what` says it in an error's sentence."""

    async def json(self, method: str, path: str, what: str, *, body: Json = None) -> Json:
        """A short request; its answer's JSON."""

    def pieces(
        self, method: str, path: str, what: str, *, body: Json = None
    ) -> AsyncGenerator[bytes, None]:
        """A long request; its answer as it comes."""


class Execution:
    """One command in a container, from its start to its end."""

    def __init__(
        self,
        requests: Requests,
        container: ContainerInfo,
        command: Command,
        output: OutputSink,
        *,
        supervised: bool,
    ) -> None:
        """`supervised` is whether the container has a shell to run the command below."""
        self._requests = requests
        self._container = container
        self._command = command
        self._output = output
        self._supervised = supervised
        self._head = b""
        self._session: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self, grace: float) -> int:
        """Its exit status. Contract: `Engine.run`."""
        following = asyncio.ensure_future(self._follow())
        try:
            return await asyncio.shield(following)
        except BaseException:
            # Whatever broke off the following, the sink's own errors too, did not end the command.
            await finish(self._end(following, grace))
            raise

    async def _follow(self) -> int:
        command = self._command
        env = [*_unset(self._container.env), shell.PATH]
        argv = shell.supervised(command)
        if not self._supervised:
            env = [*_unset(self._container.env), *command.env]
            argv = list(command.argv)
        return await _execute(
            self._requests,
            self._container.id,
            {"Cmd": argv, "Env": env, "User": command.user or _ROOT, "WorkingDir": command.workdir},
            self._take if self._supervised else self._output,
        )

    def _take(self, piece: bytes, is_stderr: bool) -> None:
        """Passes output on, except the line that tells the session."""
        if is_stderr or self._session.done():
            self._output(piece, is_stderr)
            return
        self._head += piece
        line = _SESSION_LINE.match(self._head)
        if line:
            self._session.set_result(int(line[1]))
        # Digits alone are a line that is not complete; all else is why nothing was started.
        elif self._head.isdigit():
            return
        else:
            self._session.cancel()
        rest = self._head[line.end() if line else 0 :]
        if rest:
            self._output(rest, False)

    async def _end(self, following: asyncio.Task[int], grace: float) -> None:
        if not self._supervised:
            await asyncio.wait({following})
        if following.done() and following.exception() is None:
            return
        await asyncio.wait(
            {following, self._session}, timeout=_START, return_when=asyncio.FIRST_COMPLETED
        )
        if self._session.done() and not self._session.cancelled():
            argv = shell.ending(self._session.result(), grace)
            # Where the engine is gone, or the container, there is nobody left to end it.
            with suppress(EngineError, ContainerNotRunningError):
                await _as_root(self._requests, self._container.id, argv, self._container.env)
            await asyncio.wait({following}, timeout=grace + _KEPT_BY_KERNEL)
        following.cancel()
        await asyncio.wait({following})


async def delete(
    requests: Requests, container: str, paths: Sequence[str], directories: Sequence[str]
) -> None:
    """Contract: `Engine.delete`, in a container with a shell."""
    for argv in shell.deletions(paths, directories):
        status, said = await _as_root(requests, container, argv)
        if status:
            raise EngineError(f"Not all could be deleted in the container {container}: {said}")


def missing(container: str) -> ContainerNotRunningError:
    return ContainerNotRunningError(f"There is no container {container}.")


async def _as_root(
    requests: Requests, container: str, argv: list[str], env: Iterable[str] = ()
) -> tuple[int, str]:
    """Its exit status and all its output, as text."""
    said = bytearray()
    exec_config = {"Cmd": argv, "Env": [*_unset(env), shell.PATH], "User": _ROOT, "WorkingDir": "/"}
    status = await _execute(requests, container, exec_config, lambda piece, _: said.extend(piece))
    return status, said.decode(errors="replace").strip()


async def _execute(requests: Requests, container: str, config: Reply, output: OutputSink) -> int:
    what = f"run a command in the container {container}"
    config = {"AttachStdout": True, "AttachStderr": True, **config}
    try:
        created = await requests.json("POST", f"containers/{container}/exec", what, body=config)
    except EngineError as error:
        if error.status == 404:
            raise missing(container) from error
        if error.status == 409:
            raise ContainerNotRunningError(error.message) from error
        raise
    path, frames = f"exec/{created['Id']}", Frames()
    body = {"Detach": False, "Tty": False}
    async with aclosing(requests.pieces("POST", f"{path}/start", what, body=body)) as pieces:
        async for piece in pieces:
            for payload, is_stderr in frames.feed(piece):
                output(payload, is_stderr)
    state = await requests.json("GET", f"{path}/json", what)
    if state["Running"] or state["ExitCode"] is None:
        raise EngineError(f"The connection was lost while a command ran in {container}.")
    return int(state["ExitCode"])


def _unset(env: Iterable[str]) -> list[str]:
    """A name without a value takes the variable away that the container would pass on."""
    return ["HOSTNAME", *(variable.partition("=")[0] for variable in env)]
