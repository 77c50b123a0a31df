"""Trees of entries: how they are made, walked, and where links in them lead."""

from __future__ import annotations

import pytest

from livepush.model import Entry
from livepush.tree import ROOT, Tree, clean

FILE = Entry("file", 0o644)
DIR = Entry("dir", 0o700)


def link(target: str) -> Entry:
    return Entry("link", 0o777, target=target)


LINKED = Tree.of(
    [
        ("d/f", FILE),
        ("d/up", link("../top")),
        ("d/near", link("f")),
        ("d/abs", link("/top")),
        ("top", FILE),
        ("l", link("d")),
        ("ll", link("l/f")),
        ("abs", link("/d/f")),
        ("far", link("../../../../top")),
        ("loop", link("pool")),
        ("pool", link("loop")),
        ("gone", link("nowhere")),
        ("through", link("top/f")),
        ("here", link(".")),
        ("slash", link("d/")),
    ]
)


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("", ""),
        ("d/f", "d/f"),
        ("l/f", "d/f"),
        ("ll", "d/f"),
        ("abs", "d/f"),
        ("d/near", "d/f"),
        ("d/abs", "top"),
        ("far", "top"),  # nothing is above the root
        ("l/up", "top"),  # `..` of a link's target is taken where the link is, not where it leads
        ("l/../top", "top"),
        ("here/here/top", "top"),
        ("slash/f", "d/f"),
        ("loop", None),
        ("gone", None),
        ("missing", None),
        ("through", None),
        ("top/f", None),
    ],
)
def test_resolve(path: str, leads_to: str | None) -> None:
    assert LINKED.resolve(path) == leads_to


def test_a_chain_of_links_ends_somewhere() -> None:
    long = {f"l{n}": link(f"l{n + 1}") for n in range(300)}
    tree = Tree.of([*long.items(), ("l300", FILE)])
    assert tree.resolve("l45") == "l300"
    assert tree.resolve("l44") is None


def test_missing_parents_are_plain_directories_and_later_entries_win() -> None:
    tree = Tree.of([("a/b/c", FILE), ("a", DIR), ("a/b/c", link("x"))])
    assert (tree.get("a"), tree.get("a/b"), tree.get("a/b/c")) == (DIR, ROOT, link("x"))
    assert tree.get("") == ROOT
    assert tree.get("a/b/c/d") is None


def test_directories_are_there_whether_they_hold_anything_or_not() -> None:
    tree = Tree.of([("a", DIR), ("b/f", FILE), ("l", link("a"))])
    assert {path: set(names) for path, names in tree.directories().items()} == {
        "": {"a", "b", "l"},
        "a": set(),
        "b": {"f"},
    }
    assert tree.children("b") == {"f": FILE}
    assert tree.children("l") == tree.children("b/f") == {}


def test_the_root_is_no_entry_of_itself() -> None:
    assert list(Tree.of([("", DIR), ("a", FILE)]).walk()) == [("a", FILE)]


def test_walk_gives_parents_first_in_byte_order_and_goes_through_no_link() -> None:
    tree = Tree.of([("b", link("a")), ("a/z", FILE), ("a/A", DIR), ("a/A/x", FILE), ("a!", FILE)])
    assert [path for path, _ in tree.walk()] == ["a", "a!", "b", "a/A", "a/z", "a/A/x"]
    assert [path for path, _ in tree.walk("a")] == ["a/A", "a/z", "a/A/x"]
    assert list(tree.walk("b")) == []


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("a", "a"),
        ("/a/", "a"),
        ("./a//b/./c", "a/b/c"),
        ("a/../b", "b"),
        ("../../a", "a"),
        (".", ""),
        ("/", ""),
        ("//a", "a"),
        ("..a", "..a"),
    ],
)
def test_clean(written: str, spelled: str) -> None:
    assert clean(written) == spelled
