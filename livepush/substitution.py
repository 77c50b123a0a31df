"""`$` substitution, quotes and escapes inside one Dockerfile word.

Reading comes first and finds every fault of syntax; `value` then needs the variables and finds the
faults that depend on them (`${V:?…}`). Both follow BuildKit's word lexer: single quotes keep all,
double quotes keep all but `$` and an escaped `"`, `$` or escape character; elsewhere the escape
character protects any next one. In the body of a heredoc quotes are letters like any other. Names
are letters, digits and `_`; digits or one of `@*#?-$!` make a shell parameter, which is never set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from livepush.citation import cite
from livepush.errors import InvalidArgumentError

_SPECIAL = "@*#?-$!"
_MODIFIERS = "+-?#%"


@dataclass(frozen=True, slots=True)
class Text:
    """Characters that mean themselves, and whose blanks part words."""

    raw: str


@dataclass(frozen=True, slots=True)
class Quoted:
    """What quotes or an escape character protect: `raw` is as written, quotes included."""

    raw: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name` or `${name…}`: `modifier` is one of `+-?#%/` or empty, `colon` tells `:-` from `-`.

    `operand` is the default, message or pattern; `replacement` belongs to `/`, where `every` tells
    `//` from `/`.
    """

    raw: str
    name: str
    modifier: str = ""
    colon: bool = False
    every: bool = False
    operand: tuple[Piece, ...] = ()
    replacement: tuple[Piece, ...] = ()


Piece = Text | Quoted | Variable


def read(text: str, escape: str, *, quotes: bool = True) -> tuple[Piece, ...]:
    """The pieces of `text`; their `raw` joined is `text` again.

    Without `quotes` there are none. Raises InvalidArgumentError for an open quote, an open `${`
    and an unknown modifier.
    """
    return _Reader(text, escape, quotes).until("")


def unquoted(pieces: tuple[Piece, ...]) -> str:
    """`pieces` with quotes and escapes removed, and variables left as they are written."""
    return "".join(
        unquoted(piece.pieces) if isinstance(piece, Quoted) else piece.raw for piece in pieces
    )


def value(pieces: tuple[Piece, ...], env: Mapping[str, str]) -> str:
    """`pieces` with quotes removed and variables replaced; an unset one is empty.

    Raises InvalidArgumentError for `${V:?message}` and for a pattern with a wrong escape.
    """
    return "".join(_piece_value(piece, env) for piece in pieces)


class _Reader:
    """A position in a text that moves forward only."""

    def __init__(self, text: str, escape: str, quotes: bool) -> None:
        self._text = text
        self._escape = escape
        self._quotes = quotes
        self._at = 0

    def until(self, stop: str, *, keep_escapes: bool = False) -> tuple[Piece, ...]:
        """Pieces up to the unquoted character `stop`, which is consumed; "" is the end of text."""
        pieces: list[Piece] = []
        while self._at < len(self._text):
            start = self._at
            character = self._next()
            if character == stop:
                return tuple(pieces)
            if character == "'" and self._quotes:
                pieces.append(self._single_quoted(start))
            elif character == '"' and self._quotes:
                pieces.append(self._double_quoted(start, keep_escapes))
            elif character == "$":
                pieces.append(self._dollar(start))
            elif character == self._escape:
                protected = self._next()
                kept = character + protected if keep_escapes else protected
                pieces.append(Quoted(self._since(start), (Text(kept),)))
            else:
                pieces.append(Text(character))
        if stop:
            raise self._fault(f"a {stop} is missing")
        return tuple(pieces)

    def _single_quoted(self, start: int) -> Quoted:
        end = self._text.find("'", self._at)
        if end < 0:
            raise self._fault("a closing ' is missing")
        self._at = end + 1
        return Quoted(self._since(start), (Text(self._text[start + 1 : end]),))

    def _double_quoted(self, start: int, keep_escapes: bool) -> Quoted:
        pieces: list[Piece] = []
        while self._at < len(self._text):
            begin = self._at
            character = self._next()
            if character == '"':
                return Quoted(self._since(start), tuple(pieces))
            if character == "$":
                pieces.append(self._dollar(begin))
            elif character == self._escape and self._peek() in ('"', "$", self._escape):
                protected = self._next()
                pieces.append(Text(character + protected if keep_escapes else protected))
            else:
                pieces.append(Text(character))
        raise self._fault('a closing " is missing')

    def _dollar(self, start: int) -> Text | Variable:
        if self._peek() != "{":
            name = self._name()
            return Variable(self._since(start), name) if name else Text("$")
        self._next()
        if self._peek() in ("", "{", "}", ":"):
            raise self._fault("a ${ must be followed by a variable's name")
        name = self._name()
        mark = self._next()
        if mark == "}":
            return Variable(self._since(start), name)
        if mark == "/":
            return self._replacing(start, name)
        colon = mark == ":"
        modifier = self._next() if colon else mark
        if modifier == "":
            raise self._fault("a } is missing")
        if modifier not in _MODIFIERS:
            raise self._fault(f"{cite(self._since(start))} is no known substitution")
        operand = self.until("}", keep_escapes=modifier in "#%")
        return Variable(self._since(start), name, modifier, colon, operand=operand)

    def _replacing(self, start: int, name: str) -> Variable:
        every = self._peek() == "/"
        if every:
            self._next()
        pattern = self.until("/", keep_escapes=True)
        replacement = self.until("}", keep_escapes=True)
        raw = self._since(start)
        return Variable(raw, name, "/", every=every, operand=pattern, replacement=replacement)

    def _name(self) -> str:
        start = self._at
        if self._peek().isdecimal():
            while self._peek().isdecimal():
                self._next()
        elif self._peek() and self._peek() in _SPECIAL:
            self._next()
        else:
            while self._peek() == "_" or self._peek().isalpha() or self._peek().isdecimal():
                self._next()
        return self._since(start)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        self._at += len(character)
        return character

    def _since(self, start: int) -> str:
        return self._text[start : self._at]

    def _fault(self, what: str) -> InvalidArgumentError:
        return InvalidArgumentError(f"in {cite(self._text)} {what}")


def _piece_value(piece: Piece, env: Mapping[str, str]) -> str:
    match piece:
        case Text(raw):
            return raw
        case Quoted(pieces=pieces):
            return value(pieces, env)
        case _:
            return _substituted(piece, value(piece.operand, env), env)


def _substituted(variable: Variable, operand: str, env: Mapping[str, str]) -> str:
    held = env.get(variable.name)
    missing = held is None or (variable.colon and held == "")
    content = held or ""
    match variable.modifier:
        case "-":
            return operand if missing else content
        case "+":
            return "" if missing else operand
        case "?":
            if missing:
                why = "is unset" if held is None else "is empty"
                # What stands for a variable is not told: it may be a secret.
                if operand and operand in variable.raw:
                    why = operand
                raise InvalidArgumentError(f"{cite(variable.raw)} fails: {variable.name}: {why}")
            return content
        case "#" | "%":
            return _trimmed(variable.modifier, operand, content)
        case "/":
            return _replaced(operand, value(variable.replacement, env), content, variable.every)
        case _:
            return content


def _trimmed(modifier: str, pattern: str, content: str) -> str:
    greedy = pattern.startswith(modifier)
    regex = _regex(pattern.removeprefix(modifier), greedy)
    if modifier == "#":
        prefix = regex.match(content)
        return content[prefix.end() :] if prefix else content
    starts = range(len(content) + 1)
    for start in starts if greedy else reversed(starts):
        if regex.fullmatch(content, start):
            return content[:start]
    return content


def _replaced(pattern: str, replacement: str, content: str, every: bool) -> str:
    regex = _regex(pattern, greedy=True)
    kept: list[str] = []
    done = 0
    for count, found in enumerate(regex.finditer(content)):
        # Go skips an empty match that touches the one before it; Python does not.
        if count and (not every or found.start() == found.end() == done):
            continue
        kept += (content[done : found.start()], replacement)
        done = found.end()
    return "".join(kept) + content[done:]


def _regex(pattern: str, greedy: bool) -> re.Pattern[str]:
    """The shell pattern `*`, `?` and escapes of them, without brackets, as BuildKit takes it."""
    parts: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            parts.append(".*" if greedy else ".*?")
        elif character == "?":
            parts.append(".")
        elif character == "\\":
            escaped = next(characters, "")
            if escaped not in ("*", "?", "\\", "}", "/"):
                raise InvalidArgumentError(
                    f"in the pattern {cite(pattern)} a backslash may only stand before * ? \\ }} /"
                )
            parts.append(re.escape(escaped))
        else:
            parts.append(re.escape(character))
    return re.compile("".join(parts))
