"""What a push is carrying out: one action a stage at most, of several stages at once.

An action that newer changes reach is overtaken: it is ended, and is still owed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import anyio

from livepush.plan import Action

_AT_ONCE = 4  # stages; a command may keep several cores busy by itself


class Turns:
    """The actions of one push that are under way."""

    def __init__(self) -> None:
        self._running: dict[int, tuple[Action, anyio.CancelScope]] = {}
        self._set_back: set[int] = set()
        self._has_failed = False
        self._moved = anyio.Event()

    @property
    def busy(self) -> Collection[int]:
        """The stages that have an action under way."""
        return self._running.keys()

    @property
    def are_overtaken(self) -> bool:
        """Whether nothing is under way because newer changes ended it, which wait."""
        return bool(self._set_back) and not self._running

    @property
    def have_failed(self) -> bool:
        """Whether one has failed, or was called off: nothing else begins then."""
        return self._has_failed

    def begin_anew(self) -> None:
        """The newer changes have been taken up."""
        self._set_back.clear()

    def may_begin(self, ready: Iterable[Action]) -> Iterator[Action]:
        """Those of the actions that are `ready` for which there is room."""
        room = _AT_ONCE - len(self._running)
        return islice((each for each in ready if each.stage not in self._set_back), room)

    def begin(self, action: Action) -> anyio.CancelScope:
        """Takes `action` to be under way; the scope ends it where it is overtaken."""
        scope = anyio.CancelScope()
        self._running[action.stage] = action, scope
        return scope

    @contextmanager
    def until_its_end(self, action: Action) -> Iterator[None]:
        """Over what carries out an action that has begun."""
        failed = True
        try:
            yield
            failed = False
        finally:
            self._has_failed |= failed
            del self._running[action.stage]
            self.stir()

    def overtake(self, is_overtaken: Callable[[Action], bool]) -> bool:
        """Ends those that are overtaken; whether there is one that was not already."""
        found = [scope for action, scope in self._running.values() if is_overtaken(action)]
        fresh = any(not scope.cancel_called for scope in found)
        for scope in found:
            scope.cancel()
        return fresh

    def set_back(self, action: Action) -> None:
        """It has been overtaken, and begins once the newer changes have been taken up."""
        self._set_back.add(action.stage)

    def stir(self) -> None:
        """There is news for who waits."""
        self._moved.set()

    async def moved(self) -> None:
        """Waits until an action has ended, or there is other news."""
        await self._moved.wait()
        self._moved = anyio.Event()
