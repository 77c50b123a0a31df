"""How long a plan takes, without an engine: `python -m benchmarks.plan`.

With `--given` the Dockerfile and the changed files come as one JSON object on the standard input,
`{"dockerfile": str, "files": [str]}`, and `{"ms": float, "matched": int}` goes out: how long it
took, and how many of the files a step takes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

from benchmarks.machine import computer
from livepush.live import Dockerfile
from livepush.plan import make_plan

_FILES = (1_000, 10_000, 100_000)
_COPIES = (5, 20, 40)
_RUNS = 5


def planned(dockerfile: str, files: Sequence[str]) -> tuple[float, int]:
    """Seconds that the plan took, the Dockerfile's reading included; files that a step takes."""
    began = time.perf_counter()
    plan = make_plan(Dockerfile(dockerfile).graph(), files, ())
    return time.perf_counter() - began, len(files) - len(plan.unclaimed)


def _copying(copies: int) -> str:
    return "\n".join(["FROM scratch", *(f"COPY d{n}/ /app/d{n}/" for n in range(copies))])


def _changed(files: int, copies: int) -> list[str]:
    return [f"d{n % copies}/sub{n % 97}/file{n}.py" for n in range(files)]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plan", description=__doc__)
    parser.add_argument("--given", action="store_true", help="plan what the standard input says")
    if parser.parse_args(arguments).given:
        given = json.load(sys.stdin)
        seconds, matched = planned(given["dockerfile"], given["files"])
        print(json.dumps({"ms": seconds * 1000, "matched": matched}))
        return
    print("; ".join(computer()))
    for copies in _COPIES:
        for files in _FILES:
            changed, text = _changed(files, copies), _copying(copies)
            seconds = sorted(planned(text, changed)[0] for _ in range(_RUNS))[_RUNS // 2]
            print(f"{files:,} changed files, {copies} COPYs: {seconds * 1000:.1f} ms")


if __name__ == "__main__":
    main()
