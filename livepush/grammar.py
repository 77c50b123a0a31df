"""What each instruction takes: the rules that every builder checks before it builds anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches

from livepush.citation import cite
from livepush.errors import InvalidArgumentError
from livepush.flags import check_flags, split_flags
from livepush.heredoc import delimiter
from livepush.model import Instruction
from livepush.words import SPACES, assignments, json_form, split, split_quoted

_IN_JSON = ("ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9\-_.]*", re.ASCII)


def check(instruction: Instruction, escape: str) -> None:
    """Raises InvalidArgumentError where every builder refuses `instruction` by itself."""
    disabled = instruction.keyword == "HEALTHCHECK" and instruction.operands.upper() == "NONE"
    if not disabled:
        check_flags(instruction.keyword, instruction.flags)
    _RULES[instruction.keyword](instruction.keyword, instruction.operands, escape)


def check_keyword(word: str) -> None:
    """Raises InvalidArgumentError where `word`, in any case, is no instruction."""
    if word.upper() in _RULES and word.isascii():
        return
    near = get_close_matches(word.upper(), _RULES, n=1)
    raise InvalidArgumentError(
        f"unknown instruction {cite(word)}",
        hint=f"Did you mean {near[0]}?" if near else "",
    )


def _command(_keyword: str, operands: str, _escape: str) -> None:
    json_form(operands)


def _run(keyword: str, operands: str, _escape: str) -> None:
    if json_form(operands) == ():
        raise InvalidArgumentError(f"{keyword} [] names no command")


def _shell(keyword: str, operands: str, _escape: str) -> None:
    if not json_form(operands):
        raise InvalidArgumentError(
            f"{keyword} takes a JSON array of words, not {cite(operands)}",
            hint='Write it as SHELL ["/bin/sh", "-c"].',
        )


def _copy(keyword: str, operands: str, _escape: str) -> None:
    words = _listed(operands)
    if len(words) < 2:
        raise InvalidArgumentError(
            f"{keyword} needs a source and a destination, and has {cite(operands)}"
        )
    if delimiter(words[-1]):
        raise InvalidArgumentError(f"{keyword} cannot have the heredoc {words[-1]} as destination")


def _some(keyword: str, operands: str, _escape: str) -> None:
    if not operands:
        raise InvalidArgumentError(f"{keyword} needs something after it")


def _volume(keyword: str, operands: str, _escape: str) -> None:
    paths = _listed(operands)
    if not paths or not all(path.strip(SPACES) for path in paths):
        raise InvalidArgumentError(f"{keyword} needs paths after it, and has {cite(operands)}")


def _pairs(keyword: str, operands: str, escape: str) -> None:
    if not assignments(operands, escape):
        raise InvalidArgumentError(f"{keyword} needs NAME=value after it")


def _arg(keyword: str, operands: str, escape: str) -> None:
    words = split_quoted(operands, escape)
    if not words:
        raise InvalidArgumentError(f"{keyword} needs the name of an argument after it")
    for word in words:
        if word.startswith("="):
            raise InvalidArgumentError(f"{cite(word)} has no name before its =")


def _from(keyword: str, operands: str, _escape: str) -> None:
    words = split(operands)
    named = len(words) == 3 and words[1].lower() == "as"
    if len(words) != 1 and not named:
        raise InvalidArgumentError(
            f"{keyword} takes IMAGE or IMAGE AS NAME, not {cite(operands)}",
            hint="A comment needs a line of its own." if "#" in operands else "",
        )
    if named and not _STAGE_NAME.fullmatch(words[2].lower()):
        raise InvalidArgumentError(
            f"{cite(words[2])} cannot name a stage",
            hint="A stage's name begins with a letter; letters, digits and - _ . follow.",
        )


def _healthcheck(keyword: str, operands: str, _escape: str) -> None:
    kind, *rest = split(operands) or [""]
    if kind.upper() == "NONE" and not rest:
        return
    if kind.upper() != "CMD" or not rest:
        raise InvalidArgumentError(f"{keyword} takes NONE or CMD COMMAND, not {cite(operands)}")
    if json_form(operands[len(kind) :]) == ():
        raise InvalidArgumentError(f"{keyword} CMD [] names no command")


def _onbuild(keyword: str, operands: str, escape: str) -> None:
    """The trigger's own grammar waits until it runs; its words must be readable now."""
    _some(keyword, operands, escape)
    trigger = split(operands)[0]
    if trigger.upper() in ("ONBUILD", "FROM", "MAINTAINER"):
        raise InvalidArgumentError(f"{keyword} cannot hold {trigger.upper()}")
    _, words = split_flags(operands[len(trigger) :])
    if trigger.upper() in ("ENV", "LABEL"):
        assignments(words, escape)
    elif trigger.upper() in _IN_JSON:
        json_form(words)


def _listed(operands: str) -> tuple[str, ...] | list[str]:
    array = json_form(operands)
    return split(operands) if array is None else array


_RULES: Mapping[str, Callable[[str, str, str], None]] = {
    "ADD": _copy,
    "ARG": _arg,
    "CMD": _command,
    "COPY": _copy,
    "ENTRYPOINT": _command,
    "ENV": _pairs,
    "EXPOSE": _some,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _pairs,
    "MAINTAINER": _some,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _some,
    "USER": _some,
    "VOLUME": _volume,
    "WORKDIR": _some,
}
