"""Our reading of a Dockerfile against BuildKit's own parser, as the `dockerfile` package has it.

That parser is BuildKit 0.12: it does not know `# check=`, `<< WORD`, nor `${V#p}` and its kin with
a heredoc, which therefore stand in no input here. It checks no operands, so what it takes may still
be refused by `parse`. It shows neither the flags nor the heredocs of a trigger.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import dockerfile
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from livepush.dockerfile import parse
from livepush.errors import DockerfileParseError
from livepush.flags import split_flags
from livepush.lexer import lex
from livepush.live import Dockerfile
from livepush.model import Flag, Instruction
from livepush.words import SPACES, assignments, json_form, split, split_quoted
from tests.dockerfiles import CORPUS, REFUSED, dockerfiles

# Written in Latin-1, which the package's Python side cannot hand over.
FOREIGN = {"latin-1", "not-utf-8"}
LEGIBLE = [path for path in CORPUS if path.stem not in FOREIGN]

OPERANDS = [
    "x", "a=b", "A", "B='x y'", 'C="x \\" y"', "D=d\\ e", "$A", "${A:-b}", "$(cat", ")", "#c",
    "\\\\", "'a b'", '"a b"', '["a"]', '["a", "b"]', "['a']", "[]", "[", "<<EOF", "<<-EOF",
    "<<'E F'", '<<"EOF"', "<<<EOF", "3<<EOF", "<<\\EOF", "<<", "a<<EOF", "--x=1", "--link", "--",
    "-y", "--chown=1:2", '--mount="a b"', "AS", "CMD", "NONE", "RUN", "COPY",
    "\x0b", "\x1c", "\u00a0", "é",
]  # fmt: skip
KEYWORDS = [
    "FROM", "RUN", "run", "COPY", "ADD", "ENV", "LABEL", "ARG", "CMD", "ENTRYPOINT", "SHELL",
    "ONBUILD RUN", "ONBUILD COPY", "HEALTHCHECK", "WORKDIR", "USER", "EXPOSE", "VOLUME",
]  # fmt: skip
BREAKS = [
    "\n",
    "\n",
    "\nEOF\n",
    "\n\tEOF\nE F\n",
    "\r\n",
    "\n # c\n",
    " \\\n ",
    " \\ \n\n#c\n",
    "\\\n",
]
PIECES = [
    *OPERANDS, *BREAKS, *[f"\n{each} " for each in KEYWORDS], " ", "\t", "\\", "`\n", "'", '"', "}",
    "${}", "\nRUN <<EOF x\n", "\nCOPY <<EOF <<-A y\n", "\n\tA\n", "# escape=`\n", "# escape= \n",
    "# syntax=x\n", "[1]",
]  # fmt: skip

texts = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)
instructions = st.builds(
    lambda keyword, operands, end: f"{keyword} {' '.join(operands)}{end}",
    st.sampled_from(KEYWORDS),
    st.lists(st.sampled_from(OPERANDS), min_size=1, max_size=4),
    st.sampled_from(BREAKS),
)


@cache
def told(text: str) -> tuple[dockerfile.Command, ...]:
    return tuple(dockerfile.parse_string(text))


def flag_text(flag: Flag) -> str:
    return f"--{flag.name}" if flag.value is None else f"--{flag.name}={flag.value}"


def value_of(keyword: str, operands: str, escape: str) -> tuple[str, ...]:
    """The operands as BuildKit's syntax tree holds them."""
    match keyword:
        case "ADD" | "COPY" | "VOLUME":
            array = json_form(operands)
            return tuple(split(operands)) if array is None else array
        case "FROM" | "EXPOSE":
            return tuple(split(operands))
        case "ENV" | "LABEL":
            return tuple(word for pair in assignments(operands, escape) for word in pair)
        case "ARG":
            return tuple(split_quoted(operands, escape))
        case "HEALTHCHECK":
            kind = split(operands)[0]
            return (kind.upper(), *value_of("CMD", operands[len(kind) :].strip(SPACES), escape))
        case "CMD" | "ENTRYPOINT" | "RUN" | "SHELL":
            array = json_form(operands)
            return ((operands,) if operands else ()) if array is None else array
        case _:
            return (operands,) if operands else ()


def as_tree(instruction: Instruction, escape: str) -> tuple[object, ...]:
    """What the package shows of `instruction`."""
    span = (instruction.line, instruction.end_line)
    if instruction.keyword == "ONBUILD":
        trigger = split(instruction.operands)[0]
        _, operands = split_flags(instruction.operands[len(trigger) :])
        value = value_of(trigger.upper(), operands, escape)
        return ("ONBUILD", trigger.upper(), *span, (), value, ())
    return (
        instruction.keyword,
        None,
        *span,
        tuple(flag_text(flag) for flag in instruction.flags),
        value_of(instruction.keyword, instruction.operands, escape),
        tuple((each.name, stripped(each.body, instruction.text)) for each in instruction.heredocs),
    )


def as_told(command: dockerfile.Command) -> tuple[object, ...]:
    value = command.value
    if command.cmd.upper() == "HEALTHCHECK":
        value = (value[0].upper(), *value[1:])
    return (
        command.cmd.upper(),
        command.sub_cmd and command.sub_cmd.upper(),
        command.start_line,
        command.end_line,
        command.flags,
        value,
        tuple((each.name, stripped(each.content, command.original)) for each in command.heredocs),
    )


def stripped(body: str, text: str) -> str:
    """`body` without tabs where any heredoc of `text` loses them: BuildKit strips later."""
    return re.sub("(?m)^\t+", "", body) if "<<-" in text else body


def without_lines(tree: tuple[object, ...]) -> tuple[object, ...]:
    return tree[:2] + tree[4:]


def check_live(made: Dockerfile, escape: str) -> None:
    ours = [without_lines(as_tree(each, escape)) for each in made.live.instructions]
    theirs = map(as_told, told(made.generate_live_dockerfile()))
    assert ours == [without_lines(each) for each in theirs]


@pytest.mark.parametrize("path", LEGIBLE, ids=lambda path: path.stem)
def test_the_corpus_is_read_as_buildkit_reads_it(path: Path) -> None:
    text = path.read_bytes().decode()
    source = parse(text)
    ours = [as_tree(each, source.escape) for each in source.instructions]
    assert ours == [as_told(each) for each in told(text)]


@pytest.mark.parametrize("path", LEGIBLE, ids=lambda path: path.stem)
def test_the_live_dockerfile_says_to_buildkit_what_it_says_to_us(path: Path) -> None:
    text = path.read_bytes().decode()
    check_live(Dockerfile(text), parse(text).escape)


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_what_buildkit_refuses_is_refused(path: Path) -> None:
    text = path.read_bytes().decode()
    with pytest.raises(dockerfile.GoParseError):
        told(text)
    with pytest.raises(DockerfileParseError):
        parse(text)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(dockerfiles())
def test_generated_dockerfiles_are_read_as_buildkit_reads_them(text: str) -> None:
    try:
        source = parse(text)
        made = Dockerfile(text)
    except DockerfileParseError:
        return
    ours = [as_tree(each, source.escape) for each in source.instructions]
    assert ours == [as_told(each) for each in told(text)]
    check_live(made, source.escape)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(texts)
def test_any_text_has_the_lines_and_heredocs_that_buildkit_finds(rest: str) -> None:
    text = f"FROM a\n{rest}"
    try:
        commands = told(text)
    except dockerfile.GoParseError:
        with pytest.raises(DockerfileParseError):
            parse(text)
        return
    except UnicodeDecodeError:
        # BuildKit cuts a flag into bytes, and the package cannot hand these over.
        assume(False)
    theirs = [(each.start_line, each.end_line, (each.cmd or "").upper()) for each in commands]
    lines = lex(text).logical
    assert [(each.line, each.end_line, keyword(each.text)) for each in lines] == theirs
    shown = [[doc.name for doc in each.heredocs] for each in commands if each.cmd != "ONBUILD"]
    found = [[doc.name for doc in each.heredocs] for each in lines]
    assert [
        names for names, each in zip(found, commands, strict=True) if each.cmd != "ONBUILD"
    ] == shown


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(instructions, max_size=3).map("".join))
def test_what_we_accept_is_what_buildkit_reads(rest: str) -> None:
    text = f"FROM a\n{rest}"
    try:
        source = parse(text)
    except DockerfileParseError:
        return
    ours = [as_tree(each, source.escape) for each in source.instructions]
    assert ours == [as_told(each) for each in told(text)]


def keyword(text: str) -> str:
    return next(iter(split(text)), "").upper()
