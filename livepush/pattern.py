"""The two pattern languages of Go that Docker takes: `filepath.Match`, and `regexp`'s syntax.

The first reads the wildcard sources of `COPY` and `ADD`, here one path component at a time: `*`
and `?` match no `/` but do match a leading dot; a class is `[a-z]` or, negated, `[^a-z]`, and `!`
in it is a character like any other; a backslash takes the next character literally. There are
no braces, and `**` is `*`. The second shows through in `.dockerignore`, and is respelled for `re`.
Source: Go's documentation of `path/filepath` and of `regexp/syntax`.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import lru_cache

from livepush.errors import InvalidArgumentError


def has_wildcard(text: str) -> bool:
    """Whether a `COPY` source is a pattern (it holds `*`, `?` or `[`) rather than a name."""
    return any(char in text for char in "*?[")


def literal_part(source: str) -> str:
    """The components of a `COPY` source before the first with a wildcard; all where none has."""
    return "/".join(itertools.takewhile(lambda part: not has_wildcard(part), source.split("/")))


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled pattern for one path component, as `compile_component` makes it."""

    text: str
    regex: re.Pattern[str]

    def match(self, name: str) -> bool:
        """Whether the whole of `name`, a component without `/`, fits.

        A name that is not UTF-8 comes decoded with `surrogateescape`: each stray byte counts as
        one character.
        """
        return self.regex.match(name) is not None


_NOTHING = re.compile(r"(?!)")


@lru_cache(maxsize=1024)
def compile_component(text: str) -> Glob:
    """The glob for one component of a pattern; `InvalidArgumentError` if it is malformed."""
    pieces = []
    at = 0
    while at < len(text):
        piece, at = _term(text, at)
        pieces.append(piece)
    return Glob(text, re.compile(rf"\A{''.join(pieces)}\Z", re.DOTALL))


def component(text: str) -> Glob:
    """The glob for one component of a source; a malformed one matches nothing.

    BuildKit refuses it today, older builders do not.
    """
    try:
        return compile_component(text)
    except InvalidArgumentError:
        return Glob(text, _NOTHING)


def below(source: str, path: str) -> str | None:
    """What follows `source` in `path`, which may be nothing; None where it does not begin so."""
    wanted = source.split("/") if source else []
    parts = path.split("/")
    if len(parts) < len(wanted):
        return None
    for name, part in zip(wanted, parts, strict=False):
        if not (component(name).match(part) if has_wildcard(name) else name == part):
            return None
    return "/".join(parts[len(wanted) :])


def respell(go: str) -> str:
    r"""A regular expression in Go's syntax, respelled for `re` under its ASCII flag.

    `go` ends in no bare backslash, and its operators are those that a `.dockerignore` pattern can
    bring about: `(.*/)?`, `.*`, `[^/]*`, `^`, classes and escapes. Raises `InvalidArgumentError`
    for an escape or a class that Go does not have, and for the rare ones that are not read here:
    octal, `\x`, `\p`, `\Q` and negated named classes.
    """
    pieces = []
    at = 0
    while at < len(go):
        if go[at] == "[":
            piece, at = _go_class(go, at + 1)
        elif go[at] == "\\":
            piece = _POSITIONS.get(go[at + 1]) or _go_escape(go[at + 1])
            at += 2
        else:
            piece = go[at] if go[at] in "(.*/)?^" else re.escape(go[at])
            at += 1
        pieces.append(piece)
    return "".join(pieces)


def _term(text: str, at: int) -> tuple[str, int]:
    """The regular expression of the term at `at`, and where the next one begins."""
    if text[at] == "*":
        # A run of stars is one star; several in a row would only make the search backtrack.
        while text[at : at + 1] == "*":
            at += 1
        return "[^/]*", at
    if text[at] == "?":
        return "[^/]", at + 1
    if text[at] == "[":
        return _class(text, at + 1)
    char, at = _char(text, at)
    return re.escape(char), at


def _class(text: str, at: int) -> tuple[str, int]:
    """The character class whose first character after the `[` is at `at`."""
    negated = text[at : at + 1] == "^"
    at += negated
    first = at
    ranges = []
    while at == first or text[at : at + 1] != "]":
        low, at = _bound(text, at)
        high = low
        if text[at : at + 1] == "-":
            high, at = _bound(text, at + 1)
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
    if not ranges:
        # `[z-a]` is valid and holds nothing, which `re` cannot spell as a class.
        return ("." if negated else "(?!)"), at + 1
    return f"[{'^' if negated else ''}{''.join(ranges)}]", at + 1


def _bound(text: str, at: int) -> tuple[str, int]:
    """One end of a range in a class, and where the text goes on."""
    if text[at : at + 1] in ("", "-", "]"):
        raise _malformed(text, "write a character class as [a-z], with a backslash before - and ]")
    char, at = _char(text, at)
    if "\udc80" <= char <= "\udcff":
        raise _malformed(text, "a character class holds valid UTF-8 only")
    return char, at


def _char(text: str, at: int) -> tuple[str, int]:
    """The character meant at `at`, a backslash taken off, and where the text goes on."""
    at += text[at] == "\\"
    if at == len(text):
        raise _malformed(text, "nothing follows its last backslash")
    return text[at], at + 1


def _malformed(text: str, reason: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"bad pattern {text!r}: {reason}")


_POSITIONS = {"A": r"\A", "b": r"\b", "B": r"\B", "z": r"\Z"}
_SETS = frozenset("dDsSwW")
_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NAMED_CLASS = re.compile(r"\[:(.*?):\]", re.DOTALL)
_NAMED_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}


def _go_class(go: str, at: int) -> tuple[str, int]:
    """The class whose first character after the `[` is at `at`, and where the text goes on."""
    negated = go[at : at + 1] == "^"
    at += negated
    first = at
    members = []
    while at == first or go[at : at + 1] != "]":
        if named := _NAMED_CLASS.match(go, at):
            if named[1] not in _NAMED_CLASSES:
                raise InvalidArgumentError(f"{named[0]!r} is no class of characters")
            members.append(_NAMED_CLASSES[named[1]])
            at = named.end()
        elif go[at : at + 1] == "\\" and go[at + 1] in _SETS:
            members.append(go[at : at + 2])
            at += 2
        else:
            member, at = _go_range(go, at)
            members.append(member)
    return f"[{'^' if negated else ''}{''.join(members)}]", at + 1


def _go_range(go: str, at: int) -> tuple[str, int]:
    """The character or range at `at` in a class, and where the text goes on."""
    low, at = _go_bound(go, at)
    if go[at : at + 1] != "-" or go[at + 1 : at + 2] == "]":
        return re.escape(low), at
    high, at = _go_bound(go, at + 1)
    if low > high:
        raise InvalidArgumentError(f"the range {low}-{high} runs backwards")
    return f"{re.escape(low)}-{re.escape(high)}", at


def _go_bound(go: str, at: int) -> tuple[str, int]:
    if at == len(go):
        raise InvalidArgumentError("a class of characters is not closed")
    if go[at] == "\\":
        return _meant(go[at + 1]), at + 2
    return go[at], at + 1


def _go_escape(char: str) -> str:
    return f"\\{char}" if char in _SETS else re.escape(_meant(char))


def _meant(char: str) -> str:
    """The character that a backslash before `char` means."""
    if char in _CONTROLS:
        return _CONTROLS[char]
    if char.isalnum() or not char.isascii():
        raise InvalidArgumentError(
            f"\\{char} is no escape that is read here; write \\\\ for a backslash itself"
        )
    return char
