"""What takes long is waited for, and what hangs is not."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable

import pytest

from livepush import vigil
from livepush.vigil import OverError, Vigil


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vigil, "QUIET", 0.001)


class Looks:
    """Answers `look` in turn, the last answer for ever, and counts."""

    def __init__(self, answers: Iterable[bool | Exception], *, until: int = 0) -> None:
        self.count = 0
        self.enough = asyncio.Event()
        self._answers = list(answers)
        self._until = until

    async def __call__(self) -> bool:
        self.count += 1
        if self.count == self._until:
            self.enough.set()
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_what_is_silent_is_waited_for_while_it_goes_on() -> None:
    look = Looks([True], until=3)
    waiting = asyncio.create_task(look.enough.wait())
    assert await Vigil(math.inf, look).over(waiting)
    assert look.count >= 3


async def test_one_miss_says_nothing() -> None:
    look = Looks([False, True, False, True], until=6)
    assert await Vigil(math.inf, look).over(asyncio.create_task(look.enough.wait()))


async def test_what_is_over_is_not_waited_for() -> None:
    work = asyncio.create_task(asyncio.Event().wait())
    with pytest.raises(OverError):
        await Vigil(math.inf, Looks([True, False])).over(work)
    assert work.cancelled()


async def test_nothing_is_waited_for_longer_than_its_patience() -> None:
    work = asyncio.create_task(asyncio.Event().wait())
    with pytest.raises(TimeoutError):
        await Vigil(0.01, Looks([True])).over(work)
    assert work.cancelled()


async def test_an_engine_that_does_not_answer_ends_it() -> None:
    work = asyncio.create_task(asyncio.Event().wait())
    with pytest.raises(ConnectionError):
        await Vigil(math.inf, Looks([True, ConnectionError()])).over(work)
    assert work.cancelled()


async def test_cancelled_it_leaves_nothing_behind() -> None:
    work = asyncio.create_task(asyncio.Event().wait())
    look = Looks([True], until=1)
    watching = asyncio.create_task(Vigil(math.inf, look).over(work))
    await look.enough.wait()
    watching.cancel()
    await asyncio.wait([watching])
    assert watching.cancelled()
    assert work.cancelled()
