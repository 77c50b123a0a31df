"""A shell's script -> the simple commands in it, in the order of the text. Pure.

Nothing is carried out: of what a variable holds, only what the script itself has assigned is
known, and a `$(…)` stays as it is written. A script that cannot be read has no commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from livepush.repetition.tokens import Lexer, Redirection, Token, UnreadableError, Word

_DEEPEST = 50  # compound commands in one another
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.ASCII | re.DOTALL)
_DECLARING = frozenset(("export", "readonly", "local", "declare", "typeset"))
_ASKING = frozenset(("[", "[[", "test", "grep", "command", "which", "type", "id", "getent"))
_SEPARATORS = frozenset((";", "&", "\n"))
_CLOSING = {"if": "fi", "while": "done", "until": "done", "for": "done", "select": "done"} | {
    "case": "esac",
    "{": "}",
    "(": ")",
}


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command, without the variables that are set for it alone.

    It is `guarded` where something else is asked first (`[ -e x ] ||`, `if`), and `forgiven` where
    it may fail without failing the script. `shell` numbers the subshells that it runs in.
    """

    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...] = ()
    guarded: bool = False
    forgiven: bool = False
    shell: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return self.words[0].value if self.words else ""


def commands(text: str, *, errexit: bool = False) -> tuple[Command, ...]:
    """The commands of `text`; with `errexit` the shell was started with `-e`."""
    try:
        pieces = _Reader(Lexer(text)).pieces()
    except UnreadableError:
        return ()
    return tuple(_with_forgiveness(pieces, errexit=errexit))[::-1]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A command, or `||` or `;` between two, and how many compound commands it stands in."""

    what: Command | str
    depth: int


def _with_forgiveness(pieces: Sequence[_Piece], *, errexit: bool) -> Iterator[Command]:
    """The commands from the last to the first: what becomes of a failure is in what follows."""
    ends_at = 0 if errexit else _first_errexit(pieces)
    goes_on = [False]  # by depth, whether the script goes on after a failure here
    following = 0
    for index in range(len(pieces) - 1, -1, -1):
        piece = pieces[index]
        # A compound command that ends here fails like one of the commands around it.
        goes_on[piece.depth + 1 :] = []
        goes_on += goes_on[-1:] * (piece.depth + 1 - len(goes_on))
        if isinstance(piece.what, Command):
            yield replace(piece.what, forgiven=piece.what.forgiven or goes_on[-1])
        elif piece.what == "||":
            goes_on[-1] = True
        elif index >= ends_at:
            goes_on[-1] = False
        elif following >= piece.depth:
            # Of a sequence, only the last command counts.
            goes_on[-1] = True
        following = piece.depth


def _first_errexit(pieces: Sequence[_Piece]) -> int:
    for index, piece in enumerate(pieces):
        if isinstance(piece.what, Command) and _sets_errexit(piece.what):
            return index
    return len(pieces)


def _sets_errexit(command: Command) -> bool:
    options = [word.value for word in command.words[1:]]
    is_short = any(re.fullmatch(r"-[a-z]*e[a-z]*", option) for option in options)
    return command.name == "set" and (is_short or "errexit" in options)


@dataclass(slots=True)
class _Frame:
    """A compound command that is being read, up to its `closing` word.

    It `asks` while its condition is read, and what follows is `guarded`. `tested` is that for what
    follows a question in a list. What stands in its `header` or in a case's `patterns` is no
    command.
    """

    closing: str
    asks: bool = False
    guarded: bool = False
    tested: bool = False
    in_header: bool = False
    in_patterns: bool = False


class _Reader:
    """Reads tokens to their end; reserved words count only where a command may begin."""

    def __init__(self, lexer: Lexer) -> None:
        self._lexer = lexer
        self._frames = [_Frame("")]
        self._shells: list[int] = []
        self._serials = count(1)
        self._pieces: list[_Piece] = []
        self._words: list[Word] = []
        self._redirections: list[Redirection] = []
        self._is_negated = False

    def pieces(self) -> list[_Piece]:
        while (token := self._lexer.next()) is not None:
            frame = self._frames[-1]
            if frame.in_patterns:
                self._pattern(frame, token)
            elif isinstance(token, Redirection):
                self._redirections.append(token)
            elif isinstance(token, str):
                self._operator(frame, token)
            elif frame.in_header:
                self._header(frame, token)
            elif self._words or token.is_quoted or not self._reserved(frame, token.written):
                self._words.append(token)
        self._end_command()
        if len(self._frames) > 1:
            raise UnreadableError
        return self._pieces

    def _reserved(self, frame: _Frame, word: str) -> bool:
        """Whether `word` is part of a compound command, and not a command's name."""
        if word in _CLOSING:
            frame = self._open(_CLOSING[word])
            frame.asks = word in ("if", "while", "until")
            frame.in_header = word in ("for", "select", "case")
        elif word in ("then", "else", "elif", "do"):
            frame.asks = word == "elif"
            frame.guarded = frame.closing == "fi"
        elif word == "!":
            self._is_negated = True
        elif word == frame.closing:
            self._close()
        else:
            return word == "time"
        return True

    def _operator(self, frame: _Frame, operator: str) -> None:
        if operator == "(" and self._words:
            # The name of a function, whose body is read like any other command.
            if len(self._words) > 1 or self._lexer.next() != ")":
                raise UnreadableError
            self._words.clear()
            return
        self._end_command()
        if operator == "(":
            self._open(")")
            self._shells.append(next(self._serials))
        elif operator == ")":
            if frame.closing != ")":
                raise UnreadableError
            self._close()
            self._shells.pop()
        elif operator in _SEPARATORS:
            frame.tested = frame.in_header = self._is_negated = False
            self._add(";")
        elif operator == "||":
            frame.tested = True
            self._add("||")
        elif operator == "&&":
            last = self._pieces[-1].what if self._pieces else ""
            frame.tested |= isinstance(last, Command) and last.name in _ASKING
        elif operator.startswith(";"):
            frame.in_patterns = frame.closing == "esac"

    def _header(self, frame: _Frame, token: Word) -> None:
        """`for NAME in WORDS` ends with its line, `case WORD in` with its `in`."""
        self._lexer.variables.pop(token.written, None)
        if frame.closing == "esac" and token.written == "in":
            frame.in_header, frame.in_patterns, frame.guarded = False, True, True

    def _pattern(self, frame: _Frame, read: Token) -> None:
        if not isinstance(read, Word):
            frame.in_patterns = read != ")"
        elif read.written == frame.closing:
            self._close()

    def _open(self, closing: str) -> _Frame:
        if len(self._frames) > _DEEPEST:
            raise UnreadableError
        self._frames.append(_Frame(closing))
        return self._frames[-1]

    def _close(self) -> None:
        self._end_command()
        self._frames.pop()

    def _add(self, what: Command | str) -> None:
        self._pieces.append(_Piece(what, len(self._frames)))

    def _end_command(self) -> None:
        words = self._without_assignments()
        if words or self._redirections:
            command = Command(
                words,
                tuple(self._redirections),
                guarded=any(frame.guarded or frame.tested for frame in self._frames),
                forgiven=self._is_negated or any(frame.asks for frame in self._frames),
                shell=tuple(self._shells),
            )
            self._add(command)
        self._words.clear()
        self._redirections.clear()

    def _without_assignments(self) -> tuple[Word, ...]:
        words = [*self._words]
        assigned = []
        while words and _ASSIGNMENT.match(words[0].written):
            assigned.append(words.pop(0))
        if words and words[0].value in _DECLARING:
            assigned = words[1:]
        elif words:
            assigned = []  # for this command alone
        for found in filter(None, (_ASSIGNMENT.match(word.value) for word in assigned)):
            if any(frame.guarded for frame in self._frames):
                self._lexer.variables.pop(found[1], None)
            else:
                self._lexer.variables[found[1]] = found[2]
        return tuple(words)
