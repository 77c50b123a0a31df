"""The results as a Markdown table, and its place in a document. Pure."""

from __future__ import annotations

from benchmarks.tally import Measure, Score, Tally, shown

BEGIN, END = "<!-- benchmark: written by --readme -->", "<!-- benchmark ends -->"
_NONE, _TIMES = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}"


def table(tally: Tally, base: str) -> str:
    """A row a measure, a column a contender; times are set against `base`'s in the last words."""
    rows = [
        ["", *tally.contenders],
        ["---", *("--:" for _ in tally.contenders)],
        *(_row(tally, measure, base) for measure in tally.scores),
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(tally: Tally, measure: Measure, base: str) -> list[str]:
    against = tally.score(measure, base)
    cells = (
        cell(tally.score(measure, name), against if name != base else Score(), measure.unit)
        for name in tally.contenders
    )
    return [measure.title, *cells]


def cell(score: Score, against: Score, unit: str) -> str:
    """The median, the 95th percentile in brackets, the ratio, and what failed."""
    if not score.rounds:
        return _NONE
    words = []
    if score.values:
        words.append(f"{shown(score.median, unit)} ({shown(score.p95, unit)})")
        if against.values:
            words.append(f"{score.median / against.median:.2f} {_TIMES}")
    if score.failures:
        words.append(f"{len(score.failures)} of {score.rounds} failed")
    return ", ".join(words)


def placed(document: str, text: str) -> str:
    """The document with `text` between its two marks. Raises `ValueError` where they are not."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in after or END in after:
        raise ValueError(f"it does not have {BEGIN} and {END} once")
    return f"{before}{BEGIN}\n{text.strip()}\n{END}{after}"
