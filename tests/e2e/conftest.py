"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.docker_cli import DEFAULT, Bench, buildkit_client

BUILDKIT = buildkit_client({})
CLIENTS = {"legacy": DEFAULT, **({"buildkit": BUILDKIT} if BUILDKIT else {})}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What livepush notes on disk is the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(params=CLIENTS)
def built(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A bench for each builder that there is."""
    bench = Bench(CLIENTS[request.param])
    yield bench
    bench.remove()


@pytest.fixture
def bench() -> Iterator[Bench]:
    """The engine, by its own command line; what the test made there is removed in the end."""
    bench = Bench()
    yield bench
    bench.remove()
