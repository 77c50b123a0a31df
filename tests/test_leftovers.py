"""Whose leftovers are whose, and what `clean` does with them. Engines are fakes, processes real."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from livepush import leftovers, process
from livepush.commands.clean import clean
from livepush.commands.connection import Connection
from livepush.engine import LABEL, Owned
from livepush.errors import EngineError, EngineUnreachableError
from livepush.leftovers import CONTAINER
from livepush.session import Livepush
from livepush.testing import FakeEngine

from .conftest import BUSYBOX

PROCESS = f"{LABEL}.session.process"


@pytest.fixture
def engine(fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """An engine that every command is connected to."""
    monkeypatch.setattr("livepush.docker.DockerEngine.connect", lambda **_: fake_engine)
    return fake_engine


@pytest.fixture
def other() -> Iterator[subprocess.Popen[str]]:
    """Another process, which says how it labels what it makes and then waits to be killed."""
    code = (
        "import time\n"
        "from livepush import leftovers\n"
        f"print(leftovers.labels('s', 'c')['{PROCESS}'], flush=True)\n"
        "time.sleep(1000)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        yield other
        other.kill()


def owned(process: str | None) -> Owned:
    return Owned("id", "container", () if process is None else ((PROCESS, process),))


def mine() -> str:
    return leftovers.labels("s", "web")[PROCESS]


def test_all_is_labelled_with_its_session_container_and_process() -> None:
    labels = leftovers.labels("s", "web")
    assert (labels[f"{LABEL}.session"], labels[CONTAINER]) == ("s", "web")
    assert leftovers.fate(owned(labels[PROCESS])) == "running"


def test_a_process_that_hides_is_not_taken_for_one_that_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As another user's does where /proc is mounted with hidepid=2."""

    def refused(pid: int, number: int) -> None:
        raise PermissionError

    stamp = mine()
    monkeypatch.setattr(process, "_began", lambda _: "")
    assert process.fate(stamp) == "over"
    monkeypatch.setattr(os, "kill", refused)
    assert process.fate(stamp) == "elsewhere"


def test_a_process_that_is_killed_leaves_what_is_over(other: subprocess.Popen[str]) -> None:
    assert other.stdout is not None
    label = other.stdout.readline().strip()
    assert leftovers.fate(owned(label)) == "running"
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # its parent has not looked yet
    assert leftovers.fate(owned(label)) == "over"
    other.wait()
    assert leftovers.fate(owned(label)) == "over"


def test_another_process_of_the_same_id_is_not_taken_for_it() -> None:
    place, pid, began = mine().split(".")
    assert leftovers.fate(owned(f"{place}.{pid}.{began}0")) == "over"
    boot, _, ticks = began.partition("-")
    assert leftovers.fate(owned(f"{place}.{pid}.{boot[::-1]}x-{ticks}")) == "over"


@pytest.mark.parametrize(
    ("label", "fate"), [(None, "over"), ("0123456789ab.1.x-1", "elsewhere"), ("odd", "elsewhere")]
)
def test_what_cannot_be_seen_from_here_is_elsewhere(label: str | None, fate: str) -> None:
    assert leftovers.fate(owned(label)) == fate


@pytest.fixture
async def made(engine: FakeEngine) -> dict[str, str]:
    """A container of a session that is over, of one that runs, and of one on another machine."""
    here = leftovers.labels("s", "web")
    place, pid, _ = here[PROCESS].split(".")
    processes = {
        "over": f"{place}.{pid}.before",
        "running": here[PROCESS],
        "elsewhere": f"elsewhere.{pid}.before",
    }
    return {
        fate: await engine.create(BUSYBOX, labels={**here, PROCESS: process}, start=False)
        for fate, process in processes.items()
    }


def cleaned(capsys: pytest.CaptureFixture[str], **given: bool) -> str:
    assert clean(Connection(), **{"dry_run": False, "everything": False, **given}) == 0
    return capsys.readouterr().out


def test_clean_leaves_what_a_running_session_holds(
    made: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    def lines(done: str) -> str:
        return (
            f"{done} container {made['over'][:12]} (made for web)\n"
            f"left container {made['running'][:12]} (made for web): its session runs\n"
            f"left container {made['elsewhere'][:12]} (made for web): "
            "made on another machine, see --all\n"
        )

    assert cleaned(capsys, dry_run=True) == lines("would remove")
    assert cleaned(capsys) == lines("removed")
    assert len(cleaned(capsys).splitlines()) == 2
    everything = cleaned(capsys, everything=True)
    assert [line.split()[0] for line in everything.splitlines()] == ["removed", "removed"]
    assert cleaned(capsys) == "nothing to remove\n"


async def test_one_that_cannot_be_removed_keeps_none_of_the_others(
    engine: FakeEngine, made: dict[str, str]
) -> None:
    engine.fail_next("remove", EngineError("busy"))
    with pytest.raises(EngineError, match="busy"):
        await leftovers.remove(engine, await engine.owned())
    assert [each.id for each in await engine.owned()] == [made["over"]]


async def test_an_engine_that_does_not_answer_is_asked_no_further(
    engine: FakeEngine, made: dict[str, str]
) -> None:
    engine.fail_next("remove", EngineUnreachableError("gone"))
    with pytest.raises(EngineUnreachableError):
        await leftovers.remove(engine, await engine.owned())
    assert len(await engine.owned()) == len(made)


@pytest.mark.parametrize("given", ["name", "id"])
async def test_a_session_removes_what_is_over_however_its_container_is_named(
    made: dict[str, str], engine: FakeEngine, tmp_path: Path, given: str
) -> None:
    identity = engine.add_container(BUSYBOX, name="web")
    async with await Livepush.init(
        context=tmp_path,
        container_id="web" if given == "name" else identity,
        dockerfile_content=f"FROM {BUSYBOX}\n",
        engine=engine,
    ):
        left = {each.id for each in await engine.owned()}
        assert left == {made["running"], made["elsewhere"]}
