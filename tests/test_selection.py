"""What a `COPY` takes of a tree, below its sources, and how dear the look is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from livepush.model import Copy, Entry
from livepush.selection import MissingSource, Selection, found, matches, selection
from livepush.tree import Tree

FILE, DIR = Entry("file", 0o644), Entry("dir", 0o755)
TREE = Tree.of(
    [
        ("!a.md", FILE),
        (".hid", FILE),
        ("a.md", FILE),
        ("d/l", Entry("link", 0o777, target="s")),
        ("d/s/t/y", FILE),
        ("d/s/y", FILE),
        ("d/x.md", FILE),
        ("e", DIR),
        ("ld", Entry("link", 0o777, target="d")),
        ("n", Entry("link", 0o777, target="nowhere")),
    ]
)


def of(source: str, pattern: str | None = None, *exclude: str) -> Selection:
    """What a `COPY`, with `--parents` where it has a pattern, takes below its source."""
    parents = () if pattern is None else (pattern,)
    return selection(Copy(1, "", (source,), "/o", True, parents=parents, exclude=exclude), 0)


def taken(chosen: Selection, directory: str) -> dict[str, bool]:
    """The paths that are taken, and which of them are only on the way."""
    return {each.below: each.on_the_way for each in chosen.of(TREE, directory)}


@pytest.mark.parametrize(
    ("chosen", "directory", "expected"),
    [
        (of("d"), "d", {"l": 0, "s": 0, "x.md": 0, "s/t": 0, "s/y": 0, "s/t/y": 0}),
        (of("d"), "e", {}),
        (of("", "d/s/y"), "", {"d": True, "d/s": True, "d/s/y": False}),
        (of("", "d/s/t"), "", {"d": True, "d/s": True, "d/s/t": False, "d/s/t/y": False}),
        (of("d", "**/y"), "d", {"s": True, "s/y": False, "s/t": True, "s/t/y": False}),
        (of("", "a*.md"), "", {"a.md": False}),
        (of("", "**/*.md"), "", {"!a.md": 0, "a.md": 0, "d": 1, "d/x.md": 0}),
        (of("", "d/*", "d/s"), "", {"d": True, "d/l": False, "d/x.md": False}),
        (of("d", None, "s", "*.md"), "d", {"l": False}),
        (of("d", None, "s", "!s/t"), "d", {"l": 0, "x.md": 0, "s": 1, "s/t": 0, "s/t/y": 0}),
        (of("d", None, "d/s", "*/y"), "d", {"l": 0, "s": 0, "x.md": 0, "s/t": 0, "s/t/y": 0}),
        (of("", "ld/x*"), "", {}),  # no pattern goes through a link
        (of("", "ld*"), "", {"ld": False}),
        (of("", "nope*"), "", {}),
        (of("", ""), "", {}),
        (of("n*", "!a.md"), "", {}),  # an exception from nothing, and no name
    ],
)
def test_what_is_taken_of_a_directory(
    chosen: Selection, directory: str, expected: dict[str, bool]
) -> None:
    assert taken(chosen, directory) == expected


@pytest.mark.parametrize(
    ("source", "pattern", "exclude", "missing"),
    [
        ("", "d/nope", (), "d/nope"),
        ("d", "nope", (), "d/nope"),
        ("", "d/s/y", ("d",), "d/s/y"),
    ],
)
def test_a_pattern_without_wildcards_must_find_something(
    source: str, pattern: str, exclude: tuple[str, ...], missing: str
) -> None:
    with pytest.raises(MissingSource) as error:
        taken(of(source, pattern, *exclude), source)
    assert str(error.value) == missing


class Watched(Tree):
    """A tree that notes which of its directories are looked into."""

    def __init__(self, tree: Tree) -> None:
        super().__init__(tree.directories())
        self.seen: list[str] = []

    def children(self, path: str) -> Mapping[str, Entry]:
        self.seen.append(path)
        return super().children(path)


@pytest.mark.parametrize(
    ("chosen", "seen"),
    [
        (of("", "d/s/y"), ["", "d", "d/s"]),
        (of("", "d/*.md"), ["", "d"]),
        (of("", "e"), ["", "e"]),
        (of("", None, "d"), ["", "e"]),
        (of("", None, "d", "!d/s/y"), ["", "d", "d/s", "e"]),
    ],
)
def test_only_directories_that_may_hold_something_are_looked_into(
    chosen: Selection, seen: list[str]
) -> None:
    tree = Watched(TREE)
    list(chosen.of(tree, ""))
    assert sorted(tree.seen) == seen


def test_sources_are_taken_in_their_order_and_matches_as_they_are_walked() -> None:
    copy = Copy(1, "", ("d/s", "?", "d/*"), "/o", True, exclude=("y",))
    names = [match for match, _ in found(copy, Tree.of([("d/s", DIR), ("d!", DIR), ("e", DIR)]))]
    assert names == ["d/s", "d", "e", "d/s"]
    assert all(each == of("", None, "y") for _, each in found(copy, TREE))


def test_every_source_has_a_pattern_of_its_own() -> None:
    copy = Copy(1, "", ("", "d"), "/o", True, parents=("a*", "s"))
    assert [(match, list(taken(each, match))) for match, each in found(copy, TREE)] == [
        ("", ["a.md"]),
        ("d", ["s", "s/t", "s/y", "s/t/y"]),
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("d", ["d"]),
        ("ld/s", ["ld/s"]),
        ("*", ["!a.md", ".hid", "a.md", "d", "e", "ld", "n"]),
        ("ld/*", ["d/l", "d/s", "d/x.md"]),
        ("l*/*", []),
        ("d/s/[xy]", ["d/s/y"]),
        ("d/s/[", []),
        ("**/y", []),
        ("*/*/y", ["d/s/y"]),
    ],
)
def test_matches(source: str, expected: list[str]) -> None:
    assert sorted(matches(TREE, source)) == expected


@pytest.mark.parametrize("source", ["nope", "n", "nope/*", "n/*"])
def test_what_is_not_there(source: str) -> None:
    with pytest.raises(MissingSource, match=source.replace("*", r"\*")):
        list(matches(TREE, source))


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (("d/x.md/*", ""), [""]),
        (("d/x.md/*", "d"), ["d"]),
        (("d/x.md/*", "d/x*"), ["d/x.md"]),
        (("a.md/*", "d"), None),
        (("a.md/*",), None),
    ],
)
def test_below_a_file_there_is_nothing_where_another_source_has_it_sent(
    sources: tuple[str, ...], names: list[str] | None
) -> None:
    copy = Copy(1, "", sources, "/o", True)
    if names is None:
        with pytest.raises(MissingSource, match=r"a\.md/\*"):
            found(copy, TREE)
    else:
        assert [name for name, _ in found(copy, TREE)] == names
