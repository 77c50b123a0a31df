"""The application's container as others stop, restart and crash it, on an engine in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from livepush import events, presence
from livepush.errors import EngineError
from livepush.testing import FakeEngine

from .conftest import BUSYBOX
from .test_recovery import PLAIN, World, followed

LIVE = f"FROM {BUSYBOX}\n#dev-cmd-live=sleep 9\nCOPY src /app\n"
COPIES = f"FROM {BUSYBOX}\nCOPY src /app\n"
FAILS = f"FROM {BUSYBOX}\nCOPY src /app\nRUN false\n"


def running(web: World) -> list[str]:
    """The events that tell of the container itself."""
    kinds = (events.ContainerStopped, events.ContainerStarted)
    return [event.name for event in web.told if isinstance(event, kinds)]


async def looks(web: World, engine: FakeEngine, *, times: int = 3) -> None:
    before = len(engine.calls)

    def seen() -> bool:
        return [call.verb for call in engine.calls[before:]].count("container") >= times

    await web.passes(seen)


async def stops(web: World, engine: FakeEngine) -> None:
    """It does, which is told."""
    engine.stop("web")
    await web.until(lambda: running(web) == ["containerStopped"])


async def comes_back(web: World, engine: FakeEngine) -> None:
    """Likewise, after that."""
    await engine.restart("web", grace=0)
    await web.until(lambda: running(web) == ["containerStopped", "containerStarted"])


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "_INTERVAL", 0.01)
    monkeypatch.setattr(presence, "_SELDOM", 0.01)


@pytest.mark.usefixtures("often")
async def test_a_restart_by_somebody_else_is_told(tmp_path: Path, fake_engine: FakeEngine) -> None:
    async with followed(tmp_path, fake_engine, PLAIN) as web:
        await looks(web, fake_engine)
        await fake_engine.restart("web", grace=0)
        await web.until(lambda: running(web) == ["containerStopped", "containerStarted"])
        assert not web.pushes(), "nothing was owed"


@pytest.mark.usefixtures("often")
async def test_a_restart_by_a_push_is_no_news(tmp_path: Path, fake_engine: FakeEngine) -> None:
    async with followed(tmp_path, fake_engine, PLAIN) as web:
        for text in ("two", "three"):
            web.save(text)
            assert not (await web.ends()).owed
            await looks(web, fake_engine)
        web.save("four")
        await web.ends()
        assert running(web) == []
        assert [call.verb for call in fake_engine.calls].count("restart") == 3


async def test_a_save_that_met_a_container_that_had_just_stopped_starts_it(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked for after each push, and not only now and then."""
    monkeypatch.setattr(presence, "_INTERVAL", 1000.0)
    monkeypatch.setattr(presence, "_SELDOM", 1000.0)
    monkeypatch.setattr(presence, "_SETTLES", 1000.0)
    async with followed(tmp_path, fake_engine, LIVE) as web:
        web.save("bad")
        await web.ends()
        await web.passes(lambda: fake_engine.calls[-1].verb == "container")
        fake_engine.stop("web")
        web.save("good")
        await web.until(lambda: running(web) == ["containerStopped"])
        await web.passes(lambda: fake_engine.calls[-1].verb == "restart")
        assert web.holds("/app/main") == "good"


async def test_a_stop_that_a_push_finds_before_anybody_has_looked_is_told(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "_INTERVAL", 1000.0)
    monkeypatch.setattr(presence, "_SELDOM", 1000.0)
    monkeypatch.setattr(presence, "_SETTLES", 1000.0)
    async with followed(tmp_path, fake_engine, COPIES) as web:
        await looks(web, fake_engine, times=1)
        fake_engine.stop("web")
        web.save("two")
        assert not (await web.ends()).owed
        assert running(web) == ["containerStopped", "containerStarted"]
        await looks(web, fake_engine, times=1)
        web.save("three")
        await web.ends()
        assert running(web) == ["containerStopped", "containerStarted"], "each is told once"


async def test_what_the_engine_tells_is_looked_at_at_once(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "_SELDOM", 1000.0)
    monkeypatch.setattr(presence, "_INTERVAL", 1000.0)  # only what is told leads to a look
    monkeypatch.setattr(presence, "_SETTLES", 0.001)
    async with followed(tmp_path, fake_engine, LIVE) as web:
        await web.passes(lambda: "happenings" in [call.verb for call in fake_engine.calls])
        await stops(web, fake_engine)
        await comes_back(web, fake_engine)


async def test_an_engine_that_tells_nothing_any_more_is_asked(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "_SELDOM", 1000.0)
    monkeypatch.setattr(presence, "_SETTLES", 1000.0)
    monkeypatch.setattr(presence, "_INTERVAL", 0.01)
    for after in range(1000):
        fake_engine.fail_next("happenings", EngineError("The engine broke off."), after=after)
    async with followed(tmp_path, fake_engine, LIVE) as web:
        await stops(web, fake_engine)
        assert not web.errors()
        fake_engine.mend()
        await comes_back(web, fake_engine)


async def test_an_engine_whose_news_do_not_come_is_asked_often_once_that_shows(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "_SELDOM", 0.2)
    monkeypatch.setattr(presence, "_INTERVAL", 0.01)

    async def silent(container: str, name: str) -> AsyncGenerator[None, None]:
        await asyncio.Event().wait()
        yield

    monkeypatch.setattr(fake_engine, "happenings", silent)
    async with followed(tmp_path, fake_engine, LIVE) as web:
        await looks(web, fake_engine, times=2)
        await stops(web, fake_engine)
        monkeypatch.setattr(presence, "_SELDOM", 1000.0)
        await looks(web, fake_engine)
        await comes_back(web, fake_engine)


async def test_a_look_that_fails_is_soon_taken_again(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "_SELDOM", 1000.0)
    monkeypatch.setattr(presence, "_INTERVAL", 0.01)
    monkeypatch.setattr(presence, "_SETTLES", 0.001)
    async with followed(tmp_path, fake_engine, LIVE) as web:
        await web.passes(lambda: "happenings" in [call.verb for call in fake_engine.calls])
        for _ in range(3):
            fake_engine.fail_next("container", EngineError("The engine broke off."))
        await stops(web, fake_engine)


async def test_a_push_of_an_embedder_s_own_is_followed_by_a_look(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "_SELDOM", 1000.0)
    async with followed(tmp_path, fake_engine, LIVE) as web:
        await looks(web, fake_engine, times=1)
        before = len(fake_engine.calls)
        await web.session.perform_livepush(["src/main"])
        verbs = [call.verb for call in fake_engine.calls[before:]]
        await web.passes(lambda: fake_engine.calls[-1].verb == "container")
        assert "container" not in verbs, "the push itself does not look"


@pytest.mark.usefixtures("often")
async def test_a_step_that_fails_is_not_tried_at_each_start_of_the_container(
    tmp_path: Path, fake_engine: FakeEngine
) -> None:
    async with followed(tmp_path, fake_engine, FAILS) as web:
        web.save("two")
        assert (await web.ends()).owed
        for _ in range(3):
            await looks(web, fake_engine)
            await fake_engine.restart("web", grace=0)
        await looks(web, fake_engine)
        web.save("three")
        await web.until(lambda: web.holds("/app/main") == "three")
        await web.ends()
        assert [call.verb for call in fake_engine.calls].count("run") == 2


@pytest.mark.usefixtures("often")
async def test_one_that_a_push_has_started_in_vain_is_not_started_again(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    restart = fake_engine.restart

    async def crash(container: str, *, grace: float) -> None:
        await restart(container, grace=grace)
        fake_engine.stop(container)

    monkeypatch.setattr(fake_engine, "restart", crash)
    async with followed(tmp_path, fake_engine, PLAIN) as web:
        web.save("bad")
        assert not (await web.ends()).owed
        await looks(web, fake_engine, times=6)
        assert [call.verb for call in fake_engine.calls].count("restart") == 1


@pytest.mark.usefixtures("often")
async def test_one_that_is_paused_is_not_started(tmp_path: Path, fake_engine: FakeEngine) -> None:
    async with followed(tmp_path, fake_engine, LIVE) as web:
        await looks(web, fake_engine)
        fake_engine.pause("web")
        web.save("two")
        assert not (await web.ends()).owed
        await looks(web, fake_engine, times=6)
        assert web.holds("/app/main") == "two"
        assert "restart" not in [call.verb for call in fake_engine.calls]
