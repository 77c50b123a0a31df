"""A restart that is cancelled goes on, and does not wait for the application any more."""

from __future__ import annotations

import asyncio

import pytest

from livepush.docker import DockerEngine
from livepush.engine import ContainerInfo

from .conftest import Start

BOUND = 60.0
NEVER = 600.0  # seconds of grace: who waits for it fails
STUBBORN = "sh", "-c", "trap 'echo > /asked' TERM; while :; do sleep 0.1; done"


async def info_of(engine: DockerEngine, container: str) -> ContainerInfo:
    info = await engine.container(container)
    assert info is not None
    return info


async def asked(engine: DockerEngine, container: str) -> None:
    """Waits until the application has had its TERM."""
    while await engine.stat(container, "/asked") is None:  # noqa: ASYNC110  # no event tells it
        await asyncio.sleep(0.01)


async def test_an_application_that_does_not_end_is_killed(
    docker_engine: DockerEngine, start: Start
) -> None:
    container = await start(*STUBBORN)
    before = await info_of(docker_engine, container)
    async with asyncio.timeout(BOUND):
        restarting = asyncio.create_task(docker_engine.restart(container, grace=NEVER))
        await asked(docker_engine, container)
        restarting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await restarting
    after = await info_of(docker_engine, container)
    assert after.running
    assert after.started != before.started


@pytest.mark.parametrize("turns", [0, 1, 4])
async def test_it_runs_whenever_the_restart_is_cancelled(
    docker_engine: DockerEngine, start: Start, turns: int
) -> None:
    container = await start("sleep", "1000")
    async with asyncio.timeout(BOUND):
        restarting = asyncio.create_task(docker_engine.restart(container, grace=1))
        for _ in range(turns):
            await docker_engine.stat(container, "/bin")
            await asyncio.sleep(0)
        restarting.cancel()
        await asyncio.wait({restarting})
    assert (await info_of(docker_engine, container)).running


async def test_one_that_is_removed_when_it_ends_is_not_killed(
    docker_engine: DockerEngine, start: Start
) -> None:
    container = await start(*STUBBORN, HostConfig={"AutoRemove": True})
    async with asyncio.timeout(BOUND):
        restarting = asyncio.create_task(docker_engine.restart(container, grace=1))
        await asked(docker_engine, container)
        restarting.cancel()
        await asyncio.wait({restarting})
    assert (await info_of(docker_engine, container)).running
