"""Runs state machines in processes of their own, so that they have all processors to themselves.

Each run is in two shares with a seed for each: the same ones wherever and however often it runs.
What would fail a test in pytest's own process fails it here: warnings, and errors that nobody
catches.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

EXAMPLES = int(os.environ.get("LIVEPUSH_INTERLEAVINGS", "2400"))
"""How many interleavings all the machines try together."""

_MACHINES = 4  # that have a test each
_SHARES = 2
_uncaught: list[str] = []

M = TypeVar("M", bound=RuleBasedStateMachine)


class Workers:
    """The processes, for as long as the tests last."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def run(
        self, run: Callable[[type[M], settings], None], machine: type[M], *, steps: int
    ) -> None:
        """Has `run` carried out for `machine`, and raises what it raises."""
        tried = [self._pool.submit(_share, run, machine, steps, seed) for seed in range(_SHARES)]
        wait(tried)
        for each in tried:
            each.result()


@contextmanager
def workers() -> Iterator[Workers]:
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_SHARES, mp_context=fresh, initializer=_begin) as pool:
        yield Workers(pool)


def plainly(machine: type[RuleBasedStateMachine], how: settings) -> None:
    run_state_machine_as_test(machine, settings=how)


def _begin() -> None:
    warnings.simplefilter("error")
    sys.unraisablehook = lambda raised: _uncaught.append(repr(raised.exc_value))


def _share(
    run: Callable[[type[M], settings], None], machine: type[M], steps: int, seed: int
) -> None:
    how = settings(
        max_examples=max(1, EXAMPLES // _MACHINES // _SHARES),
        stateful_step_count=steps,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),  # explaining takes minutes
        suppress_health_check=list(HealthCheck),
    )
    run(hypothesis.seed(seed)(machine), how)
    gc.collect()
    assert not _uncaught, _uncaught
