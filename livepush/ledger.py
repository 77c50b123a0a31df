"""What is owed: the plans of changes that have not landed yet. Pure.

A change is owed from the moment it is noted until its last step has landed. Failure, cancel, a
lost race and a broken connection are one case: the action is still there, and the next push takes
it up again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from livepush.model import Graph, Stage, origins
from livepush.plan import Action, Plan

NOTHING = Plan()


@dataclass(frozen=True, slots=True)
class Ledger:
    """`owed` is what the running or the last push took up, `waiting` what has come since.

    `aside` are paths that only a build can take: owed until there is one, or they change again.
    """

    owed: Plan = NOTHING
    waiting: Plan = NOTHING
    aside: frozenset[str] = frozenset()

    @property
    def paths(self) -> frozenset[str]:
        """The paths that have not landed, by whatever cause."""
        return self.owed.paths | self.waiting.paths | self.aside

    def noted(self, plan: Plan) -> Ledger:
        """With the plan of a change that has just come; what it is of is tried again."""
        return replace(self, waiting=self.waiting.merged(plan), aside=self.aside - plan.paths)

    def taken(self) -> Ledger:
        """As a push begins: it takes up everything that is owed."""
        return replace(self.joined(self.waiting), waiting=NOTHING)

    def joined(self, plan: Plan) -> Ledger:
        """With what the running push turns out to need as well."""
        return replace(self, owed=self.owed.merged(plan))

    def refused(self) -> tuple[Action, ...]:
        """The actions of what is owed that only a build can carry out."""
        return tuple(action for action in self.owed.actions if action.verb == "refuse")

    def set_aside(self, paths: frozenset[str]) -> Ledger:
        """Without what only `paths` ask for, which stay owed."""
        return replace(self, owed=self.owed.excluding(paths), aside=self.aside | paths)

    def kept(self, paths: frozenset[str]) -> Ledger:
        """With `paths`, of which not all could land, still owed until there is a build."""
        return replace(self, aside=self.aside | paths)

    def settled(self, busy: Collection[int] = ()) -> Ledger:
        """Without the commands and restarts that come first and that nothing turned out to ask for.

        Of the stages that are `busy`, that is not known yet.
        """
        plan, known = self.owed, set(busy)
        for action in plan.actions:
            if action.stage in known:
                continue
            if action.due or action.finds_out:
                known.add(action.stage)
            else:
                plan = plan.without(action.ref)
        return replace(self, owed=plan)

    def ready(self, graph: Graph, busy: Collection[int] = ()) -> Iterator[Action]:
        """What may be carried out now, beside what is under way in the stages that are `busy`.

        That is the first action of a stage, once nothing is owed to the stages that it needs.
        """
        owing, seen = {action.stage for action in self.owed.actions}, set(busy)
        for action in self.owed.actions:
            if action.stage not in seen:
                seen.add(action.stage)
                if owing.isdisjoint(_needed(graph, graph.stages[action.stage], action)):
                    yield action

    def may_join(self, graph: Graph, busy: Collection[int]) -> bool:
        """Whether what waits can be taken up while these stages are `busy`, and would begin then.

        It is not of them, since what is under way was asked for without it.
        """
        waiting = {action.stage for action in self.waiting.actions}
        if not waiting.isdisjoint(busy):
            return False
        return any(action.stage in waiting for action in self.taken().ready(graph, busy))

    def landed(self, action: Action, *, changed: bool, built: bool = False) -> Ledger:
        """Once `action` is done; what follows from it is due if it `changed` anything.

        Where its stage was `built` for it, the stage's commands have run. Repeated, they would see
        what they have left themselves.
        """
        left = self.owed.without(action.ref)
        if built:
            left = left.without_commands(action.stage)
        return replace(self, owed=left.with_due(action) if changed else left)

    def overtakes(self, running: Action) -> bool:
        """Whether a waiting change reaches `running`, or an earlier step of its stage."""
        return any(
            action.stage == running.stage and action.position <= running.position
            for action in self.waiting.actions
            if action.verb != "restart"
        )


def _needed(graph: Graph, stage: Stage, action: Action) -> set[int]:
    """The stages that have to be as they shall be before `action` of `stage`.

    Those that it copies from. The application's own waits for all, so that one that fails leaves it
    as it was; and the engine's own builder builds all that come before, too.
    """
    if stage == graph.target:
        return {each.index for each in graph.stages[:-1]}
    if action.verb == "build" and stage.scope.legacy:
        return set(range(stage.index))
    return {origin for step in stage.steps for origin in origins(step)}
