"""When a push may begin, and what it leads to, by a clock that stands still until it is told."""

from __future__ import annotations

import pytest

from livepush.lull import Lull


def crowd(size: int, *, begin: int = 0) -> list[str]:
    return [str(serial) for serial in range(begin, begin + size)]


def test_one_save_is_pushed_at_once() -> None:
    lull = Lull()
    lull.add(["a"], 10.0)
    assert lull.left(10.0) <= 0
    assert lull.rest(10.0) <= 0


def test_nothing_holds_up_a_push_that_nobody_asked_for() -> None:
    lull = Lull()
    assert lull.left(10.0) <= 0
    assert lull.rest(10.0) <= 0


def test_a_crowd_is_pushed_at_once_too() -> None:
    lull = Lull()
    lull.add(crowd(1000), 10.0)
    assert lull.left(10.0) <= 0


def test_the_more_has_changed_the_longer_it_must_be_quiet() -> None:
    rests = []
    for size in (2, 5, 100, 20_000):
        lull = Lull()
        lull.add(crowd(size), 0.0)
        rests.append(lull.rest(0.0))
    assert rests == sorted(rests)
    assert rests[0] < 0.02
    assert 0.02 < rests[-1] < 0.1


def test_the_longer_a_crowd_has_been_coming_the_longer_it_must_be_quiet() -> None:
    lull, rests = Lull(), []
    for hundredth in range(0, 200, 4):
        now = hundredth / 100
        lull.add(crowd(100, begin=100 * hundredth), now)
        lull.end()  # that a push has taken what there is does not end it
        assert lull.rest(now + 0.04) > 0  # it is waited for all the time
        rests.append(round(lull.rest(now), 6))
    assert rests == sorted(rests)
    assert rests[0] < 0.1
    assert 0.1 < rests[-1] < 0.5
    assert lull.rest(2.2) <= 0


def test_while_somebody_looks_a_crowd_is_not_taken_to_be_all_there() -> None:
    lull = Lull()
    lull.add(crowd(100), 0.0)
    assert lull.rest(1.0, looking=0.01) > 0
    assert lull.rest(1.0) <= 0
    assert lull.rest(1.0, looking=0.9) <= 0  # what comes all the time is looked at all the time
    assert lull.rest(60.0, looking=0.01) <= 0  # but not for ever


def test_one_save_does_not_wait_for_who_looks() -> None:
    lull = Lull()
    lull.add(["a"], 0.0)
    assert lull.rest(0.0, looking=0.0) <= 0


def test_a_crowd_that_does_not_end_is_taken_in_parts() -> None:
    lull = Lull()
    rests = []
    for tenth in range(700):
        lull.add(crowd(100, begin=100 * tenth), tenth / 10)
        rests.append(lull.rest(tenth / 10))
    parts = [rest > 0 for rest in rests]
    assert not all(parts[:350])
    assert not all(parts[350:])
    assert parts.count(True) > 0.9 * len(parts)


def test_what_is_written_all_the_time_does_not_hold_up_a_crowd() -> None:
    lull = Lull()
    lull.add(crowd(100), 0.0)
    now = 0.0
    while lull.rest(now) > 0:
        now += 0.05
        lull.add(["0"], now)
    assert now < 0.5


@pytest.mark.parametrize("apart", [0.11, 0.15, 0.19])
def test_new_paths_that_come_slowly_are_no_crowd(apart: float) -> None:
    lull, now, longest, since = Lull(), 0.0, 0.0, 0.0
    for serial in range(500):
        now = serial * apart
        lull.add([str(serial)], now)
        if lull.rest(now + 0.99 * apart) <= 0:
            since = now
        longest = max(longest, now - since)
    assert longest < 2


def test_a_part_of_a_crowd_has_but_one_end() -> None:
    lull, ends = Lull(), 0
    for hundredth in range(6200):
        lull.add(crowd(10, begin=10 * hundredth), hundredth / 100)
        ends += lull.rest(hundredth / 100 + 0.005) <= 0
    assert ends == 2


@pytest.mark.parametrize("took", [0.1, 0.21, 0.3, 2.0])
def test_what_is_written_all_the_time_holds_up_nothing_where_looks_take_long(took: float) -> None:
    lull, now, waits, waited = Lull(), 0.0, 0.0, []
    while now < 60:
        began, now = now, now + took
        lull.add(["a", "b"], now, since=began)
        # The next look has begun, and is under way until the next change.
        if lull.rest(now + 0.9 * took, looking=now + 0.001) > 0:
            waits += took
        else:
            waited.append(waits)
            waits = 0.0
    assert max(waited) <= 2 * took
    assert len(waited) > 20 / took


def test_any_change_begins_a_debounce_anew_but_not_for_ever() -> None:
    lull = Lull(debounce=0.5)
    lull.add(["a"], 0.0)
    lull.add(["a"], 0.4)
    assert lull.left(0.6) == pytest.approx(0.3)
    now = 0.4
    while lull.left(now) > 0:
        now += 0.4
        lull.add(["a"], now)
    assert 4.5 < now < 6


def test_the_debounce_of_the_next_push_is_of_its_own_changes() -> None:
    lull = Lull(debounce=0.5)
    for tenth in range(40):
        lull.add(["a"], tenth / 10)
    lull.end()
    lull.add(["a"], 4.0)
    assert lull.left(4.0) == pytest.approx(0.5)


def test_the_next_save_does_not_wait_for_an_older_crowd() -> None:
    lull = Lull()
    lull.add(crowd(1000), 0.0)
    lull.add(["a"], 0.5)
    assert lull.rest(0.5) <= 0


def test_what_is_gone_may_come_again_in_a_moment() -> None:
    lull = Lull()
    lull.add([], 0.0, gone=["a"])
    assert 0 < lull.left(0.0) < 0.05
    lull.add(["a"], 0.001)
    assert lull.left(0.001) <= 0


def test_a_safe_save_is_pushed_at_once() -> None:
    lull = Lull()
    lull.add(["a.tmp"], 0.0)
    lull.end()
    lull.add(["a"], 0.005, gone=["a.tmp"])
    assert lull.left(0.005) <= 0
    lull.end()
    lull.add([], 0.1, gone=["a"])
    assert lull.left(0.1) > 0


def test_what_a_push_has_taken_is_not_waited_for() -> None:
    lull = Lull()
    lull.add([], 0.0, gone=["a"])
    lull.end()
    assert lull.left(0.0) <= 0


def test_what_goes_and_comes_all_the_time_does_not_hold_up_what_is_gone() -> None:
    lull = Lull()
    lull.add([], 0.0, gone=["a"])
    now = 0.0
    while lull.left(now) > 0:
        now += 0.005
        lull.add(["noise"], now)
        lull.add([], now, gone=["noise"])
    assert now < 0.05
