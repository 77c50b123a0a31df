"""What is owed: nothing that has not landed is ever forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livepush.ledger import NOTHING, Ledger
from livepush.live import Dockerfile
from livepush.model import Graph
from livepush.plan import Action, Plan, make_plan

TEXT = (
    "FROM bb AS s\nCOPY a /a\nRUN one\nCOPY b /b\nFROM bb\nCOPY c /c\nCOPY --from=s /a /a\n"
    "RUN two\nCOPY d /d\nRUN three\n"
)
GRAPH = Dockerfile(TEXT).graph()
REFUSING = Dockerfile(TEXT.replace("RUN three", "RUN --mount=type=secret,id=s three")).graph()


def planned(*paths: str, graph: Graph = GRAPH) -> Plan:
    return make_plan(graph, paths, ())


def refs(actions: tuple[Action, ...]) -> list[tuple[int, int]]:
    return [action.ref for action in actions]


# What can befall a ledger: a change comes, a push begins, its first action lands with or without
# an effect, or is refused. Failure and cancel are nothing: the action simply stays.
EVENTS = st.lists(
    st.one_of(
        st.frozensets(st.sampled_from("abcd"), min_size=1),
        st.sampled_from(["take", "landed", "landed unchanged", "refused"]),
    )
)


@given(EVENTS)
def test_no_path_is_lost(happenings: list[frozenset[str] | str]) -> None:
    ledger, noted = Ledger(), Plan()
    for happening in happenings:
        before = ledger
        if isinstance(happening, frozenset):
            plan = planned(*happening, graph=REFUSING)
            noted = noted.merged(plan)
            ledger = ledger.noted(plan)
            assert ledger.paths == before.paths | plan.paths
        elif happening == "take":
            ledger = ledger.taken()
            assert ledger.paths == before.paths
            assert not ledger.waiting
        elif ledger.owed.actions and happening == "refused":
            paths = ledger.owed.actions[0].because
            ledger = ledger.set_aside(paths)
            assert ledger.paths == before.paths
            assert not ledger.owed.paths & paths
        elif ledger.owed.actions:
            first = ledger.owed.actions[0]
            ledger = ledger.landed(first, changed=happening == "landed")
            # What no other action asks for has landed; of the rest, nothing is gone.
            assert refs(ledger.owed.actions) == refs(before.owed.actions[1:])
            assert before.paths - ledger.paths <= first.because
    assert ledger.paths <= noted.paths


def carried_out(*paths: str, changing: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """The steps that a push gets to, when only the copies at `changing` have an effect."""
    ledger, done = Ledger().noted(planned(*paths)).taken(), []
    while (ledger := ledger.settled()).owed.actions:
        first = ledger.owed.actions[0]
        done.append(first.ref)
        ledger = ledger.landed(first, changed=not first.finds_out or first.ref in changing)
    return done


@pytest.mark.parametrize(
    ("paths", "changing", "done"),
    [
        pytest.param("a", set(), [(0, 0), (0, 2), (1, 1), (1, 3)], id="nothing really changed"),
        pytest.param(
            "a", {(0, 0)}, [(0, 0), (0, 1), (0, 2), (1, 1), (1, 3)], id="up to the stage's end"
        ),
        pytest.param(
            "a",
            {(0, 0), (1, 1)},
            [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (1, 3), (1, 4), (1, 5)],
            id="and through the next",
        ),
        pytest.param("c", set(), [(1, 0), (1, 3)], id="no command for an equal save"),
        pytest.param(
            "b", {(0, 2)}, [(0, 2), (1, 1), (1, 3)], id="what is not copied on ends there"
        ),
    ],
)
def test_only_what_is_due_is_done(
    paths: str, changing: set[tuple[int, int]], done: list[tuple[int, int]]
) -> None:
    assert carried_out(*paths, changing=changing) == done


PARALLEL = Dockerfile(
    "FROM bb AS s\nCOPY a /a\nRUN one\nFROM bb AS t\nCOPY b /b\nRUN two\n"
    "FROM bb AS u\nCOPY --from=t /b /b\nRUN three\n"
    "FROM bb\nCOPY c /c\nCOPY --from=s /a /a\nCOPY --from=u /b /b\n"
)


def ready(ledger: Ledger, *busy: int, graph: Graph) -> list[tuple[int, int]]:
    return refs(tuple(ledger.ready(graph, busy)))


def test_stages_that_do_not_need_each_other_are_ready_at_once() -> None:
    graph = PARALLEL.graph()
    ledger = Ledger().noted(planned("a", "b", "c", graph=graph)).taken()
    assert ready(ledger, graph=graph) == [(0, 0), (1, 0)]
    assert ready(ledger, 0, graph=graph) == [(1, 0)]
    for ref in ((1, 0), (1, 1)):
        ledger = replace(ledger, owed=ledger.owed.without(ref))
    assert ready(ledger, 0, graph=graph) == [(2, 0)]
    only_own = Ledger().noted(planned("c", graph=graph)).taken()
    assert ready(only_own, graph=graph) == [(3, 0)]


def test_the_engine_s_own_builder_builds_one_stage_after_the_other() -> None:
    """It builds those that come before as well."""
    graph = replace(PARALLEL.graph(legacy=True), replay="clean")
    ledger = Ledger().noted(planned("a", "b", graph=graph)).taken()
    assert ready(ledger, graph=graph) == [(0, 1)]
    graph = replace(PARALLEL.graph(), replay="clean")
    assert ready(ledger, graph=graph) == [(0, 1), (1, 1)]


def test_what_a_busy_stage_turns_out_to_ask_for_is_not_known_yet() -> None:
    graph = PARALLEL.graph()
    ledger = Ledger().noted(planned("a", "b", graph=graph)).taken()
    ledger = ledger.landed(ledger.owed.actions[0], changed=False)
    assert (0, 1) in refs(ledger.settled({0}).owed.actions)
    assert (0, 1) not in refs(ledger.settled({1}).owed.actions)


@pytest.mark.parametrize(
    ("paths", "busy", "joins"),
    [
        ("b", {0}, True),
        ("b", {0, 3}, False),  # the application's own stage is reached through the others
        ("b", {2}, False),
        ("a", {1, 2}, True),
        ("c", {0}, False),  # it would wait all the same
        ("z", {0}, False),
    ],
)
def test_a_change_joins_where_none_of_its_stages_is_busy_and_one_begins(
    paths: str, busy: set[int], joins: bool
) -> None:
    graph = PARALLEL.graph()
    ledger = Ledger().noted(planned("a", "b", graph=graph)).taken()
    for stage in {0, 1, 2} - busy:
        for action in ledger.owed.actions:
            if action.stage == stage:
                ledger = replace(ledger, owed=ledger.owed.without(action.ref))
    ledger = ledger.noted(planned(*paths, graph=graph))
    assert ledger.may_join(graph, busy) is joins


def test_a_failed_step_is_the_first_of_the_next_push_even_for_another_change() -> None:
    ledger = Ledger().noted(planned("a")).taken()
    ledger = ledger.landed(ledger.owed.actions[0], changed=True)
    ledger = ledger.noted(planned("b")).taken().settled()
    assert ledger.owed.actions[0].ref == (0, 1)
    assert ledger.owed.actions[0].due


def test_a_push_takes_up_what_is_owed_and_what_waits_once() -> None:
    ledger = Ledger().noted(planned("a")).noted(planned("b")).taken().noted(planned("a")).taken()
    assert ledger.owed == planned("a", "b")
    assert ledger.waiting == NOTHING


@pytest.mark.parametrize(
    ("waiting", "at", "overtaken"),
    [
        ("a", (0, 1), True),
        ("b", (0, 1), False),
        ("b", (0, 2), True),
        ("c", (0, 1), False),
        ("c", (1, 2), True),
        ("a", (1, 0), False),  # its copy is still to come there
        ("a", (1, 2), True),
        ("a", (1, 4), True),
        ("z", (0, 1), False),
        ("", (0, 1), False),
    ],
)
def test_overtaken(waiting: str, at: tuple[int, int], overtaken: bool) -> None:
    ledger = Ledger().noted(planned("a", "b", "c")).taken().noted(planned(*waiting))
    stage, position = at
    assert (
        ledger.overtakes(Action(stage, position, position, "run", 1, "RUN", position)) is overtaken
    )


def test_a_restart_overtakes_nothing() -> None:
    live = Dockerfile("FROM bb\nCOPY a /a\n#dev-cmd-live=x\nCOPY b /b\n#dev-run=r\n").graph()
    ledger = Ledger().noted(make_plan(live, ["a"], ()))
    only_restart = Ledger(waiting=ledger.waiting.without((0, 0)).without((0, 2)))
    assert [action.verb for action in only_restart.waiting.actions] == ["restart"]
    assert not only_restart.overtakes(Action(0, 9, 9, "run", 1, "RUN", 9))


def test_what_only_a_build_can_take_is_set_aside_and_stays_owed() -> None:
    ledger = Ledger().noted(planned("c", "d", graph=REFUSING)).taken()
    assert refs(ledger.refused()) == [(1, 4)]
    ledger = ledger.set_aside(frozenset({"d"}))
    assert ledger.aside == {"d"}
    assert ledger.paths == {"c", "d"}
    assert ledger.owed.paths == {"c"}
