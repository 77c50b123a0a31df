"""Following a context on real files, with a session on the fake engine."""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import anyio
import anyio.to_thread
import pytest

from livepush import events, follow, lull, scan, unsettled, watch
from livepush.bus import EventStream
from livepush.errors import InvalidArgumentError, LivepushError
from livepush.events import Event
from livepush.follow import Following, Trigger
from livepush.model import Changes, Entry
from livepush.session import Livepush
from livepush.testing import FakeEngine

from .conftest import BUSYBOX

BOUND = 20.0
PLAIN = f"FROM {BUSYBOX}\nCOPY src /app\n"


class World:
    """A context on disk, a session on the fake engine, and all that it has told."""

    def __init__(self, root: Path, engine: FakeEngine, session: Livepush) -> None:
        self.root = root
        self.engine = engine
        self.session = session
        self.told: list[Event] = []
        self._stream: EventStream = session.events()

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def holds(self, path: str) -> str | None:
        content = self.engine.files("web").read(path)
        return None if content is None else content.decode()

    async def until(self, met: Callable[[], bool]) -> None:
        """Waits for events until the condition is met."""
        async with asyncio.timeout(BOUND):
            while not met():
                self.told.append(await anext(self._stream))

    async def lands(self, path: str, text: str) -> None:
        await self.until(lambda: self.holds(path) == text and self.is_over())

    def is_over(self) -> bool:
        """Whether the last push has ended and owes nothing."""
        last = next((e for e in reversed(self.told) if e.push is not None), None)
        return isinstance(last, events.LivepushEnd) and not last.owed

    def changed(self) -> set[str]:
        """All paths that pushes were told to be of."""
        starts = (event for event in self.told if isinstance(event, events.LivepushStart))
        return {path for start in starts for path in start.changed}

    @property
    def is_ready(self) -> bool:
        return any(isinstance(event, events.Ready) for event in self.told)

    def errors(self) -> list[str]:
        return [event.message for event in self.told if isinstance(event, events.Error)]

    @contextmanager
    def unreadable(self) -> Iterator[None]:
        """The context cannot be read for the time of the block."""

        async def refused(_: object) -> NoReturn:
            raise InvalidArgumentError("the context cannot be read")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.session, "reread", refused)
            yield


Open = Callable[..., Awaitable[World]]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to be looked at once more is so at once."""
    monkeypatch.setattr(watch, "_AGAIN", 0.01)


@pytest.fixture
async def world(tmp_path: Path, fake_engine: FakeEngine) -> AsyncIterator[Open]:
    """Opens a session; the context is `tmp_path/context`."""
    opened: list[World] = []

    async def make(dockerfile: str = PLAIN, **files: str) -> World:
        root = tmp_path / "context"
        root.mkdir()
        for name, text in {"Dockerfile": dockerfile, "src/main": "one", **files}.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        fake_engine.add_container(BUSYBOX, name="web")
        session = await Livepush.init(
            context=root, container_id="web", dockerfile_content=dockerfile, engine=fake_engine
        )
        opened.append(World(root, fake_engine, session))
        return opened[-1]

    yield make
    for there in opened:
        await there.session.aclose()


@asynccontextmanager
async def watched(world: World, following: Following | None = None) -> AsyncIterator[None]:
    """The context is followed for the time of the block."""
    task = asyncio.create_task(world.session.watch(following))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled(), task.exception()


@asynccontextmanager
async def ready(world: World, following: Following | None = None) -> AsyncIterator[None]:
    async with watched(world, following):
        await world.until(lambda: world.is_ready)
        yield


# Hints that cannot be followed


async def test_a_change_that_could_not_be_read_is_looked_at_again_by_itself(world: Open) -> None:
    web = await world()
    async with ready(web):
        with web.unreadable():
            web.write("src/main", "two")
            await web.until(lambda: bool(web.errors()))
        await web.lands("/app/main", "two")


async def test_what_goes_wrong_again_and_again_is_told_once(
    world: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = await world()
    real = web.session.reread
    looks: list[Collection[str]] = []

    async def refused(hints: Collection[str]) -> Changes:
        looks.append(hints)
        if len(looks) > 3:
            return await real(hints)
        raise InvalidArgumentError("the context cannot be read")

    async with ready(web):
        monkeypatch.setattr(web.session, "reread", refused)
        web.write("src/main", "two")
        await web.lands("/app/main", "two")
    assert web.errors() == ["the context cannot be read"]


async def test_ready_is_told_only_once_the_context_was_read(
    world: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = await world()
    real = web.session.reread
    looks: list[Collection[str]] = []
    looks_before_ready: list[int] = []
    web.session.on("ready", lambda _: looks_before_ready.append(len(looks)))

    async def refused(hints: Collection[str]) -> Changes:
        looks.append(hints)
        if len(looks) < 3:
            raise InvalidArgumentError("the context cannot be read")
        return await real(hints)

    monkeypatch.setattr(web.session, "reread", refused)
    async with ready(web):
        assert looks_before_ready == [3]


async def test_a_root_that_goes_and_comes_back_is_followed(world: Open) -> None:
    web = await world()
    async with ready(web):
        web.root.rename(web.root.with_name("away"))
        await web.until(lambda: any("is gone" in message for message in web.errors()))
        web.root.with_name("away").rename(web.root)
        web.write("src/main", "two")
        await web.lands("/app/main", "two")
        shutil.rmtree(web.root)
        web.write("Dockerfile", PLAIN)
        web.write("src/main", "three")
        await web.lands("/app/main", "three")


async def test_an_ignore_file_that_cannot_be_parsed_stops_no_save(world: Open) -> None:
    web = await world(**{".dockerignore": "x\n"})
    async with ready(web):
        web.write(".dockerignore", "[\n")
        await web.until(lambda: bool(web.errors()))
        web.write("src/main", "two")
        await web.lands("/app/main", "two")
        web.write(".dockerignore", "src/secret\n")
        web.write("src/secret", "secret")
        web.write("src/main", "three")
        await web.lands("/app/main", "three")
    assert len(web.errors()) == 1
    assert web.holds("/app/secret") is None


async def test_an_ignore_file_of_before_the_watch_is_in_force(world: Open) -> None:
    web = await world()
    web.write(".dockerignore", "src/secret\n")
    async with ready(web):
        web.write("src/secret", "secret")
        web.write("src/main", "two")
        await web.lands("/app/main", "two")
    assert web.holds("/app/secret") is None


async def test_a_dockerfile_that_cannot_be_read_is_told_and_the_session_goes_on(
    world: Open,
) -> None:
    web = await world()
    async with ready(web):
        (web.root / "Dockerfile").unlink()
        (web.root / "Dockerfile").mkdir()
        await web.until(lambda: bool(web.errors()))
        web.write("src/main", "two")
        await web.lands("/app/main", "two")
    assert web.errors() == ["Dockerfile cannot be read: Is a directory"]


# One error, not a group of them


async def test_a_context_that_is_gone_is_one_error(world: Open) -> None:
    web = await world()
    shutil.rmtree(web.root)
    with pytest.raises(InvalidArgumentError, match="no directory"):
        await web.session.watch()


async def test_a_watcher_that_fails_is_one_error(
    world: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(_: object) -> NoReturn:
        raise LivepushError("the watcher failed")

    web = await world()
    monkeypatch.setattr(watch.Watcher, "__anext__", failing)
    with pytest.raises(LivepushError, match="the watcher failed"):
        await web.session.watch()


async def test_a_demand_that_fails_is_raised_as_it_is(world: Open) -> None:
    async def failing() -> NoReturn:
        raise OSError("no more input")

    web = await world()
    with pytest.raises(OSError, match="no more input"):
        await web.session.watch(Following(trigger="manual", demand=failing))


@pytest.mark.parametrize(
    "given",
    [
        {"trigger": "manual"},
        {"demand": anyio.sleep_forever},
        {"trigger": "polling", "demand": anyio.sleep_forever},
        {"trigger": "often"},
        {"debounce": -1.0},
    ],
)
def test_ways_to_follow_that_make_no_sense_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(InvalidArgumentError):
        Following(**given)  # type: ignore[arg-type]


# When a push begins


async def test_only_a_demand_pushes(world: Open) -> None:
    web = await world()
    demands = anyio.Event(), anyio.Event()
    waiting = iter(demands)

    async def demand() -> None:
        await next(waiting).wait()

    async with ready(web, Following(trigger="manual", demand=demand)):
        web.write("src/main", "two")
        async with asyncio.timeout(BOUND):
            while not web.session.pushes.owes:  # noqa: ASYNC110  # no event tells
                await asyncio.sleep(0)
        assert web.holds("/app/main") is None
        demands[0].set()
        await web.lands("/app/main", "two")


@pytest.mark.parametrize(
    ("trigger", "saved"), [("notify", "src/.main.swp"), ("manual", "src/main")]
)
async def test_no_command_is_ended_that_no_push_would_begin_again(
    trigger: Trigger, saved: str, world: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = await world(f"FROM {BUSYBOX}\nCOPY src /app\nRUN sleep 1\n")
    gate, demands = anyio.Event(), [anyio.Event(), anyio.Event()]
    gate.set()

    async def sleep(_: float) -> None:
        await gate.wait()

    async def demand() -> None:
        await demands[0].wait()
        demands.pop(0)

    monkeypatch.setattr(web.engine, "_sleep", sleep)
    is_manual = trigger == "manual"
    async with ready(web, Following(trigger=trigger, demand=demand if is_manual else None)):
        gate = anyio.Event()
        web.told.clear()
        web.write("src/main", "two")
        demands[0].set()
        await web.until(lambda: any(isinstance(e, events.CommandExecute) for e in web.told))
        web.write(saved, "three")
        async with asyncio.timeout(BOUND):
            while not web.session.pushes.owes:  # noqa: ASYNC110  # no event tells
                await asyncio.sleep(0)
        gate.set()
        await web.lands(f"/app/{Path(saved).name}", "three")
    assert not any(isinstance(event, events.Cancel) for event in web.told)


async def test_a_crowd_of_changes_is_one_push_whose_commands_run_once(world: Open) -> None:
    web = await world(f"FROM {BUSYBOX}\nCOPY src /app\nRUN true\n")
    names = [f"src/d{serial % 40}/f{serial}" for serial in range(2000)]

    def switch() -> None:
        for name in names:
            web.write(name, "x")

    async with ready(web):
        await anyio.to_thread.run_sync(switch)
        await web.until(lambda: web.holds("/app/d39/f1999") == "x" and web.is_over())
    assert set(names) <= web.changed()
    # A writer that is held up may begin it twice, and what comes first is not known for a crowd.
    for ended in (events.LivepushEnd, events.CommandReturn, events.ContainerRestart):
        assert 1 <= sum(isinstance(event, ended) for event in web.told) <= 3


async def test_what_is_written_anew_at_once_was_never_gone(
    world: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_REPLACED", 0.3)
    monkeypatch.setattr(lull, "_REPLACED", 0.0)  # as in a push that takes up what comes
    web = await world()
    async with ready(web):
        (web.root / "src/main").unlink()
        await asyncio.sleep(0.1)  # in which it is found to be gone; where not, all is well as well
        web.write("src/main", "two")
        await web.lands("/app/main", "two")
    starts = [event for event in web.told if isinstance(event, events.LivepushStart)]
    assert not any(start.deleted for start in starts)


async def test_an_ignore_file_that_is_written_anew_was_in_force_all_the_time(
    world: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_REPLACED", 0.3)
    monkeypatch.setattr(lull, "_REPLACED", 0.0)
    files = {"src/secret": "one", ".dockerignore": "src/secret\n"}
    web = await world(**files)
    async with ready(web):
        web.write("src/main", "two")
        await web.lands("/app/main", "two")
        (web.root / ".dockerignore").unlink()
        await asyncio.sleep(0.1)  # in which it is found to be gone; where not, all is well as well
        web.write(".dockerignore", "src/secret\nlog\n")
        web.write("src/main", "three")
        await web.lands("/app/main", "three")
    assert "src/secret" not in web.changed()


async def test_what_is_gone_is_owed_where_nobody_can_look_again(
    world: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = await world()
    async with ready(web):
        web.write("src/gone", "one")
        await web.lands("/app/gone", "one")
        refused, finds_it_gone = 0, False
        real = web.session.reread

        async def reread(hints: frozenset[str]) -> Changes:
            nonlocal refused, finds_it_gone
            if finds_it_gone and not refused:
                refused += 1
                raise InvalidArgumentError("the context cannot be read")
            changes = await real(hints)
            finds_it_gone = "src/gone" in changes.deleted
            return changes

        monkeypatch.setattr(web.session, "reread", reread)
        (web.root / "src/gone").unlink()
        await web.until(lambda: web.holds("/app/gone") is None and web.is_over())
        assert refused


async def test_a_crowd_is_copied_before_all_of_it_is_there(world: Open) -> None:
    web = await world(f"FROM {BUSYBOX}\nCOPY src /app\nRUN true\n")
    async with ready(web):
        for number in range(400):
            web.write(f"src/{number}-one", "x")
            web.write(f"src/{number}-two", "x")
            await asyncio.sleep(0.005)
            if web.holds("/app/20-two") == "x":
                break
        assert number < 399
        await web.lands(f"/app/{number}-two", "x")


async def test_new_files_that_no_step_takes_hold_up_no_command(world: Open) -> None:
    web = await world(f"FROM {BUSYBOX}\nCOPY src /app\nRUN true\n")
    (web.root / "log").mkdir()
    with writing(web.root / "log", each_anew=True):
        async with ready(web):
            await web.until(lambda: len(web.changed()) > 50)
            web.told.clear()
            web.write("src/main", "two")
            await web.until(lambda: any(isinstance(e, events.CommandReturn) for e in web.told))
            assert web.holds("/app/main") == "two"


async def test_a_file_that_is_written_all_the_time_does_not_put_off_a_debounce(
    world: Open,
) -> None:
    web = await world()
    with writing(web.root / "src/log"):
        async with ready(web, Following(debounce=0.1)):
            web.write("src/main", "two")
            await web.until(lambda: web.holds("/app/main") == "two")


@contextmanager
def writing(path: Path, *, each_anew: bool = False) -> Iterator[None]:
    """The file is written every few milliseconds for the time of the block.

    Or, `each_anew`, a new one in that directory.
    """
    enough = threading.Event()

    def write() -> None:
        serial = 0
        while not enough.wait(0.02):
            serial += 1
            (path / str(serial) if each_anew else path).write_text(str(serial))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


# What nobody tells


async def test_a_write_through_a_memory_map_lands(
    world: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_AGAIN", 0.3)
    web = await world()
    async with ready(web):
        web.write("src/out", "one")
        await web.lands("/app/out", "one")
        write_in_memory(web.root / "src/out", b"two")
        await web.lands("/app/out", "two")


def write_in_memory(path: Path, content: bytes) -> None:
    """No event of the operating system tells of it."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), len(content)) as memory:
        memory[:] = content


async def test_a_write_through_another_name_lands_also_when_that_name_is_gone(
    world: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_NO_TIME", 60.0)
    web = await world()
    async with ready(web):
        os.link(web.root / "src/main", web.root / "src/other")
        web.write("src/other", "two")
        (web.root / "src/other").unlink()
        await web.lands("/app/main", "two")


async def test_names_that_are_not_utf8_land(world: Open) -> None:
    web = await world()
    name = os.fsdecode(b"src/\xff\xfe")
    async with ready(web):
        web.write(name, "one")
        await web.lands(os.fsdecode(b"/app/\xff\xfe"), "one")
        (web.root / name).unlink()
        await web.until(lambda: web.holds(os.fsdecode(b"/app/\xff\xfe")) is None and web.is_over())


async def test_a_file_that_grows_ends_whole(world: Open) -> None:
    web = await world()
    piece = "x" * 100_000

    def grow() -> None:
        with open(web.root / "src/big", "w") as file:
            for _ in range(100):
                file.write(piece)
                file.flush()

    async with ready(web):
        await anyio.to_thread.run_sync(grow)
        await web.lands("/app/big", piece * 100)


async def test_a_change_that_is_told_while_it_is_looked_at_is_not_lost(world: Open) -> None:
    """Whatever the disk says between two looks, the last of it lands."""
    web = await world()
    async with ready(web):
        for serial in range(50):
            web.write("src/main", str(serial))
            await asyncio.sleep(0)
        await web.lands("/app/main", "49")


@pytest.mark.parametrize("trigger", ["notify", "polling"])
async def test_a_second_write_within_a_tick_of_a_coarse_clock_lands(
    world: Open, monkeypatch: pytest.MonkeyPatch, trigger: Trigger
) -> None:
    """As on ext2, ext3 and FAT, where times are whole seconds: here they all are one."""
    real = scan._entry

    def coarse(status: os.stat_result, path: str, directory: int | None = None) -> Entry:
        entry = real(status, path, directory)
        return replace(entry, stamp=entry.stamp and (entry.stamp[0], 0, 0, 0))

    monkeypatch.setattr(scan, "_entry", coarse)
    monkeypatch.setattr(unsettled, "_TICK", 1)
    web = await world()
    async with ready(web, Following(trigger=trigger)):
        for text in ("first", "other", "third"):
            web.write("src/main", text)
            await web.lands("/app/main", text)


# The whole process, without an engine: what `--dry-run` follows is real


def test_what_an_overflowed_queue_has_swallowed_is_found(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /app\n")
    (tmp_path / "old").mkdir()
    with rehearsing(tmp_path) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "ready"
        process.send_signal(signal.SIGSTOP)
        overflow(tmp_path)
        late = {"old/late", "new/late"}
        (tmp_path / "new").mkdir()
        for name in late:
            (tmp_path / name).write_text("late")
        process.send_signal(signal.SIGCONT)
        while late:
            told = json.loads(process.stdout.readline())
            late -= set(told.get("changed", ()))
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0


@contextmanager
def rehearsing(context: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`livepush watch` as a dry run, with JSON."""
    words = ["watch", "--container=web", "--dry-run", "--progress=json", str(context)]
    with subprocess.Popen(
        [sys.executable, "-m", "livepush", *words], stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def overflow(directory: Path) -> None:
    """Fills the kernel's queue with changes of two files: equal ones in a row count as one."""
    queue = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    began = time.monotonic()
    changes = 0
    # For so long that it can be told from a busy machine, too.
    while changes <= queue or time.monotonic() < began + 1.2:
        (directory / f"old/{changes % 2}").touch()
        changes += 1


async def test_a_dockerfile_that_becomes_a_pipe_holds_nothing_up(world: Open) -> None:
    web = await world()
    async with ready(web):
        (web.root / "Dockerfile").unlink()
        os.mkfifo(web.root / "Dockerfile")
        await web.until(lambda: any("it is a pipe" in each for each in web.errors()))
        web.write("src/main", "two")
        await web.lands("/app/main", "two")
