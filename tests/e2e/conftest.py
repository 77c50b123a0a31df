"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.docker_cli import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """The engine, by its own command line; what the test made there is removed in the end."""
    bench = Bench()
    yield bench
    bench.remove()
