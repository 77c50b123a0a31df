"""POSIX regular expressions as Python has them, each with a text that it finds. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import printable

_INTERVAL = re.compile(r"(\d*)(?:,\d*)?\\?\}")
_CLASS = re.compile(r"\[(\^?)(\]?(?:\[:\w+:\]|[^]])*)\]")
_CLASS_PART = re.compile(r"\[:(?P<name>\w+):\]|(?P<range>.-[^]])|\\(?P<escape>[nt])|.", re.DOTALL)
_SETS = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r" \t",
    "digit": "0-9",
    "lower": "a-z",
    "space": r"\s",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_SPECIAL = frozenset("(){}+?|")  # where extended; elsewhere with a backslash before them
_ESCAPES = {"w": "x", "W": "-", "s": " ", "S": "x", "d": "0", "b": "", "n": "\n", "t": "\t"}
_LONGEST = 200  # characters of a text that is made up
_REPEATED = "(?:"  # how what is repeated begins, and nothing else
_MOST_REPEATED = 6  # more, or one in the other, can take Python for ever to find


class UnknownError(Exception):
    """There is something that is not understood here."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression as Python has it, and a text that it should find."""

    text: str
    example: str


def posix_pattern(text: str, *, extended: bool) -> Pattern:
    """Reads a basic regular expression, or an extended one. Raises `UnknownError`."""
    return _Regex(text, extended=extended).read()


class _Regex:
    """A POSIX regular expression, read from its beginning to its end."""

    def __init__(self, text: str, *, extended: bool) -> None:
        self._text = text
        self._at = 0
        self._extended = extended

    def read(self) -> Pattern:
        pattern = self._alternatives()
        if self._at < len(self._text) or pattern.text.count(_REPEATED) > _MOST_REPEATED:
            raise UnknownError
        return pattern

    def _alternatives(self) -> Pattern:
        found = [self._sequence()]
        while self._peek() == "|":
            self._skip()
            found.append(self._sequence())
        return Pattern("|".join(each.text for each in found), found[0].example)

    def _sequence(self) -> Pattern:
        atoms: list[Pattern] = []
        while (operator := self._peek()) not in ("|", ")", "end"):
            if operator in ("*", "+", "?", "{") and atoms and atoms[-1].text != "^":
                self._skip()
                atoms.append(self._repeated(atoms.pop(), operator))
            else:
                atoms.append(self._atom(operator, is_first=not atoms))
        example = "".join(atom.example for atom in atoms)
        if len(example) > _LONGEST:
            raise UnknownError
        return Pattern("".join(atom.text for atom in atoms), example)

    def _peek(self) -> str:
        """The operator that stands here, `end`, or nothing where it is a plain character."""
        character = self._text[self._at : self._at + 1]
        escaped = self._text[self._at + 1 : self._at + 2]
        if not character:
            return "end"
        if character == "\\":
            return escaped if escaped in _SPECIAL and not self._extended and escaped else ""
        return character if character == "*" or (character in _SPECIAL and self._extended) else ""

    def _skip(self) -> None:
        self._at += 2 if self._text[self._at] == "\\" else 1

    def _repeated(self, atom: Pattern, operator: str) -> Pattern:
        times, count = operator, 1
        if operator == "{":
            interval = _INTERVAL.match(self._text, self._at)
            if interval is None:
                raise UnknownError
            self._at = interval.end()
            times = "{" + interval[0].rstrip("\\}") + "}"
            count = int(interval[1] or 1)
        if count * len(atom.example) > _LONGEST or _REPEATED in atom.text:
            raise UnknownError
        return Pattern(f"{_REPEATED}{atom.text}){times}", atom.example * count)

    def _atom(self, operator: str, *, is_first: bool) -> Pattern:
        if operator == "(":
            self._skip()
            inner = self._alternatives()
            if self._peek() != ")":
                raise UnknownError
            self._skip()
            return Pattern(f"({inner.text})", inner.example)
        if operator and operator != "*":
            raise UnknownError
        return self._character(is_first=is_first)

    def _character(self, *, is_first: bool) -> Pattern:
        if group := _CLASS.match(self._text, self._at):
            self._at = group.end()
            return _class(group)
        character = self._text[self._at]
        self._at += 1
        if character == "\\":
            return self._escaped()
        if character == ".":
            return Pattern(".", "x")
        if character == "^" and (is_first or self._extended):
            return Pattern("^", "")
        if character == "$" and (self._extended or self._peek() in ("end", ")", "|")):
            return Pattern("$", "")
        return Pattern(re.escape(character), character)

    def _escaped(self) -> Pattern:
        character = self._text[self._at : self._at + 1]
        self._at += 1
        if character in _ESCAPES and character:
            return Pattern(f"\\{character}", _ESCAPES[character])
        if not character or character.isalnum():
            raise UnknownError
        return Pattern(re.escape(character), character)


def _class(found: re.Match[str]) -> Pattern:
    parts = []
    for part in _CLASS_PART.finditer(found[2]):
        if part["name"]:
            if part["name"] not in _SETS:
                raise UnknownError
            parts.append(_SETS[part["name"]])
        elif part["range"]:
            parts.append(f"{re.escape(part['range'][0])}-{re.escape(part['range'][2])}")
        else:
            parts.append(f"\\{part['escape']}" if part["escape"] else re.escape(part[0]))
    text = f"[{found[1]}{''.join(parts)}]"
    example = next((c for c in printable if re.fullmatch(text, c)), None)
    if example is None:
        raise UnknownError
    return Pattern(text, example)
