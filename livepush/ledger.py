"""What is owed: the plans of changes that have not landed yet. Pure.

A change is owed from the moment it is noted until its last step has landed. Failure, cancel, a
lost race and a broken connection are one case: the action is still there, and the next push takes
it up again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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

    def settled(self) -> Ledger:
        """Without the commands and restarts at its head that nothing turned out to ask for."""
        plan = self.owed
        while plan.actions and not (plan.actions[0].due or plan.actions[0].finds_out):
            plan = plan.without(plan.actions[0].ref)
        return replace(self, owed=plan)

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
