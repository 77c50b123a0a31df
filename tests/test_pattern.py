from __future__ import annotations

import fnmatch
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livepush.errors import InvalidArgumentError
from livepush.pattern import below, compile_component, component, has_wildcard, respell


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.txt", False),
        ("{a,b}", False),
        ("!a", False),
        ("]", False),
        ("src/*.py", True),
        ("a?", True),
        ("[ab]", True),
        ("[", True),
    ],
)
def test_a_star_a_question_mark_or_a_bracket_makes_a_wildcard(text: str, expected: bool) -> None:
    assert has_wildcard(text) is expected


@pytest.mark.parametrize(
    ("pattern", "fits", "misses"),
    [
        ("a.txt", ["a.txt"], ["a_txt", "A.txt", "a.txt ", "xa.txt", "a.txt\n"]),
        ("*", ["a", ".env", "", "é", "a\nb", "\udcff"], ["a/b"]),
        ("**", ["a", ".env"], ["a/b"]),
        ("*.txt", [".txt", "a.txt", "a\nb.txt"], ["a.txt\n", "a.txt.gz", "d/a.txt"]),
        ("?", ["a", ".", "é", "\n", "\udcff"], ["", "ab", "/"]),
        ("?.*", ["a.b", "..", "é."], ["ab.c"]),
        ("[a-c]x", ["ax", "bx", "cx"], ["dx", "-x", "x"]),
        ("[^a].txt", ["b.txt", "^.txt"], ["a.txt", ".txt"]),
        ("[!a].txt", ["a.txt", "!.txt"], ["b.txt"]),
        ("[a^]", ["a", "^"], ["b"]),
        ("[a-cx-z]", ["b", "y"], ["d", "-"]),
        ("[[]x", ["[x"], ["x", "[[]x"]),
        ("x[*]", ["x*"], ["xa", "x[*]"]),
        ("q[?]", ["q?"], ["qa"]),
        ("[.]", ["."], ["a"]),
        (r"[\]\-a]", ["]", "-", "a"], ["\\", "b"]),
        ("[&&~~||]", ["&", "~", "|"], ["a"]),
        ("[z-a]", [], ["a", "z", "m", "-"]),
        ("[^z-a]", ["a", "-", "\n"], [""]),
        ("[a].txt", ["a.txt"], ["[a].txt"]),
        ("a]", ["a]"], ["a"]),
        ("{a,b}", ["{a,b}"], ["a", "b"]),
        ("+(a|b)", ["+(a|b)"], ["a", "aa"]),
        ("a+b.c$^", ["a+b.c$^"], ["aab.c"]),
        (r"\*", ["*"], ["a", r"\*"]),
        (r"\d", ["d"], ["1"]),
        (r"\\", ["\\"], []),
    ],
)
def test_a_component_is_matched_as_go_does(
    pattern: str, fits: list[str], misses: list[str]
) -> None:
    glob = compile_component(pattern)

    assert [name for name in fits + misses if glob.match(name)] == fits


@pytest.mark.parametrize(
    "pattern",
    ["[", "a[", "[a", "[]", "[]a]", "[^]", "[a-]", "[-a]", "[-]", "[a-", "a\\", "[\\", "[\udcff]"],
)
def test_a_malformed_pattern_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        compile_component(pattern)

    assert repr(pattern) in caught.value.message


@pytest.mark.parametrize("pattern", ["[", "a[", "x[a-]"])
def test_a_malformed_component_of_a_source_matches_nothing(pattern: str) -> None:
    names = ["", "[", "a[", "a", "x[a-]", "xa"]
    assert not any(component(pattern).match(name) for name in names)
    assert component("a[b]").match("ab")


@given(pattern=st.text("*?ab.\n", max_size=6), name=st.text("ab.\n", max_size=6))
def test_without_classes_a_component_is_matched_as_a_shell_does(pattern: str, name: str) -> None:
    assert compile_component(pattern).match(name) is fnmatch.fnmatchcase(name, pattern)


@given(pattern=st.text("*?[]^-!a\\é", max_size=8), name=st.text("*?[]^-!a\\é", max_size=4))
def test_any_text_is_either_a_pattern_or_refused(pattern: str, name: str) -> None:
    try:
        glob = compile_component(pattern)
    except InvalidArgumentError:
        assert "[" in pattern or pattern.endswith("\\")
    else:
        assert glob.match(name) in (True, False)


@pytest.mark.parametrize(
    ("go", "fits", "misses"),
    [
        ("(.*/)?x", ["x", "a/x", "a/b/x"], ["ax", "a\n/x"]),
        ("a[^/]*", ["a", "ab\n"], ["a/b"]),
        ("^a", ["a"], ["^a"]),
        ("b^c", [], ["b^c", "bc"]),
        (r"a\.b\{\}", ["a.b{}"], ["axb{}"]),
        (r"\d\W\w", ["1-a", "1é_"], ["\u0661-a", "1ba"]),
        (r"\a\t", ["\x07\t"], ["at"]),
        (r"\ba\z", ["a"], ["b"]),
        ("[[:alpha:]_]", ["a", "Z", "_"], ["1", "é", ":"]),
        ("[[:punct:]]", list("!/:@[`{~\\]^_"), ["a", "0", " "]),
        ("[[^/]*]x", ["]x", "[]x", "[^]x", "/]x"], ["x", "ax"]),
        (r"[\d\-]", ["1", "-"], ["a"]),
        (r"[^\a]", ["a", "/"], ["\x07"]),
        (r"[\+-[^/]", ["+", "A", "[", "^"], ["a", "*"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[]a]", ["]", "a"], ["b"]),
    ],
)
def test_go_syntax_is_respelled_with_its_meaning(
    go: str, fits: list[str], misses: list[str]
) -> None:
    regex = re.compile(respell(go), re.ASCII)

    assert [text for text in fits + misses if regex.fullmatch(text)] == fits


@pytest.mark.parametrize(
    "go",
    [r"\m", r"\é", r"\1", r"\x41", r"\pL", r"\Qa", "[z-a]", r"[a-\d]", r"[\b]", "[a", "[[:nope:]]"],
)
def test_go_syntax_that_is_not_read_is_refused(go: str) -> None:
    with pytest.raises(InvalidArgumentError):
        respell(go)


@pytest.mark.parametrize(
    ("source", "path", "expected"),
    [
        ("", "a/b", "a/b"),
        ("a", "a", ""),
        ("a", "a/b/c", "b/c"),
        ("a/*", "a/b/c", "c"),
        ("a", "ab", None),
        ("a/b", "a", None),
        ("a/[", "a/[", None),
    ],
)
def test_below(source: str, path: str, expected: str | None) -> None:
    assert below(source, path) == expected
