"""The tokens of a shell's script: words, operators and redirections, as POSIX has them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BLANKS = re.compile(r"(?:[ \t\r]|\\\n|#[^\n]*)+")
_OPERATOR = re.compile(r"&&|\|\||;;&|;&|;;|;|&(?!>)|\|&|\||\(|\)|\n")
_REDIRECTION = re.compile(r"(?:\d+(?=[<>]))?(&>>|&>|<<<|<<-|<<|<>|<&|<(?!\()|>>|>&|>\||>(?!\())")
_PLAIN = re.compile(r"[^\s'\"\\$`&|;()<>]+")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\}|[0-9@*#?$!-])", re.ASCII)
_PROTECTED = frozenset('$`"\\\n')  # by a backslash, in double quotes
_CLOSING = {"(": ")", "{": "}"}


class UnreadableError(Exception):
    """The text is no script, or none that is understood here."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word without its quotes: as it is `written`, and its `value` as far as that is known."""

    written: str
    value: str
    is_quoted: bool = False


@dataclass(slots=True)
class Redirection:
    """`operator` is `>>` and the like; `body` is a heredoc's text, which comes after its line."""

    operator: str
    target: Word
    body: str = ""


Token = Word | Redirection | str
"""A `str` is an operator, such as `&&` or a line's end."""


class Lexer:
    """Reads one token after the other.

    `variables` are what is known to be in them, and may be set between two tokens.
    """

    def __init__(self, text: str) -> None:
        self.variables: dict[str, str] = {}
        self._text = text
        self._at = 0
        self._heredocs: list[Redirection] = []

    def next(self) -> Token | None:
        """The next token, None at the end. Raises `UnreadableError`."""
        self._take(_BLANKS)
        if self._at >= len(self._text):
            if self._heredocs:
                raise UnreadableError
            return None
        if redirection := self._take(_REDIRECTION):
            return self._redirection(redirection[1])
        if operator := self._take(_OPERATOR):
            if operator[0] == "\n":
                self._read_bodies()
            return operator[0]
        return self._word()

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return found

    def _redirection(self, operator: str) -> Redirection:
        self._take(_BLANKS)
        redirection = Redirection(operator, self._word())
        if operator in ("<<", "<<-"):
            self._heredocs.append(redirection)
        return redirection

    def _read_bodies(self) -> None:
        for heredoc in self._heredocs:
            lines = []
            while (line := self._line(heredoc)) != heredoc.target.written:
                lines.append(f"{line}\n")
            heredoc.body = "".join(lines)
        self._heredocs.clear()

    def _line(self, heredoc: Redirection) -> str:
        if self._at >= len(self._text):
            raise UnreadableError
        end = self._text.find("\n", self._at)
        line = self._text[self._at : len(self._text) if end < 0 else end]
        self._at += len(line) + 1
        return line.lstrip("\t") if heredoc.operator == "<<-" else line

    def _word(self) -> Word:
        start = self._at
        pieces = list(self._pieces())
        if self._at == start:
            raise UnreadableError
        written = "".join(piece[0] for piece in pieces)
        value = "".join(piece[1] for piece in pieces)
        return Word(written, value, is_quoted=written != self._text[start : self._at])

    def _pieces(self) -> Iterator[tuple[str, str]]:
        """The parts of a word, each as it is written and as far as its value is known."""
        while self._at < len(self._text):
            if plain := self._take(_PLAIN):
                yield plain[0], plain[0]
                continue
            character = self._text[self._at]
            if character == "'":
                end = self._end_of_quote("'", self._at + 1)
                yield (quoted := self._text[self._at + 1 : end]), quoted
                self._at = end + 1
            elif character == '"':
                self._at += 1
                yield from self._double_quoted()
            elif character == "\\":
                yield self._escaped()
            elif character in "$`" or self._text.startswith(("<(", ">("), self._at):
                yield self._substitution()
            else:
                return

    def _escaped(self) -> tuple[str, str]:
        character = self._text[self._at + 1 : self._at + 2].replace("\n", "")
        self._at += 2
        return character, character

    def _double_quoted(self) -> Iterator[tuple[str, str]]:
        while (character := self._text[self._at : self._at + 1]) != '"':
            if not character:
                raise UnreadableError
            if character in "$`":
                yield self._substitution()
            elif character == "\\" and self._text[self._at + 1 : self._at + 2] in _PROTECTED:
                yield self._escaped()
            else:
                yield character, character
                self._at += 1
        self._at += 1

    def _substitution(self) -> tuple[str, str]:
        start = self._at
        if variable := self._take(_VARIABLE):
            name = variable[1] or variable[2] or ""
            return variable[0], self.variables.get(name, variable[0])
        if self._text[start] == "`":
            self._at = self._end_of_quote("`", start + 1) + 1
        elif self._text[start + 1 : start + 2] in _CLOSING:
            self._at = self._after_bracket(start + 1)
        else:
            self._at += 1
        return (raw := self._text[start : self._at]), raw

    def _end_of_quote(self, quote: str, start: int) -> int:
        at = start
        while at < len(self._text):
            if self._text[at] == quote:
                return at
            at += 2 if self._text[at] == "\\" and quote != "'" else 1
        raise UnreadableError

    def _after_bracket(self, start: int) -> int:
        opening = self._text[start]
        depth, at = 0, start
        while at < len(self._text):
            character = self._text[at]
            if character == "\\":
                at += 1
            elif character in "'\"":
                at = self._end_of_quote(character, at + 1)
            elif character in (opening, _CLOSING[opening]):
                depth += 1 if character == opening else -1
                if not depth:
                    return at + 1
            at += 1
        raise UnreadableError
