"""Stages x changes -> plan: what a `docker build` would have to redo. Pure.

A plan is an ordered set of actions, at most one a step. The rules:

- A changed path goes to every `COPY`/`ADD` of the build context that takes it.
- After it, every `RUN` of that stage runs again, in order; and since a `RUN` may have changed
  what was copied after it, every later copy is applied in full.
- A stage that copies from a stage with actions copies again, and goes on likewise.
- The application's container restarts when an action stands before the live point.
- A step that only a build can take, reached by a change, has its stage built: one action stands for
  all up to the last command, and what is copied after it is copied as ever. So have all commands
  where they are to be replayed clean. What livepush cannot even have built is a refusal.

Plans add up: what is owed from a push that failed or was overtaken is a plan, and merging it with
the plan of a newer change gives the plan of the next push. An action leaves the plan when its
step has landed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Literal

from livepush.model import (
    Copy,
    Fixed,
    Graph,
    MakeDir,
    Replay,
    Run,
    Stage,
    Step,
    is_command,
    origins,
)
from livepush.sources import Sources, claimed, leaves_out
from livepush.tree import clean

_EVERYTHING = "."  # the path of the whole context

Verb = Literal["sync", "import", "run", "make", "build", "refuse", "restart"]
StepRef = tuple[int, int]
"""A step's stage and its position among that stage's steps."""


@dataclass(frozen=True, slots=True)
class Action:
    """One step to redo, and why: the `changed` and `deleted` paths that lead to it.

    It redoes the steps from `begins` to `position`, which are one but for a build. `takes` are
    those of the paths that the step copies itself. `full` copies what did not change, too. `due` is
    set once something that stands before `reach` has really changed: commands and restarts that
    never become due are left out.
    """

    stage: int
    begins: int
    position: int
    verb: Verb
    line: int
    text: str
    reach: int
    because: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    full: bool = False
    due: bool = False

    @property
    def ref(self) -> StepRef:
        return self.stage, self.position

    @property
    def finds_out(self) -> bool:
        """Whether it finds out by itself if there is anything to do."""
        return self.verb in ("sync", "import", "build")

    def merged(self, other: Action) -> Action:
        """Both in one. A build stands for whatever else would be done for its steps."""
        kept = min(self, other, key=lambda action: (action.verb != "build", action.line))
        return replace(
            kept,
            begins=min(self.begins, other.begins),
            because=self.because | other.because,
            takes=self.takes | other.takes,
            full=self.full or other.full,
            due=self.due or other.due,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in the order in which they are carried out, and the paths that no step takes."""

    actions: tuple[Action, ...] = ()
    unclaimed: frozenset[str] = frozenset()
    names: Mapping[int, str] = field(default_factory=dict)  # of the stages, for people

    def __bool__(self) -> bool:
        return bool(self.actions)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    @property
    def paths(self) -> frozenset[str]:
        """The changed paths that the plan exists for."""
        return frozenset().union(*(action.because for action in self.actions))

    @property
    def restarts(self) -> bool:
        return any(action.verb == "restart" for action in self.actions)

    @property
    def runs(self) -> bool:
        """Whether it runs a command."""
        return any(action.verb == "run" for action in self.actions)

    def merged(self, other: Plan) -> Plan:
        """Both plans in one: what either does is done, once."""
        actions = {action.ref: action for action in self.actions}
        for action in other.actions:
            known = actions.get(action.ref)
            actions[action.ref] = known.merged(action) if known else action
        ordered = _folded([actions[ref] for ref in sorted(actions)])
        return Plan(tuple(ordered), self.unclaimed | other.unclaimed, {**self.names, **other.names})

    def without(self, ref: StepRef) -> Plan:
        """What is left once the step at `ref` has landed."""
        return replace(self, actions=tuple(a for a in self.actions if a.ref != ref))

    def without_commands(self, stage: int) -> Plan:
        """What is left once all commands of `stage` have run otherwise."""
        left = (a for a in self.actions if (a.stage, a.verb) != (stage, "run"))
        return replace(self, actions=tuple(left))

    def excluding(self, paths: frozenset[str]) -> Plan:
        """Without what only `paths` lead to."""
        left = (replace(a, because=a.because - paths, takes=a.takes - paths) for a in self.actions)
        return replace(self, actions=tuple(a for a in left if a.because))

    def with_due(self, changed: Action) -> Plan:
        """With all that follows from an action that really changed something marked as due."""
        actions = tuple(
            replace(a, due=True)
            if a.stage == changed.stage and a.reach > changed.begins and a.ref != changed.ref
            else a
            for a in self.actions
        )
        return replace(self, actions=actions)

    def lines(self) -> Iterator[str]:
        """The plan for people, and for golden files: a line an action, under its stage."""
        stage = None
        for action in self.actions:
            if action.stage != stage:
                stage = action.stage
                yield self.names.get(stage, f"stage {stage}")
            yield f"  {_described(action)}"
        if self.unclaimed:
            yield f"no step takes {_listed(self.unclaimed)}"
        elif not self.actions:
            yield "nothing to do"


def make_plan(
    graph: Graph,
    changed: Collection[str],
    deleted: Collection[str],
    leads: Mapping[str, frozenset[StepRef]] | None = None,
) -> Plan:
    """What the changes ask for; paths are relative to the context, in any spelling.

    A path that leads out of the context is unclaimed like any other that no step takes. `leads`
    are paths behind links that steps copy from, where the files are known.
    """
    outside = frozenset(path for path in (*changed, *deleted) if not _is_inside(path))
    paths = frozenset(clean(p) for p in (*changed, *deleted) if p not in outside)
    return _planned(graph, claims(graph, paths, leads or {}), paths | outside)


def rerun(graph: Graph, command: StepRef, because: frozenset[str]) -> Plan:
    """What it takes to have one command run again, for `because`, with all that follows it."""
    plan = _planned(graph, {command: because}, because)
    actions = (replace(a, due=a.due or a.ref == command) for a in plan.actions)
    return replace(plan, actions=tuple(actions))


def anew(graph: Graph, stages: Collection[int], *, broken_off: bool = False) -> Plan:
    """What it takes to have `stages` built and made like that, whatever has changed.

    Where a push was `broken_off` before, its restart may be all that is lacking.
    """
    actions = [
        Action(
            stage=stage.index,
            begins=0,
            position=len(stage.steps) - 1,
            verb="build",
            line=stage.line,
            text="all of the stage",
            reach=len(stage.steps) - 1,
            because=frozenset({_EVERYTHING}),
        )
        for stage in graph.followed()
        if stage.index in stages and stage.steps
    ]
    own = [action for action in actions if action.stage == graph.target.index]
    if own and _restarts(graph.target, own):
        actions.append(replace(_restart(graph.target, own), due=broken_off))
    return Plan(tuple(actions), names=_names(graph))


def replayed(graph: Graph) -> Plan | None:
    """What it takes to make a container of the base image like the target: every step, in place.

    What it has of them already is left alone up to the first command. None where one of the steps
    is for a build alone.
    """
    stage = graph.target
    ran = [position for position, step in enumerate(stage.steps) if is_command(step)]
    actions = [
        Action(
            stage=stage.index,
            begins=position,
            position=position,
            verb=verb,
            line=step.line,
            text=step.text,
            reach=position,
            because=frozenset({_EVERYTHING}),
            takes=frozenset({""}),
            full=any(position > first for first in ran[:1]),
            due=True,
        )
        for position, step in enumerate(stage.steps)
        if (verb := _verb(step, graph.replay, reached=True, begun=True, replayed=True))
    ]
    if not actions or any(action.verb in ("build", "refuse") for action in actions):
        return None
    restarts = [_restart(stage, actions)] if _restarts(stage, actions) else []
    return Plan((*actions, *restarts), names=_names(graph))


def claims(
    graph: Graph, paths: Iterable[str], leads: Mapping[str, frozenset[StepRef]]
) -> Mapping[StepRef, frozenset[str]]:
    """Which of `paths` each step that copies from the build context takes."""
    by_source: dict[str, set[StepRef]] = {path: set(refs) for path, refs in leads.items()}
    for stage in graph.followed():
        for position, step in enumerate(stage.steps):
            if not isinstance(step, Run | MakeDir):
                for source in _context_sources(step):
                    by_source.setdefault(source, set()).add((stage.index, position))
    index = Sources(by_source)
    taken: dict[StepRef, set[str]] = {}
    for path in paths:
        for source in index.taking(path):
            for stage_index, position in by_source[source]:
                step = graph.stages[stage_index].steps[position]
                if not (isinstance(step, Copy) and leaves_out(step, source, path)):
                    taken.setdefault((stage_index, position), set()).add(path)
    return {ref: frozenset(found) for ref, found in taken.items()}


def _context_sources(step: Copy | Fixed) -> tuple[str, ...]:
    if isinstance(step, Fixed):
        return step.sources
    return claimed(step) if step.origin is None else ()


def _is_inside(path: str) -> bool:
    if ".." not in path:
        return not path.startswith("/")
    depth = 0
    for part in path.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0:
            return False
    return not path.startswith("/")


def _planned(graph: Graph, taken: Mapping[StepRef, frozenset[str]], paths: frozenset[str]) -> Plan:
    actions: list[Action] = []
    reasons: dict[int, frozenset[str]] = {}
    for stage in graph.followed():
        found = list(_stage_actions(stage, graph.replay, taken, reasons))
        if any(action.verb == "build" for action in found):
            found = _folded(_stage_actions(stage, "clean", taken, reasons))
        if found:
            reasons[stage.index] = frozenset().union(*(a.because for a in found))
        if stage.index == graph.target.index and _restarts(stage, found):
            found.append(_restart(stage, found))
        actions.extend(found)
    claimed = frozenset().union(*taken.values())
    return Plan(tuple(actions), paths - claimed, _names(graph))


def _folded(actions: Iterable[Action]) -> list[Action]:
    """`actions`, in order, with one build for all that a build of their stage brings."""
    by_stage = groupby(actions, key=lambda action: action.stage)
    return [action for _, group in by_stage for action in _stage_folded(list(group))]


def _stage_folded(actions: list[Action]) -> list[Action]:
    commands = [action for action in actions if action.verb in ("run", "build")]
    builds = [action for action in commands if action.verb == "build"]
    if not builds:
        return actions
    last = commands[-1].position
    brought = [action for action in actions if action.position <= last]
    build = replace(
        min(builds, key=lambda action: action.line),
        begins=min(action.begins for action in brought),
        position=last,
        reach=last,
        because=frozenset().union(*(action.because for action in brought)),
        takes=frozenset().union(*(action.takes for action in brought)),
        full=False,
        due=any(action.due for action in brought),
    )
    # What is copied later is in the build as well, and so needs nothing but what is newer.
    return [build, *(replace(a, full=False) for a in actions if a.position > last)]


def _stage_actions(
    stage: Stage,
    replay: Replay,
    taken: Mapping[StepRef, frozenset[str]],
    reasons: Mapping[int, frozenset[str]],
) -> Iterator[Action]:
    because: frozenset[str] = frozenset()
    begun = replayed = False
    for position, step in enumerate(stage.steps):
        takes = taken.get((stage.index, position), frozenset())
        upstream = _upstream(step, reasons)
        own = takes | (upstream or frozenset())
        because |= own
        reached = bool(takes) or upstream is not None
        begun = begun or reached
        verb = _verb(step, replay, reached=reached, begun=begun, replayed=replayed)
        if verb is None:
            continue
        yield Action(
            stage=stage.index,
            begins=position,
            position=position,
            verb=verb,
            line=step.line,
            text=step.text,
            reach=position,
            because=because if replayed or (begun and is_command(step)) else own,
            takes=takes,
            full=replayed,
        )
        replayed = replayed or verb == "run"


def _verb(step: Step, replay: Replay, *, reached: bool, begun: bool, replayed: bool) -> Verb | None:
    if isinstance(step, Run):
        return ("build" if replay == "clean" else "run") if begun else None
    if isinstance(step, Fixed):
        # Behind a command that ran again its files may have to come back, which needs a build.
        if reached or replayed or (begun and step.is_command):
            return "build" if step.buildable else "refuse"
        return None
    if isinstance(step, MakeDir):
        return "make" if replayed else None
    if not (reached or replayed):
        return None
    return "sync" if step.origin is None else "import"


def _upstream(step: Step, reasons: Mapping[int, frozenset[str]]) -> frozenset[str] | None:
    found = [reasons[origin] for origin in origins(step) if origin in reasons]
    return frozenset().union(*found) if found else None


def _restarts(stage: Stage, actions: Iterable[Action]) -> bool:
    return any(action.begins < _live_from(stage) for action in actions)


def _restart(stage: Stage, actions: Iterable[Action]) -> Action:
    before = [action for action in actions if action.begins < _live_from(stage)]
    return Action(
        stage=stage.index,
        begins=len(stage.steps),
        position=len(stage.steps),
        verb="restart",
        line=stage.line,
        text="the application's container",
        reach=_live_from(stage),
        because=frozenset().union(*(action.because for action in before)),
    )


def _live_from(stage: Stage) -> int:
    return len(stage.steps) if stage.live_from is None else stage.live_from


def _names(graph: Graph) -> dict[int, str]:
    return {
        stage.index: f"stage {stage.index}"
        + (f" ({stage.name})" if stage.name else "")
        + (", the application" if stage == graph.target else "")
        for stage in graph.stages
    }


_VERBS: Mapping[Verb, str] = {
    "sync": "copy",
    "import": "copy",
    "make": "make",
    "run": "run",
    "build": "build",
    "refuse": "rebuild",
    "restart": "restart",
}


def _described(action: Action) -> str:
    where = "" if action.verb == "restart" else f"line {action.line}"
    every = " in full" if action.full and action.verb in ("sync", "import") else ""
    why = f"  <- {_listed(action.because)}" if action.because else ""
    text = " ".join(action.text.split())
    return f"{_VERBS[action.verb]:<8} {where:<9} {text}{every}{why}"


def _listed(paths: Collection[str], most: int = 3) -> str:
    shown = ["everything" if path in ("", _EVERYTHING) else path for path in sorted(paths)[:most]]
    more = len(paths) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
