"""Shell scripts as commands: what parts them, what is only text, what a failure means."""

from __future__ import annotations

import pytest

from livepush.repetition.script import Command, commands


def words(script: str) -> list[list[str]]:
    return [[word.value for word in command.words] for command in commands(script)]


def marked(script: str, mark: str, *, errexit: bool = False) -> str:
    """The names of the commands that are `guarded` or `forgiven`."""
    found = commands(script, errexit=errexit)
    return " ".join(command.name for command in found if getattr(command, mark))


@pytest.mark.parametrize(
    ("script", "parted"),
    [
        ("a b && c || d; e | f & g\nh", [["a", "b"], *([each] for each in "cdefgh")]),
        ("a 'b c' \"d e\"f g\\ h", [["a", "b c", "d ef", "g h"]]),
        ("a 'b && c' \"; d\" \\; e", [["a", "b && c", "; d", ";", "e"]]),
        ('a "b \'c\' \\" \\$d \\e"', [["a", "b 'c' \" $d \\e"]]),
        ("a # b && c\nd a#b", [["a"], ["d", "a#b"]]),
        ("a \\\n  b", [["a", "b"]]),
        ("a $(b; c 'd)' \"$(e)\") f", [["a", "$(b; c 'd)' \"$(e)\")", "f"]]),
        ("a `b; c` ${d:-e f} <(g; h)", [["a", "`b; c`", "${d:-e f}", "<(g; h)"]]),
        ("A=1 B='2 3' c", [["c"]]),
        ("A=1; B=$A/2; c $B ${A} '$A' \"$A\" $D", [["c", "1/2", "1", "$A", "1", "$D"]]),
        ("export A=$(x); b $A", [["export", "A=$(x)"], ["b", "$(x)"]]),
        ("if a; then A=1; fi; b $A", [["a"], ["b", "$A"]]),
        ("for f in a b; do c $f; done", [["c", "$f"]]),
        ("while a; do b; done", [["a"], ["b"]]),
        ("case $x in a|b) c;; (d) e ;; *) ;; esac; f", [["c"], ["e"], ["f"]]),
        ("f() { a; }; f", [["a"], ["f"]]),
        ("{ a; (b; c); }", [["a"], ["b"], ["c"]]),
        ("echo if then { }", [["echo", "if", "then", "{", "}"]]),
        ("'if' a", [["if", "a"]]),
        ("! a && time b", [["a"], ["b"]]),
        ("[[ a < b && c ]] || d", [["[[", "a"], ["c", "]]"], ["d"]]),
    ],
)
def test_commands_are_parted(script: str, parted: list[list[str]]) -> None:
    assert words(script) == parted


@pytest.mark.parametrize(
    ("script", "redirections"),
    [
        ("a > b", [(">", "b", "")]),
        ("a 2>>'b c' <d", [(">>", "b c", ""), ("<", "d", "")]),
        ("a &> b >| c", [("&>", "b", ""), (">|", "c", "")]),
        ("a >b2>&1", [(">", "b2", ""), (">&", "1", "")]),
        ("a 'x >> y' \\> z", []),
        ("a <<E\nb\n E\nE", [("<<", "E", "b\n E\n")]),
        ("a <<-'E' >> b\n\tc\n\tE\n", [("<<-", "E", "c\n"), (">>", "b", "")]),
        ("a <<< b", [("<<<", "b", "")]),
    ],
)
def test_redirections(script: str, redirections: list[tuple[str, str, str]]) -> None:
    (command,) = commands(script)
    found = [(each.operator, each.target.value, each.body) for each in command.redirections]
    assert (command.name, found) == ("a", redirections)


def test_a_compound_command_s_redirection_is_one_of_no_command() -> None:
    assert [command.name for command in commands("{ a; } >> b; (c) > d")] == ["a", "", "c", ""]


@pytest.mark.parametrize(
    "script",
    [
        "a 'b",
        'a "b',
        "a `b",
        "a $(b",
        "a ${b",
        "if a; then b",
        "a $(\\)",
        "a )",
        "a <<E\nb",
        "a(b)",
    ],
)
def test_what_cannot_be_read_has_no_commands(script: str) -> None:
    assert commands(script) == ()


def test_brackets_without_end_are_no_depth_too_great() -> None:
    assert commands("(" * 9999) == commands("$(" * 9999) == ()


@pytest.mark.parametrize(
    ("script", "guarded"),
    [
        ("a && b; c", ""),
        ("[ a ] && b && c; d", "b c"),
        ("a || b; c", "b"),
        ("grep -q a b || c", "c"),
        ("if a; then b; elif c; then d; else e; fi; f", "b c d e"),
        ("if a; then { b; (c); }; fi && d", "b c"),
        ("case a in b) c; d;; esac; e", "c d"),
        ("while a; do b; done; c", ""),
    ],
)
def test_what_something_is_asked_for_is_guarded(script: str, guarded: str) -> None:
    assert marked(script, "guarded") == guarded


@pytest.mark.parametrize(
    ("script", "forgiven", "with_errexit"),
    [
        ("a && b", "", ""),
        ("a && b || c", "a b", "a b"),
        ("a; b && c; d", "a b c", ""),
        ("a; b;", "a", ""),
        ("a & b", "a", ""),
        ("set -eu; a; b", "", ""),
        ("a; set -o errexit; b; c", "a", ""),
        ("! a", "a", "a"),
        ("if a; then b; fi", "a", "a"),
        ("(a && b) || c", "a b", "a b"),
        ("(a; b) && c", "a", ""),
        ("{ a; }; { b || c; }", "a b", "b"),
        ("a && { b || c; } && d", "b", "b"),
        ("for i in x; do a; b; done", "a", ""),
    ],
)
def test_what_may_fail_is_forgiven(script: str, forgiven: str, with_errexit: str) -> None:
    assert marked(script, "forgiven") == forgiven
    assert marked(script, "forgiven", errexit=True) == with_errexit


def test_subshells_are_numbered() -> None:
    found = commands("a; (b; (c)); (d); e")
    assert [command.shell for command in found] == [(), (1,), (1, 2), (3,), ()]


def test_no_command_has_no_name() -> None:
    assert Command(()).name == ""
