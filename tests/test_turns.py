"""Stages that do not need each other are carried out at once, and one push takes them all."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from pathlib import Path

import pytest

from livepush.engine import Command, ImageConfig, OutputSink
from livepush.errors import EngineError
from livepush.events import CommandExecute, Event
from livepush.model import Changes, Replay
from livepush.push import PushResult
from livepush.session import Livepush
from livepush.span import Piece
from livepush.testing import FakeEngine, FakeImage

from .conditions import until
from .conftest import BUSYBOX

# Commands sleep until their gates are open; the gates are called by the seconds.
TEXT = f"""\
FROM {BUSYBOX} AS one
COPY both /both
COPY a* /in/
RUN sleep 1 && cat /in/a > /out
COPY later /later
FROM {BUSYBOX} AS two
COPY both /both
COPY b /b
RUN sleep 2 && cat /b > /out
FROM {BUSYBOX} AS three
COPY --from=two /out /two
RUN sleep 3 && cat /two > /out
FROM {BUSYBOX}
COPY --from=one /out /later /one/
COPY --from=three /out /three/
"""


class World:
    def __init__(self, root: Path, engine: FakeEngine) -> None:
        self.root = root
        self.engine = engine
        self.gates: dict[float, asyncio.Event] = defaultdict(asyncio.Event)
        self.session: Livepush
        self.told: list[Event] = []

    def begin(
        self, *paths: str, text: str = "new", deleted: Sequence[str] = ()
    ) -> asyncio.Task[PushResult]:
        for path in paths:
            (self.root / path).write_text(text)
        return asyncio.create_task(self.session.perform_livepush(paths, deleted))

    def open(self) -> None:
        for seconds in (1, 2, 3):
            self.gates[seconds].set()

    def held(self) -> tuple[str, ...]:
        files = self.engine.files("web")
        contents = (files.read(path) for path in ("/one/out", "/one/later", "/three/out"))
        return tuple("" if content is None else content.decode() for content in contents)

    def began(self) -> list[int]:
        return sorted(each.stage_idx for each in self.told if isinstance(each, CommandExecute))

    def names(self) -> list[str]:
        return [event.name for event in self.told]


@pytest.fixture
async def web(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    fake_engine: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[World]:
    """Its parameter, where it has one, is whether builds are the engine's own builder's: clean."""
    legacy = getattr(request, "param", None)
    replay: Replay = "in-place" if legacy is None else "clean"
    files = fake_engine.files(fake_engine.add_container(BUSYBOX))
    config = ImageConfig("", legacy=bool(legacy))
    fake_engine.add_image(FakeImage(files, config), tag=BUSYBOX)
    world = World(tmp_path, fake_engine)
    opened = asyncio.Event()

    async def sleep(seconds: float) -> None:
        if opened.is_set():
            await world.gates[seconds].wait()

    monkeypatch.setattr(fake_engine, "_sleep", sleep)
    (tmp_path / "both").mkdir()
    for name in ("a", "a.beside", "b", "later", "both/it", "both/other"):
        (tmp_path / name).write_text("old")
    fake_engine.add_container(BUSYBOX, name="web")
    world.session = await Livepush.init(
        context=tmp_path,
        container_id="web",
        dockerfile_content=TEXT,
        engine=fake_engine,
        replay=replay,
    )
    opened.set()
    for name in ("livepushStart", "commandExecute", "commandReturn", "containerRestart", "cancel"):
        world.session.on(name, world.told.append)
    async with world.session:
        yield world
        world.open()


async def test_they_run_at_once_and_who_copies_waits_for_them(web: World) -> None:
    push = web.begin("a", "b", "later")
    await until(lambda: web.began() == [0, 1])
    web.gates[2].set()
    await until(lambda: web.began() == [0, 1, 2])
    web.gates[3].set()
    await until(lambda: web.names().count("commandReturn") == 2)
    assert "containerRestart" not in web.names()  # nor is anything copied there
    assert web.held() == ("", "", "")
    web.gates[1].set()
    assert (await push).status == "succeeded"
    assert web.held() == ("new", "new", "new")
    assert web.names().count("containerRestart") == 1


async def test_where_one_fails_the_others_end_and_all_stays_owed(web: World) -> None:
    (web.root / "a").unlink()
    push = web.begin("b", deleted=["a"])
    await until(lambda: web.began() == [0, 1])

    def save(_: Event) -> None:
        web.session.pushes.note(Changes(frozenset({"later"})))

    web.session.once("commandReturn", save)
    web.gates[1].set()
    result = await push
    assert (result.status, result.return_code) == ("failed", 1)
    assert result.owed == ("a", "b", "later")
    assert web.names().count("commandReturn") == 1
    assert web.session.pushes.owes  # no push that has failed takes up what comes then
    assert web.held() == ("", "", "")
    web.open()
    assert (await web.begin("a", "later")).status == "succeeded"
    assert web.held() == ("new", "new", "new")


async def test_a_change_joins_where_no_step_of_its_stage_is_running(web: World) -> None:
    first = web.begin("a")
    await until(lambda: web.began() == [0])
    second = web.begin("b")
    await until(lambda: web.began() == [0, 1])
    assert "cancel" not in web.names()
    web.open()
    assert await first == await second
    assert web.held() == ("new", "old", "new")


async def test_a_change_ends_the_command_that_it_reaches_and_no_other(web: World) -> None:
    first = web.begin("a", "b")
    await until(lambda: web.began() == [0, 1])
    second = web.begin("b", text="newer")
    await until(lambda: web.began() == [0, 1, 1])
    web.open()
    assert await first == await second
    assert (await first).status == "succeeded"
    assert web.held() == ("new", "old", "newer")
    assert web.names().count("cancel") == 0


async def test_a_change_that_reaches_all_commands_overtakes_the_push(web: World) -> None:
    first = web.begin("a", "b")
    await until(lambda: web.began() == [0, 1])
    second = web.begin("a", "b", text="newer")
    assert (await first).status == "cancelled"
    web.open()
    assert (await second).status == "succeeded"
    assert web.held() == ("newer", "old", "newer")


async def test_what_is_called_off_is_owed_and_taken_up_again(web: World) -> None:
    push = web.begin("a", "b")
    await until(lambda: web.began() == [0, 1])
    await web.session.cancel()
    result = await push
    assert (result.status, result.owed) == ("cancelled", ("a", "b"))
    web.open()
    assert (await web.begin("later")).status == "succeeded"
    assert web.held() == ("new", "new", "new")


async def test_an_engine_that_fails_ends_them_all(
    web: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = web.engine.run

    async def failing(
        container: str, command: Command, output: OutputSink, *, grace: float, restarts: bool
    ) -> int:
        if "sleep 2" in command.argv[-1]:
            await web.gates[2].wait()
            raise EngineError("no space in the bakery")
        return await real(container, command, output, grace=grace, restarts=restarts)

    monkeypatch.setattr(web.engine, "run", failing)
    push = web.begin("a", "b")
    await until(lambda: web.began() == [0, 1])
    web.gates[2].set()
    with pytest.raises(EngineError, match="bakery"):
        await push
    monkeypatch.undo()
    web.open()
    assert (await web.session.pushes.again()).status == "succeeded"
    assert web.held() == ("new", "old", "new")


async def test_what_a_copy_finds_gone_ends_no_command_of_another_stage(
    web: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No push would begin it again."""
    real, slow = web.engine.put, list[str]()

    async def vanishing(container: str, archive: AsyncIterable[Piece]) -> None:
        if not slow:
            slow.append(container)
            await until(lambda: len(web.began()) == 1)
            (web.root / "both/it").unlink()
        await real(container, archive)

    monkeypatch.setattr(web.engine, "put", vanishing)
    push = web.begin("a", "b", "both/it")
    await until(lambda: len(web.began()) == 1)
    await until(lambda: web.session.pushes.owes)
    web.open()
    assert (await push).status == "succeeded"
    assert web.session.pushes.settled
    assert web.held() == ("new", "old", "new")


async def test_a_command_waits_for_a_change_that_reaches_it(
    web: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came while files were copied, so that nothing was there to be ended."""
    real, copied, go = web.engine.put, list[str](), asyncio.Event()

    async def held(container: str, archive: AsyncIterable[Piece]) -> None:
        copied.append(container)
        await go.wait()
        await real(container, archive)

    monkeypatch.setattr(web.engine, "put", held)
    push = web.begin("a", "b")
    await until(lambda: len(copied) == 2)
    newer = web.begin("both/it", "both/other")
    await until(lambda: web.session.pushes.owes)
    web.open()
    go.set()
    assert (await push).status == "succeeded"
    assert (await newer).owed == ()
    assert web.began() == [0, 1, 2]


@pytest.mark.parametrize(("web", "at_once"), [(False, 2), (True, 1)], indirect=["web"])
async def test_only_buildkit_builds_several_stages_at_once(
    web: World, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, go, building = web.engine.build, asyncio.Event(), list[str]()
    most = 0

    async def build(*args: object, target: str, **options: object) -> str:
        nonlocal most
        building.append(target)
        most = max(most, len(building))
        await go.wait()
        built = await real(*args, target=target, **options)  # type: ignore[arg-type]
        building.remove(target)
        return built

    monkeypatch.setattr(web.engine, "build", build)
    first = web.begin("b")
    await until(lambda: building == ["two"])
    second = web.begin("a")
    await until(lambda: not web.session.pushes.owes)  # it has joined
    await until(lambda: len(building) == at_once)
    go.set()
    await asyncio.gather(first, second)
    assert most == at_once
