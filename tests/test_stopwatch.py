"""Where the time of a push goes, on a clock that only the test moves."""

from __future__ import annotations

import pytest

from livepush import stopwatch
from livepush.events import Timings
from livepush.stopwatch import Stopwatch


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stopwatch, "time", clock)
    return clock


def test_each_part_has_what_it_took(clock: Clock) -> None:
    watch = Stopwatch()
    watch.heard(since=clock.now - 8)
    with watch.over("plan"):
        clock.now += 2
    watch.begin()
    watch.take_up()

    def fail_after(seconds: float) -> None:
        with watch.over("run"):
            clock.now += seconds
            raise TimeoutError

    for seconds in (16, 32):
        with watch.over("transfer"):
            clock.now += seconds
    with pytest.raises(TimeoutError):
        fail_after(64)
    with watch.over("restart"):
        clock.now += 128
    assert watch.timings == Timings(detect=8, plan=2, transfer=48, run=64, restart=128)


def test_the_first_news_counts_and_only_once(clock: Clock) -> None:
    watch = Stopwatch()
    for _ in range(3):
        watch.heard()
        clock.now += 1
    watch.begin()
    watch.take_up()
    clock.now += 8
    watch.take_up()
    assert watch.timings == Timings(detect=3)
    watch.begin()
    watch.take_up()
    assert watch.timings == Timings()


def test_what_joins_a_push_has_been_waited_for_too(clock: Clock) -> None:
    watch = Stopwatch()
    watch.begin()
    watch.take_up()
    watch.heard()
    clock.now += 4
    watch.take_up()
    assert watch.timings == Timings(detect=4)
