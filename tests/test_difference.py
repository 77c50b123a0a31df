"""How two trees differ, and what was never built."""

from __future__ import annotations

from dataclasses import replace

import pytest

from livepush.difference import compare
from livepush.model import Copy, Entry
from livepush.tree import Tree

FILE = Entry("file", 0o644, digest=b"1")
CAPABLE = (("security.capability", b"1"),)
LINK = Entry("link", 0o777, target="a")


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
        (replace(FILE, xattrs=()), replace(FILE, xattrs=CAPABLE), "other extended attributes"),
    ],
)
def test_each_difference_is_named(here: Entry | None, wanted: Entry | None, what: str) -> None:
    def tree(entry: Entry | None) -> Tree:
        return Tree.of([("x/a", entry)] if entry else [("x", Entry("dir", 0o755))])

    found = compare(tree(here), tree(wanted), tree(here))
    assert [(each.path, each.what) for each in found.differences] == [("/x/a", what)]


@pytest.mark.parametrize(
    "other", [replace(FILE, mtime=9), replace(FILE, xattrs=CAPABLE), replace(FILE, size=9)]
)
def test_what_is_not_known_or_may_vary_is_no_difference(other: Entry) -> None:
    here, wanted = Tree.of([("a", FILE)]), Tree.of([("a", other)])
    assert compare(here, wanted, here).differences == ()


def test_differences_get_their_steps() -> None:
    step = Copy(2, "COPY a /", ("a",), "/", dest_is_dir=True)
    here, wanted = Tree.of([("b", FILE)]), Tree.of([("a", FILE)])
    found = compare(here, wanted, here).attributed({"a": step}.get)
    assert [(each.path, each.step) for each in found.differences] == [("/a", step), ("/b", None)]


def test_what_the_image_never_had_was_written_by_the_application() -> None:
    live, fresh, image = (
        Tree.of([(path, FILE) for path in paths]) for paths in (("log", "old"), (), ("old",))
    )
    found = compare(live, fresh, image)
    assert found.not_built == ("/log",)
    assert [each.path for each in found.differences] == ["/old"]


def test_volumes_and_what_the_engine_makes_are_left_out() -> None:
    live = Tree.of([(path, FILE) for path in ("proc/1", "etc/hosts", "data/db", "database")])
    found = compare(live, Tree({}), Tree({}), but=["data"])
    assert found.not_built == ("/database", "/etc")
