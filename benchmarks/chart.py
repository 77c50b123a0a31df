"""The times as a bar chart, an SVG document: no dependency, readable on light and dark. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.sax.saxutils import escape

from benchmarks.tally import Measure, Score, Tally, shown

_WIDTH, _LEFT, _RIGHT = 820, 170, 150  # the names are left of the bars, room for a value right
_BAR, _STEP, _TITLE, _GAP, _AXIS = 12, 17, 22, 12, 28
_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #57606a }
.title { font-weight: 600; fill: #24292f }
.first { fill: #1f6feb } .other { fill: #8c959f } .grid { stroke: #8c959f; stroke-opacity: .35 }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1 } .title { fill: #e6edf3 } .first { fill: #4493f8 } .other { fill: #6e7681 }
}"""


def chart(tally: Tally) -> str:
    """Medians of all that is measured in seconds; the first contender stands out."""
    groups = [measure for measure in tally.scores if measure.unit == "s"]
    low, high = _decades([s.median for m in groups for s in tally.scores[m].values() if s.values])
    bars = sum(len(tally.scores[measure]) for measure in groups)
    height = _AXIS + len(groups) * (_TITLE + _GAP) + bars * _STEP
    lines = [*_grid(low, high, height), *_groups(tally, groups, low, high)]
    body = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'width="{_WIDTH}" height="{height}">\n'
        f"<title>Times, medians, on a logarithmic scale</title>\n"
        f"<style>\n{_STYLE}\n</style>\n{body}\n</svg>\n"
    )


def _decades(values: list[float]) -> tuple[int, int]:
    """The powers of ten around all values, at least one apart."""
    low = math.floor(math.log10(min(values, default=0.001)))
    return low, max(low + 1, math.ceil(math.log10(max(values, default=1))))


def _x(value: float, low: int, high: int) -> float:
    share = (math.log10(value) - low) / (high - low)
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def _grid(low: int, high: int, height: int) -> Iterator[str]:
    yield f'<text x="0" y="{_AXIS - 14}">logarithmic scale</text>'
    for power in range(low, high + 1):
        x = _x(10.0**power, low, high)
        unit = f"{10**power:g} s" if power >= 0 else f"{10.0 ** (power + 3):g} ms"
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_AXIS - 8}" y2="{height}"/>'
        yield f'<text x="{x}" y="{_AXIS - 14}" text-anchor="middle">{unit}</text>'


def _groups(tally: Tally, groups: list[Measure], low: int, high: int) -> Iterator[str]:
    y = _AXIS
    for measure in groups:
        title = escape(measure.title.replace("`", ""))
        yield f'<text class="title" x="0" y="{y + 14}">{title}</text>'
        y += _TITLE
        for name, score in tally.scores[measure].items():
            kind = "first" if name == tally.contenders[0] else "other"
            yield f'<text x="{_LEFT - 8}" y="{y + 10}" text-anchor="end">{escape(name)}</text>'
            end = _x(score.median, low, high) if score.values else _LEFT
            if score.values:
                width = round(max(end - _LEFT, 1), 1)
                bar = f'x="{_LEFT}" y="{y}" width="{width}" height="{_BAR}" rx="2"'
                yield f'<rect class="{kind}" {bar}/>'
            yield f'<text x="{end + 6:.1f}" y="{y + 10}">{_label(score, measure.unit)}</text>'
            y += _STEP
        y += _GAP


def _label(score: Score, unit: str) -> str:
    failed = f"{len(score.failures)} of {score.rounds} failed" if score.failures else ""
    time = shown(score.median, unit) if score.values else ""
    return ", ".join(word for word in (time, failed) if word)
