"""Files on a file system whose clock is coarse: every one is, as far as these tests tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from livepush import unsettled
from livepush.context import Context
from livepush.unsettled import Unsettled

NONE: frozenset[str] = frozenset()


class Coarse:
    """A context, what is unsettled in it, and a clock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = 0.0
        self.context = Context.open(root)
        self.unsettled = Unsettled(clock=lambda: self.now)

    def look(self, *changed: str) -> frozenset[str]:
        tree = self.context.scan()
        if not self.unsettled.is_due(tree, changed):
            return NONE
        return self.unsettled.look(self.context, tree, changed)


@pytest.fixture
def coarse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Coarse:
    monkeypatch.setattr(unsettled, "_TICK", 1)
    return Coarse(tmp_path)


def test_a_second_write_is_seen_by_its_bytes(coarse: Coarse) -> None:
    (coarse.root / "x").write_text("one")
    assert coarse.look("x") == NONE
    (coarse.root / "x").write_text("two")
    assert coarse.look() == {"x"}
    assert coarse.look() == NONE


def test_a_file_is_compared_until_its_second_is_over_and_once_more(coarse: Coarse) -> None:
    (coarse.root / "x").write_text("one")
    coarse.look("x")
    coarse.now = 1.0
    assert coarse.look() == NONE
    assert coarse.unsettled.paths == {"x"}
    (coarse.root / "x").write_text("two")
    coarse.now = 10.0
    assert coarse.look() == {"x"}
    coarse.now = 20.0
    assert coarse.look() == NONE
    assert coarse.unsettled.paths == NONE


def test_what_is_seen_to_change_is_not_told_twice(coarse: Coarse) -> None:
    (coarse.root / "x").write_text("one")
    coarse.look("x")
    (coarse.root / "x").write_text("longer")
    assert coarse.look("x") == NONE
    assert coarse.look() == NONE


def test_what_is_gone_or_no_file_is_forgotten(coarse: Coarse) -> None:
    (coarse.root / "x").write_text("one")
    (coarse.root / "directory").mkdir()
    coarse.look("x", "directory", "missing")
    (coarse.root / "x").unlink()
    assert coarse.look() == NONE
    assert coarse.unsettled.paths == NONE


def test_where_the_clock_is_fine_nothing_is_unsettled(tmp_path: Path) -> None:
    fine = Coarse(tmp_path)
    (tmp_path / "x").write_text("one")
    assert not fine.unsettled.is_due(fine.context.scan(), ["x"])
