"""Connections to a real engine: handed in, over TCP, lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiodocker
import pytest

from livepush.docker import DockerEngine
from livepush.endpoint import TlsOptions, resolve
from livepush.errors import BuildFailedError, EngineError, EngineUnreachableError
from tests.archives import Item, sources
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
