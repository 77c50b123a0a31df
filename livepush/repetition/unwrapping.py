"""A command -> the commands that it runs in turn: `sudo`, `sh -c`, `find -exec` and their like."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count

from livepush.repetition.arguments import arguments
from livepush.repetition.script import Command, commands
from livepush.repetition.tokens import Word

_DEEPEST = 8  # commands in one another
_SHELLS = frozenset(("ash", "bash", "dash", "ksh", "sh", "zsh"))
_SWITCHING = frozenset(("runuser", "su"))
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
# What begins with another command: its options that take a value, and its own operands.
_WRAPPERS = {
    "busybox": ("", 0),
    "command": ("", 0),
    "doas": ("-u -C", 0),
    "eatmydata": ("", 0),
    "env": ("-u --unset -C --chdir", 0),
    "exec": ("-a", 0),
    "fakeroot": ("", 0),
    "gosu": ("", 1),
    "nice": ("-n --adjustment", 0),
    "nohup": ("", 0),
    "su-exec": ("", 1),
    "sudo": ("-u --user -g --group -h --host -p --prompt", 0),
    "timeout": ("-s --signal -k --kill-after", 1),
}
_XARGS = "-I -n -P -L -d -a -E -s"
# Of what is found only these: whether there is something to make or remove is not known.
_EDITORS = frozenset(("perl", "sed"))


class Unwrapping:
    """Numbers the shells that it finds, so that each has a directory of its own.

    From -1 downwards, since a script numbers its own subshells upwards.
    """

    def __init__(self) -> None:
        self._serials = count(-1, -1)

    def of(self, command: Command, depth: int = 0) -> Iterator[Command]:
        """The commands that `command` runs, which may be itself; a name is without its path."""
        name = posixpath.basename(command.name)
        inner = self._inner(name, command) if depth < _DEEPEST else None
        if inner is None:
            words = (Word(name, name), *command.words[1:]) if name else ()
            yield replace(command, words=words)
            return
        if command.redirections:
            yield replace(command, words=())
        for each in inner:
            yield from self.of(each, depth + 1)

    def _inner(self, name: str, command: Command) -> Sequence[Command] | None:
        words = command.words[1:]
        if name in _SHELLS:
            return self._script(command, *_given_script(command))
        if name in _SWITCHING:
            return self._script(
                command, arguments(words, ("c", "command", "s")).value("c", "command")
            )
        if name == "eval":
            return self._script(command, " ".join(word.value for word in words))
        if name == "find":
            return [
                replace(command, words=each, redirections=()) for each in _executed(words)
            ] or None
        if name == "xargs":
            rest = _without_options(words, _XARGS)
            edits = bool(rest) and rest[0].value in _EDITORS
            files = Word("files", ".")
            return [replace(command, words=(*rest, files), redirections=())] if edits else None
        valued, operands = _WRAPPERS.get(name, (None, 0))
        if valued is None or (name == "command" and words and words[0].value.startswith("-")):
            return None
        rest = _without_options(words, valued)[operands:]
        return [replace(command, words=rest, redirections=())] if rest else None

    def _script(
        self, command: Command, text: str, errexit: bool = False
    ) -> Sequence[Command] | None:
        if not text:
            return None
        shell = (*command.shell, next(self._serials))
        return [
            replace(
                each,
                guarded=each.guarded or command.guarded,
                forgiven=each.forgiven or command.forgiven,
                shell=(*shell, *each.shell),
            )
            for each in commands(text, errexit=errexit)
        ]


def _given_script(command: Command) -> tuple[str, bool]:
    """The text that a shell is given, and whether it is to end at the first failure."""
    given = arguments(command.words[1:], ("o", "O"))
    errexit = given.has("e", "errexit") or "errexit" in given.value("o").splitlines()
    if given.has("c"):
        return "".join(word.value for word in given.operands[:1]), errexit
    bodies = "".join(each.body for each in command.redirections)
    return ("" if given.operands else bodies), errexit


def _executed(words: Sequence[Word]) -> Iterator[tuple[Word, ...]]:
    start = None
    for index, word in enumerate(words):
        if word.value in ("-exec", "-execdir"):
            start = index + 1
        elif start is not None and word.value in (";", "+"):
            found = Word("files", words[0].value)
            executed = tuple(found if each.value == "{}" else each for each in words[start:index])
            if executed and executed[0].value in _EDITORS:
                yield executed
            start = None


def _without_options(words: Sequence[Word], valued: str) -> tuple[Word, ...]:
    """The words from the command's name on, without variables that are set for it."""
    index = 0
    while index < len(words):
        text = words[index].value
        if text in valued.split():
            index += 2
        elif text.startswith("-") or _ASSIGNMENT.match(text):
            index += 1
        else:
            break
    return tuple(words[index:])
