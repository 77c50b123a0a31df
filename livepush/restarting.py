"""Restarts of a container, over the Docker Engine API.

The engine waits for the application to end by itself, and only then kills and starts it. Whoever
cancels a restart has no time for that: the application is killed, and the engine goes on with the
start. A KILL that comes late meets the application that has just been started, which is then
started once more; so it is sent only while the old one is seen to run, and never to a container
that its engine removes when it ends.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from livepush.calls import Connection
from livepush.errors import ContainerNotRunningError, EngineError, LivepushError
from livepush.execution import missing
from livepush.replies import understood
from livepush.shield import finish

_START = 60  # seconds that a container may take to start


class Restart:
    """One restart of the container that is at `path` in the API."""

    def __init__(self, connection: Connection, container: str, path: str) -> None:
        self._connection = connection
        self._container = container
        self._path = path
        self._what = f"restart the container {container}"

    async def carry_out(self, seconds: int) -> None:
        """Contract: `Engine.restart`."""
        before = await self._runs() if seconds else ""
        restarting = asyncio.ensure_future(self._post(f"restart?t={seconds}", _START + seconds))
        try:
            await asyncio.shield(restarting)
        except asyncio.CancelledError:
            await finish(self._hastened(restarting, before))
            raise

    async def _hastened(self, restarting: asyncio.Task[None], before: str) -> None:
        with suppress(EngineError, ContainerNotRunningError):  # it restarts all the same
            if before and await self._runs() == before:
                await self._post("kill?signal=KILL", _START)
        await asyncio.wait({restarting})
        if restarting.exception() is None and before:
            with suppress(EngineError, ContainerNotRunningError):
                await self._post("start", _START)  # nothing to do, unless the KILL came late

    async def _runs(self) -> str:
        """Since when the container runs; empty where it does not, or may not be killed."""
        try:
            reply = await self._connection.json("GET", f"{self._path}/json", self._what)
        except EngineError as error:
            raise self._explained(error) from error
        with understood(self._what):
            state, kept = reply["State"], not reply["HostConfig"].get("AutoRemove")
            return str(state["StartedAt"]) if state["Running"] and kept else ""

    async def _post(self, verb: str, patience: float) -> None:
        try:
            await self._connection.answer(
                "POST", f"{self._path}/{verb}", self._what, patience=patience
            )
        except EngineError as error:
            raise self._explained(error) from error

    def _explained(self, error: EngineError) -> LivepushError:
        return missing(self._container) if error.status == 404 else error
