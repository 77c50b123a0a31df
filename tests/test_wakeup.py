"""Waking up at news of the file system, as Linux tells it."""

from __future__ import annotations

import concurrent.futures
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import watchfiles

from livepush import wakeup
from livepush.wakeup import Wakeup

NEVER = 3600.0
T = TypeVar("T")


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without news, whoever waits does so for ever."""
    monkeypatch.setattr(wakeup, "_DROWSY", NEVER)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Path]:
    """A directory that watchfiles watches; it is not asked for what it has found."""
    with watchfiles._rust_notify.RustNotify([str(tmp_path)], False, False, 0, False, False):
        yield tmp_path


def for_ever() -> float:
    return math.inf


def in_thread(work: Callable[[], T]) -> concurrent.futures.Future[T]:
    """On a thread that need not end: signals are a thread's own."""
    done: concurrent.futures.Future[T] = concurrent.futures.Future()
    threading.Thread(target=lambda: done.set_result(work()), daemon=True).start()
    return done


def test_news_wake(watched: Path) -> None:
    ready = threading.Event()

    def waits() -> int:
        wake = Wakeup(str(watched))
        ready.set()
        wake.wait(for_ever)
        return len(os.listdir(watched))

    files = in_thread(waits)
    assert ready.wait(20)
    assert not files.done()
    (watched / "file").touch()
    assert files.result(20) == 1


def test_what_the_watcher_has_read_already_wakes_all_the_same(watched: Path) -> None:
    read = threading.Event()

    def waits() -> bool:
        wake = Wakeup(str(watched))
        (watched / "file").touch()
        assert read.wait(20)
        wake.wait(for_ever)
        return True

    woken = in_thread(waits)
    time.sleep(0.1)  # more than the watcher's thread needs; were it less, this would only pass
    read.set()
    assert woken.result(20)


def test_a_watcher_is_one_thread_s(watched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that came first; the other sleeps by the clock."""
    ready, go = threading.Event(), threading.Event()

    def waits() -> bool:
        wake = Wakeup(str(watched))
        ready.set()
        assert go.wait(20)
        wake.wait(for_ever)
        return True

    first = in_thread(waits)
    assert ready.wait(20)
    assert in_thread(lambda: Wakeup(str(watched)).wait(for_ever)).result(20) == 0
    go.set()
    (watched / "file").touch()
    assert first.result(20)


def test_who_is_roused_asks_how_long_to_wait(watched: Path) -> None:
    asked, ended, given = threading.Event(), threading.Event(), list[Wakeup]()

    def left() -> float:
        asked.set()
        return -1.0 if ended.is_set() else math.inf

    def waits() -> bool:
        wake = Wakeup(str(watched))
        given.append(wake)
        wake.wait(left)
        wake.wait(left)  # it may be told of news that are none
        return True

    woken = in_thread(waits)
    assert asked.wait(20)
    ended.set()
    given[0].rouse()
    assert woken.result(20)
    given[0].rouse()  # nobody waits any more, and nobody is disturbed


def test_soon_after_news_it_looks_more_often(
    watched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watcher may be late in telling what the kernel has told long ago."""
    monkeypatch.setattr(wakeup, "_AWAKE", 0.0)

    def waits() -> bool:
        wake = Wakeup(str(watched))
        (watched / "file").touch()
        for _ in range(10):
            wake.wait(for_ever)  # the first of them for news, the others by the clock
        return True

    assert in_thread(waits).result(20)


def test_where_nothing_is_watched_there_is_a_clock(tmp_path: Path) -> None:
    assert in_thread(lambda: Wakeup(str(tmp_path)).wait(for_ever)).result(20) == 0
    assert in_thread(lambda: Wakeup(str(tmp_path / "none")).wait(for_ever)).result(20) == 0


_CROWDED = """
import resource, sys, threading, watchfiles
from pathlib import Path
from livepush.wakeup import Wakeup

resource.setrlimit(resource.RLIMIT_SIGPENDING, (1, 1))
root = Path(sys.argv[1])
with watchfiles._rust_notify.RustNotify([str(root)], False, False, 0, False, False):
    def follows():
        wake = Wakeup(str(root))
        for number in range(100):
            (root / str(number)).touch()
        wake.wait(lambda: 3600.0)
    thread = threading.Thread(target=follows)
    thread.start()
    thread.join()
print("alive")
"""


def test_more_news_than_signals_can_wait_end_nobody(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CROWDED, tmp_path], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")
