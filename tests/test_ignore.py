"""`.dockerignore` against measured builds: the docker 28 client with BuildKit is the truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livepush.errors import DockerfileParseError, InvalidArgumentError
from livepush.ignore import Ignore, Verdict, beginning

VECTORS = Path(__file__).parent / "vectors"
LISTS: list[dict[str, Any]] = json.loads((VECTORS / "dockerignore.json").read_text())["cases"]
BUILDERS: dict[str, Any] = json.loads((VECTORS / "dockerignore-builders.json").read_text())
CONTEXT = sorted({row["path"] for case in LISTS for row in case.get("cases", [])})

# The engine's own builder enters an ignored directory only if an exception's text begins with it.
# BuildKit keeps these too; `dockerignore.json` has the same lists from it.
BUILDKIT_KEEPS_TOO = {"** !**/*.txt": {"dir/b.txt", "dir/keep.txt", "dir/sub/b.txt"}}


def absent(ignore: Ignore, path: str) -> bool:
    """Whether a build lacks `path`: a directory is there if anything below it is kept."""
    below = [entry for entry in CONTEXT if entry.startswith(f"{path}/")]
    return all(ignore.ignored(entry) for entry in [path, *below])


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case["id"]) for case in LISTS if "error" not in case]
)
def test_the_context_is_what_a_build_sees(case: dict[str, Any]) -> None:
    ignore = Ignore.parse("\n".join(case["patterns"]))

    answers = {row["path"]: absent(ignore, row["path"]) for row in case["cases"]}

    assert answers == {row["path"]: row["ignored"] for row in case["cases"]}


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case["id"]) for case in LISTS if "error" in case]
)
def test_what_a_build_refuses_is_refused_with_its_line(case: dict[str, Any]) -> None:
    text = "\n".join(["# first", *case["patterns"]])

    with pytest.raises(DockerfileParseError) as caught:
        Ignore.parse(text, name="app/.dockerignore")

    line = 1 + len(case["patterns"])
    assert caught.value.line == line
    assert caught.value.message.startswith(f"app/.dockerignore:{line}: ")


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("name", BUILDERS["cases"])
def test_the_kept_files_are_those_of_the_docker_28_client(name: str, legacy: bool) -> None:
    case = BUILDERS["cases"][name]
    expected = case["kept"]["leg28"]
    if isinstance(expected, str):
        with pytest.raises(DockerfileParseError, match=r"^\.dockerignore:1: "):
            Ignore.parse(case["dockerignore"], legacy=legacy)
        return

    ignore = Ignore.parse(case["dockerignore"].encode(), legacy=legacy)

    files = [*BUILDERS["files"], "Dockerfile", ".dockerignore"]
    kept = {path for path in files if not ignore.ignored(path)}
    assert kept == set(expected) | (set() if legacy else BUILDKIT_KEEPS_TOO.get(name, set()))


# Each row was built with the docker 28 client, over files of these names.
@pytest.mark.parametrize(
    ("text", "ignored", "kept"),
    [
        ("*\n/!a", ["!a", "b", "foo/a"], ["a"]),
        ("*\n!!a", ["a", "b"], ["!a"]),
        ("*\n! !a", ["a", "b"], ["!a"]),
        ("*\n!./", ["a", "b"], []),
        ("*\n!a/../", ["a", "b"], []),
        ("/ a", ["a"], [" a"]),
        ("*\n!/ a", ["a", "b"], [" a"]),
        ("/../a", ["a"], ["b"]),
        ("\u00a0a", ["a"], []),
        ("\x1ca", [], ["a"]),
        ("a\rb", [], ["a", "b"]),
        ("[*]x", ["[]x", "[^]x", "]x"], ["*]x", "ax"]),
        ("[?]", ["[]", "^]"], ["]", "a"]),
        ("^a", ["^a"], ["a", "^ab"]),
        ("^a*", ["a", "ax", "a*b"], ["^a", "^ab"]),
        ("b^c", ["b^c"], ["b^cd"]),
        ("b^c*", [], ["b^c", "b^cd"]),
        ("foo[^z]bar", ["foo/bar"], ["foo/a"]),
        ("***lit", ["**lit", "*lit"], ["a"]),
        (r"**\*lit", ["*lit"], ["**lit"]),
        (r"\**", ["**lit", "*]x", "*lit"], ["a*b", "a"]),
        ("**]x", ["]x"], ["[]x", "*]x", "ax"]),
        ("foo\n!foo/bar\nfoo", ["foo/a"], ["foo/bar"]),
        ("x1\nfoo\n!foo/b*\nfo*", ["foo/a", "x1"], ["foo/bar"]),
        ("**/foo", ["n\nl/foo"], ["n\nl/fo"]),
        ("**txt", ["n\nl.txt"], ["n\nl"]),
        ("foo/**", ["foo/p\nq"], ["foo", "z/p\nq"]),
        ("*/**", ["z/q"], ["z", "z/p\nq"]),
        ("x[/]y", ["x/y"], ["xy"]),
        ("x[+-b]y", ["x/y", "xay"], ["xcy"]),
        (r"\b*", ["a", "b^c", "foo/a"], ["é", "!a", "]x"]),
    ],
)
def test_odd_spellings_mean_what_the_engine_makes_of_them(
    text: str, ignored: list[str], kept: list[str]
) -> None:
    ignore = Ignore.parse(text)

    assert [path for path in ignored + kept if ignore.ignored(path)] == ignored


@pytest.mark.parametrize("pattern", ["!", "! /", "!//", "/!"])
def test_an_exception_of_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(DockerfileParseError, match=r"^\.dockerignore:2: '/?!.*' excepts nothing"):
        Ignore.parse(f"*\n{pattern}\n")


@pytest.mark.parametrize("pattern", [r"\m", r"\é", r"[\b]", "[a-*]", "**/[]", "[-]", "[^z-a]*"])
def test_what_is_no_regular_expression_of_gos_is_refused(pattern: str) -> None:
    with pytest.raises(DockerfileParseError) as caught:
        Ignore.parse(f"a\n{pattern}\n")

    assert caught.value.line == 2


def test_names_that_are_not_utf_8_are_matched_byte_for_byte() -> None:
    ignore = Ignore.parse(b"\xef\xbb\xbf\xff\nd?\n**/\xfe")

    assert ignore.ignored("\udcff")
    assert ignore.ignored("d\udcff")
    assert ignore.ignored("a/\udcfe/b")
    assert not ignore.ignored("\udcfe\udcff")


@pytest.mark.parametrize(
    ("patterns", "ignored", "kept"),
    [
        (["x", "d/s"], ["x", "x/y", "d/s", "d/s/y"], ["d", "a", "d/x"]),
        (["#c", " x ", "./y/", ""], ["#c", "x", "y/z"], ["c"]),
        (["/x", ".", ".."], [], ["x", "a"]),
        (["*", "!x"], ["a", "d/x"], ["x", "x/y"]),
        (["!x", "*"], ["x"], []),
        (["*", "!./x"], ["x"], []),  # only what stands before the ! is clean
        ([r"\d"], ["1"], ["d"]),
    ],
)
def test_patterns_that_no_file_holds(
    patterns: list[str], ignored: list[str], kept: list[str]
) -> None:
    ignore = Ignore.of(patterns)

    assert [path for path in ignored + kept if ignore.ignored(path)] == ignored


@pytest.mark.parametrize("pattern", ["!", "!/", "[", "a/[b-"])
def test_a_pattern_that_no_builder_takes_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidArgumentError):
        Ignore.of([pattern])


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a/b", "a/b"),
        ("a/*/b?", "a/*/b?"),
        ("a/**/b", "a"),
        ("**/b", ""),
        ("a/b[c]/d", "a"),
        (r"a/\b", "a"),
        ("", ""),
    ],
)
def test_the_beginning_of_a_pattern_that_is_sure_of_its_slashes(
    pattern: str, expected: str
) -> None:
    assert beginning(pattern) == expected


@pytest.mark.parametrize("text", ["", b"", "\ufeff", "# a\n\n \r\n", ".", "/"])
def test_without_patterns_nothing_is_ignored(text: str | bytes) -> None:
    ignore = Ignore.parse(text)

    assert not any(ignore.ignored(path) for path in CONTEXT)
    assert all(ignore.may_hold_kept(path) for path in CONTEXT)


def test_the_root_is_never_ignored() -> None:
    ignore = Ignore.parse("*\n**")

    assert not ignore.root().ignored
    assert not ignore.ignored("")
    assert ignore.may_hold_kept("")


def test_equal_files_are_equal() -> None:
    assert Ignore.parse("a\n!b") == Ignore.parse("# rules\n./a/\n! b\n")
    assert Ignore.parse("a\n!b") != Ignore.parse("a\nb")


@pytest.mark.parametrize(
    ("text", "directory", "expected"),
    [
        ("node_modules", "node_modules", False),
        ("node_modules", "src", True),
        ("*\n!src", "node_modules", False),
        ("*\n!src/lib/a.js", "src", True),
        ("*\n!src/lib/a.js", "src/lib", True),
        ("*\n!src/lib/a.js", "src/test", False),
        ("*\n!src/lib/a.js", "src/lib/a.js", True),
        ("*\n!src/lib/a.js", "src/lib/b.js", False),
        ("*\n!*.json", "node_modules", False),
        ("*\n!*/*.json", "node_modules", True),
        ("*\n!*/*.json", "node_modules/p", False),
        ("*\n!s?c/**", "src", True),
        ("*\n!s?c/**", "docs", False),
        ("*\n!s?c/**", "src/lib/deep", True),
        ("*\n!**/README.md", "node_modules", True),
        ("*\n![^a]", "b/c", True),
        ("*\n!a[^b]c", "a", True),
        ("*\n!^a*/b", "aa", True),
        ("*\n!x\\/y", "x", True),
        ("*\n!src/**/a.js", "src/lib/deep", True),
        ("*\n!x[/]y", "x", True),
        ("*\n!x[+-b]y", "x", True),
        ("x/y\n!x", "x/y", False),
        ("!docs/a\ndocs", "docs", False),
        ("docs\n!docs/a\ndocs", "docs", True),
        ("!x\nx\n!x/y/z\nx/y", "x/y", True),
    ],
)
def test_a_walker_need_not_enter_where_no_exception_reaches(
    text: str, directory: str, expected: bool
) -> None:
    assert Ignore.parse(text).may_hold_kept(directory) is expected


COMPONENTS = ["a", "b", "ab", ".a"]
TREE = ["/".join(parts) for depth in (1, 2, 3, 4) for parts in product(COMPONENTS, repeat=depth)]
PIECES = ["a", "b", "*", "?", "**", "a*", "?b", "**b", "a**", "[ab]", "[^b]", "^a", r"\.", r"\w"]
patterns = st.builds(
    lambda mark, parts: mark + "/".join(parts),
    st.sampled_from(["", "", "!"]),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=3),
)
files = st.lists(patterns, min_size=1, max_size=5).map("\n".join)


def walk(verdict: Verdict, parent: str) -> Iterator[tuple[str, Verdict]]:
    for path in TREE:
        if path.rpartition("/")[0] == parent:
            child = verdict.child(path)
            yield path, child
            yield from walk(child, path)


@given(text=files, legacy=st.booleans())
@example(text="a/b\n!a", legacy=False)
@example(text="*\n!a/*/b", legacy=True)
def test_a_walk_that_hands_verdicts_down_agrees_with_single_answers(
    text: str, legacy: bool
) -> None:
    ignore = Ignore.parse(text, legacy=legacy)

    walked = {path: verdict.ignored for path, verdict in walk(ignore.root(), "")}

    assert walked == {path: ignore.ignored(path) for path in TREE}


@given(text=files, legacy=st.booleans())
@example(text="*\n!a[^b]a", legacy=False)
@example(text="a\n!a/b/ab\n!b", legacy=False)
@example(text="**\n!**/a", legacy=True)
def test_a_directory_that_need_not_be_entered_holds_nothing_kept(text: str, legacy: bool) -> None:
    ignore = Ignore.parse(text, legacy=legacy)
    closed = [path for path in TREE if not ignore.may_hold_kept(path)]
    kept = [path for path in TREE if not ignore.ignored(path)]

    assert not [(top, path) for top in closed for path in kept if path.startswith(f"{top}/")]
    assert all(ignore.ignored(path) for path in closed)
