"""What every case of `fixtures/` shows on paper: its live Dockerfile, and the plans of its edits.

After a wanted change `python -m tests.test_plan_golden` writes the files anew; read the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from livepush.live import Dockerfile
from tests.cases import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_shows_its_live_dockerfile_and_the_plan_of_every_edit(case: Case) -> None:
    written = {path: path.read_text() for path in _golden_files(case)}
    assert written == dict(_golden(case))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_plan_says_beforehand_what_is_expected_to_run_and_to_restart(case: Case) -> None:
    for container in case.containers:
        dockerfile = Dockerfile((case.folder / container.dockerfile).read_text())
        for edit in case.edits:
            plan = dockerfile.plan(edit.changed, edit.deleted, build_args=container.build_args)
            expected = edit.expected[container.name]
            if expected.restarts:
                assert plan.restarts, edit.name
            planned = [action.stage for action in plan.actions if action.verb == "run"]
            assert planned[: len(expected.runs)] == [stage for stage, _ in expected.runs], edit.name


def test_every_folder_of_fixtures_is_a_case() -> None:
    folders = {path for path in (CASES[0].folder.parent).iterdir() if path.is_dir()}
    assert folders == {case.folder for case in CASES}


def _golden_files(case: Case) -> list[Path]:
    return sorted([case.golden_live, *case.folder.glob("*.plan")])


def _golden(case: Case) -> Iterator[tuple[Path, str]]:
    for container in case.containers:
        dockerfile = Dockerfile((case.folder / container.dockerfile).read_text())
        yield case.golden_live, dockerfile.generate_live_dockerfile()
        for edit in case.edits:
            plan = dockerfile.plan(edit.changed, edit.deleted, build_args=container.build_args)
            yield case.golden_plan(edit, container), f"{plan}\n"


def main() -> None:
    for case in CASES:
        for path in case.folder.glob("*.plan"):
            path.unlink()
        for path, text in _golden(case):
            path.write_text(text)


if __name__ == "__main__":
    main()
