"""The watcher on real files: whoever follows its hints misses nothing.

The slow clock is off unless a test is about it, so it is the hints alone that tell.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

import anyio
import anyio.lowlevel
import pytest
import watchfiles

from livepush import registration, watch
from livepush.context import Context
from livepush.errors import InvalidArgumentError, LivepushError
from livepush.watch import EVERYTHING, Watcher

NEVER = 3600.0
BOUND = 20.0


class Follower:
    """A tree kept up to date by hints alone, as the watcher's consumer does."""

    def __init__(self, context: Context, watcher: Watcher) -> None:
        self.context = context
        self.watcher = watcher
        self.tree = context.scan()

    async def catch_up(self) -> None:
        """Follow hints until the tree is what the disk has."""
        async with asyncio.timeout(BOUND):
            while self.tree.directories() != self.context.scan().directories():
                self.tree, _ = self.context.rescan(self.tree, await anext(self.watcher))


@asynccontextmanager
async def following(root: Path) -> AsyncIterator[Follower]:
    context = Context.open(root)
    async with Watcher(root, skips=context.skips, interval=NEVER) as watcher:
        yield Follower(context, watcher)


async def hints_until(watcher: Watcher, wanted: Collection[str]) -> set[str]:
    """All that is hinted at until everything in `wanted` was."""
    seen: set[str] = set()
    async with asyncio.timeout(BOUND):
        while not seen.issuperset(wanted):
            seen |= await anext(watcher)
    return seen


def watching_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "livepush-watch"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not watching_threads()


def counted(monkeypatch: pytest.MonkeyPatch, *, vanishing: int = 0) -> list[tuple[str, ...]]:
    """What watchfiles is told to watch from now on; in the first cases, something is gone."""
    calls: list[tuple[str, ...]] = []
    real: Callable[..., Iterator[object]] = watchfiles.watch

    def counting(*directories: str, **options: object) -> Iterator[object]:
        calls.append(directories)
        if len(calls) <= vanishing:
            raise FileNotFoundError(directories[-1])
        return real(*directories, **options)

    monkeypatch.setattr("watchfiles.watch", counting)
    return calls


def write(root: Path, *paths: str, text: str = "x") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


# What is reported


async def test_nothing_is_missed_once_the_context_is_entered(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    for serial in range(200):
        async with Watcher(tmp_path, interval=NEVER) as watcher:
            (tmp_path / f"src/{serial}").write_text("x")
            await hints_until(watcher, {f"src/{serial}"})


async def test_every_kind_of_change_is_hinted_at(tmp_path: Path) -> None:
    write(tmp_path, "edited", "removed", "renamed", "chmodded")
    async with Watcher(tmp_path, interval=NEVER) as watcher:
        write(tmp_path, "edited", "created")
        (tmp_path / "removed").unlink()
        (tmp_path / "renamed").rename(tmp_path / "moved")
        (tmp_path / "chmodded").chmod(0o600)
        (tmp_path / "link").symlink_to("nowhere")
        wanted = {"edited", "created", "removed", "renamed", "moved", "chmodded", "link"}
        assert await hints_until(watcher, wanted) == wanted


async def test_an_atomic_save_is_followed_again_and_again(tmp_path: Path) -> None:
    write(tmp_path, "src/main.py", text="0")
    async with following(tmp_path) as follower:
        for serial in range(1, 20):
            write(tmp_path, "src/.main.py.tmp", text=str(serial) * serial)
            os.replace(tmp_path / "src/.main.py.tmp", tmp_path / "src/main.py")
            await follower.catch_up()


async def test_a_burst_is_followed_by_doubt(tmp_path: Path) -> None:
    async with Watcher(tmp_path, interval=NEVER) as watcher:
        names = set(map(str, range(2000)))
        write(tmp_path, *names)
        seen = await hints_until(watcher, EVERYTHING)
        assert seen <= names | EVERYTHING


async def test_a_slow_consumer_loses_nothing(tmp_path: Path) -> None:
    async with Watcher(tmp_path, interval=NEVER) as watcher:
        for serial in range(100):
            write(tmp_path, str(serial))
            await anyio.lowlevel.checkpoint()
        names = set(map(str, range(100)))
        assert await hints_until(watcher, names) == names


# Directories


async def test_new_directories_filled_at_once_are_followed(tmp_path: Path) -> None:
    async with following(tmp_path) as follower:
        for serial in range(100):
            write(tmp_path, f"{serial}/a/b/c/file")
            if serial % 10 == 0:
                await anyio.sleep(0.005)  # so that registrations fall among the writes
        await follower.catch_up()
        for serial in range(100):
            write(tmp_path, f"{serial}/a/b/c/file", text="again")
        await follower.catch_up()


async def test_a_directory_that_grows_while_it_is_registered_is_followed(tmp_path: Path) -> None:
    def grow() -> None:
        for serial in range(300):
            write(tmp_path, f"a/{serial % 10}/b{serial}/c/file")

    async with following(tmp_path) as follower:
        growing = asyncio.create_task(asyncio.to_thread(grow))
        await follower.catch_up()
        await growing
        await follower.catch_up()


async def test_renamed_removed_and_recreated_directories_are_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    write(root, "old/deep/x", "dist/x")
    write(outside, "deep/x")
    async with following(root) as follower:
        (root / "old").rename(root / "new")
        await follower.catch_up()
        write(root, "new/deep/x", text="edited")
        await follower.catch_up()
        outside.rename(root / "moved")
        await follower.catch_up()
        write(root, "moved/deep/x", text="edited")
        await follower.catch_up()
        for serial in range(5):
            shutil.rmtree(root / "dist")
            write(root, "dist/y", text=str(serial))
            await follower.catch_up()
            write(root, "dist/y", text=f"{serial} edited")
            await follower.catch_up()
        shutil.rmtree(root / "moved")
        await follower.catch_up()


async def test_a_directory_that_vanishes_while_it_is_registered_is_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a/x")
    async with following(tmp_path) as follower:
        registered = counted(monkeypatch, vanishing=2)
        shutil.rmtree(tmp_path / "a")
        write(tmp_path, "a/x", text="new")
        async with asyncio.timeout(BOUND):
            while len(registered) < 3:
                await follower.catch_up()
                await anext(follower.watcher)
        write(tmp_path, "a/x", text="edited")
        await follower.catch_up()


async def test_a_root_that_is_replaced_is_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root, "a/x")
    async with following(root) as follower:
        shutil.rmtree(root)
        await hints_until(follower.watcher, EVERYTHING)
        write(root, "a/x", "b/y", text="new")
        await follower.catch_up()
        write(root, "a/x", text="edited")
        await follower.catch_up()
        root.rename(tmp_path / "moved")
        write(root, "c/x")
        await follower.catch_up()
        write(root, "c/x", text="edited")
        await follower.catch_up()


async def test_another_root_is_noticed_when_the_consumer_comes_back(tmp_path: Path) -> None:
    root = tmp_path / "above/root"
    write(root, "x")
    extra = tmp_path / "Dockerfile"
    async with Watcher(root, extra=[extra], interval=NEVER) as watcher:
        # That something above the root is renamed is reported to nobody.
        root.parent.rename(tmp_path / "elsewhere")
        write(root, "x")
        write(tmp_path, "Dockerfile")
        await hints_until(watcher, EVERYTHING)
        write(root, "x", text="edited")
        await hints_until(watcher, {"x"})


# Links, ignored directories and files elsewhere


async def test_a_linked_workspace_is_hinted_at_where_it_really_is(tmp_path: Path) -> None:
    write(tmp_path, "packages/a/x.js", "node_modules/@s/b/x")
    link = tmp_path / "node_modules/@s/a"
    link.symlink_to("../../packages/a")
    async with Watcher(tmp_path, interval=NEVER) as watcher:
        write(tmp_path, "packages/a/x.js", text="edited")
        assert await hints_until(watcher, {"packages/a/x.js"}) == {"packages/a/x.js"}
        link.unlink()
        write(tmp_path, "packages/a/x.js", text="edited again")
        await hints_until(watcher, {"node_modules/@s/a", "packages/a/x.js"})


async def test_what_links_lead_to_outside_is_not_watched(tmp_path: Path) -> None:
    write(tmp_path, "outside/x", "root/y")
    (tmp_path / "root/out").symlink_to("../outside")
    async with Watcher(tmp_path / "root", interval=NEVER) as watcher:
        write(tmp_path, "outside/x", "root/y", text="edited")
        assert await hints_until(watcher, {"y"}) == {"y"}


async def test_a_root_reached_by_a_link_is_watched(tmp_path: Path) -> None:
    write(tmp_path, "real/x")
    (tmp_path / "alias").symlink_to("real")
    async with Watcher(tmp_path / "alias", interval=NEVER) as watcher:
        write(tmp_path, "real/x", text="edited")
        assert await hints_until(watcher, {"x"}) == {"x"}


async def test_skipped_directories_are_not_watched_until_they_no_longer_are(
    tmp_path: Path,
) -> None:
    write(tmp_path, "node_modules/p/i.js", "src/x", ".dockerignore")
    skipped = {"node_modules"}
    extra = [tmp_path / ".dockerignore"]
    async with Watcher(
        tmp_path, extra=extra, skips=skipped.__contains__, interval=NEVER
    ) as watcher:
        write(tmp_path, "node_modules/p/i.js", "src/x", text="edited")
        assert await hints_until(watcher, {"src/x"}) == {"src/x"}
        write(tmp_path, ".dockerignore", text="edited")
        await hints_until(watcher, {".dockerignore"})
        skipped.clear()
        await hints_until(watcher, {"node_modules", "node_modules/p"})
        write(tmp_path, "node_modules/p/i.js", text="edited again")
        await hints_until(watcher, {"node_modules/p/i.js"})


async def test_single_files_elsewhere_are_followed_through_atomic_saves(tmp_path: Path) -> None:
    write(tmp_path, "Dockerfile", "other", "root/node_modules/Dockerfile")
    (tmp_path / "alias").symlink_to(".")
    extra = [tmp_path / "alias/Dockerfile", tmp_path / "root/node_modules/Dockerfile"]
    async with Watcher(
        tmp_path / "root", extra=extra, skips={"node_modules"}.__contains__, interval=NEVER
    ) as watcher:
        for serial in range(3):
            write(tmp_path, "other", "root/node_modules/Dockerfile", text=str(serial))
            write(tmp_path, "Dockerfile.tmp", text=str(serial))
            os.replace(tmp_path / "Dockerfile.tmp", tmp_path / "Dockerfile")
            wanted = {str(tmp_path / "Dockerfile"), "node_modules/Dockerfile"}
            assert await hints_until(watcher, wanted) == wanted


# Doubt


async def test_a_name_that_is_not_utf8_is_survived(tmp_path: Path) -> None:
    async with following(tmp_path) as follower:
        for serial in range(3):
            write(tmp_path, f"\udcff{serial}", "x", text=str(serial))
            await follower.catch_up()
        write(tmp_path, "x", text="edited")
        await follower.catch_up()


async def test_a_directory_whose_name_is_not_utf8_is_polled(tmp_path: Path) -> None:
    write(tmp_path, "\udcff/x")
    async with Watcher(tmp_path, interval=NEVER, poll_interval=0.01) as watcher:
        follower = Follower(Context.open(tmp_path), watcher)
        for serial in range(5):
            write(tmp_path, "\udcff/x", text=str(serial))
            await follower.catch_up()
        (tmp_path / "\udcff").rename(tmp_path / "plain")
        async with asyncio.timeout(BOUND):
            while "plain/x" not in await anext(watcher):
                write(tmp_path, "plain/x", text="edited")


async def test_such_a_directory_does_not_have_everything_registered_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered = counted(monkeypatch)
    write(tmp_path, "\udcff/x")
    context = Context.open(tmp_path)
    async with Watcher(tmp_path, interval=NEVER, poll_interval=0.01) as watcher:
        async with asyncio.timeout(BOUND):
            for _ in range(20):
                context.scan()  # watchfiles dies of this look
                assert await anext(watcher) == EVERYTHING
    assert len(registered) == 1


async def test_a_directory_that_gets_such_a_name_is_polled(tmp_path: Path) -> None:
    write(tmp_path, "plain/x")
    async with Watcher(tmp_path, interval=NEVER, poll_interval=0.01) as watcher:
        follower = Follower(Context.open(tmp_path), watcher)
        (tmp_path / "plain").rename(tmp_path / "\udcff")
        for serial in range(5):
            write(tmp_path, "\udcff/x", text=str(serial))
            await follower.catch_up()


async def test_the_slow_clock_hints_at_everything(tmp_path: Path) -> None:
    async with Watcher(tmp_path, interval=0.01) as watcher, asyncio.timeout(BOUND):
        assert [await anext(watcher) for _ in range(3)] == [EVERYTHING] * 3


async def test_the_slow_clock_is_not_put_off_by_hints(tmp_path: Path) -> None:
    async with Watcher(tmp_path, interval=0.1) as watcher, asyncio.timeout(BOUND):
        hints = frozenset({""}) - EVERYTHING
        while hints != EVERYTHING:
            write(tmp_path, "x")
            hints = await anext(watcher)


async def test_what_is_asked_for_is_hinted_at_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_AGAIN", 0.01)
    async with Watcher(tmp_path, interval=NEVER) as watcher, asyncio.timeout(BOUND):
        watcher.again(frozenset({"a"}))
        watcher.again(frozenset({"b"}))
        assert await anext(watcher) == {"a"}
        assert await anext(watcher) == {"b"}


async def test_polling_leaves_as_much_time_as_a_look_takes(tmp_path: Path) -> None:
    async with Watcher(tmp_path, polling=True, poll_interval=0.01) as watcher:
        await anext(watcher)
        await anyio.sleep(0.2)  # a look at a large tree
        with anyio.move_on_after(0.1) as early:
            await anext(watcher)
        assert early.cancelled_caught
        async with asyncio.timeout(BOUND):
            assert await anext(watcher) == EVERYTHING


async def test_a_stall_raises_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "_STALL", 0.0)
    async with Watcher(tmp_path, interval=NEVER) as watcher:
        await hints_until(watcher, EVERYTHING)


async def test_polling_watches_nothing(tmp_path: Path) -> None:
    async with Watcher(tmp_path, polling=True, poll_interval=0.01, interval=NEVER) as watcher:
        assert not watching_threads()
        async with asyncio.timeout(BOUND):
            assert [await anext(watcher) for _ in range(2)] == [EVERYTHING] * 2


# The end, and refusals


async def test_leaving_ends_iteration_and_threads(tmp_path: Path) -> None:
    async with Watcher(tmp_path, interval=NEVER) as watcher:
        assert watching_threads()
        waiting = asyncio.create_task(collect(watcher))
        await asyncio.sleep(0)
    assert not watching_threads()
    assert await waiting == []


async def collect(watcher: Watcher) -> list[frozenset[str]]:
    return [hints async for hints in watcher]


@pytest.mark.parametrize("cancelled_by", ["scope", "task"])
async def test_cancelling_leaves_no_thread(tmp_path: Path, cancelled_by: str) -> None:
    entered = asyncio.Event()
    scope = anyio.CancelScope()

    async def run() -> None:
        with scope:
            async with Watcher(tmp_path, interval=NEVER) as watcher:
                entered.set()
                await collect(watcher)

    task = asyncio.create_task(run())
    async with asyncio.timeout(BOUND):
        await entered.wait()
        (scope if cancelled_by == "scope" else task).cancel()
        await asyncio.wait([task])
    assert not watching_threads()


async def test_entering_may_be_cancelled(tmp_path: Path) -> None:
    for steps in range(8):
        task = asyncio.create_task(Watcher(tmp_path, interval=NEVER).__aenter__())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert not watching_threads()


async def test_a_missing_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="/nope to watch"):
        await Watcher(tmp_path / "nope").__aenter__()


LIMIT = 'OS file watch limit reached. about ["/x"] (Error { kind: MaxFilesWatch, paths: ["/x"] })'


def refuse(error: Exception) -> Callable[..., NoReturn]:
    def refusing(*_: object, **__: object) -> NoReturn:
        raise error

    return refusing


@pytest.mark.parametrize(
    ("error", "sentence", "hint"),
    [
        (OSError(LIMIT), "more directories than the system lets a user watch", "max_user_watches"),
        (RuntimeError("Too many open files"), "cannot be watched: Too many", "max_user_instances"),
        (PermissionError("Permission denied"), "cannot be watched: Permission", "start again"),
    ],
)
async def test_what_the_system_refuses_to_watch_is_polled_with_one_warning(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    sentence: str,
    hint: str,
) -> None:
    monkeypatch.setattr("watchfiles.watch", refuse(error))
    warned: list[LivepushError] = []
    async with (
        Watcher(tmp_path, interval=NEVER, poll_interval=0.01, warn=warned.append) as watcher,
        asyncio.timeout(BOUND),
    ):
        assert [await anext(watcher) for _ in range(3)] == [EVERYTHING] * 3
    (warning,) = warned
    assert sentence in warning.message
    assert hint in warning.hint


async def test_a_later_refusal_is_answered_by_polling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[LivepushError] = []
    context = Context.open(tmp_path)
    async with Watcher(tmp_path, interval=NEVER, poll_interval=0.01, warn=warned.append) as watcher:
        follower = Follower(context, watcher)
        monkeypatch.setattr("watchfiles.watch", refuse(OSError(LIMIT)))
        write(tmp_path, "new/x")
        async with asyncio.timeout(BOUND):
            while not warned:
                await follower.catch_up()
                await anext(watcher)
        assert not watching_threads()
        write(tmp_path, "new/x", text="edited")
        await follower.catch_up()
    assert len(warned) == 1


async def test_what_cannot_be_listed_is_polled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a directory on a medium that fails: no other process can tell what is in it."""
    warned: list[LivepushError] = []
    async with (
        Watcher(tmp_path, interval=NEVER, poll_interval=0.01, warn=warned.append) as watcher,
        asyncio.timeout(BOUND),
    ):
        monkeypatch.setattr(os, "scandir", refuse(OSError(errno.EIO, "Input/output error")))
        (tmp_path / "new").mkdir()
        while not warned:
            await anext(watcher)
    assert "Input/output error" in warned[0].message
