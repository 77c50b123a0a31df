"""Whatever happens to livepush, its engine and its container: once quiet, nothing is lost.

A state machine edits a build context that is followed, breaks calls of the engine in every way,
stops and recreates the container, ends livepush in good order or by KILL and starts it again.
Whenever it has come to rest with an engine that is well, the container must hold what a build
would, nothing may be owed, and nothing more may happen; where the build fails, it is all owed.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from livepush.events import Error
from livepush.model import Replay
from livepush.testing import FAULTS, Fault

from .building import shown
from .machine import CONTENTS, NAMES, Machine, simulated
from .workers import Workers, plainly

_GIVEN_UP = "given up"
_LONG = 25.0  # seconds within which all comes to rest
_WHILE = 5.0  # seconds in which nothing more may happen then


class Followed(RuleBasedStateMachine):
    replay: Replay = "in-place"
    current: Machine

    def __init__(self) -> None:
        super().__init__()
        self.machine: Machine | None = None

    @initialize(number=st.integers(0, 9))
    def begin(self, number: int) -> None:
        self.machine = type(self).current = Machine(number, self.replay)
        self.machine.start()
        self.machine.pass_time(1)

    @rule(name=st.sampled_from(NAMES), content=st.sampled_from(CONTENTS))
    def write(self, name: str, content: str) -> None:
        self.there.context.write(name, content)

    @rule(name=st.sampled_from(("b", "d/b", "d/e", "d/e/a", "d/a")))
    def delete(self, name: str) -> None:
        self.there.context.delete(name)

    @rule(turns=st.integers(1, 40))
    def turn(self, turns: int) -> None:
        self.there.turn(turns)

    @rule(seconds=st.sampled_from((0.1, 0.9, 3.0)))
    def pass_time(self, seconds: float) -> None:
        self.there.pass_time(seconds)

    @precondition(lambda self: self.there.runs)
    @rule(number=st.integers(0, 25), fault=st.sampled_from(FAULTS))
    def fault(self, number: int, fault: Fault) -> None:
        assert self.there.process is not None
        self.there.process.engine.fail(number, fault)

    @precondition(lambda self: self.there.runs)
    @rule()
    def engine_goes(self) -> None:
        assert self.there.process is not None
        self.there.process.engine.go_away()

    @precondition(lambda self: self.there.runs)
    @rule()
    def engine_comes(self) -> None:
        assert self.there.process is not None
        self.there.process.engine.mend()

    @rule()
    def container_ends(self) -> None:
        self.there.engine.stop(self.there.container)

    @rule()
    def container_is_paused(self) -> None:
        self.there.engine.pause(self.there.container)

    @rule()
    def container_is_started(self) -> None:
        self.there.start_container()

    @rule()
    def container_is_restarted(self) -> None:
        self.there.engine.stop(self.there.container)
        self.there.start_container()

    @rule()
    def container_is_recreated(self) -> None:
        self.there.recreate()

    @precondition(lambda self: self.there.runs)
    @rule(kill=st.booleans())
    def livepush_ends(self, kill: bool) -> None:
        (self.there.kill if kill else self.there.stop)()

    @rule()
    def livepush_starts(self) -> None:
        self.there.start()

    @rule()
    def rest(self) -> None:
        """All is well from now on, and comes to rest."""
        machine = self.there
        if machine.process is not None:
            machine.process.engine.mend()
        machine.start_container()
        machine.pass_time(_LONG)
        if not machine.runs:
            machine.start()
            machine.pass_time(_LONG)
        process = machine.process
        assert process is not None
        assert process.session is not None
        if any(isinstance(e, Error) and _GIVEN_UP in e.hint for e in process.told):
            machine.context.write("b", "the next save")
            machine.pass_time(_LONG)
        wanted = machine.wanted()
        assert process.session.pushes.settled == (wanted is not None), process.told
        if wanted is not None:
            holds, builds = shown(machine.holds()), shown(wanted)
            assert holds == builds, (holds, builds)
        calls = len(machine.engine.calls)
        machine.pass_time(_WHILE)
        busy = [c for c in machine.engine.calls[calls:] if c.verb != "container"]
        assert not busy, f"it is not at rest: {busy}"

    @property
    def there(self) -> Machine:
        assert self.machine is not None
        return self.machine

    def teardown(self) -> None:
        if self.machine is None:
            return
        try:
            self.rest()
            self.machine.stop()
            assert not self.machine.loop.run_until_complete(self.machine.engine.owned())
        finally:
            self.machine.close()


class FollowedClean(Followed):
    replay: Replay = "clean"


def on_a_simulated_machine(machine: type[Followed], how: settings) -> None:
    with simulated(lambda: machine.current):
        plainly(machine, how)


@pytest.mark.parametrize("machine", [Followed, FollowedClean])
def test_nothing_is_lost_while_a_context_is_followed(
    machine: type[Followed], elsewhere: Workers
) -> None:
    elsewhere.run(on_a_simulated_machine, machine, steps=25)
