"""Pushes that are called off, set back, or meet a file that cannot be read."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from livepush.context import Context
from livepush.events import Event
from livepush.executor import Executor, StepFailedError
from livepush.model import Changes
from livepush.opening import GRACE
from livepush.plan import Action
from livepush.push import _PATIENCE, PushResult
from livepush.session import Livepush
from livepush.testing import FakeEngine

from .conditions import until
from .conftest import BUSYBOX

SLOW = f"FROM {BUSYBOX}\nCOPY deps /deps\nRUN sleep 60 && cat /deps > /out\nCOPY src /src\n"


class World:
    """A session whose command sleeps until the `gate` is open."""

    def __init__(self, root: Path, engine: FakeEngine, gate: asyncio.Event) -> None:
        self.root = root
        self.engine = engine
        self.gate = gate
        self.session: Livepush
        self.told: list[Event] = []
        self.left = 0.001  # seconds for which more is coming, as a crowd's push is told

    async def crowd(self, path: str, text: str) -> asyncio.Task[PushResult]:
        """A push of a save of which more is coming."""
        self.session.pushes.note(await self.change(path, text))
        return self.push_crowd()

    def push_crowd(self) -> asyncio.Task[PushResult]:
        return asyncio.create_task(self.session.pushes.push(rest=lambda: self.left))

    async def save(self, path: str, text: str) -> str:
        (self.root / path).write_text(text)
        return (await self.session.perform_livepush([path])).status

    async def change(self, path: str, text: str) -> Changes:
        """What is there to be noted of a save."""
        (self.root / path).write_text(text)
        return await self.session.reread(frozenset({path}))

    def begin(self, path: str, text: str) -> asyncio.Task[str]:
        return asyncio.create_task(self.save(path, text))

    def holds(self, path: str) -> str | None:
        content = self.engine.files("web").read(path)
        return None if content is None else content.decode()

    async def lands(self, path: str, text: str) -> None:
        await until(lambda: self.holds(path) == text)

    def names(self) -> list[str]:
        return [event.name for event in self.told]


@pytest.fixture
async def web(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    world = World(tmp_path, fake_engine, asyncio.Event())

    async def sleep(_: float) -> None:
        await world.gate.wait()

    monkeypatch.setattr(fake_engine, "_sleep", sleep)
    for name in ("deps", "src"):
        (tmp_path / name).write_text("one")
    fake_engine.add_container(BUSYBOX, name="web")
    world.session = await Livepush.init(
        context=tmp_path, container_id="web", dockerfile_content=SLOW, engine=fake_engine
    )
    for name in ("livepushStart", "commandExecute", "cancel", "livepushEnd", "error"):
        world.session.on(name, world.told.append)
    async with world.session:
        yield world
        world.gate.set()


async def test_calling_off_ends_the_pushes_that_wait_as_well(web: World) -> None:
    first = web.begin("deps", "two")
    await until(lambda: "commandExecute" in web.names())
    second = web.begin("src", "two")
    await until(lambda: web.session.pushes.owes)
    await web.session.cancel()
    assert [await first, await second] == ["cancelled", "cancelled"]
    assert web.names().count("livepushStart") == 1
    web.gate.set()
    assert await web.save("src", "three") == "succeeded"
    assert (web.holds("/out"), web.holds("/src")) == ("two", "three")


async def test_closing_begins_no_push_that_waits(web: World) -> None:
    first = web.begin("deps", "two")
    await until(lambda: "commandExecute" in web.names())
    second = web.begin("src", "two")
    await until(lambda: web.session.pushes.owes)
    await web.session.aclose()
    assert [await first, await second] == ["cancelled", "cancelled"]
    assert web.holds("/src") is None


async def test_a_save_at_the_very_end_of_a_command_is_not_lost(web: World) -> None:
    """It would have ended the command, which has ended by itself: the same push takes it up."""

    def save(_: Event) -> None:
        (web.root / "deps").write_text("three")
        web.session.pushes.note(Changes(frozenset({"deps"})))

    web.session.once("commandReturn", save)
    web.gate.set()
    assert await web.save("deps", "two") == "succeeded"
    assert web.session.pushes.settled
    assert (web.holds("/out"), web.names().count("cancel")) == ("three", 0)


async def test_a_save_after_calling_off_is_pushed(web: World) -> None:
    web.gate.set()
    await web.session.cancel()
    assert await web.save("deps", "two") == "succeeded"


async def test_while_more_is_coming_only_copies_are_carried_out(web: World) -> None:
    """And what comes joins them; the command runs once, when all of it is there."""
    web.gate.set()
    push = await web.crowd("deps", "two")
    await web.lands("/deps", "two")
    web.session.pushes.note(await web.change("deps", "three"))
    await until(lambda: web.holds("/deps") == "three" and not web.session.pushes.owes)
    web.session.pushes.note(await web.change("src", "two"))
    await until(lambda: not web.session.pushes.owes)
    assert web.names() == 3 * ["livepushStart"]
    assert web.holds("/src") is None, "which comes after the command"
    web.left = 0.0
    assert (await push).status == "succeeded"
    assert (web.holds("/out"), web.holds("/src")) == ("three", "two")
    assert web.names() == [*(3 * ["livepushStart"]), "commandExecute", "livepushEnd"]


async def test_a_push_does_not_end_while_more_is_coming(web: World) -> None:
    left = 0.001
    asked = 0

    def rest() -> float:
        nonlocal asked
        asked += 1
        return left

    web.session.pushes.note(await web.change("src", "two"))
    push = asyncio.create_task(web.session.pushes.push(rest=rest))
    await web.lands("/src", "two")
    before = asked
    await until(lambda: asked > before + 3)
    assert not push.done()
    left = 0.0
    assert (await push).status == "succeeded"
    assert web.names() == ["livepushStart", "livepushEnd"]


async def test_a_copy_that_fails_while_more_is_coming_waits_for_more(web: World) -> None:
    """A source may be away for a moment, as while a branch is switched."""
    web.gate.set()
    web.session.pushes.note(await web.change("deps", "two"))
    (web.root / "deps").unlink()
    web.session.pushes.note(await web.session.reread(frozenset({"deps"})))
    push = web.push_crowd()
    await until(lambda: bool(web.session.pushes._early))  # nothing else tells
    web.session.pushes.note(await web.change("deps", "three"))
    await web.lands("/deps", "three")
    web.left = 0.0
    assert (await push).status == "succeeded"
    assert web.names().count("error") == 0
    assert web.holds("/out") == "three"


async def test_a_copy_that_still_fails_when_all_is_there_fails_the_push(web: World) -> None:
    (web.root / "deps").unlink()
    web.session.pushes.note(await web.session.reread(frozenset({"deps"})))
    push = web.push_crowd()
    await until(lambda: bool(web.session.pushes._early))
    web.left = 0.0
    result = await push
    assert (result.status, result.owed) == ("failed", ("deps",))
    assert web.names() == ["livepushStart", "error", "livepushEnd"]


async def test_crowds_between_commands_do_not_keep_a_push_from_its_end(
    web: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of the first step comes as each command ends, and more seems to be coming."""
    web.gate.set()
    changes, coming = 0, 0.0
    real = web.engine.run

    async def run(*given: object, **options: object) -> int:
        nonlocal changes, coming
        code = await real(*given, **options)  # type: ignore[arg-type]
        if changes < 200:
            changes += 1
            change = await web.change("deps", str(changes))
            web.session.pushes.note(change, overtakes=False)
            coming = 0.001
        return code

    def rest() -> float:
        nonlocal coming
        left, coming = coming, 0.0
        return left

    monkeypatch.setattr(web.engine, "run", run)
    web.session.pushes.note(await web.change("deps", "0"))
    await web.session.pushes.push(rest=rest)
    assert changes < 200


async def test_a_command_that_fails_while_more_is_coming_is_not_tried_with_each_of_it(
    web: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy may turn out to be for a build, whose command fails then."""
    tries = 0

    async def failing(_: Action) -> NoReturn:
        nonlocal tries
        tries += 1
        raise StepFailedError("RUN make ended with 1", return_code=1)

    monkeypatch.setattr(Executor, "perform", lambda _, action: failing(action))
    web.session.pushes.note(await web.change("deps", "0"))
    push = web.push_crowd()
    await until(lambda: tries == 1)
    for serial in range(1, 20):
        web.session.pushes.note(await web.change("deps", str(serial)))
        await until(lambda: not web.session.pushes.owes)
    web.left = 0.0
    result = await push
    assert (result.status, result.return_code, tries) == ("failed", 1, 2)


async def test_a_crowd_that_has_a_pause_too_early_is_waited_for_all_the_same(web: World) -> None:
    """What the pause let begin comes once more at its end, and not with every change."""
    web.gate.set()
    push = await web.crowd("deps", "0")
    await web.lands("/deps", "0")
    web.left = 0.0

    def go_on(_: Event) -> None:
        web.left = 0.001
        (web.root / "deps").write_text("1")
        web.session.pushes.note(Changes(frozenset({"deps"})), overtakes=False)

    web.session.once("commandReturn", go_on)
    for serial in range(1, 10):
        await web.lands("/deps", str(serial))
        web.session.pushes.note(await web.change("deps", str(serial + 1)), overtakes=False)
    await web.lands("/deps", "10")
    web.left = 0.0
    assert (await push).status == "succeeded"
    assert web.names().count("commandExecute") == 2


async def test_what_never_ceases_to_come_does_not_hold_up_a_command(
    web: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change waits whenever a copy has ended, and the crowd has a pause only now and then."""
    web.gate.set()
    changes, real = 0, web.engine.put

    async def put(*given: object, **options: object) -> None:
        nonlocal changes
        await real(*given, **options)  # type: ignore[arg-type]
        changes += 1
        change = await web.change("deps", str(changes))
        web.session.pushes.note(change, overtakes=False)

    monkeypatch.setattr(web.engine, "put", put)
    web.session.pushes.note(await web.change("deps", "0"))
    pushing = web.session.pushes.push(rest=lambda: 0.001 if changes % 20 else 0.0)
    push = asyncio.create_task(pushing)
    await until(lambda: "commandExecute" in web.names())
    assert changes < 100
    monkeypatch.setattr(web.engine, "put", real)
    await push


async def test_a_push_that_waits_for_more_is_called_off_at_once(web: World) -> None:
    web.session.pushes.note(await web.change("deps", "two"))
    push = asyncio.create_task(web.session.pushes.push(rest=lambda: 1000.0))
    await web.lands("/deps", "two")
    await web.session.cancel()
    assert (await push).status == "cancelled"
    assert web.session.pushes.settled is False


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE])
async def test_a_file_that_cannot_be_read_fails_the_push_and_stays_owed(
    web: World, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    web.gate.set()
    real = Context.open_file

    def failing(context: Context, path: str) -> NoReturn:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(Context, "open_file", failing)
    (web.root / "deps").write_text("two")
    result = await web.session.perform_livepush(["deps"])
    assert (result.status, result.owed) == ("failed", ("deps",))
    assert result.message == (
        f"line 2: COPY deps /deps: 'deps' could not be read: {os.strerror(number)}"
    )
    assert web.session.pushes.stuck  # until that has passed
    assert web.names().count("error") == 1
    monkeypatch.setattr(Context, "open_file", real)
    assert (await web.session.perform_livepush([])).status == "succeeded"
    assert web.holds("/out") == "two"


async def test_fifty_saves_behind_a_command_leave_it_alone_and_the_last_lands(web: World) -> None:
    pushes = [web.begin("deps", "two")]
    await until(lambda: "commandExecute" in web.names())
    for serial in range(50):
        pushes.append(web.begin("src", str(serial)))
        await until(lambda: web.session.pushes.owes)
    web.gate.set()
    assert "cancelled" not in await asyncio.gather(*pushes)
    assert (web.names().count("commandExecute"), "cancel" in web.names()) == (1, False)
    assert (web.holds("/out"), web.holds("/src")) == ("two", "49")


@pytest.mark.parametrize("spacing", [0, 3, 40])
async def test_fifty_saves_around_a_command_end_in_one_correct_state(
    web: World, spacing: int
) -> None:
    """`spacing` is how far the session gets between two of them."""
    pushes = []
    for serial in range(50):
        pushes.append(web.begin("src" if serial % 3 else "deps", str(serial)))
        for _ in range(spacing):
            await asyncio.sleep(0)
    web.gate.set()
    await asyncio.gather(*pushes)
    assert (web.holds("/out"), web.holds("/src")) == ("48", "49")
    assert (await web.session.perform_livepush([])).owed == ()
    assert web.names()[-2:] == ["livepushStart", "livepushEnd"], "nothing was left to be done"


async def test_what_is_overtaken_has_the_grace_that_was_asked_for(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, graces = fake_engine.run, []

    async def run(*given: object, **options: object) -> int:
        graces.append((options["grace"], options["restarts"]))
        return await real(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(fake_engine, "run", run)
    (tmp_path / "deps").write_text("one")
    fake_engine.add_container(BUSYBOX, name="web")
    text = f"FROM {BUSYBOX}\nCOPY deps /deps\nRUN true\n"
    ways: list[dict[str, Any]] = [{}, {"grace": 0.25, "skip_container_restart": True}]
    for options in ways:
        async with await Livepush.init(
            context=tmp_path,
            container_id="web",
            dockerfile_content=text,
            engine=fake_engine,
            **options,
        ) as session:
            await session.perform_livepush(["deps"])
    # A container without a shell may be restarted to end a command only where it is anyway.
    assert graces == [(GRACE, True), (0.25, False)]


async def test_what_is_saved_all_the_time_does_not_keep_a_command_from_its_end(
    web: World,
) -> None:
    """Saves overtake the command only so often in a row; then it ends, and the last save lands."""
    pushes = [web.begin("deps", "0")]
    for serial in range(1, _PATIENCE + 3):
        await until(lambda: web.names()[-1:] == ["commandExecute"])
        pushes.append(web.begin("deps", str(serial)))
        await until(lambda: web.session.pushes.owes)
        if serial <= _PATIENCE:
            await until(lambda: not web.session.pushes.owes)
    assert web.names().count("cancel") == _PATIENCE
    web.gate.set()
    ended = await asyncio.gather(*pushes)
    assert ended[-3:] == ["succeeded"] * 3
    assert web.holds("/out") == str(_PATIENCE + 2)
    # What came in between is forgotten: the next command can be overtaken as often.
    web.gate.clear()
    first = web.begin("deps", "again")
    await until(lambda: web.names()[-1] == "commandExecute")
    second = web.begin("deps", "and again")
    assert await first == "cancelled"
    web.gate.set()
    assert await second == "succeeded"


async def test_many_saves_that_end_one_command_count_once(web: World) -> None:
    """A command takes a moment to end."""
    first = web.begin("deps", "two")
    await until(lambda: "commandExecute" in web.names())
    for _ in range(_PATIENCE):
        web.session.pushes.note(Changes(frozenset({"deps"})))
    assert await first == "cancelled"
    second = web.begin("deps", "three")
    await until(lambda: web.names().count("commandExecute") == 2)
    third = web.begin("deps", "four")
    assert await second == "cancelled"
    web.gate.set()
    assert await third == "succeeded"


async def test_what_is_saved_all_the_time_does_not_keep_later_steps_from_their_turn(
    web: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each upload of the first step meets another change of it: what follows lands all the same."""
    web.gate.set()
    real, saves = web.engine.put, 0

    async def put(container: str, archive: object) -> None:
        nonlocal saves
        await real(container, archive)  # type: ignore[arg-type]
        if web.holds("/src") != "two" and saves < 100:
            saves += 1
            (web.root / "deps").write_text(str(saves))
            web.session.pushes.note(await web.session.reread({"deps"}))

    monkeypatch.setattr(web.engine, "put", put)
    (web.root / "src").write_text("two")
    (web.root / "deps").write_text("two")
    await web.session.perform_livepush(["deps", "src"])
    assert web.holds("/src") == "two"
    assert 0 < saves < 100
