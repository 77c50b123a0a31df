"""How soon a save is live, livepush beside others: `python -m benchmarks.saves`, as root.

Each contender has a context and a container of its own. In one run they take turns, round by round,
and what is in a container is seen from outside, through the folder where the engine mounts it. So
nobody's own word counts, and a busy moment hits all alike.

Compared are this checkout's `livepush watch`, the engine's API told what to do, and where they are
installed npm livepush (LIVEPUSH_NPM is the folder of its `npm install`) and `docker compose watch`
(or the program LIVEPUSH_COMPOSE). The base image is made by `scripts/base-images`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NoReturn

from benchmarks.chart import chart
from benchmarks.contenders import RAW, Contender, Running, found
from benchmarks.machine import facts, load
from benchmarks.rounds import probe
from benchmarks.scenarios import IMAGE, SCENARIOS, Scenario
from benchmarks.scenes import Scene, UnseenError, staged, undisturbed
from benchmarks.sight import MissedError
from benchmarks.table import placed, table
from benchmarks.tally import Tally
from benchmarks.wire import RefusedError, Wire
from livepush.endpoint import resolve

_ROOT = Path(__file__).parent.parent
CHART = _ROOT / "benchmarks/saves.svg"
_BETWEEN = (0.3, 0.5)  # seconds: not every contender tells when it is done with a round
_PROBED = 2  # seconds after a first save, likewise, which may restart a container


class Place:
    """A contender's place in a scenario: its scene, and itself at work there."""

    scene: Scene
    running: Running

    def __init__(
        self, wire: Wire, scenario: Scenario, contender: Contender, runs: int, idle: float
    ) -> None:
        self.idle, self.name = idle, contender.name
        self._wire, self._scenario, self._who, self._runs = wire, scenario, contender, runs
        self._open = ExitStack()
        self._is_open = False

    def begin(self) -> None:
        """Starts the contender, as `running`, which is stopped at the end at the latest."""
        self.running = self._who.start(self.scene)
        self._open.callback(self.running.stop)

    def open(self) -> None:
        """A fresh scene, and a contender that has taken its first save. Raises `MissedError`."""
        self.close()
        self._is_open = True
        self.scene = self._open.enter_context(
            staged(self._wire, self._scenario.setting(self._runs))
        )
        if self._scenario.begun:
            self.begin()
            self.running.ready()
            probe(self)
            time.sleep(_PROBED)  # a restart that the first save led to tells nobody its end

    def take(self) -> bool:
        """Whether it is open, or could be opened."""
        try:
            if not self._is_open:
                self.open()
        except MissedError as error:
            self._missed(error)
        return self._is_open

    def round(self, number: int, tally: Tally) -> None:
        """One more; what has failed begins afresh the next time."""
        measures = self._scenario.measures
        if not self.take():
            tally.fail(measures, self.name, "it did not begin")
            return
        try:
            tally.add(measures, self.name, self._scenario.round(self, number))
        except MissedError as error:
            self._missed(error)
            tally.fail(measures, self.name, str(error))
        if not self._scenario.begun:
            self.close()

    def _missed(self, error: MissedError) -> None:
        print(f"{self._scenario.name}, {self.name}: {error}", file=sys.stderr)
        self.close()

    def close(self) -> None:
        self._is_open = False
        with undisturbed():
            self._open.close()


def main() -> None:
    """Reads the words of the command line, measures, and prints a table."""
    given = _words()
    signal.signal(signal.SIGTERM, _ended)
    signal.signal(signal.SIGINT, _ended)
    socket = resolve().socket
    try:
        if not socket or os.geteuid() != 0:
            raise UnseenError
        with closing(Wire(socket)) as wire:
            _require_image(wire)
            _measure(wire, socket, given)
    except KeyboardInterrupt:
        print("Ended; what it had made is removed.", file=sys.stderr)
        sys.exit(130)
    except (UnseenError, RefusedError, OSError) as error:
        sys.exit(str(error))


def _require_image(wire: Wire) -> None:
    try:
        wire.call("GET", f"/images/{IMAGE}/json")
    except RefusedError as error:
        sys.exit(f"There is no {IMAGE} ({error}): scripts/base-images debian makes it.")


def _words() -> argparse.Namespace:
    known = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.saves",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    option = parser.add_argument
    option(
        "--runs", type=_positive, metavar="N", help="rounds of each scenario  [default: its own]"
    )
    option(
        "--scenarios",
        nargs="+",
        choices=known,
        default=known,
        metavar="NAME",
        help=", ".join(known),
    )
    option("--idle", type=_positive, default=30, metavar="S", help="seconds of idling in `start`")
    option("--json", type=Path, metavar="FILE", help="write every value")
    option("--chart", type=Path, metavar="FILE", help="draw the times, as SVG")
    option(
        "--readme",
        action="store_true",
        help=f"write table and chart ({CHART.name}) into the README",
    )
    return parser.parse_args()


def _positive(word: str) -> int:
    if (number := int(word)) < 1:
        raise argparse.ArgumentTypeError("it has to be 1 or more")
    return number


def _ended(*_: object) -> NoReturn:
    """Once: a second signal would only leave things behind."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _measure(wire: Wire, socket: str, given: argparse.Namespace) -> None:
    contenders, absent = found(socket)
    for reason in absent:
        print(f"left out: {reason}", file=sys.stderr)
    before, told = load(), facts(wire)
    tally = Tally([contender.name for contender in contenders])
    for scenario in (each for each in SCENARIOS if each.name in given.scenarios):
        runs = given.runs or scenario.runs
        print(f"{scenario.name}: {runs} rounds", file=sys.stderr)
        able = [each for each in contenders if scenario.name not in each.lacks]
        places = [Place(wire, scenario, each, runs, given.idle) for each in able]
        _take_turns(places, runs, tally)
        words = [*told, IMAGE, f"load {before:.1f} before and {load():.1f} after"]
        if given.json:
            given.json.write_text(json.dumps({"facts": words, "results": tally.json()}, indent=1))
    _show(tally, words, given)


def _take_turns(places: Sequence[Place], runs: int, tally: Tally) -> None:
    with ExitStack() as stack:
        for place in places:
            stack.callback(place.close)
        for place in places:
            place.take()
        for number in range(runs):
            first = number % len(places)
            for place in (*places[first:], *places[:first]):
                time.sleep(random.uniform(*_BETWEEN))  # noqa: S311 - so that no rhythm is met
                place.round(number, tally)


def _show(tally: Tally, words: Sequence[str], given: argparse.Namespace) -> None:
    rounds = {m.scenario: max(s.rounds for s in x.values()) for m, x in tally.scores.items()}
    counted = ", ".join(f"{name} {count}" for name, count in rounds.items())
    text = (
        f"{table(tally, RAW)}\n"
        f"Medians, the 95th percentile in brackets, and the ratio to the {RAW}'s median. "
        f"{'; '.join(words)}. Rounds: {counted}.\n"
    )
    print(text)
    if given.chart:
        given.chart.write_text(chart(tally))
    if given.readme:
        CHART.write_text(chart(tally))
        readme = _ROOT / "README.md"
        picture = f"![How soon a save is live]({CHART.relative_to(_ROOT)})"
        readme.write_text(placed(readme.read_text(), f"{picture}\n\n{text}"))


if __name__ == "__main__":
    main()
