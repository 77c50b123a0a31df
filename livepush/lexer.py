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
from livepush.model import Heredoc
from livepush.substitution import read, unquoted
from livepush.words import SPACES, json_form, split_shell

_LONGEST_LINE = 65_535
_PARSER_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*\Z", re.ASCII)
_PARSER_DIRECTIVES = ("syntax", "escape", "check")
_HEREDOC = re.compile(r"\d*<<(-?)([^<]+)", re.ASCII)
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
    decoded = text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text
    raw = decoded.removeprefix("\ufeff").split("\n")
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


@dataclass(frozen=True, slots=True)
class _Delimiter:
    """`<<WORD` in a line: where its body ends, and how the body is to be taken."""

    name: str
    strips_tabs: bool
    expand: bool


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
        delimiters = _delimiters(text)
        heredocs = tuple(self._heredoc(delimiter, start) for delimiter in delimiters)
        return LogicalLine(text.strip(SPACES), start, self.at, heredocs)

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

    def _heredoc(self, delimiter: _Delimiter, start: int) -> Heredoc:
        body: list[str] = []
        for index in range(self.at, len(self.raw)):
            line = self.lines[index]
            self.at = index + 1
            if (line.lstrip("\t") if delimiter.strips_tabs else line) == delimiter.name:
                text = "".join(f"{part}\n" for part in body)
                return Heredoc(delimiter.name, text, delimiter.expand)
            if is_comment(line):
                self.buried.append(Comment(self.at, line))
            self.lines[index] = self.raw[index]
            body.append(self.raw[index].lstrip("\t") if delimiter.strips_tabs else self.raw[index])
        raise DockerfileParseError(
            f"the heredoc <<{delimiter.name} is not terminated",
            line=start,
            hint=f"End it with a line that is exactly {delimiter.name}.",
        )


def _delimiters(text: str) -> list[_Delimiter]:
    """The heredocs that a joined line asks for. In JSON form there are none."""
    takes = _TAKES_HEREDOCS.fullmatch(text.strip(SPACES)) if "<<" in text else None
    if takes is None or _is_json(split_flags(takes[1])[1]):
        return []
    found = [_HEREDOC.fullmatch(word) for word in split_shell(text)]
    delimiters = [_delimiter(match[1], match[2]) for match in found if match]
    return [delimiter for delimiter in delimiters if delimiter.name]


def _delimiter(dash: str, word: str) -> _Delimiter:
    name = unquoted(read(word, "\\"))
    return _Delimiter(name, strips_tabs=bool(dash), expand=name == word)


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
