"""The comparison of file trees, which the other tests rely on to fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.e2e.trees import Node, differences

FILE = Node("file", 0o644, 0, 0, content="abc")
TREE = {"/a": Node("directory", 0o755, 0, 0), "/a/b": FILE, "/l": Node("link", 0o777, 0, 0)}


@pytest.mark.parametrize(
    ("node", "line"),
    [
        (replace(FILE, mode=0o4755), "/a/b: mode 4755 instead of 644"),
        (replace(FILE, uid=8, gid=9), "/a/b: uid 8 instead of 0, gid 9 instead of 0"),
        (replace(FILE, content="abd"), "/a/b: content abd instead of abc"),
        (replace(FILE, kind="directory"), "/a/b: a directory instead of a file"),
    ],
)
def test_a_path_that_differs_is_a_line(node: Node, line: str) -> None:
    assert differences({**TREE, "/a/b": node}, TREE) == [line]


def test_what_is_missing_and_what_is_too_much_are_lines() -> None:
    other = {path: node for path, node in TREE.items() if path != "/l"}
    assert differences(other, TREE) == ["/l: missing"]
    assert differences(TREE, other) == ["/l: too much, a link"]


def test_the_target_of_a_link_counts() -> None:
    other = {**TREE, "/l": replace(TREE["/l"], target="a")}
    assert differences(other, TREE) == ["/l: target a instead of "]


def test_only_what_may_vary_is_left_out() -> None:
    other = {**TREE, "/a/b": replace(FILE, content="x"), "/ab": FILE}
    assert differences(other, TREE, but=["/a"]) == ["/ab: too much, a file"]
