"""Events -> lines for people: what changed, what it led to and why, how it ended. No I/O.

Everything in a line is safe to show: control characters of names and output are made visible.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

from livepush import events
from livepush.events import Event
from livepush.legible import output_line, visible
from livepush.lines import Lines
from livepush.model import Changes, Graph, Run
from livepush.plan import Action, Plan, make_plan

Tone = Literal["plain", "strong", "dim", "good", "bad", "warn"]

_MOST = 3  # names in a list
_PACE = 5.0  # seconds between two lines that tell how far the copying is
_CROWD = 1.0  # seconds in which what joins a push is told in one line


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; `tone` says how it is meant, `bad` and `warn` lines are shown always."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a narration is about, in the user's words.

    `again` is how what failed is tried again, as in "the next save tries it again". With
    `rehearsed`, plans are told and nothing is carried out.
    """

    context: str
    container: str
    dockerfile: str
    again: str = ""
    rehearsed: bool = False


@dataclass(frozen=True, slots=True)
class _Command:
    """One that runs, the step that it is, where it is known, and since when."""

    text: str
    step: str
    began: datetime


class Narrator:
    """Tells the events of one session; `graph` are the stages that they speak of.

    `activity` is what goes on at the moment, empty while nothing does. `verbose` adds the plans
    and what was copied.
    """

    def __init__(self, subject: Subject, graph: Graph, *, verbose: bool = False) -> None:
        self.graph = graph
        self.activity = ""
        self._subject = subject
        self._verbose = verbose
        self._plan = Plan()
        self._owed: tuple[str, ...] = ()
        self._push: int | None = None  # that goes on
        self._more = Changes()  # that have joined it, and are still to be told
        self._told_of_it = datetime.now(UTC)
        self._running: dict[int, _Command] = {}  # by stage
        self._told_at = datetime.now(UTC)  # how far the copying is
        self._failure = ""
        self._rebuild = self._explained = False
        self._hint = ""
        self._lines = Lines()

    def tell(self, event: Event) -> list[Line]:
        """What is to be said of `event`, which comes after those that were told before."""
        return list(self._told(event))

    def _told(self, event: Event) -> Iterator[Line]:
        if not isinstance(event, events.LivepushStart | events.FilesSyncing | events.FilesSynced):
            yield from self._joined(event)
        match event:
            case events.Ready():
                yield self._ready(event)
            case events.LivepushStart():
                yield from self._start(event)
            case events.FilesSyncing():
                self.activity = f"copying files: {event.written:,} of {event.of:,}"
                if (event.time - self._told_at).total_seconds() >= _PACE:
                    self._told_at = event.time
                    yield Line(f"  {self.activity}", "dim")
            case events.FilesSynced():
                self._resume()
                if self._verbose:
                    yield Line(f"  {_synced(event)}{self._where(event.stage_idx)}", "dim")
            case events.CommandExecute():
                yield from self._execute(event)
            case events.CommandOutput():
                stream = event.stage_idx, event.output.is_stderr
                lines = self._lines.feed(stream, event.output.data)
                yield from self._quoted(event.stage_idx, lines)
            case events.CommandReturn():
                yield from self._return(event)
            case events.ContainerRestart():
                yield Line(f"  restarted {self._container}")
            case events.LivepushEnd():
                yield from self._end(event)
            case events.RebuildNeeded():
                self._rebuild = True
                yield Line(f"! {self._at(event.line, event.reason)}; rebuild the image", "warn")
            case events.ContainerStopped():
                yield Line(f"! {self._container} has stopped", "warn")
            case events.ContainerStarted():
                yield Line(f"{self._container} has started")
            case events.Notice():
                yield from self._notice(event)
            case events.Error():
                self._explained = True
                yield Line(f"✗ {_flat(event.message)}", "bad")
                if event.hint:
                    yield Line(f"  {_flat(event.hint)}", "bad")

    def _ready(self, event: events.Ready) -> Line:
        subject = self._subject
        stages = "1 stage" if event.stages == 1 else f"{event.stages} stages"
        rehearsed = ", dry run" if subject.rehearsed else ""
        text = f"ready: watching {subject.context} -> {subject.container} ({stages}{rehearsed})"
        return Line(visible(text), "strong")

    def _start(self, event: events.LivepushStart) -> Iterator[Line]:
        news = {*event.changed, *event.deleted}
        joins = self._push is not None and self._push == event.push
        self._push = event.push
        paths = news if joins else news | {*self._owed}
        plan = make_plan(self.graph, paths, ())
        self._plan = self._plan.merged(plan) if joins else plan
        in_full = self._verbose or self._subject.rehearsed
        if joins and not in_full:
            if plan:
                self._resume()
                joined = Changes(frozenset(event.changed), frozenset(event.deleted))
                self._more = self._more.then(joined)
            if (event.time - self._told_of_it).total_seconds() >= _CROWD:
                yield from self._joined(event)
            return
        self._failure, self._rebuild, self._explained = "", False, False
        what = _files(event.changed, event.deleted)
        if not self._plan and not self._subject.rehearsed:
            yield Line(f"{what}: no step takes it" if paths else "nothing to do", "dim")
            return
        self._resume()
        self._told_at = self._told_of_it = event.time
        older = ", and what was owed" if paths - news else ""
        yield Line(what + older if news else what, "strong")
        if in_full:
            yield from (Line(f"  {visible(line)}") for line in event.plan)

    def _joined(self, event: Event) -> Iterator[Line]:
        """What has joined the push since that was told last."""
        if self._more:
            self._told_of_it = event.time
            yield Line(f"and {_files(self._more.changed, self._more.deleted, ' more')}", "strong")
        self._more = Changes()

    def _execute(self, event: events.CommandExecute) -> Iterator[Line]:
        command, action = _short(event.command), self._action(event.stage_idx, event.command)
        if action:  # in a container, where newer changes may have ended the one before
            yield from self._rest(event.stage_idx)
        step = f"line {action.line}: {_short(action.text)}" if action else ""
        self._running[event.stage_idx] = _Command(command, step, event.time)
        self.activity = command
        why = f" (line {action.line}, because {_listed(action.because)})" if action else ""
        yield Line(f"  {self._whose(event.stage_idx)}{command}{why}")

    def _action(self, stage: int, command: str) -> Action | None:
        for action in self._plan.actions:
            if (action.stage, action.verb) == (stage, "run"):
                step = self.graph.stages[stage].steps[action.position]
                if isinstance(step, Run) and step.command == command:
                    # The same command may stand in the stage once more.
                    self._plan = self._plan.without(action.ref)
                    return action
        return None

    def _return(self, event: events.CommandReturn) -> Iterator[Line]:
        yield from self._rest(event.stage_idx)
        whose, command = self._whose(event.stage_idx), self._running.pop(event.stage_idx, None)
        ended = f"ended with {event.return_code}"
        if event.return_code:
            step = command.step if command else ""
            self._failure = f"{step or _short(event.command)} {ended}"
        taken = (event.time - command.began).total_seconds() if command else 0.0
        self._resume()
        yield Line(f"  {whose}{ended} after {_seconds(taken)}", "dim")

    def _end(self, event: events.LivepushEnd) -> Iterator[Line]:
        for stage in self.graph.stages:
            yield from self._rest(stage.index)
        self._running.clear()
        was_active, self.activity = bool(self.activity), ""
        self._owed, self._push = event.owed, None
        if self._subject.rehearsed:
            return
        if event.status == "succeeded":
            yield Line(f"✓ live in {_seconds(event.seconds)}", "good")
        elif event.status == "cancelled":
            yield Line(_together("cancelled", self._still_owed()), "warn")
        elif event.status == "failed":
            yield Line(f"✗ {self._failed()}", "bad")
        elif was_active:
            yield Line("  nothing had changed", "dim")
        if self._verbose and (spent := _spent(event.timings)):
            yield Line(f"  {spent}", "dim")

    def _failed(self) -> str:
        if self._rebuild and not self._failure:
            return _together(self._still_owed() or "failed", "only a rebuild brings it")
        if self._explained and not self._failure:
            return self._still_owed() or "failed"
        again = f"{self._subject.again} tries it again" if self._subject.again else ""
        return _together(self._failure or "failed", self._still_owed(), again)

    def _still_owed(self) -> str:
        return f"still owed: {_listed(self._owed)}" if self._owed else ""

    def _resume(self) -> None:
        """What goes on is a command, if one runs."""
        running = [each.text for each in self._running.values()]
        self.activity = running[-1] if running else "copying files"

    def _notice(self, event: events.Notice) -> Iterator[Line]:
        said = _flat(event.message) if event.line is None else self._at(event.line, event.message)
        yield Line(f"! {said}", "warn")
        if event.hint and event.hint != self._hint:
            yield Line(f"  {_flat(event.hint)}", "warn")
        self._hint = event.hint

    @property
    def _container(self) -> str:
        return visible(self._subject.container)

    def _at(self, line: int, text: str) -> str:
        return _flat(f"{self._subject.dockerfile}:{line}: {text}")

    def _where(self, stage: int) -> str:
        return "" if stage == self.graph.target.index else f" ({self._name(stage)})"

    def _whose(self, stage: int) -> str:
        """Names the stage of a line, where commands of others run as well."""
        return f"{self._name(stage)}: " if self._running.keys() - {stage} else ""

    def _name(self, stage: int) -> str:
        return visible(self.graph.stages[stage].name or f"stage {stage}")

    def _rest(self, stage: int) -> Iterator[Line]:
        return self._quoted(stage, self._lines.rest({(stage, False), (stage, True)}))

    def _quoted(self, stage: int, lines: Iterable[bytes]) -> Iterator[Line]:
        for line in lines:
            yield Line(f"  {self._whose(stage)}│ {output_line(line)}".rstrip(), "dim")


def _files(changed: Collection[str], deleted: Collection[str], more: str = "") -> str:
    count = len(changed) + len(deleted)
    if not count:
        return "what is owed"
    if count == 1:
        gone = " (deleted)" if deleted else ""
        return _listed((*changed, *deleted)) + gone
    gone = f", {len(deleted)} of them deleted" if deleted else ""
    return f"{count}{more} files{gone}"


def _synced(event: events.FilesSynced) -> str:
    gone = f", {event.deleted} deleted" if event.deleted else ""
    return f"copied {event.written}{gone}, {_size(event.bytes)} in {_seconds(event.seconds)}"


def _spent(timings: events.Timings) -> str:
    parts = asdict(timings).items()
    return ", ".join(f"{name} {_seconds(part)}" for name, part in parts if part)


def _short(command: str, most: int = 100) -> str:
    text = _flat(command)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _flat(text: str) -> str:
    return visible(" ".join(text.split()))


def _listed(paths: Collection[str]) -> str:
    names = [visible(path) or "everything" for path in sorted(paths)]
    more = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {more} more" if more > 0 else "")


def _together(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _size(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
