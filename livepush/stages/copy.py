"""`COPY`: files of the build context, of another stage or of an image."""

from __future__ import annotations

import re
from dataclasses import dataclass

from livepush.errors import DockerfileParseError
from livepush.model import Copy, Fixed, Heredoc, Instruction, Scope
from livepush.pattern import literal_part
from livepush.stages.path import absolute, is_directory_form
from livepush.stages.reference import origin
from livepush.tree import clean
from livepush.words import expand, json_form, split

_HEREDOC = re.compile(r"<<-?(['\"]?)(\w+)\1")
_OCTAL = re.compile(r"[0-7]{1,4}")
_ONLY_BUILT = {
    "parents": "uses --parents, which is not replayed live",
    "exclude": "uses --exclude, which is not replayed live",
}


@dataclass(frozen=True, slots=True)
class Operands:
    """The words of a `COPY` or `ADD`, expanded: what is copied, and where to."""

    sources: tuple[str, ...]
    dest: str


def apply(instruction: Instruction, scope: Scope) -> tuple[Scope, Copy | Fixed]:
    words = operands(instruction, scope)
    refusal = _refusal(instruction)
    if refusal:
        return scope, refused(instruction, scope, words.sources, refusal)
    return scope, _step(instruction, scope, words)


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
    expanded = [expand(word, scope.env, scope.escape) for word in words]
    return Operands(tuple(expanded[:-1]), expanded[-1])


def _refusal(instruction: Instruction) -> str:
    for flag in instruction.flags:
        if flag.name in _ONLY_BUILT:
            return _ONLY_BUILT[flag.name]
    if any(not _is_literal(heredoc) for heredoc in instruction.heredocs):
        return "expands variables in its text, which only a build can do"
    return ""


def _step(instruction: Instruction, scope: Scope, words: Operands) -> Copy:
    chmod = instruction.flag("chmod") or ""
    names = {h.name: h.body.encode(errors="surrogateescape") for h in instruction.heredocs}
    return Copy(
        line=instruction.line,
        text=str(instruction),
        sources=tuple(clean(s) for s in words.sources if _heredoc_name(s) not in names),
        dest=absolute(scope.workdir, words.dest),
        dest_is_dir=is_directory_form(words.dest),
        origin=origin(instruction.flag("from"), scope),
        chown=expand(instruction.flag("chown") or "", scope.env, scope.escape),
        # Both builders ignore what is not octal, without a word.
        chmod=int(chmod, 8) if _OCTAL.fullmatch(chmod) else None,
        is_add=instruction.keyword == "ADD",
        inline=tuple(names.items()),
        legacy=scope.legacy,
    )


def _heredoc_name(word: str) -> str | None:
    found = _HEREDOC.fullmatch(word)
    return found[2] if found else None


def _is_literal(heredoc: Heredoc) -> bool:
    return not heredoc.expand or not re.search(r"[$\\]", heredoc.body)
