"""Pushes: one at a time, what is owed is carried out, overtaken, or kept for the next one.

- One push runs at a time. Stages that do not need each other are carried out at once, and end
  together: where a step fails, what is under way in the others is ended, as in a build.
- A change that comes meanwhile joins it once no step of its stages is running and one of them can
  begin, unless it reaches a command that is running or an earlier step of the same stage: then that
  command is ended for real. Where it was all that ran, the push is overtaken, and the next one
  takes both; otherwise the stage begins anew in the same push.
- What reaches a step that only a build can take is set aside: it stays owed, is named at once and
  at the end of every push, and holds up nothing else.
- That the application's container has stopped, and that it runs again, is told once each, whoever
  finds it so: a push as it is about to restart it, or who looks at it now and then.
- While a crowd of changes is coming, only copies are carried out: commands and restarts wait until
  all of it is there. What comes first of it may not be known for a crowd yet.
- What is written all the time holds up nothing: a push that was set back so often is carried to
  its end, and what has come by then is the next one's.
- What is owed is in `livepush.ledger`; nothing else remembers anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import anyio
from anyio.abc import TaskGroup

from livepush import events
from livepush.bus import Bus
from livepush.cause import ungrouped
from livepush.errors import EngineError, LivepushError
from livepush.events import Event, PushStatus
from livepush.executor import Executor, Performed, StepFailedError
from livepush.hindrance import hindrance
from livepush.leads import Leads
from livepush.ledger import Ledger
from livepush.model import Changes, Fixed, Graph
from livepush.plan import Action, Plan, StepRef, Verb, make_plan, rerun
from livepush.stopwatch import Part, Stopwatch
from livepush.turns import Turns

Tell = Callable[[LivepushError], None]
Rest = Callable[[], float]
"""For how many seconds all but the copies of the context have to wait, since more is coming."""

_PATIENCE = 60  # times in a row that newer changes may end a command
_JOINS = 30  # times that newer changes may join a push
_KILLED = 128 + 9  # the status of a command that may have ended with its container
_PARTS: Mapping[Verb, Part] = {"run": "run", "build": "run", "restart": "restart"}


def no_rest() -> float:
    """Nothing more is coming."""
    return 0.0


@dataclass(frozen=True, slots=True)
class PushResult:
    """How a push ended. `owed` are the paths that have not landed; `message` says why not.

    `return_code` is that of the command that failed, None where none did.
    """

    push: int
    status: PushStatus
    seconds: float = 0.0
    owed: tuple[str, ...] = ()
    message: str = ""
    return_code: int | None = None


class Pushes:
    """The pushes of one session."""

    def __init__(
        self,
        graph: Graph,
        executor: Executor,
        bus: Bus,
        *,
        leads: Callable[[], Leads],
        restarts: bool,
        serial: int = 0,
        away: bool = False,
    ) -> None:
        """`leads` tells where links lead the sources now, and `serial` numbered the last push.

        Without `restarts` the application's container is never restarted. `away` is whether it is
        known not to run.
        """
        self.graph = graph
        self._leads = leads
        self._executor = executor
        self._bus = bus
        self._restarts = restarts
        self._away = away
        self._lock = anyio.Lock()
        self._ledger = Ledger()
        self._watch = Stopwatch()
        self._news = Changes()
        self._serial = serial
        self._noted = self._covered = 0
        self._calls_off = self._setbacks = 0
        self._failing = False  # whether the last push ended at a step that fails
        self._last = PushResult(0, "nothing")
        self._scope: anyio.CancelScope | None = None  # of the push
        self._turns = Turns()
        # What failed while more was coming, and whether that may mend it.
        self._early: dict[StepRef, bool] = {}
        self._result = self._last
        self._current: int | None = None
        self.on_end: Callable[[], None] = lambda: None  # called when a push has ended

    @property
    def owes(self) -> bool:
        """Whether there is a change that no push has taken up."""
        return self._noted > self._covered

    @property
    def busy(self) -> bool:
        """Whether a push is running, which may restart the container."""
        return self._current is not None

    @property
    def away(self) -> bool:
        """Whether the application's container is known not to run, as was told last."""
        return self._away

    @property
    def serial(self) -> int:
        """The number of the push that began last."""
        return self._serial

    @property
    def settled(self) -> bool:
        """Whether all that was ever noted has landed."""
        return not (self.owes or self.busy or self._ledger.paths)

    @property
    def landed(self) -> bool:
        """Whether all that was ever noted has landed, but what only a build can take."""
        return not (self.owes or self.busy or self._ledger.owed.actions)

    @property
    def stuck(self) -> bool:
        """Whether a push has ended with something owed that another push may land.

        What a step that failed keeps from landing waits for a save.
        """
        return not (self.busy or self._failing) and bool(self._ledger.owed.actions)

    def emit(self, event: Event) -> None:
        """Tells the listeners; while a push runs, the event is of that push."""
        self._bus.emit(event if self._current is None else replace(event, push=self._current))

    def tell_stopped(self) -> None:
        """The application's container has stopped, which is told unless it has been."""
        if not self._away:
            self.emit(events.ContainerStopped(container_id=self._executor.application))
        self._away = True

    def tell_started(self) -> None:
        """The application's container runs again, which is told unless it has been."""
        if self._away:
            self.emit(events.ContainerStarted(container_id=self._executor.application))
        self._away = False

    def note(
        self, changes: Changes, *, since: float | None = None, overtakes: bool = True
    ) -> frozenset[str]:
        """Owes `changes` from now on, and ends the commands that they overtake.

        Returns the paths of them that a step takes.

        Where that cancels the push, whoever notes them has to push; what is noted without another
        push to come `overtakes` nothing. They have been heard of `since` then, by the monotonic
        clock.
        """
        self._noted += 1
        self._news = self._news.then(changes)
        self._watch.heard(since)
        with self._watch.over("plan"):
            plan = make_plan(self.graph, changes.changed, changes.deleted, self._leads())
            self._ledger = self._ledger.noted(plan)
        if overtakes and self._setbacks < _PATIENCE:
            self._setbacks += self._turns.overtake(self._is_overtaken)
        self._turns.stir()
        return plan.paths

    def owe(self, plan: Plan) -> None:
        """Owes `plan` from now on, which no change asks for."""
        self._noted += 1
        self._ledger = self._ledger.noted(plan)

    @property
    def restarts(self) -> bool:
        """Whether the next thing owed is a restart, which may have stopped the container already.

        True of a push that was broken off in its restart, until the next one.
        """
        return [action.verb for action in self._ledger.owed.actions[:1]] == ["restart"]

    async def again(self, tell: Tell | None = None, rest: Rest = no_rest) -> PushResult:
        """A push of what is still owed, although nothing has changed. Raises as `push` does."""
        self._noted += 1
        return await self.push(tell, rest)

    async def push(self, tell: Tell | None = None, rest: Rest = no_rest) -> PushResult:
        """One push of all that is owed; the result of the one that took it up, if one has.

        It goes on for as long as there is `rest`, and takes up what comes meanwhile. Raises
        `EngineError` and `ContainerNotRunningError`, which `tell` takes before the end of
        the push is told; what was owed still is.
        """
        mine, calls_off = self._noted, self._calls_off
        async with self._lock:
            if self._covered >= mine > 0:
                return self._last
            if self._calls_off > calls_off:
                return PushResult(self._serial, "cancelled", owed=self._owed())
            self._serial += 1
            self._current = self._serial
            began = time.monotonic()
            self._watch.begin()
            self._failing = False
            outcome = PushResult(self._serial, "cancelled")
            try:
                with anyio.CancelScope() as self._scope:
                    outcome = await self._carried_out(rest)
            except LivepushError as error:
                outcome = replace(outcome, status="failed", message=error.message)
                if tell is not None:
                    tell(error)
                raise
            finally:
                self._last = self._ended(outcome, time.monotonic() - began)
            return self._last

    async def cancel(self) -> None:
        """Ends the running push, its command included, and those that wait; all is still owed."""
        self._calls_off += 1
        if self._scope is not None:
            self._scope.cancel()
        async with self._lock:
            return

    async def _carried_out(self, rest: Rest) -> PushResult:
        self._take_up()
        self._result = PushResult(self._serial, "failed" if self._ledger.aside else "nothing")
        try:
            with ungrouped():
                async with anyio.create_task_group() as stages:
                    await self._hand_out(stages, rest)
        except StepFailedError as failure:
            self._failing = not (failure.may_pass or failure.return_code == _KILLED)
            return self._failed(failure)
        if self._turns.are_overtaken:
            return replace(self._result, status="cancelled")
        self._setbacks = 0
        return replace(self._result, status="failed") if self._ledger.aside else self._result

    async def _hand_out(self, stages: TaskGroup, rest: Rest) -> None:
        """Has all that is owed carried out, until there is nothing that may be."""
        turns, joined, is_coming, has_paused = self._turns, 0, False, False
        while not (turns.have_failed or turns.are_overtaken):
            left = rest() if joined < _JOINS else 0.0
            has_paused |= is_coming and left <= 0
            is_coming = left > 0
            joins = not turns.busy or self._ledger.may_join(self.graph, turns.busy)
            if self.owes and joins and joined < _JOINS:
                # Of a crowd as much joins as comes, up to its first pause.
                joined += has_paused or not is_coming
                turns.begin_anew()
                self._take_up()
            self._ledger = self._ledger.settled(turns.busy)
            ready = self._ledger.ready(self.graph, turns.busy)
            if is_coming:
                ready = (
                    each for each in ready if each.verb == "sync" and each.ref not in self._early
                )
            elif joined < _JOINS:  # what waits can join before them
                ready = (action for action in ready if not self._is_overtaken(action))
            for action in turns.may_begin(ready):
                stages.start_soon(self._carry_out, action, turns.begin(action), is_coming)
            if not (turns.busy or is_coming):
                return
            with anyio.move_on_after(left if is_coming else None):
                await turns.moved()

    async def _carry_out(self, action: Action, scope: anyio.CancelScope, early: bool) -> None:
        """Raises `StepFailedError`, and `EngineError` where it is the engine that fails.

        What fails `early`, before all is there that is coming, waits for more.
        """
        with self._turns.until_its_end(action):
            try:
                performed = await self._explained(action, scope)
            except StepFailedError as failure:
                if not early:
                    raise
                self._early[action.ref] = failure.return_code is None and not failure.may_pass
                return
            if performed is None:
                self._turns.set_back(action)
            else:
                self._note_landed(action, performed)

    async def _explained(self, action: Action, scope: anyio.CancelScope) -> Performed | None:
        """As `_perform`, with what a person can mend told as the step's."""
        try:
            return await self._perform(action, scope)
        except EngineError as error:
            found = hindrance(error.message)
            if found is None:
                raise
            reason = f"line {action.line}: {action.text}: {found.reason}"
            raise StepFailedError(reason, hint=found.hint, may_pass=True) from error
        except OSError as error:  # of a file of the context: all else is the engine's
            raise _unreadable(action, error) from error

    def _note_landed(self, action: Action, performed: Performed) -> None:
        self._early.pop(action.ref, None)
        self._ledger = self._ledger.landed(action, changed=performed.changed, built=performed.built)
        if performed.refusal:
            self._ledger = self._ledger.kept(action.because)
            self._tell_refused(action, performed.refusal)
            self._result = replace(self._result, status="failed", message=performed.refusal)
        if command := self._executor.outdated(action.stage):
            self._ledger = self._ledger.joined(rerun(self.graph, command, action.because))
        if performed.changed and self._result.status == "nothing":
            self._result = replace(self._result, status="succeeded")

    def _take_up(self) -> None:
        """Takes up all that waits, and tells of it: again, when it joins a push that runs."""
        self._covered = self._noted
        self._watch.take_up()
        news, self._news = self._news, Changes()
        self._ledger = self._ledger.taken()
        self._early = {ref: mends for ref, mends in self._early.items() if not mends}
        self.emit(
            events.LivepushStart(
                changed=tuple(sorted(news.changed)),
                deleted=tuple(sorted(news.deleted)),
                plan=tuple(self._ledger.owed.lines()),
            )
        )
        for action in self._ledger.refused():
            step = self.graph.stages[action.stage].steps[action.position]
            if isinstance(step, Fixed):
                self._ledger = self._ledger.set_aside(action.because)
                self._tell_refused(action, f"{step.text} {step.reason}")

    async def _perform(self, action: Action, scope: anyio.CancelScope) -> Performed | None:
        """None where a newer change has overtaken it, which no push has taken up yet.

        What ended at that very moment is not overtaken any more: the same push goes on.
        """
        if action.verb == "restart" and not self._restarts:
            return Performed(changed=False)
        with scope, self._watch.over(_PARTS.get(action.verb, "transfer")):
            if action.verb == "restart":
                return await self._restarted(action)
            return await self._executor.perform(action)
        return None

    async def _restarted(self, action: Action) -> Performed:
        if not await self._executor.runs():
            self.tell_stopped()
        performed = await self._executor.perform(action)
        self.tell_started()
        return performed

    def _tell_refused(self, action: Action, reason: str) -> None:
        self.emit(events.RebuildNeeded(reason=reason, line=action.line))

    def _failed(self, failure: StepFailedError) -> PushResult:
        self._setbacks = 0
        if failure.return_code is None:
            self.emit(events.Error(message=str(failure), hint=failure.hint))
        return PushResult(
            self._serial, "failed", message=str(failure), return_code=failure.return_code
        )

    def _ended(self, outcome: PushResult, seconds: float) -> PushResult:
        owed = self._owed()
        if outcome.status == "cancelled":
            self.emit(events.Cancel())
        self.emit(
            events.LivepushEnd(
                status=outcome.status, seconds=seconds, owed=owed, timings=self._watch.timings
            )
        )
        self._scope = self._current = None
        self._turns, self._early = Turns(), {}
        self.on_end()
        return replace(outcome, seconds=seconds, owed=owed)

    def _owed(self) -> tuple[str, ...]:
        return tuple(sorted(self._ledger.paths))

    def _is_overtaken(self, action: Action) -> bool:
        return action.verb in ("run", "build") and self._ledger.overtakes(action)


def _unreadable(action: Action, error: OSError) -> StepFailedError:
    what = f"{error.filename!r} could not be read" if error.filename else "a file could not be read"
    reason = f"line {action.line}: {action.text}: {what}: {error.strerror}"
    return StepFailedError(reason, may_pass=True)
