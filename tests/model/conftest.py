"""The processes that the state machines run in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .workers import Workers, workers


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[Workers]:
    with workers() as running:
        yield running
