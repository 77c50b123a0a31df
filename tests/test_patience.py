"""Engines that answer with nonsense, or not at all: servers of the tests' own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livepush import docker
from livepush.docker import DockerEngine
from livepush.errors import EngineError

ABOUT = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nConnection: close\r\n\r\n"


@contextlib.asynccontextmanager
async def answering(place: Path, reply: bytes | None) -> AsyncIterator[DockerEngine]:
    """An engine that is there, and gives this `reply` to all that is asked of it, or none."""
    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        if b"_ping" in asked:
            writer.write(ABOUT)
        elif reply is None:
            await over.wait()
        else:
            writer.write(reply)
        writer.close()

    server = await asyncio.start_unix_server(answer, place / "socket")
    engine = DockerEngine.connect(host=f"unix://{place}/socket")
    async with server, contextlib.aclosing(engine):
        try:
            yield engine
        finally:
            over.set()


async def test_what_costs_an_engine_nothing_is_soon_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker, "_ANSWER", 0.1)
    async with answering(tmp_path, None) as engine, asyncio.timeout(10):
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
    async with answering(tmp_path, reply) as engine:
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
    async with answering(tmp_path, reply) as engine, asyncio.timeout(10):
        with pytest.raises(EngineError):
            async with engine._connection.upgraded("session", "build", "h2c", []):
                pass
