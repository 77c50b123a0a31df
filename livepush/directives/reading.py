"""Finds the directives among the comments of a Dockerfile.

A directive is a comment line of its own, below the first `FROM`: `#dev-NAME=value`, any number of
`#`, blanks allowed around name and value, the name in any case. All after the first `=` is value.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module

from livepush import directives
from livepush.citation import cite
from livepush.directives.directive import Directive
from livepush.dockerfile import Source, parse_instruction
from livepush.errors import DockerfileParseError
from livepush.lexer import Comment
from livepush.model import Instruction

_DIRECTIVE = re.compile(r"\s*#+\s*(dev-[^\s=]*)\s*=(.*)", re.IGNORECASE | re.DOTALL)
_WITHOUT_EQUALS = re.compile(r"\s*#+\s*(dev-[\w-]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Warning_:  # noqa: N801 - `Warning` is the builtin
    """Something in the Dockerfile that is allowed, and is probably not meant."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The instructions that directives write, at most one of them `live`, and what looks odd."""

    written: tuple[Instruction, ...]
    live: Instruction | None
    warnings: tuple[Warning_, ...]


def read(source: Source) -> Reading:
    """Every directive of `source` as the instruction it stands for.

    Raises DockerfileParseError for a directive before the first `FROM`, without a value, with a
    value that ends in the escape character or that its instruction does not take, and for a second
    live command.
    """
    written = tuple(
        _written(found[1].lower(), found[2].strip(), comment, source)
        for comment in source.comments
        if (found := _DIRECTIVE.fullmatch(comment.text)) and found[1].lower() in _KNOWN
    )
    live = [each for each in written if _KNOWN[each.directive].is_live_command]
    if len(live) > 1:
        raise DockerfileParseError(
            f"lines {live[0].line} and {live[1].line} both set a live command; only one may",
            line=live[1].line,
        )
    warnings = [_suspicion(comment) for comment in source.comments]
    warnings += [_burial(comment, source) for comment in source.buried]
    return Reading(written, live[0] if live else None, tuple(each for each in warnings if each))


def _written(name: str, value: str, comment: Comment, source: Source) -> Instruction:
    first = next(each.line for each in source.instructions if each.keyword == "FROM")
    fault = ""
    if comment.line < first:
        fault = f"stands before the first FROM, on line {first}"
    elif not value:
        fault = "has no value"
    elif value.endswith(source.escape):
        fault = f"ends with the escape character {source.escape}; a directive is one line"
    if fault:
        raise DockerfileParseError(f"the directive {cite(comment.text)} {fault}", line=comment.line)
    return parse_instruction(
        f"{_KNOWN[name].keyword} {value}", line=comment.line, escape=source.escape, directive=name
    )


def _suspicion(comment: Comment) -> Warning_ | None:
    named = _DIRECTIVE.fullmatch(comment.text)
    if named and named[1].lower() not in _KNOWN:
        near = get_close_matches(named[1].lower(), _KNOWN, n=1, cutoff=0.4)
        meant = near[0] if near else ", ".join(_KNOWN)
        return Warning_(comment.line, f"#{named[1]} is no directive; did you mean {meant}?")
    bare = _WITHOUT_EQUALS.match(comment.text)
    if not named and bare and bare[1].lower() in _KNOWN:
        return Warning_(comment.line, f"#{bare[1]} has no effect without = and a value")
    return None


def _burial(comment: Comment, source: Source) -> Warning_ | None:
    named = _DIRECTIVE.fullmatch(comment.text)
    if named is None or named[1].lower() not in _KNOWN:
        return None
    around = next(each for each in source.instructions if each.end_line >= comment.line)
    return Warning_(
        comment.line,
        f"#{named[1]} has no effect inside the {around.keyword} of line {around.line}",
    )


def _directives() -> Mapping[str, Directive]:
    return {
        module.name.replace("_", "-"): import_module(
            f"{directives.__name__}.{module.name}"
        ).DIRECTIVE
        for module in pkgutil.iter_modules(directives.__path__)
        if module.name.startswith("dev_")
    }


_KNOWN = _directives()
