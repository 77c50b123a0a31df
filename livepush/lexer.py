"""Physical lines of a Dockerfile to logical ones, by BuildKit's rules.

A line that ends in one escape character, blanks after it allowed, goes on in the next; a doubled
one does not. Comment lines and blank lines inside such a run vanish. `# syntax=`, `# escape=` and
`# check=` count only above everything else: a blank line, any other comment or an instruction ends
their block. The lines after `RUN`, `COPY` or `ADD` with a `<<WORD` are its text up to `WORD`, and
nothing in them is looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from livepush.citation import cite
from livepush.errors import DockerfileParseError, InvalidArgumentError
from livepush.flags import split_flags
from livepush.heredoc import Delimiter, delimiters
from livepush.model import Heredoc
from livepush.words import SPACES, json_form

_LONGEST_LINE = 65_535
# What no UTF-8 has, and no byte that is not UTF-8 stands for, such as in a str that JSON wrote.
_STRAY = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_PARSER_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*\Z", re.ASCII)
_PARSER_DIRECTIVES = ("syntax", "escape", "check")
_TAKES_HEREDOCS = re.compile(
    r"(?:ONBUILD[\t\v\f\r ]+)?(?:RUN|COPY|ADD)[\t\v\f\r ]+(.*)", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment line: `text` is the whole line, `line` its number from 1."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """One instruction's `text`, continuations joined, its heredocs, and the lines it spans."""

    text: str
    line: int
    end_line: int
    heredocs: tuple[Heredoc, ...]


@dataclass(frozen=True, slots=True)
class Lexed:
    """A Dockerfile in lines.

    `lines` are the physical ones, without byte order mark and carriage returns, except in heredoc
    bodies, where these are content. `comments` stand between instructions; `buried` are lines that
    look like comments inside a continued instruction or a heredoc body.
    """

    escape: str
    lines: tuple[str, ...]
    logical: tuple[LogicalLine, ...]
    comments: tuple[Comment, ...]
    buried: tuple[Comment, ...]


def lex(text: str | bytes, *, escape: str = "") -> Lexed:
    """Reads a Dockerfile; bytes are UTF-8, other bytes survive as surrogate escapes.

    With `escape` the escape character is that one, and parser directives are plain comments.
    Raises DockerfileParseError for a wrong or repeated parser directive, an unterminated heredoc,
    and a line of more than 65,535 bytes.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    raw = _STRAY.sub("\ufffd", text).removeprefix("\ufeff").split("\n")
    if raw[-1] == "":
        raw.pop()
    _check_lengths(raw)
    reader = _Reader(raw, *((escape, 0) if escape else _parser_directives(raw)))
    reader.run()
    return Lexed(
        reader.escape,
        tuple(reader.lines),
        tuple(reader.logical),
        tuple(reader.comments),
        tuple(reader.buried),
    )


def is_comment(line: str) -> bool:
    """Whether a physical line is a comment, if it is not in a heredoc body."""
    return line.lstrip(SPACES).startswith("#")


@dataclass(slots=True)
class _Reader:
    """The walk over the physical lines `raw`; `at` is the index of the next one."""

    raw: list[str]
    escape: str
    at: int
    lines: list[str] = field(init=False)
    logical: list[LogicalLine] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    buried: list[Comment] = field(default_factory=list)

    def run(self) -> None:
        self.lines = [line.rstrip("\r") for line in self.raw]
        while self.at < len(self.lines):
            line = self.lines[self.at].lstrip(SPACES)
            self.at += 1
            if line.startswith("#"):
                self.comments.append(Comment(self.at, self.lines[self.at - 1]))
            elif line:
                self.logical.append(self._instruction(line))

    def _instruction(self, first: str) -> LogicalLine:
        start = self.at
        text = self._joined(first)
        heredocs = [self._heredoc(delimiter, start) for delimiter in _delimiters(text)]
        found = tuple(heredoc for heredoc in heredocs if heredoc)
        return LogicalLine(text.strip(SPACES), start, self.at, found)

    def _joined(self, first: str) -> str:
        token = re.escape(self.escape)
        continuation = re.compile(rf"(?<!{token}){token}[ \t]*\Z")
        text, count = continuation.subn("", first)
        while count and self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            if is_comment(line):
                self.buried.append(Comment(self.at, line))
            elif line.strip(SPACES):
                part, count = continuation.subn("", line)
                text += part
        return text

    def _heredoc(self, delimiter: Delimiter, start: int) -> Heredoc | None:
        end = self._end(delimiter)
        if end is None:
            if delimiter.apart:
                return None
            raise DockerfileParseError(
                f"the heredoc <<{delimiter.name} is not terminated",
                line=start,
                hint=f"End it with a line that is exactly {delimiter.name}.",
            )
        body = range(self.at, end)
        for at in body:
            if is_comment(self.lines[at]):
                self.buried.append(Comment(at + 1, self.lines[at]))
            self.lines[at] = self.raw[at]
        self.at = end + 1
        text = "".join(f"{delimiter.stripped(self.lines[at])}\n" for at in body)
        return Heredoc(delimiter.name, text, delimiter.expand)

    def _end(self, delimiter: Delimiter) -> int | None:
        """The index of the line that ends the heredoc whose body begins at the next line."""
        for at in range(self.at, len(self.lines)):
            if delimiter.stripped(self.lines[at]) == delimiter.name:
                return at
        return None


def _delimiters(text: str) -> list[Delimiter]:
    """The heredocs that a joined line asks for. In JSON form there are none."""
    takes = _TAKES_HEREDOCS.fullmatch(text.strip(SPACES)) if "<<" in text else None
    if takes is None or _is_json(split_flags(takes[1])[1]):
        return []
    return delimiters(text)


def _is_json(operands: str) -> bool:
    try:
        return json_form(operands) is not None
    except InvalidArgumentError:
        return True


def _parser_directives(raw: list[str]) -> tuple[str, int]:
    """The escape character, and the index of the first line after the parser directives."""
    escape = "\\"
    seen: set[str] = set()
    for index, line in enumerate(raw):
        found = _PARSER_DIRECTIVE.match(line.rstrip("\r").lstrip(SPACES))
        if found is None or found[1].lower() not in _PARSER_DIRECTIVES:
            return escape, index
        name = found[1].lower()
        if name in seen:
            raise DockerfileParseError(
                f"the parser directive {name} stands here a second time", line=index + 1
            )
        seen.add(name)
        if name == "escape":
            escape = found[2]
            if escape not in ("\\", "`"):
                raise DockerfileParseError(
                    f"the escape character can be \\ or `, not {cite(escape)}", line=index + 1
                )
    return escape, len(raw)


def _check_lengths(raw: list[str]) -> None:
    for number, line in enumerate(raw, start=1):
        if len(line.encode("utf-8", "replace")) > _LONGEST_LINE:
            raise DockerfileParseError(
                f"the line is longer than {_LONGEST_LINE} bytes: {cite(line)}", line=number
            )
