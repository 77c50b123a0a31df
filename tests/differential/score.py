"""The count of how rounds ended, and the cases that were wrong, written down as a run goes on."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import indent

from tests.differential.cases import Case
from tests.differential.examination import Examination, Outcome


@dataclass(slots=True)
class Score:
    """The score of a run, by rounds.

    With a `folder` it stands there after each case: the counts in `NAME.json`, the cases that were
    wrong in `NAME.wrong`, refused in `NAME.refused`, and those that a builder failed in
    `NAME.defect`.
    """

    name: str
    folder: Path | None = None
    cases: int = 0
    rounds: Counter[Outcome] = field(default_factory=Counter)
    wrong: list[Case] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def count(self, case: Case, seed: int, examination: Examination) -> None:
        self.cases += 1
        self.rounds.update(examination.outcomes)
        if examination.wrong:
            self.wrong.append(case)
        if self.folder is not None:
            self._write(self.folder, f"{case!r}  # seed {seed}", examination)

    def __str__(self) -> str:
        return json.dumps(
            {
                "setting": self.name,
                "cases": self.cases,
                "rounds": dict(self.rounds.most_common()),
                "seconds": round(time.monotonic() - self._began),
            }
        )

    def _write(self, folder: Path, case: str, examination: Examination) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.json").write_text(f"{self}\n")
        if examination.why:
            refused = "refused" in examination.outcomes
            ending = "wrong" if examination.wrong else "refused" if refused else "defect"
            with (folder / f"{self.name}.{ending}").open("a") as file:
                file.write(f"{case}\n{indent(examination.why, '# ', lambda _: True)}\n")
