"""What a `sed` script does to its own result, as far as its text tells. Pure.

Most edits in place are safe to repeat, since what they look for is gone, or comes out the same:
`s/http:/https:/`, `s/^#*Port .*/Port 80/`, `/debug/d`. To tell, a text that the script's pattern
finds is made up and edited twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from string import digits

from livepush.repetition.regex import Pattern, UnknownError, posix_pattern

_BETWEEN = re.compile(r"(?:[\s;{}]+|#[^\n]*)+")
_REGEX = r"/(?P<pattern>(?:\\.|\[[^]]*\]|\[(?![^]]*\])|[^\\/[])+)/[IM]*"
_ADDRESS = re.compile(rf"(?P<line>\d+(?:~\d+)?|\$)|{_REGEX}", re.DOTALL)
_SECOND = re.compile(rf"\s*,\s*(?:[+~]?\d+|\$|{_REGEX})", re.DOTALL)
_NEGATION = re.compile(r"[\s!]*")
_FLAGS = re.compile(r"[gIi]*(?=[\s;}]|\Z)")
_FILLED_IN = re.compile(r"&|\\(.)", re.DOTALL)  # what is special in a replacement
_LITERAL_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
# Commands whose output is the same in all builds on one engine.
_CONSTANT = re.compile(r"(?:\$\(|`)\s*(?:uname|arch|dpkg|nproc|getconf|id|lsb_release)\b")
_COMMAND = re.compile(r"\$\(|`[^`]*`")


def repeats(script: str, *, extended: bool = False, quiet: bool = False) -> bool:
    """Whether `script` is known to give something else when it edits its own result.

    Also where it cannot: a value that it fills in, once, from a command whose output may change.
    `extended` and `quiet` are sed's `-E` and `-n`.
    """
    try:
        return any(_Script(script, extended=extended, quiet=quiet).repetitions())
    except (UnknownError, re.error, OverflowError, RecursionError):
        return False


@dataclass(frozen=True, slots=True)
class _Address:
    """The lines that a command is for: all, some by their number, or those with a pattern."""

    pattern: Pattern | None = None
    is_negated: bool = False
    by_line: bool = False

    @property
    def example(self) -> str:
        return self.pattern.example if self.pattern and not self.is_negated else ""

    def selects(self, line: str) -> bool:
        found = self.pattern is None or re.search(self.pattern.text, line) is not None
        return found != self.is_negated


class _Script:
    """A position in a script that moves forward only."""

    def __init__(self, text: str, *, extended: bool, quiet: bool) -> None:
        self._text = text
        self._at = 0
        self._extended = extended
        self._quiet = quiet

    def repetitions(self) -> Iterator[bool]:
        """Of each command, whether it changes what it has changed already."""
        self._take(_BETWEEN)
        while self._at < len(self._text):
            address = self._address()
            yield self._command(self._next(), address)
            self._take(_BETWEEN)

    def _address(self) -> _Address:
        found = self._take(_ADDRESS)
        is_range = self._take(_SECOND) is not None
        is_negated = "!" in (self._take(_NEGATION) or "")[0]
        if found is None or found["line"] is not None or is_range:
            return _Address(by_line=found is not None and found["line"] is not None)
        regex = posix_pattern(found["pattern"], extended=self._extended)
        return _Address(regex, is_negated=is_negated)

    def _command(self, name: str, address: _Address) -> bool:
        match name:
            case "s":
                return self._substitution(address)
            case "d":
                return address.by_line
            case "i" | "a":
                self._at = len(self._text)
                return True
            case "c":
                self._at = len(self._text)
                return False
            case "p":
                return not self._quiet
        raise UnknownError

    def _substitution(self, address: _Address) -> bool:
        delimiter = self._next()
        pattern, replacement = self._delimited(delimiter), self._delimited(delimiter)
        flags = self._take(_FLAGS)
        if flags is None or not pattern:
            raise UnknownError
        regex = posix_pattern(pattern, extended=self._extended)
        compiled = re.compile(regex.text, re.IGNORECASE if "i" in flags[0].lower() else 0)
        count = 0 if "g" in flags[0] else 1

        def edited(text: str) -> str:
            return compiled.sub(lambda match: _filled_in(replacement, match), text, count=count)

        lines = (line for line in (address.example, regex.example) if compiled.search(line))
        line = next(lines, None)
        if line is None:
            raise UnknownError
        once = edited(line)
        finds_it = compiled.search(once) and (address.selects(once) or not address.selects(line))
        if finds_it:
            return edited(once) != once
        # What it fills in may be something else the second time, and has no place any more.
        return len(_COMMAND.findall(replacement)) > len(_CONSTANT.findall(replacement))

    def _delimited(self, delimiter: str) -> str:
        found: list[str] = []
        while (character := self._next()) != delimiter:
            if character == "\\":
                following = self._next()
                character = following if following == delimiter else character + following
            found.append(character)
        return "".join(found)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return found

    def _next(self) -> str:
        if self._at >= len(self._text):
            raise UnknownError
        self._at += 1
        return self._text[self._at - 1]


def _filled_in(replacement: str, match: re.Match[str]) -> str:
    def value(piece: re.Match[str]) -> str:
        escaped = piece[1]
        if escaped is None:
            return match[0]
        if escaped in digits:
            if int(escaped) > match.re.groups:
                raise UnknownError
            return match[int(escaped)] or ""
        if escaped.isalnum() and escaped not in _LITERAL_ESCAPES:
            raise UnknownError
        return _LITERAL_ESCAPES.get(escaped, escaped)

    return _FILLED_IN.sub(value, replacement)
