"""`livepush watch`, with a session that only tells that it is ready."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from livepush import events
from livepush.commands import watch as command
from livepush.events import Event


def test_what_is_there_once_it_is_ready_is_looked_through_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frozen: list[str] = []
    heard: dict[str, Callable[[Event], None]] = {}

    async def follow(_: object) -> None:
        assert not frozen
        heard["ready"](events.Ready(container_id="web", stages=1))

    @asynccontextmanager
    async def opened(_: object) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(on=heard.__setitem__, watch=follow)

    monkeypatch.setattr(gc, "freeze", lambda: frozen.append("all"))
    monkeypatch.setattr(command, "opened", opened)
    monkeypatch.setattr(command, "make_job", lambda *_, **__: SimpleNamespace(stopping=print))
    inputs: Any = SimpleNamespace(place="Dockerfile")
    options: Any = SimpleNamespace(dry_run=False)
    assert command.watch(inputs, options, trigger="notify", debounce=0, initial_sync=True) == 0
    assert frozen == ["all"]
