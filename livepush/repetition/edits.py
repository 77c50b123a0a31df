"""Commands that edit files in place."""

from __future__ import annotations

import re
from collections.abc import Iterable

from livepush.repetition.arguments import Arguments, arguments
from livepush.repetition.effects import Call, Effects, Hazard
from livepush.repetition.sed import repeats
from livepush.repetition.tokens import Word

_BACKUP = re.compile(r"(-[a-zA-Z]*?i)\S*")  # what follows an `-i` is the name of a backup
_GROUP = re.compile(r"\$(\d)")


def sed(call: Call) -> Effects:
    words = [_without_backup(word) for word in call.words]
    given = arguments(words, ("e", "expression", "f", "file", "l", "line-length"))
    if not given.has("i", "in-place") or given.has("f", "file"):
        return Effects()
    script, files = _program(given, "e", "expression")
    again = repeats(script, extended=given.has("E", "r", "regexp-extended"), quiet=given.has("n"))
    return _editing(call, files) if again else Effects()


def perl(call: Call) -> Effects:
    words = [_without_backup(word) for word in call.words]
    given = arguments(words, ("e", "E", "I", "M", "m"))
    if not given.has("i") or not given.has("e", "E"):
        return Effects(wild=True)
    script, files = _program(given, "e", "E")
    script = _GROUP.sub(r"\\\1", script.replace("&", r"\&"))
    return _editing(call, files) if repeats(script, extended=True) else Effects()


def _program(given: Arguments, *options: str) -> tuple[str, tuple[Word, ...]]:
    if given.has(*options):
        return given.value(*options), given.operands
    return "".join(word.value for word in given.operands[:1]), given.operands[1:]


def _editing(call: Call, files: Iterable[Word]) -> Effects:
    return Effects(
        tuple(
            Hazard(
                f"edits {file.written} in place, and its own result the second time",
                "fresh",
                call.paths([file]),
            )
            for file in files
        )
    )


def _without_backup(word: Word) -> Word:
    found = _BACKUP.fullmatch(word.value)
    return Word(found[1], found[1]) if found else word
