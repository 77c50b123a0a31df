"""What an engine that fails has kept from landing is pushed again, and a failing step is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from livepush import events, presence, recovery
from livepush.bus import EventStream
from livepush.errors import EngineError, EngineUnreachableError
from livepush.events import Event
from livepush.session import Livepush
from livepush.testing import FakeEngine
from livepush.testing.builder import DockerfileBuilder

from .conftest import BUSYBOX

BOUND = 20.0
PLAIN = f"FROM {BUSYBOX}\nCOPY src /app\nRUN cp /app/main /out\n"
STAGED = f"""FROM {BUSYBOX} AS made
COPY src /src
RUN cp /src/main /out
FROM {BUSYBOX}
COPY --from=made /out /out
"""
AWAY = EngineUnreachableError("No engine answers.", hint="Start it.")
REFUSED = EngineError("The engine could not: a hiccup", status=500)


class World:
    def __init__(self, root: Path, engine: FakeEngine, session: Livepush) -> None:
        self.root = root
        self.engine = engine
        self.session = session
        self.told: list[Event] = []
        self._stream: EventStream = session.events()

    def save(self, text: str) -> None:
        (self.root / "src/main").write_text(text)

    def holds(self, path: str) -> str | None:
        content = self.engine.files("web").read(path)
        return None if content is None else content.decode()

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(BOUND):
            while not met():
                self.told.append(await anext(self._stream))

    async def passes(self, met: Callable[[], bool]) -> None:
        """Waits for what is no event."""
        async with asyncio.timeout(BOUND):
            while not met():  # noqa: ASYNC110  # any state of the engine
                await asyncio.sleep(0.001)

    async def ends(self) -> events.LivepushEnd:
        """The next end of a push."""
        count = len(self.pushes())
        await self.until(lambda: len(self.pushes()) > count)
        return self.pushes()[-1]

    def pushes(self) -> list[events.LivepushEnd]:
        return [event for event in self.told if isinstance(event, events.LivepushEnd)]

    def errors(self) -> list[tuple[str, str]]:
        return [(e.message, e.hint) for e in self.told if isinstance(e, events.Error)]

    def commands(self) -> int:
        return sum(isinstance(event, events.CommandExecute) for event in self.told)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_FIRST", 0.001)
    monkeypatch.setattr(recovery, "_LONGEST", 0.01)


@asynccontextmanager
async def followed(root: Path, engine: FakeEngine, dockerfile: str) -> AsyncIterator[World]:
    """A context that is followed, its container on `engine`."""
    (root / "src").mkdir()
    (root / "src/main").write_text("one")
    (root / "Dockerfile").write_text(dockerfile)
    engine.add_container(BUSYBOX, name="web")
    session = await Livepush.init(
        context=root, container_id="web", dockerfile_content=dockerfile, engine=engine
    )
    world = World(root, engine, session)
    following = asyncio.create_task(session.watch())
    try:
        await world.until(lambda: any(isinstance(e, events.Ready) for e in world.told))
        yield world
    finally:
        following.cancel()
        await asyncio.wait([following])
        await session.aclose()
    assert following.cancelled()


async def test_an_engine_that_is_away_is_waited_for(
    tmp_path: Path, fake_engine: FakeEngine
) -> None:
    async with followed(tmp_path, fake_engine, PLAIN) as web:
        fake_engine.fail_next("put", AWAY)
        for _ in range(40):
            fake_engine.fail_next("container", AWAY)
        web.save("two")
        await web.until(lambda: web.holds("/out") == "two")
        assert not (await web.ends()).owed
        assert web.errors() == [
            ("No engine answers.", "Start it. It is tried again by itself."),
        ]
        assert [end.status for end in web.pushes()] == ["failed", "succeeded"]
        names = [event.name for event in web.told]
        assert names.index("error") < names.index("livepushEnd"), "why it failed comes first"


@pytest.mark.parametrize("verb", ["put", "run", "restart"])
async def test_what_the_engine_breaks_off_is_pushed_again(
    tmp_path: Path, fake_engine: FakeEngine, verb: str
) -> None:
    async with followed(tmp_path, fake_engine, PLAIN) as web:
        for _ in range(3):
            fake_engine.fail_next(verb, REFUSED)
        web.save("two")
        await web.until(lambda: bool(web.pushes()) and not web.pushes()[-1].owed)
        assert [end.status for end in web.pushes()] == ["failed"] * 3 + ["succeeded"]
        assert web.errors() == [(REFUSED.message, "It is tried again by itself.")]
        assert web.holds("/out") == "two"


async def test_an_engine_that_fails_for_good_is_given_up_until_the_next_save(
    tmp_path: Path, fake_engine: FakeEngine
) -> None:
    async with followed(tmp_path, fake_engine, PLAIN) as web:
        for _ in range(recovery._TRIES):
            fake_engine.fail_next("put", REFUSED)
        web.save("two")
        await web.until(lambda: len(web.pushes()) == recovery._TRIES)
        assert web.pushes()[-1].owed == ("src/main",)
        assert [hint for _, hint in web.errors()] == [
            "It is tried again by itself.",
            "It is given up for now: the next save tries it again.",
        ]
        web.save("three")
        assert (await web.ends()).status == "succeeded"
        assert web.holds("/out") == "three"


async def test_what_the_engine_would_refuse_again_is_not_tried_again(
    tmp_path: Path, fake_engine: FakeEngine
) -> None:
    async with followed(tmp_path, fake_engine, PLAIN) as web:
        fake_engine.fail_next("put", EngineError("The engine may not.", status=403))
        web.save("two")
        assert (await web.ends()).owed == ("src/main",)
        web.save("three")
        assert (await web.ends()).status == "succeeded"
        assert web.errors() == [("The engine may not.", "")]


async def test_a_failing_step_is_not_tried_again(tmp_path: Path, fake_engine: FakeEngine) -> None:
    dockerfile = f"FROM {BUSYBOX}\nCOPY src /app\nRUN exit 1\n"
    async with followed(tmp_path, fake_engine, dockerfile) as web:
        web.save("two")
        assert (await web.ends()).status == "failed"
        web.save("three")
        assert (await web.ends()).status == "failed"
        assert web.commands() == 2


@pytest.mark.parametrize(
    ("said", "told", "hint"),
    [
        (
            "write /app/main: no space left on device",
            "line 2: COPY src /app: there is no space left on the engine's disk",
            "Make room, as with `docker system prune`, and save once more.",
        ),
        (
            "container rootfs is marked read-only",
            "line 2: COPY src /app: the container's file system is read-only",
            "Start the container without --read-only, or rebuild the image.",
        ),
    ],
)
async def test_what_is_in_the_engine_s_way_is_told_with_the_step(
    tmp_path: Path, fake_engine: FakeEngine, said: str, told: str, hint: str
) -> None:
    async with followed(tmp_path, fake_engine, PLAIN) as web:
        fake_engine.fail_next("put", EngineError(f"The engine could not: {said}", status=500))
        web.save("two")
        assert (await web.ends()).owed == ("src/main",)
        assert web.errors() == [(told, hint)]
        web.save("three")
        assert (await web.ends()).status == "succeeded"
        assert web.holds("/out") == "three"


async def test_a_container_that_ended_with_its_engine_is_left_alone_until_it_is_started(
    tmp_path: Path, fake_engine: FakeEngine
) -> None:
    async with followed(tmp_path, fake_engine, PLAIN) as web:
        fake_engine.fail_next("put", AWAY)
        web.save("two")
        fake_engine.stop("web")
        await web.until(lambda: len(web.errors()) == 2)
        assert web.errors()[1] == (
            "The container web has stopped while its engine was away.",
            "Start it with `docker start web`: what is owed follows by itself.",
        )
        assert [call.verb for call in fake_engine.calls].count("restart") == 0
        await fake_engine.restart("web", grace=0)
        await web.until(lambda: bool(web.pushes()) and not web.pushes()[-1].owed)
        assert web.holds("/out") == "two"


async def test_a_save_does_not_wait_for_a_container_that_is_not_started(
    tmp_path: Path, fake_engine: FakeEngine
) -> None:
    async with followed(tmp_path, fake_engine, f"FROM {BUSYBOX}\nCOPY src /app\n") as web:
        fake_engine.fail_next("put", AWAY)
        web.save("two")
        fake_engine.stop("web")
        await web.until(lambda: len(web.errors()) == 2)
        web.save("three")
        assert not (await web.ends()).owed
        assert web.holds("/app/main") == "three"


async def test_a_container_that_the_push_stopped_is_started(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fake_engine.restart

    async def restart(container: str, *, grace: float) -> None:
        if web.pushes():
            await real(container, grace=grace)
            return
        fake_engine.stop(container)
        raise AWAY

    monkeypatch.setattr(fake_engine, "restart", restart)
    async with followed(tmp_path, fake_engine, PLAIN) as web:
        web.save("two")
        assert (await web.ends()).owed
        assert (await web.ends()).status == "succeeded"
        info = await fake_engine.container("web")
        assert info is not None
        assert info.running
        assert len(web.errors()) == 1


@pytest.mark.parametrize("verb", ["put", "delete", "run"])
async def test_what_was_under_way_as_the_application_ended_lands_and_it_is_started(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    (base,) = fake_engine._images.values()
    fake_engine._builder = DockerfileBuilder(lambda _: base)
    real = getattr(fake_engine, verb)

    async def ended(*args: object, **given: object) -> object:
        if not web.pushes():
            monkeypatch.setattr(fake_engine, verb, real)
            fake_engine.stop("web")
            raise EngineError("The engine could not: cannot exec in a stopped state")
        return await real(*args, **given)

    async with followed(tmp_path, fake_engine, PLAIN) as web:
        web.save("two")
        (tmp_path / "src/more").write_text("more")
        await web.until(lambda: bool(web.pushes()) and not web.pushes()[-1].owed)
        web.told.clear()
        monkeypatch.setattr(fake_engine, verb, ended)
        web.save("three")
        (tmp_path / "src/more").unlink()
        await web.passes(lambda: web.holds("/app/more") is None)
        await web.until(lambda: bool(web.pushes()) and not web.pushes()[-1].owed)
        info = await fake_engine.container("web")
        assert info is not None
        assert info.running
        assert web.errors() == []
        assert web.holds("/app/main") == web.holds("/out") == "three"
        assert web.holds("/app/more") is None


async def test_what_is_in_the_engine_s_way_is_told_of_a_stopped_container_too(
    tmp_path: Path, fake_engine: FakeEngine
) -> None:
    async with followed(tmp_path, fake_engine, PLAIN) as web:
        fake_engine.fail_next("put", EngineError("no space left on device", status=500))
        fake_engine.stop("web")
        web.save("two")
        await web.ends()
        ((message, hint),) = web.errors()
        assert "no space left" in message
        assert hint.startswith("Make room")


async def test_what_landed_as_the_application_ended_is_a_change(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (base,) = fake_engine._images.values()
    fake_engine._builder = DockerfileBuilder(lambda _: base)
    real = fake_engine.put

    async def ended(container: str, pieces: AsyncIterator[bytes]) -> None:
        await real(container, pieces)
        monkeypatch.setattr(fake_engine, "put", real)
        fake_engine.stop("web")
        raise EngineError("The engine could not: cannot exec in a stopped state")

    async with followed(tmp_path, fake_engine, f"FROM {BUSYBOX}\nCOPY src /app\n") as web:
        monkeypatch.setattr(fake_engine, "put", ended)
        web.save("two")
        assert (await web.ends()).status == "succeeded"
        assert web.holds("/app/main") == "two"


async def test_a_container_that_goes_on_later_has_what_is_owed(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "_INTERVAL", 0.01)
    monkeypatch.setattr(presence, "_SELDOM", 0.01)
    async with followed(tmp_path, fake_engine, PLAIN) as web:
        fake_engine.pause("web")
        await web.until(lambda: any(isinstance(e, events.ContainerStopped) for e in web.told))
        web.save("two")
        assert (await web.ends()).owed == ("src/main",)
        fake_engine.pause("web", paused=False)
        await web.until(lambda: not web.pushes()[-1].owed)
        assert web.holds("/out") == "two"


async def test_a_container_that_is_gone_is_told_by_its_name(
    tmp_path: Path, fake_engine: FakeEngine
) -> None:
    async with followed(tmp_path, fake_engine, PLAIN) as web:
        gone = await fake_engine.container("web")
        assert gone is not None
        await fake_engine.remove("web")
        web.save("two")
        assert (await web.ends()).owed
        assert web.errors() == [("There is no container web.", recovery._WAITS)]


@pytest.mark.parametrize("gone", [False, True], ids=["stopped", "removed"])
async def test_a_stage_s_own_container_is_had_again(
    tmp_path: Path, fake_engine: FakeEngine, gone: bool
) -> None:
    (base,) = fake_engine._images.values()
    fake_engine._builder = DockerfileBuilder(lambda _: base)
    async with followed(tmp_path, fake_engine, STAGED) as web:
        stage = next(owned.id for owned in await fake_engine.owned() if owned.kind == "container")
        fake_engine.stop(stage)
        if gone:
            await fake_engine.remove(stage)
        web.save("two")
        assert (await web.ends()).status == "succeeded"
        assert web.holds("/out") == "two"
