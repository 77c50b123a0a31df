"""Engines that answer with nonsense, or not at all: servers of the tests' own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from livepush import docker
from livepush.docker import DockerEngine
from livepush.errors import EngineError

ABOUT = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nConnection: close\r\n\r\n"


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def served(place: Path, answer: Answer) -> AsyncIterator[DockerEngine]:
    """An engine that is there; all else that it is asked for gets the `answer`."""
    handling: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handling.add(task)
        if b"_ping" in await reader.readuntil(b"\r\n\r\n"):
            writer.write(ABOUT)
        else:
            await answer(reader, writer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_unix_server(handle, place / "socket")
    async with server, asyncio.timeout(10):
        engine = DockerEngine.connect(host=f"unix://{place}/socket")
        async with contextlib.aclosing(engine):
            yield engine
        await asyncio.wait(handling)


def saying(reply: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)

    return answer


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def test_what_costs_an_engine_nothing_is_soon_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker, "_ANSWER", 0.1)
    async with served(tmp_path, silent) as engine:
        with pytest.raises(EngineError, match="did not in time"):
            await engine.container("web")


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 500 X\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{x}",
        b"HTTP/1.1 500 X\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"nonsense",
    ],
)
async def test_a_talk_that_does_not_begin_is_an_error_of_the_engine_s(
    tmp_path: Path, reply: bytes
) -> None:
    async with served(tmp_path, saying(reply)) as engine:
        with pytest.raises(EngineError):
            await engine._connection.talk("1", "open a shell")


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes",
        b"nonsense",
    ],
)
async def test_a_connection_that_keeps_its_protocol_is_an_error_of_the_engine_s(
    tmp_path: Path, reply: bytes
) -> None:
    async with served(tmp_path, saying(reply)) as engine:
        with pytest.raises(EngineError):
            async with engine._connection.upgraded("session", "build", "h2c", []):
                pass


async def test_who_gives_up_writing_takes_nobody_along(tmp_path: Path) -> None:
    reading = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        await reading.wait()
        await reader.read()

    async with (
        served(tmp_path, answer) as engine,
        engine._connection.upgraded("session", "build", "h2c", []) as talk,
    ):
        one, other = (asyncio.ensure_future(talk.tell(bytes(5_000_000))) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        await asyncio.wait({one})
        assert not other.done()
        reading.set()
        await other
        await talk.tell(b"")
