"""Which commands in a container are a dead livepush's, as an engine tells them."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from livepush import process, shell
from livepush.engine import Command
from livepush.errors import EngineError
from livepush.execution import end_orphans, named
from livepush.replies import Json

OVER = named(4).replace(process.stamp(), f"{process.stamp().partition('.')[0]}.1.never")
ELSEWHERE = named(4).replace(process.stamp(), "elsewhere.1.never")


class Commands:
    """`calls.Requests` to an engine on which `running` has these argument lists."""

    def __init__(self, running: dict[str, list[str]], *, status: int = 0) -> None:
        self._running = running
        self._status = status
        self.begun: list[list[str]] = []

    async def json(self, method: str, path: str, what: str, *, body: Json = None) -> Json:
        if method == "POST":
            self.begun.append(body["Cmd"])
            return {"Id": "ending"}
        command = path.split("/")[1]
        if command == "ending":
            return {"Running": False, "ExitCode": self._status}
        if command not in self._running:
            raise EngineError("no such exec", status=404)
        argv = self._running[command]
        arguments = {"entrypoint": argv[0], "arguments": argv[1:] or None}
        return {"Running": command != "ended", "ExitCode": None, "ProcessConfig": arguments}

    async def pieces(self, *_: object, **__: object) -> AsyncGenerator[bytes, None]:
        yield b""


def supervised(name: str) -> list[str]:
    return shell.supervised(Command(("true",)), name)[0]


async def test_only_what_a_dead_livepush_has_left_is_ended() -> None:
    running = {
        "command": supervised(OVER),
        "shell": shell.resident(OVER.replace("livepush-", "livepush-f")),
        "ended": supervised(OVER),
        "ours": supervised(named(4)),
        "elsewhere": supervised(ELSEWHERE),
        "application": ["sleep", "1"],
        "alone": ["sleep"],
        "shell of somebody": ["/bin/sh", "-c", "# my own 1.1.1\nsleep 1", "sh"],
    }
    engine = Commands(running)
    await end_orphans(engine, "c", [*running, "gone"])
    names = [OVER, OVER.replace("livepush-", "livepush-f")]
    assert engine.begun == [shell.ending(name, "-", 0) for name in names]


async def test_one_that_cannot_be_ended_does_not_keep_the_others() -> None:
    engine = Commands({"first": supervised(OVER), "second": supervised(OVER)}, status=1)
    with pytest.raises(EngineError, match="does not end"):
        await end_orphans(engine, "c", ["first", "second"])
    assert len(engine.begun) == 2
