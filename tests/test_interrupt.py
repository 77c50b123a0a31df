"""How a command ends before its time: signals, the end of its input, a reader that leaves."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from livepush import events
from livepush.bus import Bus
from livepush.commands import interrupt
from livepush.commands.showing import closing, showing
from livepush.errors import EngineError
from livepush.model import Graph
from livepush.narration import Narrator, Subject
from livepush.render import Plain


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build context, which is the current directory."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY src /src\n")
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_watch_ends_with_its_input_where_that_demands_the_pushes(app: Path) -> None:
    """The whole process, without an engine: what `--dry-run` follows is real."""
    with livepush("watch", "--container", "web", "--trigger", "manual") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "ready"
        assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["click", "livepush.cli"])
def test_a_signal_ends_it_without_a_word_while_it_is_loaded(
    app: Path, module: str, number: signal.Signals
) -> None:
    code = (
        "import os, sys\n"
        "class Finder:\n"
        "    def find_spec(name, *_):\n"
        f"        if name == {module!r}:\n"
        f"            os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Finder)\n"
        "from livepush.__main__ import main\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_watch_in_good_order(app: Path, number: signal.Signals) -> None:
    with livepush("watch", "--container", "web") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "ready"
        process.send_signal(number)
        assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0


def test_a_reader_that_leaves_ends_watch_without_a_word(app: Path) -> None:
    with livepush("watch", "--container", "web") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        (app / "src/a.js").write_text("two")
        process.wait(timeout=30)
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_the_second_signal_kills(capfd: pytest.CaptureFixture[str]) -> None:
    """In a process of its own, whose clean-up never ends."""
    code = (
        "import anyio, os, signal\n"
        "from livepush.commands import interrupt\n"
        "async def work():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        await anyio.sleep_forever()\n"
        "    finally:\n"
        "        with anyio.CancelScope(shield=True):\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "            await anyio.sleep_forever()\n"
        "interrupt.run(work, stopping=lambda: print('stopping', flush=True))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], timeout=30, check=False)
    assert (ended.returncode, capfd.readouterr().out) == (interrupt.KILLED, "stopping\n")


def test_the_first_signal_lets_the_work_clean_up() -> None:
    cleaned = []

    async def work() -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
                cleaned.append("cleaned")
        return 5

    assert interrupt.run(work, stopping=lambda: cleaned.append("stopping")) == 0
    assert cleaned == ["stopping", "cleaned"]


async def test_events_are_shown_to_the_last_although_the_command_was_cancelled() -> None:
    file, bus = io.StringIO(), Bus()
    narrator = Narrator(Subject("app", "web", "Dockerfile"), Graph(()))
    with anyio.CancelScope() as scope:
        async with showing(Plain(file, narrator)) as show, closing(bus):
            show.follow(bus.stream())
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
            try:
                await anyio.sleep_forever()
            finally:
                bus.emit(events.LivepushEnd(status="cancelled", seconds=1, owed=("a",)))
    assert file.getvalue() == "cancelled; still owed: a\n"


async def test_closing_is_finished_although_the_command_was_cancelled() -> None:
    class Thing:
        closed = False

        async def aclose(self) -> None:
            await anyio.lowlevel.checkpoint()
            self.closed = True

    thing = Thing()
    with anyio.CancelScope() as scope:
        async with closing(thing):
            scope.cancel()
            await anyio.sleep_forever()
    assert thing.closed


def test_of_a_group_of_errors_livepush_s_own_is_told() -> None:
    async def work() -> int:
        raise ExceptionGroup("", [OSError("foreign"), ExceptionGroup("", [EngineError("ours")])])

    with pytest.raises(EngineError, match="ours"):
        interrupt.run(work, stopping=lambda: None)


def livepush(*words: str) -> subprocess.Popen[str]:
    """The command line in a process of its own, as a dry run with JSON."""
    return subprocess.Popen(
        [sys.executable, "-m", "livepush", *words, "--dry-run", "--progress", "json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
