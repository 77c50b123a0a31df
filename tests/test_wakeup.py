"""Waking up at news of the file system, as Linux tells it."""

from __future__ import annotations

import concurrent.futures
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
        wake.wait()
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
        wake.wait()
        return True

    woken = in_thread(waits)
    time.sleep(0.1)  # more than the watcher's thread needs; were it less, this would only pass
    read.set()
    assert woken.result(20)


def test_where_no_more_signals_may_wait_news_wake_all_the_same(tmp_path: Path) -> None:
    """As after a hundred thousand of a kind that queues: then the kernel ends the process."""
    script = """if True:
        import pathlib, resource, sys, watchfiles
        from livepush import wakeup
        resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, 0))
        wakeup._DROWSY = 3600.0
        watched = sys.argv[1]
        with watchfiles._rust_notify.RustNotify([watched], False, False, 0, False, False):
            wake = wakeup.Wakeup(watched)
            pathlib.Path(watched, "file").touch()
            wake.wait()
    """
    done = subprocess.run([sys.executable, "-c", script, tmp_path], timeout=60, check=False)
    assert done.returncode == 0


def test_a_watcher_is_one_thread_s(watched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that came first; the other sleeps by the clock."""
    ready, go = threading.Event(), threading.Event()

    def waits() -> bool:
        wake = Wakeup(str(watched))
        ready.set()
        assert go.wait(20)
        wake.wait()
        return True

    first = in_thread(waits)
    assert ready.wait(20)
    assert in_thread(lambda: Wakeup(str(watched)).wait()).result(20) is None
    go.set()
    (watched / "file").touch()
    assert first.result(20)


def test_where_nothing_is_watched_there_is_a_clock(tmp_path: Path) -> None:
    assert in_thread(lambda: Wakeup(str(tmp_path)).wait()).result(20) is None
    assert in_thread(lambda: Wakeup(str(tmp_path / "none")).wait()).result(20) is None
