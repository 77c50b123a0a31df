"""`COPY`: files of the build context, of another stage or of an image, and inline ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from livepush.errors import DockerfileParseError
from livepush.heredoc import delimiter
from livepush.ignore import Ignore
from livepush.model import Copy, Fixed, Heredoc, Instruction, Scope
from livepush.pattern import compile_component, has_wildcard, literal_part
from livepush.stages.path import absolute, is_directory_form
from livepush.stages.reference import origin
from livepush.tree import clean
from livepush.words import expand, expand_body, json_form, split

_OCTAL = re.compile(r"[0-7]+")
_MODE_BITS, _MOST = 0o7777, 2**32 - 1
_SPECIAL = 0o7000  # setuid, setgid and sticky
_PIVOT = "/./"


@dataclass(frozen=True, slots=True)
class Operands:
    """The words of a `COPY` or `ADD`, expanded: what is copied but for heredocs, and where to."""

    sources: tuple[str, ...]
    dest: str


def apply(instruction: Instruction, scope: Scope) -> tuple[Scope, Copy]:
    return scope, step_of(instruction, scope, operands(instruction, scope))


def refused(instruction: Instruction, scope: Scope, sources: tuple[str, ...], reason: str) -> Fixed:
    """The step as one that only a build can take, reached through what its sources may match."""
    stage = origin(instruction.flag("from"), scope)
    found = (literal_part(clean(source)) for source in sources)
    local = tuple(dict.fromkeys(found)) if stage is None else ()
    return Fixed(
        instruction.line,
        str(instruction),
        reason,
        sources=local,
        origins=(stage,) if isinstance(stage, int) else (),
    )


def operands(instruction: Instruction, scope: Scope) -> Operands:
    """The operands of a `COPY` or `ADD`. Raises `DockerfileParseError` for fewer than two."""
    words = json_form(instruction.operands) or split(instruction.operands)
    if len(words) < 2:
        raise DockerfileParseError(
            f"{instruction.keyword} takes a source and a destination, not {instruction.text!r}",
            line=instruction.line,
            hint=f"Write it as {instruction.keyword} SOURCE… DESTINATION.",
        )
    names = {heredoc.name for heredoc in instruction.heredocs}
    sources = (word for word in words[:-1] if _heredoc_name(word) not in names)
    return Operands(
        tuple(expand(source, scope.env, scope.escape) for source in sources),
        expand(words[-1], scope.env, scope.escape),
    )


def step_of(instruction: Instruction, scope: Scope, words: Operands) -> Copy:
    """The step that a `COPY`, or an `ADD` of local files, with these operands is.

    Raises `InvalidArgumentError` for what no builder takes.
    """
    sources, parents = list(words.sources), list[str]()
    if _is_on(instruction, "parents"):
        sources, parents = _below_pivots(sources)
    exclude = tuple(f.value or "" for f in instruction.flags if f.name == "exclude")
    # Who wrote a wrong pattern is told now, and not when the step's turn comes.
    Ignore.of((*exclude, *parents))
    if scope.buildkit == "new":
        for part in filter(has_wildcard, "/".join(sources).split("/")):
            compile_component(part)
    mode, keeps = _mode(instruction.flag("chmod") or ""), _SPECIAL if scope.buildkit == "old" else 0
    return Copy(
        line=instruction.line,
        text=str(instruction),
        sources=tuple(map(clean, sources)),
        dest=absolute(scope.workdir, words.dest),
        dest_is_dir=is_directory_form(words.dest),
        origin=origin(instruction.flag("from"), scope),
        chown=expand(instruction.flag("chown") or "", scope.env, scope.escape),
        chmod=mode & ~keeps if mode is not None else None,
        chmod_keeps=keeps,
        is_add=instruction.keyword == "ADD",
        inline=tuple((h.name, _content(h, scope)) for h in instruction.heredocs),
        parents=tuple(parents),
        exclude=exclude,
        # The engine's own builder wants a slash to be written, also behind a dot.
        only_one=scope.legacy and not words.dest.endswith("/"),
        legacy=scope.legacy,
    )


def _below_pivots(sources: Iterable[str]) -> tuple[list[str], list[str]]:
    """The directories that `--parents` starts from, and the patterns of what it takes there."""
    parts = [source.partition(_PIVOT) for source in sources]
    return (
        [start if pivot else "" for start, pivot, _ in parts],
        [clean(rest if pivot else start) for start, pivot, rest in parts],
    )


def _is_on(instruction: Instruction, switch: str) -> bool:
    value = instruction.flag(switch)
    return value is not None and value.lower() != "false"


def _mode(chmod: str) -> int | None:
    # Both builders ignore what is not octal, or too long, without a word.
    mode = int(chmod, 8) if _OCTAL.fullmatch(chmod) else None
    return mode & _MODE_BITS if mode is not None and mode <= _MOST else None


def _content(heredoc: Heredoc, scope: Scope) -> bytes:
    text = expand_body(heredoc.body, scope.env) if heredoc.expand else heredoc.body
    return text.encode(errors="surrogateescape")


def _heredoc_name(word: str) -> str | None:
    found = delimiter(word)
    return found.name if found else None
