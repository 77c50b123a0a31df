"""How two trees differ, and what was never built."""

from __future__ import annotations

from dataclasses import replace

import pytest

from livepush.difference import compare
from livepush.model import Entry, Step
from livepush.tree import Tree

FILE = Entry("file", 0o644, digest=b"1")
LINK = Entry("link", 0o777, target="a")


def no_step(_: str) -> Step | None:
    return None


@pytest.mark.parametrize(
    ("here", "wanted", "what"),
    [
        (FILE, None, "too much"),
        (None, FILE, "missing"),
        (FILE, LINK, "a file instead of a link"),
        (replace(FILE, digest=b"2"), FILE, "other content"),
        (LINK, replace(LINK, target="b"), "leads to a instead of b"),
        (replace(FILE, mode=0o4755), FILE, "mode 4755 instead of 0644"),
        (replace(FILE, uid=7), FILE, "owner 7:0 instead of 0:0"),
        (replace(FILE, digest=b"2", gid=7), FILE, "other content, owner 0:7 instead of 0:0"),
    ],
)
def test_each_difference_is_named(here: Entry | None, wanted: Entry | None, what: str) -> None:
    def tree(entry: Entry | None) -> Tree:
        return Tree.of([("x/a", entry)] if entry else [("x", Entry("dir", 0o755))])

    found = compare(tree(here), tree(wanted), tree(here), step_of=no_step)
    assert [(each.path, each.what) for each in found.differences] == [("/x/a", what)]


def test_times_are_no_difference() -> None:
    here, wanted = Tree.of([("a", FILE)]), Tree.of([("a", replace(FILE, mtime=9))])
    assert compare(here, wanted, here, step_of=no_step).differences == ()


def test_what_the_image_never_had_was_written_by_the_application() -> None:
    live, fresh, image = (
        Tree.of([(path, FILE) for path in paths]) for paths in (("log", "old"), (), ("old",))
    )
    found = compare(live, fresh, image, step_of=no_step)
    assert found.not_built == ("/log",)
    assert [each.path for each in found.differences] == ["/old"]


def test_volumes_and_what_the_engine_makes_are_left_out() -> None:
    live = Tree.of([(path, FILE) for path in ("proc/1", "etc/hosts", "data/db", "database")])
    found = compare(live, Tree({}), Tree({}), but=["data"], step_of=no_step)
    assert found.not_built == ("/database", "/etc")
