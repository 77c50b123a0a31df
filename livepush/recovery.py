"""Pushes again, by itself, what an engine that failed has kept from landing.

So is found out what the container lacks, without which nobody would owe it. What has to wait for
the container is told to whoever follows that, and pushes into one that is gone end with it.

A step that fails is the user's to mend, and is never tried again here. An engine that does not
answer is waited for, as long as it takes; one that answers and fails again and again is given up
until the next change. A container that has stopped meanwhile, as it does when its engine ends, is
left to whoever runs it, unless it was this push that stopped it.
"""

from __future__ import annotations

from typing import Protocol

import anyio

from livepush.engine import ContainerInfo
from livepush.errors import (
    BuildFailedError,
    ContainerNotRunningError,
    EngineError,
    EngineUnreachableError,
    LivepushError,
    NoShellError,
)
from livepush.push import Pushes, Rest, Tell, no_rest

_TRIES = 6  # pushes in a row that the engine may break off
_FIRST, _LONGEST = 0.25, 2.0  # seconds between two tries, twice as long each time
_IN_VAIN = frozenset(range(400, 500)) - {404, 408, 409, 429}  # it would refuse it again
_AGAIN = "It is tried again by itself."
_WAITS = "What is owed follows by itself once it is there and runs."
_LATER = "It is given up for now: the next save tries it again."


class Recovering(Protocol):
    """What trying again needs of a session."""

    @property
    def pushes(self) -> Pushes: ...

    @property
    def container(self) -> ContainerInfo: ...

    async def is_running(self) -> bool: ...

    async def catch_up(self) -> bool: ...


async def catch_up(session: Recovering, tell: Tell, *, tries: int = _TRIES) -> bool:
    """Owes what the container lacks; whether that could be found out.

    While it is the engine that fails it is asked again, so many times. `tell` as for `push`.
    """
    told = ""
    for number in range(1, tries + 1):
        try:
            await session.catch_up()
        except LivepushError as error:
            again = number < tries and may_pass(error)
            if error.message != told or not again:
                tell(_unknown(error, again=again))
            if not again:
                return False
            told = error.message
        else:
            return True
        await _runs(session)
        await anyio.sleep(_delay(number))
    return False


async def push(session: Recovering, tell: Tell, rest: Rest = no_rest) -> bool:
    """Pushes what is owed, again and again while it is the engine that fails.

    `tell` takes what goes wrong, each thing once; `rest` is as for a push. Returns whether what is
    owed has to wait until the application's container runs.
    """
    pushes, told = session.pushes, ""
    for number in range(1, _TRIES + 1):
        if session.pushes is not pushes:
            return False  # those were of another container, and what this one lacks is owed anew
        last = number == _TRIES

        def explain(error: LivepushError, *, last: bool = last) -> None:
            nonlocal told
            error = _explained(error, session.container, last=last)
            if error.message != told or last:
                tell(error)
            told = error.message

        try:
            await (pushes.again if number > 1 else pushes.push)(explain, rest)
        except ContainerNotRunningError:
            # So says an engine that is at odds with itself, too.
            if last or not await _runs(session):
                return True
        except LivepushError as error:
            if last or not may_pass(error):
                return False
            stopped = pushes.restarts
            if not await _runs(session) and not stopped:
                tell(_has_stopped(session.container.name))
                if not await _is_started(session):
                    return False
        else:
            return False
        await anyio.sleep(_delay(number))
    return False


def may_pass(error: LivepushError) -> bool:
    """Whether the same may fare better a moment later."""
    if not isinstance(error, EngineError) or isinstance(error, NoShellError | BuildFailedError):
        return False
    return isinstance(error, EngineUnreachableError) or error.status not in _IN_VAIN


async def _runs(session: Recovering) -> bool:
    """Whether the application's container runs, once the engine answers."""
    number = 1
    while True:
        try:
            return await session.is_running()
        except EngineError:
            await anyio.sleep(_delay(number))
            number += 1


async def _is_started(session: Recovering) -> bool:
    """Waits until the application's container runs; False where something changes before."""
    while not await _runs(session):
        if session.pushes.owes:
            return False
        await anyio.sleep(_LONGEST)
    return True


def _delay(number: int) -> float:
    return min(_LONGEST, _FIRST * 2.0 ** min(number - 1, 10))


def _explained(error: LivepushError, container: ContainerInfo, *, last: bool) -> LivepushError:
    """The same for people, who know the container by its name, with what becomes of it."""
    message = error.message.replace(container.id, container.name)
    if isinstance(error, ContainerNotRunningError):
        return ContainerNotRunningError(message, hint=error.hint or _WAITS)
    if may_pass(error):
        hint = _LATER if last else _AGAIN
        return EngineError(message, hint=f"{error.hint} {hint}".strip())
    return error


def _unknown(error: LivepushError, *, again: bool) -> EngineError:
    hint = _AGAIN if again else _LATER
    return EngineError(
        f"What the container lacks cannot be found out: {error.message}",
        hint=f"{error.hint} {hint}".strip(),
    )


def _has_stopped(name: str) -> ContainerNotRunningError:
    return ContainerNotRunningError(
        f"The container {name} has stopped while its engine was away.",
        hint=f"Start it with `docker start {name}`: what is owed follows by itself.",
    )
