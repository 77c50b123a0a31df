"""What was measured: values and failures by measure and contender, and their statistics. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Measure:
    """A row: `key` tells a scenario's measures apart; `unit` is "s", "CPU s" or "MB"."""

    scenario: str
    key: str
    title: str
    unit: str


@dataclass(frozen=True, slots=True)
class Score:
    """One contender's rounds; a failure's text is its reason."""

    values: tuple[float, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def rounds(self) -> int:
        return len(self.values) + len(self.failures)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def p95(self) -> float:
        """By the nearest rank: a value that was measured."""
        return sorted(self.values)[math.ceil(0.95 * len(self.values)) - 1]


class Tally:
    """Scores by measure and the contender's name, in the order in which they came."""

    def __init__(self, contenders: Sequence[str]) -> None:
        self.contenders = tuple(contenders)
        self.scores: dict[Measure, dict[str, Score]] = {}

    def add(self, measures: Sequence[Measure], contender: str, values: Mapping[str, float]) -> None:
        """A round's values, by the key of the measure."""
        for measure in measures:
            score = self.score(measure, contender)
            self._set(
                measure, contender, replace(score, values=(*score.values, values[measure.key]))
            )

    def fail(self, measures: Sequence[Measure], contender: str, reason: str) -> None:
        for measure in measures:
            score = self.score(measure, contender)
            self._set(measure, contender, replace(score, failures=(*score.failures, reason)))

    def score(self, measure: Measure, contender: str) -> Score:
        return self.scores.get(measure, {}).get(contender, Score())

    def json(self) -> list[dict[str, object]]:
        return [
            {
                "scenario": measure.scenario,
                "measure": measure.title,
                "unit": measure.unit,
                "contender": contender,
                "values": score.values,
                "failures": score.failures,
            }
            for measure, scores in self.scores.items()
            for contender, score in scores.items()
        ]

    def _set(self, measure: Measure, contender: str, score: Score) -> None:
        self.scores.setdefault(measure, {})[contender] = score


def shown(value: float, unit: str) -> str:
    """As people read it: three digits at most, times below a second as milliseconds."""
    if unit == "s" and value < 1:
        return f"{_digits(value * 1000)} ms"
    return f"{_digits(value)} {unit}"


def _digits(value: float) -> str:
    if value >= 99.5:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"
