"""What the differential tests rest on: cases that can be had again, made smaller and read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.differential.cases import Case, drawn, smaller
from tests.differential.dockerfiles import ENDING
from tests.differential.edits import Edit, apply, look
from tests.differential.setting import Replay, Setting

SETTINGS = [
    Setting("legacy", "in-place"),
    Setting("buildkit", "clean"),
    Setting("buildkit", "in-place", newer=True),
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_a_seed_is_a_case_and_its_text_makes_it_again(setting: Setting) -> None:
    case = drawn(setting, rounds=3, seed=5)
    assert case == drawn(setting, rounds=3, seed=5)
    assert case != drawn(setting, rounds=3, seed=6)
    assert eval(repr(case), {"Case": Case, "Edit": Edit}) == case  # noqa: S307  # our own text
    assert len(case.rounds) == 3


@pytest.mark.parametrize(
    ("replay", "unsafe"), [("in-place", False), ("clean", True)], ids=["in-place", "clean"]
)
def test_only_a_clean_replay_gets_commands_that_append(replay: Replay, unsafe: bool) -> None:
    cases = (drawn(Setting("legacy", replay), rounds=1, seed=seed) for seed in range(40))
    assert any(" >> " in case.dockerfile for case in cases) == unsafe


def test_only_newer_builders_get_what_only_they_take() -> None:
    for setting in SETTINGS:
        text = "".join(drawn(setting, rounds=1, seed=seed).dockerfile for seed in range(40))
        assert ("--chmod" in text) == setting.buildkit
        assert ("--link" in text) == ("RUN <<EOF" in text) == setting.newer


def test_a_smaller_case_has_one_thing_less_and_keeps_its_command() -> None:
    case = drawn(Setting("legacy", "in-place"), rounds=2, seed=2)
    found = list(smaller(case))
    assert all(_things(each) < _things(case) for each in found)
    assert all(each.lines[-len(ENDING) :] == ENDING for each in found)
    assert len(set(map(repr, found))) == len(found)


def _things(case: Case) -> int:
    edits = sum(len(edited) + 1 for edited in case.rounds)
    return len(case.lines) + len(case.start) + edits


@pytest.mark.parametrize(
    ("edit", "seen"),
    [
        (Edit("write", "a", "new", 0o600), {"a": "file 600"}),
        (Edit("write", "s", "over a directory"), {"s": "file 644"}),
        (Edit("replace", "a", "new", 0o755), {"a": "file 755"}),
        (Edit("remove", "s"), {"s": None, "s/b": None}),
        (Edit("directory", "a", "", 0o700), {"a": "directory 700"}),
        (Edit("directory", "s", "", 0o700), {"s": "directory 700", "s/b": "file 644"}),
        (Edit("link", "s", "nowhere"), {"s": "link to nowhere", "s/b": None}),
        (Edit("hard link", "s/b", "a"), {"s/b": "file 644"}),
        (Edit("move", "s", "new/s"), {"s": None, "new/s/b": "file 644"}),
        (Edit("move", "s", "a"), {"s": "directory 755", "a": "file 644"}),
        (Edit("chmod", "s", "", 0o700), {"s": "directory 700"}),
        (Edit("many", "s", "x"), {"s/m0": "file 644", "s/m39": "file 644", "s/b": "file 644"}),
        (Edit("touch", "a"), {"a": "file 644"}),
        (Edit("rewrite", "a"), {"a": "file 644"}),
        (Edit("archive", "arc.tgz", "a=1,b/c=2"), {"arc.tgz": "file 644"}),
        # Below what is no directory, and through what is a link, nothing is done.
        (Edit("write", "a/x", "new"), {"a": "file 644", "a/x": None}),
        (Edit("write", "out/x", "new"), {"out": "link to ..", "out/x": None}),
    ],
    ids=repr,
)
def test_an_edit_does_what_it_says(edit: Edit, seen: dict[str, str | None], tmp_path: Path) -> None:
    root = tmp_path / "context"
    for made in (Edit("write", "a", "0"), Edit("write", "s/b", "0"), Edit("link", "out", "..")):
        apply(root, made)
    apply(root, edit)
    found = look(root)
    # The content's digest is the last word of what is seen of a file.
    assert {path: _kind(found.get(path)) for path in seen} == seen
    assert os.listdir(tmp_path) == ["context"]


def _kind(seen: str | None) -> str | None:
    return seen and " ".join(seen.split()[:2] if seen.startswith("file") else [seen])
