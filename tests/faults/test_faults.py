"""Every request of a push, broken in every way: the container ends as a fresh build all the same.

A real engine, and a session that follows a context and reaches the engine through `FaultyEngine`.
Each point is one save, one request of its push and one way to break it; nobody saves again.

A few points by default. `LIVEPUSH_FAULTS=1` tries all of them, `LIVEPUSH_FAULTS_SEED` chooses
others of the few.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from livepush import buildrequest, docker, engineapi, presence, recovery, restarting, vigil
from tests.e2e.docker_cli import left_of, until
from tests.faults.bed import BUILDKIT, CLEAN, IN_PLACE, NO_SHELL, STAGED, Scenario, bed
from tests.faults.proxy import FAULTS, Fault

ALL = bool(os.environ.get("LIVEPUSH_FAULTS"))
FEW = 2  # points of each scenario
SEED = int(os.environ.get("LIVEPUSH_FAULTS_SEED", "1"))
HANGS = 2.0  # seconds until what does not move is taken to hang
WITHIN = 60.0  # seconds until a container that is not right is a failure

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(0 if ALL else 300)]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What hangs is found in seconds, and tried again at once."""
    monkeypatch.setattr(vigil, "QUIET", 0.3)
    for name in ("_ANSWER", "_PATIENCE", "_LONG"):
        monkeypatch.setattr(docker, name, HANGS)
    # An engine that is at a restart is not to be taken for one that hangs, however busy it is.
    monkeypatch.setattr(restarting, "_START", 5 * HANGS)
    monkeypatch.setattr(engineapi, "_GATHERING", HANGS)
    monkeypatch.setattr(buildrequest, "_PATIENCE", HANGS)
    monkeypatch.setattr(recovery, "_FIRST", 0.01)
    # What looks by the clock would be counted among the requests of a push.
    monkeypatch.setattr(presence, "_INTERVAL", 3600.0)
    monkeypatch.setattr(presence, "_SELDOM", 3600.0)


def points(requests: int) -> Iterator[tuple[int, Fault]]:
    every = [(number, fault) for number in range(1, requests + 1) for fault in FAULTS]
    if ALL:
        return iter(every)
    return iter(random.Random(SEED).sample(every, FEW))  # noqa: S311  # nobody's secret


@pytest.mark.parametrize(
    "scenario", [IN_PLACE, STAGED, NO_SHELL, CLEAN, *BUILDKIT], ids=lambda each: str(each.name)
)
async def test_whatever_breaks_the_container_ends_as_a_build(
    scenario: Scenario, tmp_path: Path
) -> None:
    survived = 0
    took: dict[Fault, list[float]] = {}
    wrong = []
    async with bed(scenario, tmp_path) as (there, told):
        counts = []
        for _ in range(2):  # there and back
            there.engine.count()
            await there.until_landed(there.edit(), told)
            counts.append(len(there.engine.requests))
            assert there.wrong() == []
        requests = max(counts) if ALL else min(counts)
        for number, fault in points(requests):
            there.engine.break_request(number, fault)
            changed, since = there.edit(), time.monotonic()
            try:
                async with asyncio.timeout(WITHIN):
                    errors = await there.until_landed(changed, told)
            except TimeoutError:
                pytest.fail(f"{fault}, {there.engine.tripped}: nothing lands any more")
            landed, tripped = time.monotonic(), there.engine.tripped
            there.engine.count()
            if not tripped:
                continue  # one of the two ways takes fewer requests
            took.setdefault(fault, []).append(landed - since)
            different = await asyncio.to_thread(there.wrong)
            if different:
                wrong.append((fault, tripped, different[:5], errors))
            else:
                survived += 1
    tried = sum(map(len, took.values()))
    print(f"\n{scenario.name}: {requests} requests, {tried} fault points, {survived} survived")
    for fault, seconds in took.items():  # with what hangs found after `HANGS`
        print(f"  {fault}: {median(seconds):.1f} s to converge, {max(seconds):.1f} s at most")
    assert tried
    assert wrong == []
    # The engine may be at the last removal still, which was not waited for longer than `HANGS`.
    await until(lambda: left_of(there.container, there.bench.client) == [])
