"""What is shown where: text and status on a terminal, plain text, JSON lines."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable

import pytest

from livepush import events
from livepush.events import Event
from livepush.render import Display, JsonLines, Plain, Progress, Terminal, display_for
from tests.test_narration import end, execute, narrator, returned, start


def test_plain_text_is_lines_and_nothing_else() -> None:
    file = io.StringIO()
    display = Plain(file, narrator())
    show(display, [start("src/a.js"), end("succeeded")])
    assert file.getvalue() == "src/a.js\n✓ live in 84 ms\n"


def test_quiet_shows_what_is_wrong_and_nothing_else() -> None:
    file = io.StringIO()
    display = Plain(file, narrator(), quiet=True)
    show(display, [start("src/a.js"), end("succeeded"), start("src/a.js"), end("failed")])
    assert file.getvalue() == "✗ failed; the next save tries it again\n"


def test_json_is_a_line_an_event_and_flushed() -> None:
    file = io.BytesIO()
    buffered = io.BufferedWriter(file)
    JsonLines(buffered).show(start("src/ñ.js"))
    line = file.getvalue()
    assert line.endswith(b"\n")
    assert json.loads(line)["changed"] == ["src/ñ.js"]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_terminal_names_what_takes_more_than_a_second_and_takes_it_back(clock: Clock) -> None:
    file = io.StringIO()
    display = Terminal(file, narrator(), clock=clock)
    show(display, [start("src/a.js"), execute("npm run build")])
    display.tick()
    clock.now = 0.9
    display.tick()
    assert "…" not in file.getvalue()
    clock.now = 12.2
    display.tick()
    assert "… npm run build  12 s" in file.getvalue()
    before = len(file.getvalue())
    display.show(returned("npm run build"))
    assert file.getvalue()[before:].startswith("\r\x1b[2K")
    clock.now = 30
    assert display.tick()  # copying files
    assert file.getvalue().count("…") == 1
    display.show(end("succeeded"))
    assert not display.tick()


def test_a_terminal_names_what_goes_on_before_there_are_events(clock: Clock) -> None:
    file = io.StringIO()
    display = Terminal(file, narrator(), clock=clock)
    display.tick("opening web")
    clock.now = 2
    display.tick("opening web")
    display.close()
    assert "… opening web  2 s" in file.getvalue()
    assert file.getvalue().endswith("\r\x1b[2K")


def test_what_goes_on_never_takes_more_than_a_line(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    file = io.StringIO()
    display = Terminal(file, narrator(), clock=clock)
    display.tick("日本" * 20)
    clock.now = 2
    display.tick("日本" * 20)
    assert "日本日本" in file.getvalue()
    assert file.getvalue().count("日") < 5


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_are_left_out_where_nobody_wants_them(
    no_color: str, coloured: bool, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm-256color")
    file = io.StringIO()
    show(Terminal(file, narrator(), clock=clock), [end("succeeded")])
    assert ("\x1b[32m" in file.getvalue()) is coloured
    assert "✓ live" in file.getvalue()


def test_a_terminal_takes_text_as_it_is(clock: Clock) -> None:
    file = io.StringIO()
    text = "[bold]not markup[/bold] :smile: " + "long " * 60
    show(Terminal(file, narrator(), clock=clock), [events.Error(message=text)])
    assert text.strip() in file.getvalue()


@pytest.mark.parametrize(
    ("progress", "is_terminal", "term", "kind"),
    [
        ("auto", True, "xterm", Terminal),
        ("auto", True, "dumb", Plain),
        ("auto", False, "xterm", Plain),
        ("tty", False, "xterm", Terminal),
        ("plain", True, "xterm", Plain),
        ("quiet", True, "xterm", Plain),
        ("json", True, "xterm", JsonLines),
    ],
)
def test_the_display_that_is_asked_for(
    progress: Progress,
    is_terminal: bool,
    term: str,
    kind: type[Display],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    assert type(display_for(progress, narrator())) is kind


def show(display: Display, happened: Iterable[Event]) -> None:
    for event in happened:
        display.show(event)
