"""The planner: measured cases, the rules one by one, and properties of what plans are made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livepush.live import Dockerfile
from livepush.model import Copy, Graph, Run
from livepush.pattern import compile_component, has_wildcard
from livepush.plan import Action, Plan, StepRef, claims, full_plan, make_plan

VECTORS = json.loads((Path(__file__).parent / "vectors" / "plan.json").read_text())["cases"]
CASES = [(group, case) for group in VECTORS for case in group["cases"]]

NOTHING = "no step"
# Where the original plans something else on purpose: our steps, by case and changed paths.
OURS: Mapping[tuple[str, str], str] = {
    ("plan-dot", "..foo"): "0 copy . .; 0 run build; restart",
    ("plan-abs-source", "a"): "0 copy /a /d/; restart",
    ("plan-abs-source", "/a"): NOTHING,
    ("plan-glob-star", ".a.json"): "0 copy *.json /d/; restart",
    ("plan-glob-package", "packages/x.json"): NOTHING,
    ("plan-glob-neg-class", "a.txt"): "0 copy [!a].txt [^b].md /d/; restart",
    ("plan-glob-neg-class", "b.txt"): NOTHING,
    ("plan-glob-brace", "a.txt"): NOTHING,
    ("plan-glob-brace", "{a,b}.txt"): "0 copy {a,b}.txt /d/; restart",
    ("plan-glob-extglob", "a"): NOTHING,
    ("plan-glob-extglob", "aa"): NOTHING,
    ("plan-glob-extglob", "+(a|b)"): "0 copy +(a|b) /d/; restart",
    ("plan-glob-doublestar", "x"): NOTHING,
    ("plan-glob-doublestar", "a/b/x"): NOTHING,
    ("plan-glob-dir-match", "d1/f"): "0 copy d* /o/; restart",
    ("plan-glob-hidden", ".a"): "0 copy * /o/; restart",
    ("plan-glob-hidden", "d/a"): "0 copy * /o/; restart",
    ("plan-glob-comment-neg", "z"): NOTHING,
    # The target does not copy from the stage, so a build leaves it out.
    ("plan-same-file-two-stages", "f"): "1 copy f g; 1 run r; restart",
    ("plan-run-exec-form", "a"): '0 copy a .; 0 run ["sh","-c","echo a b"]; restart',
}


@pytest.mark.parametrize(
    ("group", "case"), CASES, ids=lambda x: x.get("id") or ",".join(x["changed"])
)
def test_vector(group: Mapping[str, Any], case: Mapping[str, Any]) -> None:
    dockerfile = Dockerfile(group["dockerfile"])
    plan = dockerfile.plan(case["changed"], [])
    ours = OURS.get((group["id"], ",".join(case["changed"])))
    if ours is not None:
        assert summary(plan) != npm_summary(case["npm"])
    print(summary(plan), npm_summary(case["npm"]))
