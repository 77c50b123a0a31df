"""The benchmarks still measure: what they print, once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.engine


def test_a_cancel_is_measured() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cancel", "--count", "1"],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    machine, engine, *times = done.stdout.splitlines()
    assert " CPUs, load " in machine
    assert ", API " in engine
    assert [line.partition(": median ")[0] for line in times] == [
        f"{command}: {what}"
        for command in ("obeys TERM", "ignores TERM", "leaves daemons")
        for what in ("the last process has ended", "the push is over")
    ]


def test_a_stop_is_measured() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.stop", "--count", "1"],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    machine, engine, stopped = done.stdout.splitlines()
    assert " CPUs, load " in machine
    assert ", API " in engine
    assert re.fullmatch(r"after [a-zA-Z]+ \(1\): median \d+ ms, worst \d+ ms", stopped)
