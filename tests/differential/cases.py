"""Generated cases: a Dockerfile, a build context, and rounds of edits to it; and smaller ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import hypothesis
from hypothesis import strategies as st

from tests.differential.dockerfiles import ENDING, dockerfiles
from tests.differential.edits import ALWAYS, ARCHIVES, FILES, IGNORES, Edit, edits
from tests.differential.setting import Setting

Round = tuple[Edit, ...]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Case:
    """The instructions of a Dockerfile, the edits that make its first context, and rounds of more.

    A case that is `marked` ends each round with a file that tells of it, which `COPY .` takes, too.
    Without, the edits of a round come all at once, and nothing else tells that they were seen.
    """

    lines: tuple[str, ...]
    start: Round
    rounds: tuple[Round, ...]
    marked: bool = True

    @property
    def dockerfile(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)

    def __repr__(self) -> str:
        """A readable expression that makes it again."""
        lines = "".join(f"        {line!r},\n" for line in self.lines)
        rounds = "".join(f"        {each!r},\n" for each in self.rounds)
        return (
            f"Case(\n    lines=(\n{lines}    ),\n    start={self.start!r},\n"
            f"    rounds=(\n{rounds}    ),\n    marked={self.marked},\n)"
        )


def drawn(setting: Setting, *, rounds: int, seed: int) -> Case:
    """The case of that seed for a setting, of that many rounds of edits; always the same one."""
    found: list[Case] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=2,  # the first is always the smallest that there is
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.generate,),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(_cases(setting, rounds=rounds))
    def keep(case: Case) -> None:
        found.append(case)

    keep()
    return found[-1]


@st.composite
def _cases(draw: st.DrawFn, setting: Setting, *, rounds: int) -> Case:
    extra = draw(st.lists(st.sampled_from(FILES), unique=True, max_size=4))
    paths = dict.fromkeys((*ALWAYS, *extra))
    start = [Edit("write", path, "0") for path in paths]
    archives = draw(st.integers(0, 3)) == 3
    if archives:
        start += [Edit("archive", path, "a=1,x/y=1") for path in ARCHIVES]
    ignore = draw(st.sampled_from(IGNORES))
    if ignore and draw(st.integers(0, 2)) == 2:
        start.append(Edit("write", ".dockerignore", ignore))
    files = frozenset(edit.path for edit in start)
    done = st.lists(edits(archives=archives), min_size=rounds, max_size=rounds)
    return Case(
        lines=draw(dockerfiles(setting, files)),
        start=tuple(start),
        rounds=tuple(draw(done)),
        marked=draw(st.booleans()),
    )


def smaller(case: Case) -> Iterator[Case]:
    """The case with one thing less, what leaves out most first."""
    for index in reversed(range(len(case.rounds))):
        yield replace(case, rounds=_without(case.rounds, index))
    for index in reversed(range(len(case.lines) - len(ENDING))):
        yield replace(case, lines=_without(case.lines, index))
    for number, edited in enumerate(case.rounds):
        for index in range(len(edited) if len(edited) > 1 else 0):
            fewer = (*case.rounds[:number], _without(edited, index), *case.rounds[number + 1 :])
            yield replace(case, rounds=fewer)
    for index in range(len(case.start)):
        yield replace(case, start=_without(case.start, index))


def _without(things: tuple[_T, ...], index: int) -> tuple[_T, ...]:
    return things[:index] + things[index + 1 :]
