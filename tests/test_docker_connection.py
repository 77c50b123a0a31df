"""Connections to a real engine: handed in, over TCP, lost."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path
from typing import IO

import aiodocker
import pytest

from livepush.docker import DockerEngine
from livepush.endpoint import TlsOptions, resolve
from livepush.errors import BuildFailedError, EngineError, EngineUnreachableError
from livepush.span import LARGE, Piece, Span
from tests.archives import Item, packed, sources
from tests.commands import PROCESSES, Sink, cancelled, output, shell
from tests.conftest import BUSYBOX

pytestmark = pytest.mark.engine


async def test_where_tls_fails_it_says_so(host: str) -> None:
    async with contextlib.aclosing(Relay(host)) as relay:
        server = await asyncio.start_server(relay.accept, "127.0.0.1")
        address, port = server.sockets[0].getsockname()
        engine = DockerEngine.connect(host=f"{address}:{port}", tls=TlsOptions(verify=False))
        async with server, contextlib.aclosing(engine):
            with pytest.raises(EngineUnreachableError, match="no safe connection") as unsafe:
                await engine.ping()
            assert "DOCKER_CERT_PATH" in unsafe.value.hint


async def test_a_client_that_was_handed_in_stays_open_and_leaks_nothing(
    client: aiodocker.Docker, docker_engine: DockerEngine, labels: dict[str, str]
) -> None:
    engine = DockerEngine(client)
    container = await engine.create(BUSYBOX, labels=labels, start=True)
    sink = Sink()
    await cancelled(engine.run(container, shell("echo go; sleep 1234"), sink, grace=5), sink.came)
    await anext(engine.get(container, "/bin"))
    await engine.aclose()
    assert (await client.version())["ApiVersion"]
    connector = client.session.connector
    assert connector is not None
    assert connector._acquired == set()


@pytest.mark.parametrize("address", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"])
async def test_where_nothing_answers_says_so(address: str) -> None:
    async with contextlib.aclosing(DockerEngine.connect(host=address)) as engine:
        with pytest.raises(EngineUnreachableError, match=f"No engine answers at {address}"):
            await engine.ping()


class Relay:
    """Stands between a client and the engine, and can cut all connections."""

    def __init__(self, host: str) -> None:
        self._engine = resolve(host=host).socket
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._engine)
        self._writers |= {writer, back}
        for source, sink in ((reader, back), (there, writer)):
            pump = asyncio.ensure_future(_pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    def cut(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def aclose(self) -> None:
        self.cut()
        await asyncio.gather(*self._pumps, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()
    sink.close()


async def test_an_engine_answers_over_tcp(docker_engine: DockerEngine, host: str) -> None:
    async with contextlib.aclosing(Relay(host)) as relay:
        server = await asyncio.start_server(relay.accept, "127.0.0.1")
        address, port = server.sockets[0].getsockname()
        connected = DockerEngine.connect(host=f"{address}:{port}")
        async with server, contextlib.aclosing(connected) as tcp:
            assert await tcp.ping() == await docker_engine.ping()


@pytest.fixture
async def relay(host: str, tmp_path: Path) -> AsyncIterator[tuple[Relay, str]]:
    relay = Relay(host)
    socket = tmp_path / "docker.sock"
    server = await asyncio.start_unix_server(relay.accept, socket)
    async with server, contextlib.aclosing(relay):
        yield relay, f"unix://{socket}"


async def test_a_lost_connection_is_no_end_of_a_command(
    docker_engine: DockerEngine, real_container: str, relay: tuple[Relay, str]
) -> None:
    cutter, address = relay
    async with contextlib.aclosing(DockerEngine.connect(host=address)) as engine:
        with pytest.raises(EngineError, match=r"connection was lost|broke off"):
            await engine.run(
                real_container, shell("echo go; sleep 1234"), lambda *_: cutter.cut(), grace=5
            )
    assert b"sleep\x00" + b"1234" not in await output(docker_engine, real_container, PROCESSES)


@pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "buildkit"])
async def test_a_lost_connection_breaks_a_build_off(
    docker_engine: DockerEngine, labels: dict[str, str], relay: tuple[Relay, str], legacy: bool
) -> None:
    cutter, address = relay
    item = Item("Dockerfile", content=f"FROM {BUSYBOX}\nRUN echo go; sleep 1\n".encode())
    async with contextlib.aclosing(DockerEngine.connect(host=address)) as engine:
        with pytest.raises(EngineError, match=r"connection was lost|broke off") as broken:
            await engine.build(
                sources(item),
                labels=labels,
                tell=lambda progress: cutter.cut(),
                legacy=legacy,
                cached=False,
            )
    assert not isinstance(broken.value, BuildFailedError)


@pytest.mark.parametrize("kernel", [True, False], ids=["sendfile", "no sendfile"])
@pytest.mark.parametrize("becomes", ["as it was", "shorter"])
async def test_a_large_file_is_uploaded(
    docker_engine: DockerEngine,
    real_container: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kernel: bool,
    becomes: str,
) -> None:
    loop = asyncio.get_running_loop()
    sendfile, calls = loop.sendfile, []

    async def sent(*arguments: object) -> int:
        calls.append(arguments)
        if becomes == "shorter" and len(calls) == 2:
            os.truncate(tmp_path / "large", LARGE // 2)
        if not kernel:
            raise NotImplementedError
        return await sendfile(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "sendfile", sent)
    content = bytes(range(256)) * (LARGE // 256) + b"end"
    (tmp_path / "large").write_bytes(content)
    if becomes == "shorter" and not kernel:
        os.truncate(tmp_path / "large", LARGE // 2)
    with (tmp_path / "large").open("rb") as file:
        stream = _spanned([Item("large", content=content), Item("next", content=b"1")], file)
        await docker_engine.put(real_container, stream)
    there = content
    if becomes == "shorter":
        there = content[: LARGE // 2].ljust(len(content), b"\0")
    assert (
        await output(docker_engine, real_container, "sha256sum /large | cut -c 1-64; cat /next")
        == f"{hashlib.sha256(there).hexdigest()}\n1".encode()
    )
    assert calls


async def _spanned(items: Sequence[Item], file: IO[bytes]) -> AsyncGenerator[Piece, None]:
    """An archive whose first file comes as a span."""
    raw, size = packed(*items), len(items[0].content)
    yield raw[:512]
    yield Span(file, size)
    yield raw[512 + size :]


async def test_a_connection_that_is_lost_amid_a_large_file_is_told(
    real_container: str, relay: tuple[Relay, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cutter, address = relay
    loop = asyncio.get_running_loop()
    sendfile = loop.sendfile

    async def sent(*arguments: object) -> int:
        cutter.cut()
        return await sendfile(*arguments)  # type: ignore[arg-type]

    content = bytes(3 * LARGE)
    (tmp_path / "large").write_bytes(content)
    async with contextlib.aclosing(DockerEngine.connect(host=address)) as engine:
        await engine.ping()
        monkeypatch.setattr(loop, "sendfile", sent)
        with (
            (tmp_path / "large").open("rb") as file,
            pytest.raises(EngineError, match=r"connection was lost|broke off"),
        ):
            await engine.put(real_container, _spanned([Item("large", content=content)], file))
