"""The arguments of a command: options, as `getopt` reads them, and operands. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from livepush.repetition.tokens import Word


@dataclass(frozen=True, slots=True)
class Arguments:
    """Options by name, each with its value, and the words that are none.

    The values of an option that is given several times are lines.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    operands: tuple[Word, ...] = ()

    def has(self, *names: str) -> bool:
        """Whether any of these options is given."""
        return any(name in self.options for name in names)

    def value(self, *names: str) -> str:
        """The value of the first of these options that is given, else nothing."""
        return next((self.options[name] for name in names if name in self.options), "")


def arguments(words: Iterable[Word], valued: Collection[str] = ()) -> Arguments:
    """Reads the words after a command's name; the options in `valued` take the word after them.

    Short options may stand together (`-xzf`), and options may come after operands.
    """
    options: dict[str, str] = {}
    operands: list[Word] = []
    rest = iter(words)
    for word in rest:
        text = word.value
        if text == "--":
            operands.extend(rest)
        elif text.startswith("--"):
            name, equals, value = text[2:].partition("=")
            takes = name in valued and not equals
            _add(options, name, _next(rest) if takes else value)
        elif text.startswith("-") and text != "-":
            _read_short(text[1:], valued, options, rest)
        else:
            operands.append(word)
    return Arguments(options, tuple(operands))


def _read_short(
    letters: str, valued: Collection[str], options: dict[str, str], rest: Iterator[Word]
) -> None:
    for index, letter in enumerate(letters):
        if letter in valued:
            _add(options, letter, letters[index + 1 :] or _next(rest))
            return
        _add(options, letter, "")


def _add(options: dict[str, str], name: str, value: str) -> None:
    options[name] = f"{options[name]}\n{value}" if name in options else value


def _next(rest: Iterator[Word]) -> str:
    return next((word.value for word in rest), "")
