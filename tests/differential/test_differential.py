"""Generated cases on real engines: the watched container against a fresh build.

Each case runs the real `livepush watch`; after each round of edits, once all of them have landed,
the container's files are compared with those of a fresh `docker build`. Where the build fails, the
push must have failed, too.

A few cases by default. `LIVEPUSH_DIFFERENTIAL=N` tries N cases of five rounds in every setting,
goes on after one that is wrong, and in the end says what is left of it when all that is beside
the point is gone. `-k` chooses settings; `LIVEPUSH_NEWER_ENGINE` names an engine for more of them,
`LIVEPUSH_DIFFERENTIAL_SCORES` a folder for the scores as they grow, and
`LIVEPUSH_DIFFERENTIAL_SEED` the seed of an earlier run.
"""

from __future__ import annotations

import os
import random
from itertools import islice
from pathlib import Path

import pytest

from tests.differential.cases import Case, drawn, smaller
from tests.differential.examination import examine
from tests.differential.score import Score
from tests.differential.setting import Setting, settings
from tests.e2e.docker_cli import Client

CASES = int(os.environ.get("LIVEPUSH_DIFFERENTIAL", "0"))
FEW = 2
ROUNDS = 5 if CASES else 2
_SEED = random.getrandbits(30) if CASES else 1
SEED = int(os.environ.get("LIVEPUSH_DIFFERENTIAL_SEED", _SEED))  # of the first case
_SCORES = os.environ.get("LIVEPUSH_DIFFERENTIAL_SCORES")
_EXPLAINED = 3  # wrong cases that are made smaller
_ATTEMPTS = 60

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(0 if CASES else 600)]


@pytest.mark.parametrize("setting", settings(), ids=str)
def test_the_container_is_what_a_build_would_be(setting: Setting) -> None:
    client = setting.client()
    if client is None:
        pytest.skip("no docker command line here builds with BuildKit")
    score = Score(str(setting), Path(_SCORES) if _SCORES else None)
    for seed in range(SEED, SEED + (CASES or FEW)):
        case = drawn(setting, rounds=ROUNDS, seed=seed)
        score.count(case, seed, examine(case, setting, client))
    print(f"\n{score}")
    assert not score.wrong, "\n".join(
        _explained(case, setting, client) for case in score.wrong[:_EXPLAINED]
    )


def _explained(case: Case, setting: Setting, client: Client) -> str:
    """The smallest case found that is still wrong, and how it is."""
    examination = examine(case, setting, client)
    if not examination.wrong:
        return f"once, and not again:\n{case!r}"
    kept = 0  # of the things that could go, those without which it is right
    for _ in range(_ATTEMPTS):
        candidate = next(islice(smaller(case), kept, None), None)
        if candidate is None:
            break
        tried = examine(candidate, setting, client)
        if tried.wrong:
            case, examination = candidate, tried
        else:
            kept += 1
    return f"{case!r}\n{examination.why}"
