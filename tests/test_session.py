"""Sessions on the fake engine: what is pushed, what restarts, what stays owed."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import anyio
import pytest

from livepush import stage_container
from livepush.errors import (
    ContainerNotRunningError,
    EngineError,
    InvalidArgumentError,
    NoShellError,
)
from livepush.events import Event, FilesSyncing
from livepush.push import PushResult
from livepush.session import Livepush
from livepush.testing import FakeEngine, FakeImage, FakeLayer, Files, Node

from .archives import Item, packed
from .conftest import BUSYBOX

PLAIN = f"""\
FROM {BUSYBOX}
COPY deps /app/deps
RUN cat /app/deps > /installed
COPY src /app/src
CMD ["app"]
"""
BUILT = f"""\
FROM {BUSYBOX} AS build
COPY src /src
RUN cat /src/main > /out
FROM {BUSYBOX}
COPY --from=build /out /app/out
RUN cat /app/out > /app/ready
"""


class World:
    """A context on disk, a container on the fake engine, and a session between them."""

    def __init__(self, root: Path, engine: FakeEngine, session: Livepush, container: str) -> None:
        self.root = root
        self.engine = engine
        self.session = session
        self.container = container
        self.told: list[Event] = []

    def write(self, path: str, text: str) -> str:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return path

    async def save(self, path: str, text: str) -> PushResult:
        return await self.session.perform_livepush([self.write(path, text)])

    def holds(self, path: str) -> str | None:
        content = self.engine.files(self.container).read(path)
        return None if content is None else content.decode()

    def names(self) -> list[str]:
        return [event.name for event in self.told if event.name != "commandOutput"]

    def commands(self) -> list[str]:
        return [call.given.argv[-1] for call in self.engine.calls if call.verb == "run"]  # type: ignore[attr-defined]

    def forget(self) -> None:
        self.told.clear()
        self.engine.calls.clear()

    async def until(self, met: Callable[[], bool]) -> None:
        with anyio.fail_after(5):
            while not met():  # noqa: ASYNC110  # any state of the session, not one event
                await asyncio.sleep(0)


Open = Callable[..., Awaitable[World]]


@pytest.fixture
async def world(tmp_path: Path, fake_engine: FakeEngine) -> AsyncIterator[Open]:
    """Opens a session whose container has just been brought up to date."""
    opened: list[World] = []

    async def make(dockerfile: str, *, directory: str = "", **files: str) -> World:
        for name, text in files.items():
            file = tmp_path / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        container = fake_engine.add_container(BUSYBOX, name="web")
        if directory:
            fake_engine.files(container).place(directory, Node("dir", 0o755))
        stages = dockerfile.count("FROM ") - 1
        session = await Livepush.init(
            context=tmp_path,
            container_id="web",
            dockerfile_content=dockerfile,
            stage_images=[BUSYBOX] * stages,
            engine=fake_engine,
        )
        there = World(tmp_path, fake_engine, session, container)
        opened.append(there)
        await session.perform_livepush([name.replace("__", "/") for name in files])
        for name in ("livepushStart", "filesSynced", "commandExecute", "commandReturn"):
            session.on(name, there.told.append)
        for name in ("containerRestart", "cancel", "livepushEnd", "rebuildNeeded", "error"):
            session.on(name, there.told.append)
        there.forget()
        return there

    yield make
    for there in opened:
        await there.session.aclose()


async def test_how_far_a_large_push_is_is_told(
    world: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = await world(PLAIN, deps="d1", src__main="one")
    names = [f"src/{number}" for number in range(40)]
    for name in names:
        (web.root / name).write_bytes(bytes(50_000))
    told: list[Event] = []
    web.session.on("filesSyncing", told.append)
    await web.session.perform_livepush(names[:2])
    assert told == [], "it takes no second"
    monkeypatch.setattr(stage_container, "_PACE", 0.0)
    await web.session.perform_livepush(names[2:])
    steps = [(each.written, each.of) for each in told if isinstance(each, FilesSyncing)]
    assert len(steps) > 2
    assert steps == sorted(set(steps))
    assert steps[-1] == (38, 38)


async def test_a_source_file_is_copied_and_the_application_restarted(world: Open) -> None:
    web = await world(PLAIN, deps="d1", src__main="one")
    result = await web.save("src/main", "two")
    assert (result.status, result.owed) == ("succeeded", ())
    assert web.holds("/app/src/main") == "two"
    assert web.names() == ["livepushStart", "filesSynced", "containerRestart", "livepushEnd"]


async def test_a_dependency_runs_its_command_again_and_later_copies_in_full(world: Open) -> None:
    web = await world(PLAIN, deps="d1", src__main="one")
    web.engine.files(web.container).write("/app/src/main", b"spoilt by the command")
    await web.save("deps", "d2")
    assert web.holds("/installed") == "d2"
    assert web.holds("/app/src/main") == "one"
    assert web.commands() == ["cat /app/deps > /installed"]


async def test_a_file_that_no_step_takes_does_nothing(world: Open) -> None:
    web = await world(PLAIN, deps="d1", src__main="one")
    result = await web.save("README", "text")
    assert (result.status, result.owed) == ("nothing", ())
    assert web.names() == ["livepushStart", "livepushEnd"]
    assert not web.session.livepush_needed(["README"])
    assert web.session.livepush_needed(["src/new"])


async def test_a_save_that_changes_no_byte_does_nothing(world: Open) -> None:
    web = await world(PLAIN, deps="d1", src__main="one")
    await web.save("src/main", "two")
    web.forget()
    result = await web.save("src/main", "two")
    assert result.status == "nothing"
    assert not {"put", "run", "restart"} & {call.verb for call in web.engine.calls}


async def test_what_stands_after_the_live_point_restarts_nothing(world: Open) -> None:
    live = f"FROM {BUSYBOX}\nCOPY deps /deps\n#dev-cmd-live=serve\nCOPY src /src\nRUN never\n"
    web = await world(live, deps="d1", src__main="one")
    await web.save("src/main", "two")
    assert "containerRestart" not in web.names()
    await web.save("deps", "d2")
    assert "containerRestart" in web.names()
    assert web.commands() == []


async def test_a_deleted_file_goes_and_a_covered_one_comes_back(world: Open) -> None:
    layered = f"FROM {BUSYBOX}\nCOPY base /app\nCOPY over /app\n"
    web = await world(layered, base__a="below", over__a="above", over__b="only")
    for name in ("over/a", "over/b"):
        (web.root / name).unlink()
    await web.session.perform_livepush([], ["over/a", "over/b"])
    assert web.holds("/app/a") == "below"
    assert web.holds("/app/b") is None


async def test_a_file_of_the_base_image_comes_back(world: Open) -> None:
    web = await world(f"FROM {BUSYBOX}\nCOPY conf /\n", conf__bin__busybox="mine", conf__x="x")
    assert web.holds("/bin/busybox") == "mine"
    (web.root / "conf/bin/busybox").unlink()
    await web.session.perform_livepush([], ["conf/bin/busybox"])
    assert web.holds("/bin/busybox") == ""


async def test_a_file_that_was_gone_before_the_session_is_deleted(world: Open) -> None:
    web = await world(PLAIN, deps="d1", src__main="one")
    web.engine.files(web.container).write("/app/src/old", b"from an older build")
    await web.session.perform_livepush([], ["src/old"])
    assert web.holds("/app/src/old") is None
    assert web.holds("/app/src/main") == "one"


async def test_a_deleted_directory_goes_with_what_commands_left_in_it(world: Open) -> None:
    web = await world(PLAIN, deps="d1", src__main="one", src__pkg__mod="m")
    web.engine.files(web.container).write("/app/src/pkg/cache", b"left by a command")
    (web.root / "src/pkg/mod").unlink()
    (web.root / "src/pkg").rmdir()
    await web.session.perform_livepush([], ["src/pkg"])
    assert web.holds("/app/src/pkg/cache") is None


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_link_in_a_directory_s_place_costs_nothing_of_what_it_leads_to(
    world: Open, at_once: bool
) -> None:
    """Whether what was in the directory is told to be gone with it, or once the link is there."""
    web = await world(PLAIN)
    for path in ("src/old/x", "src/real/x"):
        await web.save(path, "1")
    shutil.rmtree(web.root / "src/old")
    (web.root / "src/old").symlink_to("real")
    if not at_once:
        await web.session.perform_livepush(["src/old"])
    await web.session.perform_livepush(["src/old"], ["src/old/x"])
    stat = web.engine.files(web.container).stat("/app/src/old")
    assert stat is not None
    assert stat.kind == "link"
    assert web.holds("/app/src/real/x") == "1"


async def test_a_directory_goes_with_its_last_file_and_one_that_is_on_disk_stays(
    world: Open,
) -> None:
    web = await world(PLAIN, deps="d1", src__main="one", src__kept__x="x")
    files = web.engine.files(web.container)
    files.write("/app/src/old/deep/x", b"from an older build")
    (web.root / "src/kept/x").unlink()
    await web.session.perform_livepush([], ["src/old/deep/x", "src/kept/x"])
    assert "/app/src/old" not in files
    assert "/app/src/kept" in files


async def test_a_wildcard_that_finds_nothing_any_more_leaves_no_directory(world: Open) -> None:
    web = await world(f"FROM {BUSYBOX}\nCOPY *.txt /made/for/it/\n", **{"a.txt": "a"})
    (web.root / "a.txt").unlink()
    await web.session.perform_livepush([], ["a.txt"])
    assert "/made" not in web.engine.files(web.container)


async def test_a_step_that_landed_and_then_failed_is_still_followed_up(world: Open) -> None:
    layered = f"FROM {BUSYBOX}\nCOPY base /app\nCOPY over /app\nRUN cat /app/a > /out\n"
    web = await world(layered, base__a="below", over__a="above", over__b="b")
    (web.root / "over/a").unlink()
    # The second upload is the one that brings back what the deletion uncovers.
    web.engine.fail_next("put", EngineError("the engine broke off"))
    with pytest.raises(EngineError):
        await web.session.perform_livepush([], ["over/a"])
    assert (await web.save("README", "")).owed == ()
    assert web.holds("/out") == "below"


async def test_a_later_copy_of_the_same_path_wins(world: Open) -> None:
    layered = f"FROM {BUSYBOX}\nCOPY base /app\nCOPY over /app\n"
    web = await world(layered, base__a="below", over__a="above")
    await web.save("base/a", "below, changed")
    assert web.holds("/app/a") == "above"


async def test_a_build_stage_is_followed_and_comes_first(world: Open) -> None:
    web = await world(BUILT, src__main="one")
    await web.save("src/main", "two")
    assert web.holds("/app/ready") == "two"
    stages = [event.stage_idx for event in web.told if event.name == "commandExecute"]  # type: ignore[attr-defined]
    assert stages == [0, 1]


async def test_a_stage_that_gives_the_same_again_stops_there(world: Open) -> None:
    same = BUILT.replace("cat /src/main > /out", "echo same > /out")
    web = await world(same, src__main="one")
    await web.save("src/main", "two")
    assert web.commands() == ["echo same > /out"]
    assert "containerRestart" not in web.names()


async def test_a_failing_build_stage_leaves_the_application_alone(world: Open) -> None:
    web = await world(BUILT, src__main="one")
    (web.root / "src/main").unlink()
    web.write("src/other", "x")
    result = await web.session.perform_livepush(["src/other"], ["src/main"])
    assert (result.status, result.return_code) == ("failed", 1)
    assert result.owed == ("src/main", "src/other")
    assert web.holds("/app/ready") == "one"
    assert not [c for c in web.engine.calls if c.verb == "put" and c.on == web.container]
    assert "containerRestart" not in web.names()
    result = await web.save("src/main", "three")
    assert (result.status, result.owed) == ("succeeded", ())
    assert web.holds("/app/ready") == "three"


async def test_a_failed_step_is_owed_whatever_changes_next(world: Open) -> None:
    failing = f"FROM {BUSYBOX}\nCOPY deps /deps\nRUN cat /flag\nCOPY src /src\n"
    web = await world(failing, deps="d1", src__main="one")
    assert (await web.save("deps", "d2")).status == "failed"
    web.engine.files(web.container).write("/flag", b"now it works")
    web.forget()
    result = await web.save("src/main", "two")
    assert web.commands() == ["cat /flag"]
    assert (result.status, result.owed) == ("succeeded", ())
    assert web.names().count("containerRestart") == 1


async def test_a_missing_source_fails_with_its_line(world: Open) -> None:
    web = await world(PLAIN, deps="d1", src__main="one")
    (web.root / "deps").unlink()
    result = await web.session.perform_livepush([], ["deps"])
    assert result.status == "failed"
    assert result.message == "line 2: COPY deps /app/deps: 'deps' is not in the build context"
    assert "error" in web.names()
    assert (await web.save("deps", "d3")).owed == ()


SLOW = f"FROM {BUSYBOX}\nCOPY deps /deps\nRUN sleep 60 && cat /deps > /out\nCOPY src /src\n"


@pytest.fixture
async def slow(
    tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, world: Open
) -> tuple[World, asyncio.Event]:
    """A world whose command waits for the event."""
    gate = asyncio.Event()
    gate.set()

    async def sleep(_: float) -> None:
        await gate.wait()

    monkeypatch.setattr(fake_engine, "_sleep", sleep)
    web = await world(SLOW, deps="d1", src__main="one")
    gate.clear()
    return web, gate


async def test_a_change_before_the_running_command_overtakes_it(
    slow: tuple[World, asyncio.Event],
) -> None:
    web, gate = slow
    first = asyncio.create_task(web.save("deps", "d2"))
    await web.until(lambda: "commandExecute" in web.names())
    second = asyncio.create_task(web.save("deps", "d3"))
    assert (await first).status == "cancelled"
    gate.set()
    assert (await second).status == "succeeded"
    assert web.holds("/out") == "d3"
    assert web.names().count("cancel") == 1


async def test_a_change_after_the_running_command_joins_it(
    slow: tuple[World, asyncio.Event],
) -> None:
    web, gate = slow
    first = asyncio.create_task(web.save("deps", "d2"))
    await web.until(lambda: "commandExecute" in web.names())
    second = asyncio.create_task(web.save("src/main", "two"))
    await web.until(lambda: web.session.pushes.owes)
    gate.set()
    assert (await first).status == "succeeded"
    assert (await second).owed == ()
    assert web.holds("/src/main") == "two"
    assert len(web.commands()) == 1
    assert "cancel" not in web.names()


async def test_a_cancelled_push_is_owed_and_taken_up_again(
    slow: tuple[World, asyncio.Event],
) -> None:
    web, gate = slow
    push = asyncio.create_task(web.save("deps", "d2"))
    await web.until(lambda: "commandExecute" in web.names())
    await web.session.cancel()
    result = await push
    assert (result.status, result.owed) == ("cancelled", ("deps",))
    gate.set()
    assert (await web.save("README", "")).owed == ()
    assert web.holds("/out") == "d2"


async def test_a_caller_that_is_cancelled_itself_leaves_the_push_owed(
    slow: tuple[World, asyncio.Event],
) -> None:
    web, gate = slow
    push = asyncio.create_task(web.save("deps", "d2"))
    await web.until(lambda: "commandExecute" in web.names())
    push.cancel()
    with pytest.raises(asyncio.CancelledError):
        await push
    assert web.names()[-2:] == ["cancel", "livepushEnd"]
    gate.set()
    assert (await web.save("README", "")).owed == ()
    assert web.holds("/out") == "d2"


async def test_what_only_a_build_can_take_is_set_aside_and_the_rest_goes_on(world: Open) -> None:
    fixed = f"FROM {BUSYBOX}\nCOPY deps /deps\nRUN --mount=type=ssh make\nCOPY src /src\n"
    web = await world(fixed, src__main="one")
    result = await web.save("deps", "d2")
    assert (result.status, result.owed) == ("failed", ("deps",))
    refusal = next(event for event in web.told if event.name == "rebuildNeeded")
    assert refusal.line == 3  # type: ignore[attr-defined]
    assert web.holds("/deps") is None
    result = await web.save("src/main", "two")
    assert web.holds("/src/main") == "two"
    assert result.owed == ("deps",)


@pytest.mark.parametrize("verb", ["put", "run", "restart", "stat"])
async def test_an_engine_that_fails_leaves_the_push_owed(world: Open, verb: str) -> None:
    web = await world(PLAIN, deps="d1", src__main="one")
    web.engine.fail_next(verb, EngineError("the engine broke off"))
    with pytest.raises(EngineError):
        await web.save("deps", "d2")
    assert web.names()[-1] == "livepushEnd"
    result = await web.save("src/main", "two")
    assert (result.status, result.owed) == ("succeeded", ())
    assert (web.holds("/installed"), web.holds("/app/src/main")) == ("d2", "two")
    assert web.names()[-2:] == ["containerRestart", "livepushEnd"]


async def test_paths_outside_the_context_are_refused(world: Open) -> None:
    web = await world(PLAIN, deps="d1", src__main="one")
    with pytest.raises(InvalidArgumentError, match="outside the build context"):
        await web.session.perform_livepush(["../secret"])


async def test_ignored_paths_are_nothing(world: Open) -> None:
    web = await world(PLAIN, **{".dockerignore": "src/*.log\n"}, deps="d1", src__main="one")
    result = await web.save("src/x.log", "noise")
    assert result.status == "nothing"
    assert web.holds("/app/src/x.log") is None


async def test_an_ignore_file_that_is_pushed_counts_at_once(world: Open) -> None:
    web = await world(PLAIN, deps="d1", src__main="one", src__x="noise")
    assert (await web.save(".dockerignore", "src/x\n")).status == "succeeded"
    assert (web.holds("/app/src/x"), web.holds("/app/src/main")) == (None, "one")
    (web.root / ".dockerignore").unlink()
    await web.session.perform_livepush([], [".dockerignore"])
    assert web.holds("/app/src/x") == "noise"


async def test_the_ends_of_a_session_leave_nothing_behind(
    world: Open, fake_engine: FakeEngine
) -> None:
    web = await world(BUILT, src__main="one")
    assert await fake_engine.owned()
    await web.session.aclose()
    assert not await fake_engine.owned()


async def test_a_session_that_is_closed_again_asks_nothing(
    world: Open, fake_engine: FakeEngine
) -> None:
    """Its connection is closed by then."""
    web = await world(BUILT, src__main="one")
    async with asyncio.TaskGroup() as tasks:
        closing = [tasks.create_task(web.session.aclose()) for _ in range(2)]
    assert all(each.done() for each in closing)
    calls = len(fake_engine.calls)
    await web.session.aclose()
    assert len(fake_engine.calls) == calls


async def test_build_arguments_reach_later_commands(world: Open) -> None:
    web = await world(f"FROM {BUSYBOX}\nARG V=1\nCOPY a /a\nRUN env > /env\n", a="a")
    assert "V=1" in (web.holds("/env") or "")
    web.session.set_build_args({"V": "2"})
    await web.save("a", "b")
    assert "V=2" in (web.holds("/env") or "")


async def _init(root: Path, engine: FakeEngine, **options: object) -> Livepush:
    given = {"container_id": "web", "dockerfile_content": PLAIN, "context": root} | options
    return await Livepush.init(engine=engine, **given)  # type: ignore[arg-type]


async def test_init_names_what_does_not_fit(tmp_path: Path, fake_engine: FakeEngine) -> None:
    fake_engine.add_container(BUSYBOX, name="web")
    with pytest.raises(ContainerNotRunningError, match="no container 'other'"):
        await _init(tmp_path, fake_engine, container_id="other")
    with pytest.raises(
        InvalidArgumentError,
        match="1 given, 0 needed",
    ):
        await _init(tmp_path, fake_engine, stage_images=[BUSYBOX])
    with pytest.raises(InvalidArgumentError, match="does not exist"):
        await _init(tmp_path, fake_engine, context=tmp_path / "missing")
    with pytest.raises(InvalidArgumentError, match="either"):
        await _init(tmp_path, fake_engine, dockerfile_content=None)
    for grace in (-1, float("inf"), float("nan")):
        with pytest.raises(InvalidArgumentError, match=f"a grace of {grace} seconds"):
            await _init(tmp_path, fake_engine, grace=grace)
    assert not await fake_engine.owned()


async def test_a_source_that_turns_from_directory_to_file_becomes_the_destination(
    world: Open,
) -> None:
    web = await world(f"FROM {BUSYBOX}\nCOPY conf /etc2/conf\n", conf__a="in a directory")
    (web.root / "conf/a").unlink()
    (web.root / "conf").rmdir()
    web.write("conf", "a file now")
    await web.session.perform_livepush(["conf"], ["conf/a"])
    assert web.holds("/etc2/conf") == "a file now"


async def test_a_source_that_turns_from_file_to_directory_gives_its_contents(world: Open) -> None:
    web = await world(f"FROM {BUSYBOX}\nCOPY conf /etc2/conf\n", conf="a file")
    (web.root / "conf").unlink()
    web.write("conf/a", "in a directory")
    await web.session.perform_livepush(["conf", "conf/a"])
    assert web.holds("/etc2/conf/a") == "in a directory"


async def test_a_file_goes_into_a_destination_that_was_a_directory(world: Open) -> None:
    web = await world(f"FROM {BUSYBOX}\nWORKDIR /w\nCOPY a /w\n", directory="/w", a="one")
    await web.save("a", "two")
    assert web.holds("/w/a") == "two"


async def test_a_change_behind_a_link_reaches_the_copy_that_names_the_link(
    world: Open, tmp_path: Path
) -> None:
    for link, target in (("link", "real/text"), ("here", "there"), ("a.ref", "real/text")):
        (tmp_path / link).symlink_to(target)
    linked = f"FROM {BUSYBOX}\nCOPY link /file\nCOPY here/sub /sub\nCOPY *.ref /refs/\n"
    web = await world(linked, real__text="one", there__sub__a="one")
    await web.save("real/text", "two")
    assert (web.holds("/file"), web.holds("/refs/a.ref")) == ("two", "two")
    await web.save("there/sub/a", "two")
    assert web.holds("/sub/a") == "two"


async def test_a_change_that_joins_is_told_in_the_push_that_it_joins(
    slow: tuple[World, asyncio.Event],
) -> None:
    web, gate = slow
    first = asyncio.create_task(web.save("deps", "d2"))
    await web.until(lambda: "commandExecute" in web.names())
    second = asyncio.create_task(web.save("src/main", "two"))
    await web.until(lambda: web.session.pushes.owes)
    gate.set()
    assert await first == await second
    starts = [event for event in web.told if event.name == "livepushStart"]
    assert [(event.push, event.changed) for event in starts] == [  # type: ignore[attr-defined]
        (starts[0].push, ("deps",)),
        (starts[0].push, ("src/main",)),
    ]
    assert web.names().count("livepushEnd") == 1


async def test_a_deletion_without_a_shell_is_set_aside(world: Open) -> None:
    web = await world(PLAIN, deps="d1", src__main="one", src__old="old")
    web.engine.fail_next("delete", NoShellError("no shell"))
    (web.root / "src/old").unlink()
    result = await web.session.perform_livepush([], ["src/old"])
    assert (result.status, result.owed) == ("failed", ("src/old",))
    assert "rebuildNeeded" in web.names()


async def test_what_is_mounted_is_refused_and_the_rest_goes_on(
    tmp_path: Path, fake_engine: FakeEngine
) -> None:
    container = fake_engine.add_container(BUSYBOX, name="web", mounts=["/app/src"])
    (tmp_path / "deps").write_text("d1")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main").write_text("one")
    async with await _init(tmp_path, fake_engine) as session:
        told: list[Event] = []
        session.on("rebuildNeeded", told.append)
        (tmp_path / "src/main").write_text("two")
        result = await session.perform_livepush(["src/main"])
        assert (result.status, result.owed) == ("failed", ("src/main",))
        assert [(event.line, event.reason) for event in told] == [  # type: ignore[attr-defined]
            (4, "COPY src /app/src changes what is mounted at /app/src")
        ]
        (tmp_path / "deps").write_text("d2")
        result = await session.perform_livepush(["deps"])
        assert result.owed == ("src/main",)
    files = fake_engine.files(container)
    assert files.read("/installed") == b"d2"
    assert files.read("/app/src/main") is None


async def test_what_a_command_wrote_beneath_a_copy_comes_back(tmp_path: Path) -> None:
    engine = FakeEngine()
    base = FakeImage(Files())
    base.files.place("/bin/sh", Node("file"))
    engine.add_image(base, tag="base")
    wrote = packed(Item("app/x", content=b"d1"))
    copied = packed(Item("app/x", content=b"mine"), Item("app/y", content=b"mine"))
    image = base.extended(
        FakeLayer("COPY deps /deps # buildkit", packed(Item("deps", content=b"d1"))),
        FakeLayer("RUN /bin/sh -c cat /deps > /app/x # buildkit", wrote),
        FakeLayer("COPY src /app # buildkit", copied),
    )
    files = engine.files(engine.add_container(engine.add_image(image), name="web"))
    text = "FROM base\nCOPY deps /deps\nRUN cat /deps > /app/x\nCOPY src /app\n"
    (tmp_path / "deps").write_text("d1")
    (tmp_path / "src").mkdir()
    for name in "xy":
        (tmp_path / "src" / name).write_text("mine")
    async with await _init(tmp_path, engine, dockerfile_content=text) as session:
        (tmp_path / "src/x").unlink()
        await session.perform_livepush([], ["src/x"])
        assert files.read("/app/x") == b"d1"

        (tmp_path / "src/x").write_text("mine again")
        (tmp_path / "deps").write_text("d2")
        await session.perform_livepush(["src/x", "deps"])
        assert files.read("/app/x") == b"mine again"

        # What the command wrote this time nobody has seen: it runs once more.
        engine.calls.clear()
        (tmp_path / "src/x").unlink()
        await session.perform_livepush([], ["src/x"])
        assert files.read("/app/x") == b"d2"
        assert files.read("/app/y") == b"mine"
        assert [call.verb for call in engine.calls].count("run") == 1
