"""Which paths of the build context a `COPY` is interested in, and what a plan makes of that."""

from __future__ import annotations

import pytest

from livepush.leads import leads
from livepush.live import Dockerfile
from livepush.model import Copy, Entry
from livepush.sources import claimed, leaves_out
from livepush.tree import Tree


def copy(*sources: str, parents: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Copy:
    return Copy(1, "", sources, "/o", True, parents=parents, exclude=exclude)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (copy("a", "d/*"), ("a", "d/*")),
        (copy("a", "d/*", exclude=("x",)), ("a", "d/*")),
        (copy("", parents=("d/*/x",)), ("d/*/x",)),
        (copy("d", "d*", "", parents=("s/y", "**/x", "e/**/x")), ("d/s/y", "d*", "e")),
        (copy("", parents=("**/x",)), ("",)),
    ],
)
def test_claimed(step: Copy, expected: tuple[str, ...]) -> None:
    assert claimed(step) == expected


@pytest.mark.parametrize(
    ("exclude", "path", "expected"),
    [
        (("x",), "d/x", True),
        (("x",), "d/x/y", True),
        (("x",), "d/y", False),
        (("x",), "d", False),
        (("*",), "d", False),
        (("d/x",), "d/x", False),  # patterns are told what is below the source
        (("x", "!x/y"), "d/x", False),  # it may be a directory
        (("x", "!x/y"), "d/x/y", False),
        (("x", "!x/y"), "d/x/z", True),
        (("**/*.md",), "d/s/a.md", True),
        ((), "d/x", False),
    ],
)
def test_what_is_left_out(exclude: tuple[str, ...], path: str, expected: bool) -> None:
    assert leaves_out(copy("d", "e", exclude=exclude), "d", path) is expected


FLAGGED = """\
FROM bb
COPY --parents m/*/p ./e/./x/y /o/
COPY --parents **/lock /o/
COPY --exclude=*.md --exclude=s --exclude=!s/k d /o/
"""


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("m/a/p", [2, 3]),
        ("m/a/p/deep", [2, 3]),
        ("m/a/q", [3]),  # a directory could be called so, and hold a lock
        ("m", [2, 3]),  # it may have come or gone as a whole
        ("e/x/y", [2, 3]),
        ("e/x/z", [3]),
        ("d/a", [3, 4]),
        ("d/a.md", [3]),
        ("d/s/x", [3]),
        ("d/s/k", [3, 4]),
        ("d/s", [3, 4]),
        ("d", [3, 4]),
    ],
)
def test_a_plan_misses_nothing_that_the_flags_let_through(path: str, lines: list[int]) -> None:
    for changed, deleted in (([path], []), ([], [path])):
        plan = Dockerfile(FLAGGED).plan(changed, deleted)
        assert [action.line for action in plan.actions if action.verb == "sync"] == lines


def test_links_lead_to_what_a_pattern_starts_from() -> None:
    tree = Tree.of([("l", Entry("link", 0o777, target="d")), ("d/x", Entry("file", 0o644))])
    graph = Dockerfile("FROM bb\nCOPY --parents l/./x /o/\nCOPY --parents l/x /o/\n").graph()
    assert leads(graph, tree) == {"d": {(0, 0)}}


@pytest.mark.parametrize("source", ["l", "l*", "d/up/l"])
def test_every_link_on_the_way_counts(source: str) -> None:
    links = {"l": "current/f", "current": "releases/7", "d/up": ".."}
    tree = Tree.of((path, Entry("link", 0o777, target=to)) for path, to in links.items())
    found = leads(Dockerfile(f"FROM bb\nCOPY {source} /o/\n").graph(), tree)
    assert {"current", "releases/7/f"} <= found.keys()
    tree = Tree.of([*tree.walk(), ("releases/7/f", Entry("file", 0o644))])
    found = leads(Dockerfile(f"FROM bb\nCOPY {source} /o/\n").graph(), tree)
    assert {"current", "releases/7/f"} <= found.keys()


def test_what_links_lead_to_is_not_left_out() -> None:
    assert not leaves_out(copy("l", exclude=("x",)), "d", "d/x")


def test_a_file_that_a_wildcard_finds_is_not_left_out() -> None:
    assert not leaves_out(copy("*.md", exclude=("*",)), "*.md", "a.md")
    assert leaves_out(copy("d*", exclude=("x",)), "d*", "d1/x")


def test_each_pattern_of_parents_decides_for_itself() -> None:
    text = "FROM a\nCOPY --parents --exclude=**/*_test.go go.mod **/*.go /src/\n"
    dockerfile = Dockerfile(text)
    assert [action.line for action in dockerfile.plan(["cmd/main.go"], []).actions][:1] == [2]
    assert dockerfile.plan(["cmd/main_test.go"], []).actions == ()


@pytest.mark.parametrize(
    "line",
    [
        "RUN --mount=type=bind,source=l,target=/r make",
        "ADD https://x.y/z l /o/",
        "ADD l /o/",
    ],
)
def test_what_only_a_build_takes_is_led_to_as_well(line: str) -> None:
    tree = Tree.of([("d", Entry("dir", 0o755)), ("l", Entry("link", 0o777, target="d"))])
    graph = Dockerfile(f"FROM a\n{line}\n").graph()
    assert leads(graph, tree)["d"] == {(0, 0)}
