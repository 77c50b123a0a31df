"""Commands that tests run in containers, and what came of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable

from livepush.engine import Command, Engine

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Argument lists of all processes but this one, from whatever shell there is.
PROCESSES = (
    "for p in /proc/[0-9]*; do "
    "[ $p = /proc/$$ ] || { cat $p/cmdline 2>/dev/null; echo; }; "  # some end meanwhile
    "done"
)


class Sink:
    """An `OutputSink` that remembers, and tells when output comes."""

    def __init__(self) -> None:
        self.out, self.err = b"", b""
        self.came = asyncio.Event()

    def __call__(self, piece: bytes, is_stderr: bool) -> None:
        if is_stderr:
            self.err += piece
        else:
            self.out += piece
        self.came.set()


def shell(text: str, *env: str, user: str = "", workdir: str = "/") -> Command:
    return Command(("/bin/sh", "-c", text), (PATH, *env), user, workdir)


async def run(engine: Engine, container: str, command: Command) -> tuple[int, bytes, bytes]:
    """Its exit status, standard output and standard error."""
    sink = Sink()
    status = await engine.run(container, command, sink, grace=5)
    return status, sink.out, sink.err


async def output(engine: Engine, container: str, text: str) -> bytes:
    """The standard output of a shell's command that succeeds and complains of nothing."""
    status, out, err = await run(engine, container, shell(text))
    assert (status, err) == (0, b"")
    return out


async def cancelled(awaitable: Awaitable[object], came: asyncio.Event) -> None:
    """Cancels what is awaited once `came` is set, and waits for its end."""
    task = asyncio.ensure_future(awaitable)
    await came.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
