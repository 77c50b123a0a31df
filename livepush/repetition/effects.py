"""What a command leaves behind, and what it would do otherwise a second time: the nouns."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from livepush.repetition.arguments import Arguments, arguments
from livepush.repetition.tokens import Redirection, Word

Needs = Literal["absent", "present", "fresh"]

SYSTEM = ("/bin", "/boot", "/etc", "/lib", "/lib64", "/sbin", "/usr", "/var")
"""What base images and packages fill, and where a directory is likely to be there."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """Something that is done otherwise the second time; `reason` ends "line N: RUN …".

    Unless one of `paths` is, when the command begins, as it `needs` to be: not there, there, or
    made anew. With `fails` the second time only fails, and leaves what the first has done.
    """

    reason: str
    needs: Needs
    paths: tuple[str, ...]
    fails: bool = False


@dataclass(frozen=True, slots=True)
class Effects:
    """Paths that a command makes anew, that are there after it at least, and that it takes away.

    Where it is `wild` it may have made anything.
    """

    hazards: tuple[Hazard, ...] = ()
    made: tuple[str, ...] = ()
    there: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    wild: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One command: the words after its name, the directory that it runs in, known directories."""

    words: tuple[Word, ...]
    workdir: str
    directories: frozenset[str]

    def path(self, text: str) -> str:
        """Where `text` leads from here; one that begins with a variable is left as it is."""
        is_absolute = text.startswith(("/", "~", "$", "`"))
        return posixpath.normpath(text if is_absolute else f"{self.workdir}/{text}")

    def paths(self, words: Iterable[Word]) -> tuple[str, ...]:
        return tuple(self.path(word.value) for word in words)

    def arguments(self, valued: str = "") -> Arguments:
        """Options and operands; `valued` names the options that take a value."""
        return arguments(self.words, valued.split())


def of_redirection(redirection: Redirection, call: Call) -> Effects:
    """What a redirection does to its target."""
    if redirection.operator in (">>", "&>>"):
        return appending(call, [redirection.target])
    if redirection.operator in (">", ">|", "&>"):
        return Effects(made=call.paths([redirection.target]))
    return Effects()


def appending(call: Call, files: Iterable[Word]) -> Effects:
    """Of a command that writes at the end of `files`."""
    hazards = [
        Hazard(f"appends to {file.written} each time", "fresh", call.paths([file]))
        for file in files
    ]
    return Effects(tuple(hazards), there=call.paths(files))


def making(call: Call, files: Iterable[Word], *also: str) -> tuple[Hazard, ...]:
    """Of a command that fails where one of `files` is there; `also` are paths that it may mean."""
    return tuple(
        Hazard(
            f"makes {file.written}, which fails where it is there already",
            "absent",
            (call.path(file.value), *also),
            fails=True,
        )
        for file in files
    )
