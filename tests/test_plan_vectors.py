"""Measured plans: what the original replays for a change, and where we differ on purpose."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from livepush.live import Dockerfile
from livepush.model import Copy, Graph, Run, Stage
from livepush.plan import Plan
from livepush.tree import clean

VECTORS = json.loads((Path(__file__).parent / "vectors" / "plan.json").read_text())["cases"]
CASES = [
    pytest.param(group, case, id=f"{group['id']}-{','.join(case['changed'])}")
    for group in VECTORS
    for case in group["cases"]
]
Replay = tuple[Mapping[int, tuple[str, ...]], bool]
"""The commands by stage, of all stages that anything is done in, and whether the end restarts."""

NOTHING: Replay = ({}, False)
COPIES: Replay = ({0: ()}, True)
# Where the original plans something else on purpose; ours, by case and changed path.
OURS: Mapping[tuple[str, str], Replay] = {
    ("plan-dot", "..foo"): ({0: ("build",)}, True),
    ("plan-abs-source", "a"): COPIES,
    ("plan-abs-source", "/a"): NOTHING,
    ("plan-glob-star", ".a.json"): COPIES,
    ("plan-glob-neg-class", "a.txt"): COPIES,
    ("plan-glob-neg-class", "b.txt"): NOTHING,
    ("plan-glob-brace", "a.txt"): NOTHING,
    ("plan-glob-brace", "{a,b}.txt"): COPIES,
    ("plan-glob-extglob", "a"): NOTHING,
    ("plan-glob-extglob", "aa"): NOTHING,
    ("plan-glob-extglob", "+(a|b)"): COPIES,
    # But `x` itself may be a directory, with an x in it, so that it is looked into.
    ("plan-glob-doublestar", "a/b/x"): NOTHING,
    ("plan-glob-dir-match", "d1/f"): COPIES,
    ("plan-glob-hidden", ".a"): COPIES,
    ("plan-glob-hidden", "d/a"): COPIES,
    ("plan-glob-comment-neg", "z"): NOTHING,
    # A stage that the target does not copy from is no part of a build.
    ("plan-same-file-two-stages", "f"): ({1: ("r",)}, True),
    ("plan-run-exec-form", "a"): ({0: ('["sh","-c","echo a b"]',)}, True),
}


@pytest.mark.parametrize(("group", "case"), CASES)
def test_vector(group: Mapping[str, Any], case: Mapping[str, Any]) -> None:
    graph = Dockerfile(group["dockerfile"]).graph()
    plan = Dockerfile(group["dockerfile"]).plan(case["changed"], [])
    original, copied = npm(graph, case["npm"])
    ours = OURS.get((group["id"], ",".join(case["changed"])))
    assert ours != original
    assert replayed(graph, plan) == (ours or original)
    if ours is None:
        # The original groups neighbouring copies; ours takes only those that have to be redone.
        steps = (graph.stages[a.stage].steps[a.position] for a in plan.actions if a.finds_out)
        assert {s for step in steps if isinstance(step, Copy) for s in step.sources} <= copied


def test_every_difference_is_a_case() -> None:
    assert OURS.keys() <= {(g["id"], ",".join(c["changed"])) for g in VECTORS for c in g["cases"]}


def replayed(graph: Graph, plan: Plan) -> Replay:
    stages = {action.stage: () for action in plan.actions}
    return {stage: tuple(commands(graph.stages[stage], plan)) for stage in stages}, plan.restarts


def commands(stage: Stage, plan: Plan) -> list[str]:
    steps = [
        stage.steps[a.position] for a in plan.actions if (a.stage, a.verb) == (stage.index, "run")
    ]
    return [step.command for step in steps if isinstance(step, Run)]


def npm(graph: Graph, groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[Replay, set[str]]:
    stages = {int(i): tuple(c for g in of for c in g["commands"]) for i, of in groups.items()}
    restart = any(g["restart"] for g in groups.get(str(graph.target.index), ()))
    sources = {clean(copy["source"]) for of in groups.values() for g in of for copy in g["copies"]}
    return (stages, restart), sources
