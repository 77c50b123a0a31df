"""A Dockerfile's text as instructions, by BuildKit's rules.

The lexer makes one plain line of every instruction; dockerfile-parse, which reads such lines
right, parts keyword and value; flags and the grammar of each instruction follow. Nothing is
expanded here, and no file is opened.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dockerfile_parse import DockerfileParser

from livepush.errors import DockerfileParseError, InvalidArgumentError
from livepush.flags import split_flags
from livepush.grammar import check, check_keyword
from livepush.lexer import Comment, LogicalLine, lex
from livepush.model import Instruction
from livepush.words import SPACES, split

# Keeps the package from taking a trailing escape character for a continuation.
_GUARD = " ."
# Blanks for Python's regular expressions, and so for the package, but not between Docker's words.
_NO_BLANKS = str.maketrans(dict.fromkeys({*SPACES, *"\x1c\x1d\x1e\x1f"} - {*"\t\n\v\f\r "}, "?"))


@dataclass(frozen=True, slots=True)
class Source:
    """A Dockerfile as it was written.

    `escape` is its escape character. `lines` are the physical lines, without byte order mark and
    carriage returns (heredoc bodies keep theirs: they are content). `comments` are the comment
    lines between instructions, without the parser directives; `buried` are lines that look like
    comments inside a continued instruction or a heredoc body.
    """

    escape: str
    lines: tuple[str, ...]
    instructions: tuple[Instruction, ...]
    comments: tuple[Comment, ...]
    buried: tuple[Comment, ...]


def parse(text: str | bytes) -> Source:
    """Reads a whole Dockerfile; bytes are UTF-8, other bytes survive as surrogate escapes.

    Raises DockerfileParseError, with the line, for what every builder refuses.
    """
    lexed = lex(text)
    instructions = tuple(_instructions(lexed.logical, lexed.escape))
    _check_order(instructions)
    return Source(lexed.escape, lexed.lines, instructions, lexed.comments, lexed.buried)


def parse_instruction(
    text: str, *, line: int, escape: str = "\\", directive: str = ""
) -> Instruction:
    """Reads one instruction that stands outside a Dockerfile, such as an `ONBUILD` trigger.

    `text` may have heredoc bodies on lines of their own. The instruction and every error get the
    number `line`. Raises DockerfileParseError.
    """
    try:
        lexed = lex(text, escape=escape)
    except DockerfileParseError as error:
        raise DockerfileParseError(error.message, line=line, hint=error.hint) from None
    logical = [LogicalLine(each.text, line, line, each.heredocs) for each in lexed.logical]
    if len(logical) != 1:
        raise DockerfileParseError(f"one instruction is needed, not {len(logical)}", line=line)
    return next(_instructions(logical, escape, directive))


def _instructions(
    lines: Sequence[LogicalLine], escape: str, directive: str = ""
) -> Iterator[Instruction]:
    for line, (keyword, value) in zip(lines, _parted(lines), strict=True):
        flags, operands = split_flags(value)
        text = value.strip(SPACES)
        instruction = Instruction(
            keyword, text, operands, flags, line.heredocs, line.line, line.end_line, directive
        )
        try:
            check(instruction, escape)
        except InvalidArgumentError as error:
            raise DockerfileParseError(error.message, line=line.line, hint=error.hint) from None
        yield instruction


def _parted(lines: Sequence[LogicalLine]) -> list[tuple[str, str]]:
    """Keyword, upper case, and value of every line.

    The package is shown only lines whose first word is a known keyword, ends in a plain blank,
    and which do not end in an escape character. Question marks stand for what it would stumble
    over: bytes that are not UTF-8, and other blanks. Its value tells where the true one begins.
    """
    shown: list[str] = []
    for line in lines:
        try:
            check_keyword(next(iter(split(line.text)), ""))
        except InvalidArgumentError as error:
            raise DockerfileParseError(error.message, line=line.line, hint=error.hint) from None
        shown.append(f"{line.text}{_GUARD}\n")
    legible = "".join(shown).translate(_NO_BLANKS).encode("utf-8", "replace")
    structure = DockerfileParser(fileobj=io.BytesIO(legible)).structure
    return [
        (entry["instruction"], _tail(line.text + _GUARD, len(entry["value"])))
        for line, entry in zip(lines, structure, strict=True)
    ]


def _tail(guarded: str, length: int) -> str:
    return guarded[len(guarded) - length : -1]


def _check_order(instructions: tuple[Instruction, ...]) -> None:
    for instruction in instructions:
        if instruction.keyword == "FROM":
            return
        if instruction.keyword != "ARG":
            raise DockerfileParseError(
                f"{instruction.keyword} stands before the first FROM; only ARG may",
                line=instruction.line,
            )
    raise DockerfileParseError(
        "there is no FROM in the Dockerfile",
        line=max((instruction.end_line for instruction in instructions), default=1),
        hint="Begin it with the base image: FROM IMAGE.",
    )
