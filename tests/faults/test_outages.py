"""An engine that is away for a while, and containers that cannot be written to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from livepush import recovery
from livepush.bus import EventStream
from livepush.events import CommandExecute, Error, Event, LivepushEnd
from tests.conftest import BUSYBOX
from tests.e2e.command_line import failed
from tests.e2e.docker_cli import Bench, docker
from tests.e2e.project import IDLE, Project
from tests.faults.bed import IN_PLACE, Bed, bed

pytestmark = pytest.mark.e2e

_WITHIN = 60.0


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_FIRST", 0.01)
    monkeypatch.setattr(recovery, "_LONGEST", 0.05)


async def _until(told: EventStream, met: Callable[[Event], bool]) -> Event:
    async with asyncio.timeout(_WITHIN):
        async for event in told:
            if met(event):
                return event
    raise AssertionError("the session has ended")


def _is_error(words: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Error) and words in event.message


def _has_landed(event: Event) -> bool:
    return isinstance(event, LivepushEnd) and event.status == "succeeded" and not event.owed


async def _broken_off(there: Bed, told: EventStream) -> None:
    """The engine goes away while a command runs."""
    there.edit()
    await _until(told, lambda event: isinstance(event, CommandExecute))
    await there.engine.down()
    await _until(told, _is_error("No engine answers"))


async def test_an_engine_that_was_away_is_pushed_to_by_itself(tmp_path: Path) -> None:
    async with bed(IN_PLACE, tmp_path) as (there, told):
        await _broken_off(there, told)
        await there.engine.up()
        await _until(told, _has_landed)
        assert there.wrong() == []


async def test_a_container_that_ended_with_its_engine_is_not_started(tmp_path: Path) -> None:
    async with bed(IN_PLACE, tmp_path) as (there, told):
        await _broken_off(there, told)
        docker("stop", there.container)
        await there.engine.up()
        await _until(told, _is_error("has stopped while its engine was away"))
        assert docker("inspect", "--format", "{{.State.Running}}", there.container) == "false"
        docker("start", there.container)
        await _until(told, _has_landed)
        assert there.wrong() == []


async def test_what_cannot_be_written_to_is_told_with_its_step(
    tmp_path: Path, bench: Bench
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    files = {
        "Dockerfile": f"FROM {BUSYBOX}\nCOPY one /mounted/one\nCOPY two /two\n{IDLE}",
        "one": "one",
        "two": "two",
    }
    for name, content in files.items():
        (context / name).write_text(content)
    image = bench.build(context, context / "Dockerfile")
    options = ("--read-only", "--tmpfs=/mounted")
    there = Project(context, bench.start(image, options=options), tmp_path / "said")
    async with there.watched() as watch:
        there.save("one", "new")
        there.save("two", "new")
        await watch.until(failed("two"))
        said = [event for event in watch.events if event["event"] in ("error", "rebuildNeeded")]
        assert {(e.get("message") or e["reason"], e.get("line")) for e in said} == {
            ("COPY one /mounted/one changes what is mounted at /mounted", 2),
            ("line 3: COPY two /two: the container's file system is read-only", None),
        }
        assert set(watch.events[-1]["owed"]) == {"one", "two"}
