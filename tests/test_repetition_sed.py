"""Which sed scripts leave their own result alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livepush.repetition.sed import repeats

SAME = [
    "s/http:/https:/",
    "s/packages.example/mirror.x/g",
    "s|@V@|$VERSION|",
    r"s/^#\?\(PermitRootLogin\).*/\1 no/",
    "s/^memory_limit = .*/memory_limit = 256M/",
    r"s/\r$//",
    "/debug/d",
    "/a/,/b/d",
    "/a/,$d",
    "/a/,+2d",
    r"s/^#\(.*\)/\1/",
    "/^#/!s/a/b/g",
    "/^activate/s/^/#/",
    "/^#/!s/^/#/",
    "/^#/! s/^/# /",
    "s/a/b/;s/c/d/g",
    "s/a/b/\n# a comment\ns/c/d/",
    "/x/{s/a/b/;s/c/d/}",
    r"s/archive.ubuntu.com\/ubuntu/mirror\/u/g",
    "s/ARCH/$(uname -m)/",
    "s/^version=.*/version=$(cat V)/",
    "s/[[:space:]]*$//",
    "s#/var/www/html#/app/public#",
    r"s/\s\+/ /g",
    r"s/\<foo\>/bar/",
    r"s/\(a\|b\)c/d/",
    's/"main": "[^"]*"/"main": "x.js"/',
    "s/[]x]y/z/",
    r"s/a\{2,3\}/b/",
    r"s/a*\.b$/c/",
    "s/^*/x/",
    "/x/c other",
    # What is not understood is not known to change anything.
    r":a;N;$!ba;s/\n/ /g",
    "s/a/b",
    "s/a/b/2",
    "s//b/",
    r"s/a/\1/",
    r"s/a/\U&/",
    r"s/\(a/b/",
    r"s/a\{99999\}/b/",
    "s/[b-a]/x/",
    "s/[[:nothing:]]/x/",
    "s/²/³³/",
    r"s/a\{900\}/b/",
    r"s/a\{150\}b\{150\}/b/",
    # Nor what could take for ever to find.
    "s/" + r"\(a*\)*" * 30 + "b/x/",
    "s/" + "a*" * 30 + "b/x/",
    "/" + "[a]" * 300,
    "/" + "[" * 300,
    r"s/[^\x00-\x7f]/x/",
    "10q",
    "",
]
CHANGED = [
    "s/foo/foo bar/",
    "s/main/main contrib non-free/",
    "s/^/#/",
    "s/$/ x/",
    r"s/^\(.*\)$/#\1/",
    "s/http/https/",
    "s/80/8080/",
    "s/HTTP/https/I",
    "s/version=/&v/",
    r"s/^\(A=\".*\)\"/\1 quiet\"/",
    r"s/listen\(.*\)80;/listen\18080;/",
    r"s/a\{2\}/aaa/",
    "s/[^a-z]/__/",
    "/^PATH=/s/$/:x/",
    "/a/s/b/bc/",
    "/x/!s/^/#/",
    "/#/s/.*/$(cat version)/",
    "/a/,/b/s/^/#/",
    "2s/^/#/",
    "s/x/y/;1d",
    "1d",
    "$d",
    "1,3d",
    "0~2d",
    "1i hello",
    r"$a\bye",
    "/x/a y",
    "/x/p",
    "s/@V@/$(cat version)/",
    "s/@V@/`git describe`/g",
    "s/@V@/$(uname)-$(cat version)/",
]


@pytest.mark.parametrize("script", SAME)
def test_the_result_stays(script: str) -> None:
    assert not repeats(script)


@pytest.mark.parametrize("script", CHANGED)
def test_the_result_is_changed_again(script: str) -> None:
    assert repeats(script)


@pytest.mark.parametrize(
    ("basic", "extended"),
    [
        (r"s/^\(a\+\)$/\1\1/", r"s/^(a+)$/\1\1/"),
        (r"s/\(x\|y\)\?z/&z/", r"s/(x|y)?z/&z/"),
        ("s/a+b/a+bc/", r"s/a\+b/a+bc/"),
        ("s/(a)/(a)b/", r"s/\(a\)/(a)b/"),
    ],
)
def test_what_is_special_depends_on_the_kind(basic: str, extended: str) -> None:
    assert repeats(basic)
    assert repeats(extended, extended=True)


def test_printing_repeats_a_line_unless_only_it_is_printed() -> None:
    assert repeats("/x/p")
    assert not repeats("/x/p", quiet=True)


@given(st.text(alphabet="s/ab\\()[]{}*+?.^$|&1,;!dipg\n é", max_size=20), st.booleans())
def test_any_script_has_an_answer(script: str, extended: bool) -> None:
    assert repeats(script, extended=extended) in (True, False)
    assert repeats(f"s/{script}/{script}/", extended=extended) in (True, False)
