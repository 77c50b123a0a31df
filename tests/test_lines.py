"""Pieces of output as lines."""

from __future__ import annotations

from livepush.lines import Lines


def test_lines_are_joined_by_stream() -> None:
    lines = Lines()
    assert list(lines.feed(1, b"one\ntw")) == [b"one"]
    assert list(lines.feed(2, b"other")) == []
    assert list(lines.feed(1, b"o\n\nthree\r\n")) == [b"two", b"", b"three\r"]
    assert list(lines.rest()) == [b"other"]
    assert list(lines.rest()) == []


def test_a_line_without_an_end_is_given_before_it_fills_the_memory() -> None:
    lines, given = Lines(), list[bytes]()
    for _ in range(1000):
        given += lines.feed(1, b"x" * 1000)
    assert {len(line) for line in given} == {66_000}
    assert len(b"".join([*given, *lines.rest()])) == 1_000_000
