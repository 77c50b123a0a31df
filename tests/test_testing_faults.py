"""`Faulty`: what a call does, and what its caller is told, when it fails in each way."""

from __future__ import annotations

import asyncio

import pytest

from livepush.engine import Command
from livepush.errors import EngineError, EngineUnreachableError
from livepush.testing import FakeEngine, Fault, Faulty
from tests.archives import Item, stream
from tests.conftest import BUSYBOX

FILES = Item("one", content=b"1111"), Item("two", content=b"2")
LATE = Command(("sh", "-c", "sleep 0.01 && echo done > /done"))


@pytest.fixture
def container(fake_engine: FakeEngine) -> str:
    return fake_engine.add_container(BUSYBOX, name="app")


@pytest.fixture
def faulty(fake_engine: FakeEngine) -> Faulty:
    return Faulty(fake_engine, patience=0.01)


@pytest.mark.parametrize(
    ("fault", "one", "two"),
    [
        ("refused", None, None),
        ("cut", b"11", None),
        ("lost", b"1111", b"2"),
        ("hangs", None, None),
        ("hangs after", b"1111", b"2"),
    ],
)
async def test_an_upload(
    fake_engine: FakeEngine,
    container: str,
    faulty: Faulty,
    fault: Fault,
    one: bytes | None,
    two: bytes | None,
) -> None:
    faulty.fail(1, fault)
    await faulty.ping()
    with pytest.raises(EngineError):
        await faulty.put(container, stream(*FILES))
    files = fake_engine.files(container)
    assert (files.read("/one"), files.read("/two")) == (one, two)
    await faulty.put(container, stream(*FILES))
    assert files.read("/two") == b"2"


@pytest.mark.parametrize(("fault", "runs"), [("cut", False), ("hangs", False), ("lost", True)])
async def test_a_restart(
    fake_engine: FakeEngine, container: str, faulty: Faulty, fault: Fault, runs: bool
) -> None:
    faulty.fail(0, fault)
    with pytest.raises(EngineError):
        await faulty.restart(container, grace=0)
    info = await fake_engine.container(container)
    assert info is not None
    assert info.running == runs


async def test_a_command_that_is_broken_off_ends(
    fake_engine: FakeEngine, container: str, faulty: Faulty
) -> None:
    faulty.fail(0, "cut")
    with pytest.raises(EngineError):
        await faulty.run(container, LATE, lambda *_: None, grace=0)
    await asyncio.sleep(0.02)
    assert fake_engine.files(container).read("/done") is None


async def test_a_command_of_one_that_was_killed_runs_on(
    fake_engine: FakeEngine, container: str, faulty: Faulty
) -> None:
    running = asyncio.create_task(faulty.run(container, LATE, lambda *_: None, grace=0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    faulty.die()
    running.cancel()
    await asyncio.wait({running})
    with pytest.raises(EngineUnreachableError):
        await faulty.ping()
    async with asyncio.timeout(5):
        while fake_engine.files(container).read("/done") is None:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_no_container_is_left_behind_that_nobody_was_told_of(
    fake_engine: FakeEngine, faulty: Faulty
) -> None:
    faulty.fail(0, "lost")
    with pytest.raises(EngineError):
        await faulty.create(BUSYBOX, labels={}, start=True)
    assert not await fake_engine.owned()
