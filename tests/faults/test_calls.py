"""Calls that break off or hang, each by itself, on a real engine."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from livepush import docker, vigil
from livepush.docker import DockerEngine
from livepush.endpoint import resolve
from livepush.errors import EngineError, EngineUnreachableError
from livepush.fetched import fetch
from tests.archives import Item, stream
from tests.commands import PROCESSES, Sink, output, run, shell
from tests.conftest import BUSYBOX
from tests.faults.proxy import FAULTS, Fault, FaultyEngine

pytestmark = pytest.mark.engine

_SLEEPER = b"sleep\x00" + b"1234"


@pytest.fixture
async def faulty(host: str, tmp_path: Path) -> AsyncIterator[FaultyEngine]:
    async with FaultyEngine(resolve(host=host).socket, tmp_path / "engine.sock").running() as door:
        yield door


@pytest.fixture
async def through(faulty: FaultyEngine) -> AsyncIterator[DockerEngine]:
    """The engine behind `faulty`, which knows its version by now."""
    async with contextlib.aclosing(DockerEngine.connect(host=faulty.host)) as engine:
        await engine.ping()
        yield engine


def hasten(monkeypatch: pytest.MonkeyPatch, hangs: float, *, answer: float = 20) -> None:
    """What moves nothing for `hangs` seconds does; `answer` is for what takes an engine no time."""
    monkeypatch.setattr(vigil, "QUIET", 0.1)
    monkeypatch.setattr(docker, "_LONG", hangs)
    monkeypatch.setattr(docker, "_PATIENCE", hangs)
    monkeypatch.setattr(docker, "_ANSWER", answer)


@pytest.fixture
async def busybox(docker_engine: DockerEngine, labels: dict[str, str]) -> str:
    """A container of livepush's own, where it does not matter what is in it."""
    return await docker_engine.create(BUSYBOX, labels=labels, start=True)


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_call_waits_for_ever_and_nothing_foreign_is_raised(
    through: DockerEngine,
    faulty: FaultyEngine,
    busybox: str,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
) -> None:
    hasten(monkeypatch, 0.3, answer=1)

    async def put() -> None:
        await through.put(busybox, stream(Item("a", content=b"a")))

    async def get() -> None:
        (await fetch(through.get(busybox, "/etc"), prefix="")).close()

    asked: list[Callable[[], Awaitable[object]]] = [
        put,
        get,
        lambda: through.container(busybox),
        lambda: through.stat(busybox, "/etc"),
        lambda: through.image(BUSYBOX),
        through.owned,
    ]
    for ask in asked:
        faulty.break_request(1, fault)
        with contextlib.suppress(EngineError):  # and nothing else
            async with asyncio.timeout(30):
                await ask()
        assert faulty.tripped


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_shell_that_cannot_begin_leaves_no_connection(
    through: DockerEngine,
    faulty: FaultyEngine,
    busybox: str,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
) -> None:
    hasten(monkeypatch, 0.3, answer=1)
    for number in range(1, 5):
        faulty.break_request(number, fault)
        await through.attend(busybox)
        await through.leave(busybox)
        gc.collect()  # which warns of what is left, and that is a failure here


async def test_a_command_whose_start_is_lost_does_not_run_on(
    through: DockerEngine, faulty: FaultyEngine, docker_engine: DockerEngine, real_container: str
) -> None:
    faulty.break_request(4, "lost amid")
    with pytest.raises(EngineError, match="broke off"):
        await through.run(real_container, shell("sleep 1234; true"), lambda *_: None, grace=1)
    assert "/start" in faulty.tripped
    assert _SLEEPER not in await output(docker_engine, real_container, PROCESSES)


async def test_a_command_that_could_not_be_ended_is_ended_before_the_next(
    through: DockerEngine, faulty: FaultyEngine, docker_engine: DockerEngine, real_container: str
) -> None:
    sink = Sink()
    command = shell("echo go; sleep 1234; true")
    running = asyncio.ensure_future(through.run(real_container, command, sink, grace=1))
    await sink.came.wait()
    await faulty.down()
    with pytest.raises(EngineError):
        await running
    assert _SLEEPER in await output(docker_engine, real_container, PROCESSES)
    with pytest.raises(EngineUnreachableError):
        await run(through, real_container, shell("true"))
    await faulty.up()
    status, said, _ = await run(through, real_container, shell(PROCESSES))
    assert status == 0
    assert _SLEEPER not in said


async def test_a_silent_command_is_waited_for(
    through: DockerEngine, busybox: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasten(monkeypatch, 0.5)
    command = shell("sleep 1.5; echo end")
    assert await run(through, busybox, command) == (0, b"end\n", b"")


async def test_a_command_whose_output_hangs_ends_with_its_status(
    through: DockerEngine,
    faulty: FaultyEngine,
    busybox: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hasten(monkeypatch, 0.5)
    faulty.break_request(4, "hangs amid")
    status, _, _ = await run(through, busybox, shell("echo end; exit 3"))
    assert status == 3
    assert "/start" in faulty.tripped


async def test_an_engine_that_stops_answering_ends_a_silent_command(
    through: DockerEngine,
    faulty: FaultyEngine,
    docker_engine: DockerEngine,
    real_container: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hasten(monkeypatch, 0.5)
    monkeypatch.setattr(docker, "_THERE", 0.5)
    sink = Sink()
    command = shell("echo go; sleep 1234; true")
    running = asyncio.ensure_future(through.run(real_container, command, sink, grace=1))
    await sink.came.wait()
    faulty.freeze()
    with pytest.raises(EngineError, match="not in time"):
        await running
    faulty.thaw()
    await run(through, real_container, shell("true"))
    assert _SLEEPER not in await output(docker_engine, real_container, PROCESSES)


async def test_what_is_small_asks_an_attended_container_s_engine_nothing(
    through: DockerEngine, faulty: FaultyEngine, busybox: str
) -> None:
    await through.attend(busybox)
    faulty.count()
    await through.put(busybox, stream(Item("etc/a", content=b"a")))
    await through.delete(busybox, ["/etc/a"])
    assert faulty.requests == []
    await through.leave(busybox)
    await through.put(busybox, stream(Item("etc/a", content=b"a")))
    assert [request.split()[0] for request in faulty.requests] == ["PUT"]
