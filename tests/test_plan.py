"""The planner: its rules one by one, and properties of what plans are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livepush.live import Dockerfile
from livepush.model import Copy, Graph
from livepush.pattern import compile_component, has_wildcard
from livepush.plan import Plan, StepRef, claims, make_plan


def plan(text: str, *changed: str, deleted: Sequence[str] = ()) -> list[str]:
    """The plan's lines without the stages' names, blanks squeezed."""
    lines = Dockerfile(text).plan(changed, deleted).lines()
    return [" ".join(line.split()) for line in lines if line.startswith(("  ", "no"))]


LATER = "FROM bb\nCOPY a /a\nRUN one\nCOPY b /b\nCOPY c /c\nRUN two\n"
STAGES = "FROM bb AS s\nCOPY a /a\nRUN one\nFROM bb\nCOPY c /c\nCOPY --from=s /a /a\nRUN two\n"
LIVE = "FROM bb\nCOPY a /a\n#dev-cmd-live=x\nCOPY b /b\n#dev-run=r\n"
RESTART = "restart the application's container <-"


@pytest.mark.parametrize(
    ("text", "changed", "lines"),
    [
        pytest.param(
            LATER,
            ["b"],
            ["copy line 4 COPY b /b <- b", "run line 6 RUN two <- b", f"{RESTART} b"],
            id="commands before the change stay",
        ),
        pytest.param(
            LATER,
            ["a"],
            [
                "copy line 2 COPY a /a <- a",
                "run line 3 RUN one <- a",
                "copy line 4 COPY b /b in full <- a",
                "copy line 5 COPY c /c in full <- a",
                "run line 6 RUN two <- a",
                f"{RESTART} a",
            ],
            id="copies behind a command come again",
        ),
        pytest.param(
            STAGES,
            ["a"],
            [
                "copy line 2 COPY a /a <- a",
                "run line 3 RUN one <- a",
                "copy line 6 COPY --from=s /a /a <- a",
                "run line 7 RUN two <- a",
                f"{RESTART} a",
            ],
            id="a change goes on through stages",
        ),
        pytest.param(
            STAGES,
            ["c"],
            ["copy line 5 COPY c /c <- c", "run line 7 RUN two <- c", f"{RESTART} c"],
            id="but not back",
        ),
        pytest.param(
            "FROM bb AS s\nCOPY a /a\nFROM s\nRUN r\nCOPY --from=s /a /b\n",
            ["a"],
            [
                "copy line 2 COPY a /a <- a",
                "copy line 2 COPY a /a <- a",
                "run line 4 RUN r <- a",
                "copy line 5 COPY --from=s /a /b in full <- a",
                f"{RESTART} a",
            ],
            id="a parent's steps are a prefix of the child's",
        ),
        pytest.param(
            LIVE,
            ["a"],
            ["copy line 2 COPY a /a <- a", "run line 5 RUN r <- a", f"{RESTART} a"],
            id="before the live point all restarts",
        ),
        pytest.param(
            LIVE,
            ["b"],
            ["copy line 4 COPY b /b <- b", "run line 5 RUN r <- b"],
            id="behind it nothing does",
        ),
        pytest.param(
            "FROM bb\nCOPY a .\nRUN r\nWORKDIR /w\n",
            ["a"],
            [
                "copy line 2 COPY a . <- a",
                "run line 3 RUN r <- a",
                "make line 4 WORKDIR /w <- a",
                f"{RESTART} a",
            ],
            id="a command may have removed a directory",
        ),
        pytest.param(
            "FROM bb\nWORKDIR /w\nCOPY a .\n",
            ["a"],
            ["copy line 3 COPY a . <- a", f"{RESTART} a"],
            id="without one it is there",
        ),
        pytest.param(
            "FROM bb\nCOPY a /a\nRUN --mount=type=cache,target=/c r\nRUN s\nCOPY b /b\n",
            ["a", "b"],
            [
                "build line 3 RUN --mount=type=cache,target=/c r <- a",
                "copy line 5 COPY b /b <- b",
                f"{RESTART} a, b",
            ],
            id="a command that only a build can run",
        ),
        pytest.param(
            "FROM bb\nCOPY a /a\nRUN --mount=type=secret,id=s r\n",
            ["a"],
            [
                "copy line 2 COPY a /a <- a",
                "rebuild line 3 RUN --mount=type=secret,id=s r <- a",
                f"{RESTART} a",
            ],
            id="a command that not even livepush can have built",
        ),
        pytest.param(
            "FROM bb\nRUN --mount=source=d,target=/d r\nCOPY a /a\n",
            ["d/x"],
            ["build line 2 RUN --mount=source=d,target=/d r <- d/x", f"{RESTART} d/x"],
            id="is reached by what is mounted",
        ),
        pytest.param(
            "FROM bb AS s\nCOPY a /a\nFROM bb\nRUN --mount=from=s,target=/s r\n",
            ["a"],
            [
                "copy line 2 COPY a /a <- a",
                "build line 4 RUN --mount=from=s,target=/s r <- a",
                f"{RESTART} a",
            ],
            id="and by what it takes from a stage",
        ),
        pytest.param(
            "FROM bb\nCOPY a /a\nADD https://example.org/x /x\n",
            ["a"],
            ["copy line 2 COPY a /a <- a", f"{RESTART} a"],
            id="a download is no command",
        ),
        pytest.param(
            "FROM bb\nCOPY a /a\nRUN r\nADD https://example.org/x /x\n",
            ["a"],
            ["build line 3 RUN r <- a", f"{RESTART} a"],
            id="but a command may have removed it",
        ),
        pytest.param(
            LATER,
            ["z", "../b", "/c", "y", "x"],
            ["no step takes ../b, /c, x and 2 more"],
            id="unclaimed",
        ),
        pytest.param("FROM bb\n", [], ["nothing to do"], id="nothing"),
    ],
)
def test_rules(text: str, changed: list[str], lines: list[str]) -> None:
    assert plan(text, *changed) == lines
    assert plan(text, deleted=changed) == lines


def test_replayed_clean_a_stage_is_built_up_to_its_last_command() -> None:
    graph = replace(Dockerfile(STAGES).graph(), replay="clean")
    lines = [" ".join(line.split()) for line in make_plan(graph, ["a", "c"], ()).lines()]
    assert lines == [
        "stage 0 (s)",
        "build line 3 RUN one <- a",
        "stage 1, the application",
        "build line 7 RUN two <- a, c",
        f"{RESTART} a, c",
    ]
    live = replace(Dockerfile(LIVE).graph(), replay="clean")
    assert [a.verb for a in make_plan(live, ["b"], ()).actions] == ["build"]
    assert [a.verb for a in make_plan(live, ["a"], ()).actions] == ["build", "restart"]


def test_the_printed_plan() -> None:
    assert str(Dockerfile(STAGES).plan(["a", "a/b", "z"], ["a/c", "a/d"])) == (
        "stage 0 (s)\n"
        "  copy     line 2    COPY a /a  <- a, a/b, a/c and 1 more\n"
        "  run      line 3    RUN one  <- a, a/b, a/c and 1 more\n"
        "stage 1, the application\n"
        "  copy     line 6    COPY --from=s /a /a  <- a, a/b, a/c and 1 more\n"
        "  run      line 7    RUN two  <- a, a/b, a/c and 1 more\n"
        "  restart            the application's container  <- a, a/b, a/c and 1 more\n"
        "no step takes z"
    )


@pytest.mark.parametrize(
    ("path", "claimed"),
    [
        ("a", True),
        ("./a/", True),
        ("x/../a", True),
        ("x/../../a", False),
        ("../a", False),
        ("x/y/../../a", True),
        ("/a", False),
        ("/x/../a", False),
        ("..a/../a", True),
        ("a/..x", True),
        ("..", False),
    ],
)
def test_paths_in_any_spelling(path: str, claimed: bool) -> None:
    plan = Dockerfile("FROM bb\nCOPY a /a\n").plan([path])
    assert bool(plan) is claimed
    assert plan.unclaimed == (set() if claimed else {path})


def test_takes_are_the_paths_that_a_step_copies_itself() -> None:
    actions = Dockerfile(LATER).plan(["a", "b"], []).actions
    taken = {action.line: set(action.takes) for action in actions if action.takes}
    assert taken == {2: {"a"}, 4: {"b"}}
    assert [action.because for action in actions][2] == {"a", "b"}


NAMES = st.sampled_from(["a", "b", "ab", ".a", "[a]", "*"])
PATHS = st.lists(NAMES, min_size=0, max_size=4).map("/".join)
SOURCES = st.lists(
    st.sampled_from(["a", "b", "ab", "*", "a*", "?", "[ab]", ".a", "[^a]"]), max_size=3
).map("/".join)


@given(st.lists(SOURCES, min_size=1, max_size=6), st.lists(PATHS, max_size=6))
def test_claims_agree_with_asking_every_source(sources: list[str], paths: list[str]) -> None:
    steps = tuple(Copy(n, "COPY", (source,), "/o", True) for n, source in enumerate(sources))
    graph = Graph((replace(Dockerfile("FROM bb\n").graph().target, steps=steps),))
    expected: dict[StepRef, set[str]] = {}
    for position, source in enumerate(sources):
        for path in paths:
            if takes(source, path):
                expected.setdefault((0, position), set()).add(path)
    assert claims(graph, paths, {}) == expected


def takes(source: str, path: str) -> bool:
    """Whether the shorter of both is a prefix of the other, component by component."""
    wanted, parts = (text.split("/") if text else [] for text in (source, path))
    return all(fits(w, p) for w, p in zip(wanted, parts, strict=False))


def fits(pattern: str, part: str) -> bool:
    return compile_component(pattern).match(part) if has_wildcard(pattern) else pattern == part


GRAPH = Dockerfile(
    "FROM bb AS s\nCOPY a /a\nRUN one\nCOPY b /b\n"
    "FROM bb\nCOPY c /c\nCOPY --from=s /a /a\nRUN --mount=type=secret,id=s two\n"
).graph()
PLANS = st.frozensets(st.sampled_from(["a", "b", "c", "z"])).map(
    lambda paths: make_plan(GRAPH, paths, ())
)
REFS = st.tuples(st.integers(0, 1), st.integers(0, 3))


@given(PLANS, PLANS, PLANS)
def test_plans_add_up(one: Plan, two: Plan, three: Plan) -> None:
    assert one.merged(one) == one
    assert one.merged(two) == two.merged(one)
    assert one.merged(two).merged(three) == one.merged(two.merged(three))
    assert one.merged(two).paths == one.paths | two.paths
    assert one.merged(two).unclaimed == one.unclaimed | two.unclaimed
    assert {a.ref for a in one.merged(two).actions} == {a.ref for a in one.actions + two.actions}


@given(PLANS, PLANS, st.data())
def test_what_is_due_or_full_in_either_is_so_in_both(
    one: Plan, two: Plan, data: st.DataObject
) -> None:
    if one:
        one = one.with_due(data.draw(st.sampled_from(one.actions)))
    for action in one.merged(two).actions:
        parts = [a for p in (one, two) for a in p.actions if a.ref == action.ref]
        assert action.due == any(part.due for part in parts)
        assert action.full == any(part.full for part in parts)
        assert action.takes == frozenset().union(*(part.takes for part in parts))


def changed(plan: Plan, ref: StepRef) -> Plan:
    return plan.with_due(next(action for action in plan.actions if action.ref == ref))


@pytest.mark.parametrize(
    ("ref", "due"),
    [
        ((0, 0), [(0, 1), (0, 2)]),
        ((0, 1), [(0, 2)]),
        ((1, 1), [(1, 2), (1, 3)]),
        ((1, 2), [(1, 3)]),
    ],
)
def test_what_follows_from_a_step_is_due(ref: StepRef, due: list[StepRef]) -> None:
    actions = changed(make_plan(GRAPH, ["a"], ()), ref).actions
    assert [action.ref for action in actions if action.due] == due


def test_a_restart_is_due_only_by_what_stands_before_the_live_point() -> None:
    both = Dockerfile(LIVE).plan(["a", "b"])
    assert both.restarts
    assert both.actions[-1].because == {"a"}
    assert not Dockerfile(LIVE).plan(["b"]).restarts
    assert [a.verb for a in changed(both, (0, 1)).actions if a.due] == ["run"]
    assert [a.verb for a in changed(both, (0, 0)).actions if a.due] == ["sync", "run", "restart"]


def test_a_build_that_stands_for_a_step_before_the_live_point_makes_the_restart_due() -> None:
    plan = make_plan(replace(Dockerfile(LIVE).graph(), replay="clean"), ["a"], ())
    assert [a.verb for a in changed(plan, (0, 2)).actions if a.due] == ["restart"]


BUILT = Dockerfile(
    "FROM bb\nCOPY a /a\nRUN one\nCOPY b /b\nRUN --mount=type=cache,target=/c two\n"
    "COPY c /c\nADD https://example.org/x /x\nRUN three\nCOPY d /d\n"
).graph()
BUILT_PLANS = st.frozensets(st.sampled_from(["a", "b", "c", "d"])).map(
    lambda paths: make_plan(BUILT, paths, ())
)


@given(BUILT_PLANS, BUILT_PLANS, BUILT_PLANS)
def test_plans_with_builds_add_up(one: Plan, two: Plan, three: Plan) -> None:
    assert one.merged(one) == one
    assert one.merged(two) == two.merged(one)
    assert one.merged(two).merged(three) == one.merged(two.merged(three))
    assert one.merged(two).paths == one.paths | two.paths
    if len({a.verb for a in one.actions + two.actions} & {"run", "build"}) == 2:
        assert [a.verb for a in one.merged(two).actions].count("build") == 1
        assert "run" not in {a.verb for a in one.merged(two).actions}


@given(PLANS, st.frozensets(st.sampled_from(["a", "b", "c"])))
def test_excluding_leaves_what_other_paths_lead_to(plan: Plan, paths: frozenset[str]) -> None:
    left = plan.excluding(paths)
    assert left.paths == plan.paths - paths
    assert {a.ref for a in left.actions} == {a.ref for a in plan.actions if a.because - paths}
    assert all(not action.takes & paths for action in left.actions)


@given(PLANS, REFS)
def test_without_drops_one_step(plan: Plan, ref: StepRef) -> None:
    assert plan.without(ref).actions == tuple(a for a in plan.actions if a.ref != ref)
