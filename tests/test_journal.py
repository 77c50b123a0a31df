"""What is noted of a container outlives the process that noted it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from livepush.journal import Journal, Touched, journals, state_of
from livepush.model import Entry
from livepush.tree import Tree

ODD = os.fsdecode(b"/app/\xff\n")


def test_what_is_touched_is_known_to_the_next_one(tmp_path: Path) -> None:
    folder = tmp_path / "state/livepush"
    journal = Journal(folder, "web")
    journal.add(["/app/a", ODD])
    journal.add(["/app/a", "/app/b"])
    assert Journal(folder, "web").touched == Touched(frozenset({"/app/a", "/app/b", ODD}))
    journal.ran()
    assert Journal(folder, "web").touched.commands
    assert not Journal(folder, "other").touched


def test_what_landed_counts_until_something_is_touched(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "web")
    journal.add(["/app/a"])
    journal.settle("state")
    assert Journal(tmp_path, "web").settled == "state"
    again = Journal(tmp_path, "web")
    again.add(["/app/a"])  # it was noted before, and is about to change all the same
    assert (again.settled, Journal(tmp_path, "web").settled) == ("", "")
    assert Journal(tmp_path, "web").touched == Touched(frozenset({"/app/a"}))


def test_half_a_line_and_nonsense_are_passed_over(tmp_path: Path) -> None:
    Journal(tmp_path, "web").add(["/a"])
    file = tmp_path / "web.jsonl"
    file.write_bytes(file.read_bytes() + b'\n[1]\n{"paths": 1}\n\xff\n{"paths": ["/b"')
    journal = Journal(tmp_path, "web")
    assert journal.touched == Touched(frozenset({"/a"}))
    journal.add(["/c"])
    assert Journal(tmp_path, "web").touched == Touched(frozenset({"/a", "/c"}))


def test_what_the_disk_does_not_take_is_known_to_this_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "file/folder", "web")
    journal.add(["/a"])
    assert journal.touched == Touched(frozenset({"/a"}))
    assert not Journal(tmp_path / "file/folder", "web").touched


def test_journals_that_nobody_asked_for_a_month_go(tmp_path: Path) -> None:
    Journal(tmp_path, "old").add(["/a"])
    month = time.time() - 31 * 24 * 3600
    os.utime(tmp_path / "old.jsonl", (month, month))
    Journal(tmp_path, "web").add(["/a"])
    Journal(tmp_path, "web")
    assert [file.name for file in tmp_path.iterdir()] == ["web.jsonl"]


def test_the_folder_is_below_the_state_directory(tmp_path: Path) -> None:
    assert journals({"XDG_STATE_HOME": str(tmp_path)}) == tmp_path / "livepush"
    assert journals({"XDG_STATE_HOME": "relative"}) == Path.home() / ".local/state/livepush"


def test_a_state_is_of_all_that_can_be_seen(tmp_path: Path) -> None:
    def state(entry: Entry, *words: str) -> str:
        return state_of(Tree.of([("a", entry)]), *words)

    entry = Entry("file", 0o644, stamp=(1, 2, 3))
    states = {
        state(entry),
        state(entry, "word"),
        state(Entry("file", 0o600, stamp=(1, 2, 3))),
        state(Entry("file", 0o644, stamp=(1, 2, 4))),
        state(Entry("link", 0o777, target="b")),
        state(Entry("link", 0o777, target="c")),
    }
    assert len(states) == 6
    assert state(entry) in states
