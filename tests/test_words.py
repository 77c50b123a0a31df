"""Words: parting, expansion, JSON form. Expectations are BuildKit's (engines 20.10 and 26.1)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livepush import words
from livepush.errors import InvalidArgumentError

ENV = {"V": "value", "EMPTY": "", "PATHS": "/usr/lib/x.tar.gz", "D": "$V", "_x1": "u"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \t ", []),
        ("a b  c\td", ["a", "b", "c", "d"]),
        ('"a b" /o/', ['"a', 'b"', "/o/"]),
        (r"a\ b c", ["a\\", "b", "c"]),
        ("a\u00a0b", ["a\u00a0b"]),
        ("\u00a0a b\u2003", ["a", "b"]),
        ("#x a#b /o/", ["#x", "a#b", "/o/"]),
    ],
)
def test_split_parts_on_blanks_alone(text: str, expected: list[str]) -> None:
    assert words.split(text) == expected


@pytest.mark.parametrize(
    ("text", "escape", "expected"),
    [
        ("", "\\", []),
        ("A=1 B=2", "\\", ["A=1", "B=2"]),
        ("A=\"x y\" B='p q'", "\\", ['A="x y"', "B='p q'"]),
        (r"A=a\ b C", "\\", [r"A=a\ b", "C"]),
        ("A=a` b C", "`", ["A=a` b", "C"]),
        (r"A=a\ b", "`", ["A=a\\", "b"]),
        (r'A="q\" r" s', "\\", [r'A="q\" r"', "s"]),
        (r"A='q\' r", "\\", [r"A='q\'", "r"]),
        ('A="open b', "\\", ['A="open b']),
        ("A=é\u3000B", "\\", ["A=é", "B"]),
    ],
)
def test_split_quoted_keeps_quoted_blanks(text: str, escape: str, expected: list[str]) -> None:
    assert words.split_quoted(text, escape) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat <<EOF > /o", ["cat", "<<EOF", ">", "/o"]),
        ("echo 'a b' \"c d\" e\\ f", ["echo", "'a b'", '"c d"', "e\\ f"]),
        ("echo $(cat <<E", ["echo", "$(cat", "<<E"]),
        ("echo ${A:-b c} d", ["echo", "${A:-b", "c}", "d"]),
        ("echo it's <<E", []),
        ("echo ${A <<E", []),
    ],
)
def test_split_shell_parts_as_a_shell_would(text: str, expected: list[str]) -> None:
    assert words.split_shell(text) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("plain", "plain"),
        ("$V", "value"),
        ("${V}x", "valuex"),
        ("$Vx", ""),
        ("$_x1", "u"),
        ("$UNSET", ""),
        ("$D", "$V"),
        ("'$V'", "$V"),
        ('"$V"', "value"),
        (r"\$V", "$V"),
        (r"it\'s", "it's"),
        (r"d\ e", "d e"),
        (r"\\", "\\"),
        ("a\\", "a"),
        (r"'a\b'", r"a\b"),
        (r'"a\b\"\$V\\"', 'a\\b"$V\\'),
        ('"it\'s"', "it's"),
        ("''", ""),
        ("$$", ""),
        ("$1", ""),
        ("$12a", "a"),
        ("$", "$"),
        ("$.", "$."),
        ("a$", "a$"),
        ("${V:-d}", "value"),
        ("${EMPTY:-d}", "d"),
        ("${UNSET:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${UNSET-d}", "d"),
        ("${V:+a}", "a"),
        ("${EMPTY:+a}", ""),
        ("${EMPTY+a}", "a"),
        ("${UNSET+a}", ""),
        ("${V:?e}", "value"),
        ("${EMPTY?e}", ""),
        ("${UNSET:-${V}}", "value"),
        ("${UNSET:-'$V'}", "$V"),
        ('${UNSET:-"a}"}', "a}"),
        (r"${UNSET:-a\}b}", "a}b"),
        ("${PATHS#*/}", "usr/lib/x.tar.gz"),
        ("${PATHS##*/}", "x.tar.gz"),
        ("${PATHS%.*}", "/usr/lib/x.tar"),
        ("${PATHS%%.*}", "/usr/lib/x"),
        ("${PATHS#nothing}", "/usr/lib/x.tar.gz"),
        ("${PATHS%.g?}", "/usr/lib/x.tar"),
        ("${PATHS#/us[r]}", "/usr/lib/x.tar.gz"),
        (r"${V%\*}", "value"),
        ("${V/a/b}", "vblue"),
        ("${PATHS/./_}", "/usr/lib/x_tar.gz"),
        ("${PATHS//./_}", "/usr/lib/x_tar_gz"),
        (r"${PATHS//\//+}", "+usr+lib+x.tar.gz"),
        ("${V/l*/-}", "va-"),
        ("${V//*/x}", "x"),
        ("${V///-}", "-v-a-l-u-e-"),
        ("${V/a/$UNSET}", "vlue"),
        ("${UNSET/a/b}", ""),
    ],
)
def test_expand(word: str, expected: str) -> None:
    assert words.expand(word, ENV, "\\") == expected


def test_expand_takes_the_escape_character_of_the_file() -> None:
    assert words.expand(r"C:\$V`$V", ENV, "`") == r"C:\value$V"


@pytest.mark.parametrize(
    ("word", "expected"),
    [("a\udcffb", "a\ufffdb"), ("\ufeff$V", "value"), ("a\ufeff", "a\ufeff"), ("$RAW", "\udcff")],
)
def test_a_word_goes_through_the_scanner(word: str, expected: str) -> None:
    assert words.expand(word, {**ENV, "RAW": "\udcff"}, "\\") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'$V' \"$V\"\n", "'value' \"value\"\n"),
        (r"\$V \\ \n \' \" `x`", "$V \\ n ' \" `x`"),
        ("a\\\nb\n", "a\nb\n"),
        ("a\\", "a"),
        ("$$ $1 $. $", "  $. $"),
        ("${UNSET:-d \"q\" 'r'}", "d \"q\" 'r'"),
        ("${UNSET:-it's}", "it's"),
        (r"${UNSET:-a\}b}", "a}b"),
        ('${UNSET:-"$V"}', '"value"'),
        ("${UNSET-u}${V:+set}${V#v}${V/v/w}", "usetaluewalue"),
        ("it's\n", "it's\n"),
        ("\ufeffa\udcff", "a\ufffd"),
    ],
)
def test_the_body_of_a_heredoc_keeps_its_quotes(text: str, expected: str) -> None:
    assert words.expand_body(text, ENV) == expected


@pytest.mark.parametrize("text", ["${V\n", "${V!y}", "${UNSET:?gone}"])
def test_the_body_of_a_heredoc_can_be_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        words.expand_body(text, ENV)


@given(st.text(alphabet="ab \n{}:-'\"`"))
def test_the_body_of_a_heredoc_is_itself_without_dollars_and_backslashes(text: str) -> None:
    assert words.expand_body(text, ENV) == text


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("'open", "a closing ' is missing"),
        ('"open', 'a closing " is missing'),
        ("${V", "a } is missing"),
        ("${V:", "a } is missing"),
        ("${V:-a", "a } is missing"),
        ("${V/a}", "a / is missing"),
        ("${V/a/b", "a } is missing"),
        ("${", "a variable's name"),
        ("${}", "a variable's name"),
        ("${:a}", "a variable's name"),
        ("${V:1:2}", '"${V:1" is no known substitution'),
        ("${!V}", '"${!V" is no known substitution'),
        ("${V^}", "no known substitution"),
        ("${UNSET:?tell me}", "UNSET: tell me"),
        ("${UNSET:?}", "UNSET: is unset"),
        ("${EMPTY:?}", "EMPTY: is empty"),
        ("${UNSET?}", "UNSET: is unset"),
        (r"${V#\a}", "backslash"),
        (r"${V:-${EMPTY:?no}}", "EMPTY: no"),
    ],
)
def test_expand_refuses_with_a_sentence(word: str, complaint: str) -> None:
    with pytest.raises(InvalidArgumentError, match=re.escape(complaint)):
        words.expand(word, ENV, "\\")


@given(st.text(alphabet="ab$ {}:-/'\"\\%#?+", max_size=12))
def test_expand_answers_or_refuses_but_never_crashes(word: str) -> None:
    try:
        expanded = words.expand(word, {"a": "b"}, "\\")
    except InvalidArgumentError:
        return
    assert len(expanded) <= len(word) * len(word) + 1


@given(st.text())
def test_single_quotes_keep_everything(text: str) -> None:
    inner = text.replace("'", "")
    assert words.expand(f"'{inner}'", ENV, "\\") == inner


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('["a","/o/"]', ("a", "/o/")),
        (' [ "a" , "b c" ] ', ("a", "b c")),
        ('["a"] # comment', ("a",)),
        ('["\\u00e9\\n"]', ("é\n",)),
        ('["\\ud800"]', ("\ufffd",)),
        ("[]", ()),
        ("", None),
        ("a [", None),
        ("['a']", None),
        ('["a",]', None),
        ('["a"', None),
        ('["a\tb"]', None),
        ("[NaN]", None),
        ("[ -f x ]", None),
        ("[" * 3000, None),
    ],
)
def test_json_form(text: str, expected: tuple[str, ...] | None) -> None:
    assert words.json_form(text) == expected


@pytest.mark.parametrize("text", ['["a", 1]', "[null]", '[["a"]]', "[{}] tail"])
def test_json_form_refuses_what_is_not_a_string(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="nothing but strings"):
        words.json_form(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", (("A", "1"),)),
        ("A=1 B=$A", (("A", "1"), ("B", "before"))),
        ("A b c", (("A", "b c"),)),
        ("X  $A  $A", (("X", "before  before"),)),
        ('X "b c" d', (("X", "b c d"),)),
        ('X="b c" Y=d\\ e', (("X", "b c"), ("Y", "d e"))),
        (r"X=\\ Y='$A'", (("X", "\\"), ("Y", "$A"))),
        ("X= Y=''", (("X", ""), ("Y", ""))),
        ("X=a=b", (("X", "a=b"),)),
        ("$A=1", (("before", "1"),)),
    ],
)
def test_env_pairs(text: str, expected: tuple[tuple[str, str], ...]) -> None:
    assert words.env_pairs(text, {"A": "before"}, "\\") == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("A", "needs a value"),
        ("A=1 B", '"B" has no ='),
        ("A=1 # comment", '"#" has no ='),
        ("=1", "no name"),
        ("A='", "a closing '"),
    ],
)
def test_env_pairs_refuses(text: str, complaint: str) -> None:
    with pytest.raises(InvalidArgumentError, match=complaint):
        words.env_pairs(text, {}, "\\")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A", (("A", None),)),
        ("A=", (("A", ""),)),
        ("A=1 B=$A C", (("A", "1"), ("B", "before"), ("C", None))),
        ('A="x y"', (("A", "x y"),)),
    ],
)
def test_arg_pairs(text: str, expected: tuple[tuple[str, str | None], ...]) -> None:
    assert words.arg_pairs(text, {"A": "before"}, "\\") == expected


def test_arg_pairs_refuses_an_empty_name() -> None:
    with pytest.raises(InvalidArgumentError, match="no name"):
        words.arg_pairs("=1", {}, "\\")
