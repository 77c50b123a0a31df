"""The `livepush` command: run to its end, or followed while it watches."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

LIVEPUSH = str(Path(sys.executable).with_name("livepush"))
WITHIN = 120.0  # seconds until a condition that does not come true is a failure

# Still of root's id and groups, for the engine's socket and this very program.
_WITHOUT_PRIVILEGES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")

WireEvent = dict[str, Any]
Condition = Callable[[Sequence[WireEvent]], bool]


def livepush(
    *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end, with `environ` over the environment."""
    return subprocess.run(
        [LIVEPUSH, *arguments],
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
        env={**os.environ, **(environ or {})},
    )


class Watch:
    """A running `livepush watch --progress json`, and the events that it has told so far."""

    def __init__(self, process: asyncio.subprocess.Process, said: Path) -> None:
        self.process = process
        self.events: list[WireEvent] = []
        self._said = said

    async def until(
        self, condition: Condition, since: int = 0, within: float = WITHIN
    ) -> list[WireEvent]:
        """Reads events until `condition` holds for those from number `since` on; these."""
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(within):
                while not condition(self.events[since:]):
                    line = await self.process.stdout.readline()
                    assert line, "livepush has ended"
                    self.events.append(json.loads(line))
        except (AssertionError, TimeoutError) as error:
            told = "\n".join(map(str, self.events[since:]))
            raise AssertionError(f"{error}\n{told}\n{self.said}") from error
        return self.events[since:]

    async def until_event(self, name: str, since: int = 0) -> WireEvent:
        """The first event of that name from number `since` on."""
        return next(
            event
            for event in await self.until(lambda told: name in names(told), since)
            if event["event"] == name
        )

    @property
    def said(self) -> str:
        """What it has said to people, on standard error."""
        return self._said.read_text()

    async def stop(self) -> int:
        """Ctrl-C, and the exit status; nothing may have gone to standard output but events."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = await asyncio.wait_for(self.process.communicate(), WITHIN)
        self.events += [json.loads(line) for line in rest.splitlines()]
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def watching(
    said: Path,
    *arguments: str,
    unprivileged: bool = False,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[Watch]:
    """`livepush watch` with those arguments, once it is ready; `said` gets its standard error.

    With `unprivileged` it may read only what it is allowed to, also where the tests are root's.
    `environ` goes over the environment.
    """
    with said.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(_WITHOUT_PRIVILEGES if unprivileged and os.getuid() == 0 else ()),
            *(LIVEPUSH, "watch", "--progress", "json", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **(environ or {})},
        )
    watch = Watch(process, said)
    try:
        await watch.until_event("ready")
        yield watch
    finally:
        if process.returncode is None:
            await watch.stop()
    assert "Traceback" not in watch.said


def names(events: Collection[WireEvent]) -> list[str]:
    return [event["event"] for event in events]


def landed(paths: Collection[str]) -> Condition:
    """Holds when pushes have taken all `paths` and the last one owes nothing."""

    def condition(events: Sequence[WireEvent]) -> bool:
        starts = [event for event in events if event["event"] == "livepushStart"]
        taken = {path for start in starts for path in start["changed"] + start["deleted"]}
        return taken >= set(paths) and _ended(events) and not events[-1]["owed"]

    return condition


def failed(path: str) -> Condition:
    """Holds when a push has failed and owes `path`."""

    def condition(events: Sequence[WireEvent]) -> bool:
        return _ended(events) and events[-1]["status"] == "failed" and path in events[-1]["owed"]

    return condition


def _ended(events: Sequence[WireEvent]) -> bool:
    return bool(events) and events[-1]["event"] == "livepushEnd"
