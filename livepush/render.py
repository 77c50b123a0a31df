"""How a session is shown: JSON lines on standard output, or text for people on standard error."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import BinaryIO, Literal, Protocol, TextIO

from livepush.events import CommandOutput, Event, to_wire
from livepush.legible import visible
from livepush.narration import Line, Narrator, Tone

Progress = Literal["auto", "tty", "plain", "json", "quiet"]

_PATIENCE = 1.0  # seconds for which something may go on without being named on a terminal
_ALARMING: frozenset[Tone] = frozenset({"bad", "warn"})
_STYLES: dict[Tone, str] = {
    "plain": "",
    "strong": "bold",
    "dim": "dim",
    "good": "green",
    "bad": "bold red",
    "warn": "yellow",
}


class Display(Protocol):
    """Where events are shown. Its methods may wait for a slow reader, and may be called from any
    thread; they raise `BrokenPipeError` when there is no reader any more.
    """

    def show(self, event: Event) -> None:
        """Shows what happened."""

    def say(self, line: Line) -> None:
        """Shows a line to people, if any look at this display."""

    def tick(self, busy: str = "") -> bool:
        """Brings up to date what goes on: `busy`, or what the events say.

        Whether that has to be done again in a moment.
        """

    def close(self) -> None:
        """Leaves the terminal as it was."""


def display_for(
    progress: Progress, narrator: Narrator, *, clock: Callable[[], float] = time.monotonic
) -> Display:
    """The display that `--progress` asks for, on this process's standard streams."""
    if progress == "json":
        return JsonLines(sys.stdout.buffer)
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if progress == "tty" or (progress == "auto" and is_terminal):
        return Terminal(sys.stderr, narrator, clock=clock)
    return Plain(sys.stderr, narrator, quiet=progress == "quiet")


class JsonLines:
    """One JSON object a line, each sent as soon as it is there."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def show(self, event: Event) -> None:
        self._file.write(to_wire(event).encode() + b"\n")
        self._file.flush()

    def say(self, line: Line) -> None:
        """Says nothing: a program reads this display."""

    def tick(self, busy: str = "") -> bool:
        """Nothing goes on here but events."""
        return False

    def close(self) -> None:
        """Every line has been sent already."""


class Plain:
    """Lines of text without any control sequence; with `quiet`, only what is wrong."""

    def __init__(self, file: TextIO, narrator: Narrator, *, quiet: bool = False) -> None:
        self._file = file
        self._narrator = narrator
        self._quiet = quiet

    def show(self, event: Event) -> None:
        # Of gigabytes of output no line has to be made that nobody is shown.
        if not (self._quiet and isinstance(event, CommandOutput)):
            self._print(self._narrator.tell(event))

    def say(self, line: Line) -> None:
        self._print([line])

    def tick(self, busy: str = "") -> bool:
        """What goes on is not shown: a line that is written stays."""
        return False

    def close(self) -> None:
        """Every line is complete already."""

    def _print(self, lines: Iterable[Line]) -> None:
        shown = [line.text for line in lines if not self._quiet or line.tone in _ALARMING]
        if shown:
            print(*shown, sep="\n", file=self._file, flush=True)


class Terminal:
    """Lines in colour, and below them what goes on, once it has for more than a second."""

    def __init__(self, file: TextIO, narrator: Narrator, *, clock: Callable[[], float]) -> None:
        # Slow to load, and of use only to those who see it.
        from rich.console import Console

        self._console = Console(file=file, force_terminal=True, highlight=False, markup=False)
        self._narrator = narrator
        self._clock = clock
        self._lock = threading.Lock()
        self._doing, self._since = "", 0.0
        self._drawn = False

    def show(self, event: Event) -> None:
        self._print(self._narrator.tell(event))

    def say(self, line: Line) -> None:
        self._print([line])

    def tick(self, busy: str = "") -> bool:
        with self._lock:
            doing, now = visible(busy) or self._narrator.activity, self._clock()
            if doing != self._doing:
                self._doing, self._since = doing, now
            self._erase()
            if doing and now - self._since >= _PATIENCE:
                self._draw(f"  … {doing}  {now - self._since:.0f} s")
            return bool(doing)

    def close(self) -> None:
        with self._lock:
            self._erase()

    def _print(self, lines: list[Line]) -> None:
        from rich.text import Text

        if lines:
            text = Text("\n").join(Text(line.text, _STYLES[line.tone]) for line in lines)
            with self._lock:
                self._erase()
                self._console.print(text, soft_wrap=True)

    def _draw(self, text: str) -> None:
        from rich.text import Text

        line = Text(text, "dim")
        line.truncate(self._console.width - 1, overflow="ellipsis")
        # The cursor stays visible, so that nothing needs mending when the process is killed.
        self._console.print(line, end="", soft_wrap=True)
        self._console.file.flush()
        self._drawn = True

    def _erase(self) -> None:
        if self._drawn:
            self._console.file.write("\r\x1b[2K")
            self._console.file.flush()
            self._drawn = False
