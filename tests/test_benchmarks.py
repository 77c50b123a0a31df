"""The benchmarks still measure; and what they make of what they have measured."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.change import Change
from benchmarks.chart import chart
from benchmarks.sight import MissedError, Sight, seen
from benchmarks.table import BEGIN, END, cell, placed, table
from benchmarks.tally import Measure, Score, Tally, shown
from benchmarks.wire import Wire
from livepush.endpoint import resolve

ROOT = Path(__file__).parent.parent
SAVE = Measure("save", "", "a save → visible", "s")
IDLE = Measure("start", "idle", "CPU", "CPU s")


def _measured() -> Tally:
    tally = Tally(["ours", "raw", "theirs"])
    for value in (0.002, 0.004, 0.003):
        tally.add([SAVE], "ours", {"": value})
    tally.add([SAVE], "raw", {"": 0.06})
    tally.fail([SAVE], "theirs", "<it has & ended>")
    tally.add([IDLE], "ours", {"idle": 0.0})
    return tally


def test_a_plan_that_is_given_is_measured() -> None:
    given = {"dockerfile": "FROM scratch\nCOPY a /a\n", "files": ["a/x", "a/y", "b"]}
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.plan", "--given"],
        cwd=ROOT,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(told.stdout)
    assert found["matched"] == 2
    assert found["ms"] > 0


def test_the_median_and_the_95th_percentile_are_of_what_was_measured() -> None:
    score = Score(tuple(float(value) for value in range(20, 0, -1)))
    assert (score.median, score.p95) == (10.5, 19)
    assert (Score((7,)).median, Score((7,)).p95) == (7, 7)


def test_a_scenario_fails_in_all_of_its_measures() -> None:
    tally = Tally(["ours"])
    tally.fail([SAVE, IDLE], "ours", "gone")
    assert tally.score(SAVE, "ours") == tally.score(IDLE, "ours") == Score((), ("gone",))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.00214, "s", "2.14 ms"),
        (0.0123, "s", "12.3 ms"),
        (0.3449, "s", "345 ms"),
        (1.352, "s", "1.35 s"),
        (0.0, "CPU s", "0.00 CPU s"),
        (1024, "MB", "1,024 MB"),
    ],
)
def test_values_have_three_digits(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_a_failed_round_is_no_time() -> None:
    against = Score((0.1,))
    assert cell(Score((0.2, 0.4), ("gone",)), against, "s") == (
        "300 ms (400 ms), 3.00 ×, 1 of 3 failed"  # noqa: RUF001 - as it is printed
    )
    assert cell(Score((), ("gone", "gone")), against, "s") == "2 of 2 failed"
    assert cell(Score((0.2,)), Score((), ("gone",)), "s") == "200 ms (200 ms)"
    assert cell(Score(), against, "s") == "–"  # noqa: RUF001


def test_the_table_has_a_row_a_measure_and_a_column_a_contender() -> None:
    assert table(_measured(), "raw").splitlines() == [
        "|  | ours | raw | theirs |",
        "| --- | --: | --: | --: |",
        "| a save → visible | 3.00 ms (4.00 ms), 0.05 × | 60.0 ms (60.0 ms) | 1 of 1 failed |",  # noqa: RUF001
        "| CPU | 0.00 CPU s (0.00 CPU s) | – | – |",  # noqa: RUF001
    ]


def test_the_table_is_put_between_its_marks() -> None:
    once = placed(f"above\n{BEGIN}\nold\n{END}\nbelow\n", "| new |\n")
    assert once == f"above\n{BEGIN}\n| new |\n{END}\nbelow\n"
    assert placed(once, "| new |\n") == once


@pytest.mark.parametrize("document", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_document_without_the_marks_is_left_alone(document: str) -> None:
    with pytest.raises(ValueError, match="once"):
        placed(document, "new")


def test_the_readme_has_a_place_for_the_table() -> None:
    assert f"{BEGIN}\nthe table\n{END}" in placed((ROOT / "README.md").read_text(), "the table")


def test_the_chart_draws_a_bar_a_time_and_tells_what_failed() -> None:
    drawn = ElementTree.fromstring(chart(_measured()))  # noqa: S314 - our own
    space = {"svg": "http://www.w3.org/2000/svg"}
    bars = drawn.findall("svg:rect", space)
    texts = [text.text for text in drawn.findall("svg:text", space)]
    assert [bar.get("class") for bar in bars] == ["first", "other"]
    assert [float(bar.get("width", 0)) for bar in bars] == sorted(
        float(bar.get("width", 0)) for bar in bars
    )
    assert [text for text in texts if text in ("1 ms", "10 ms", "100 ms")] == [
        "1 ms",
        "10 ms",
        "100 ms",
    ]
    labels = ["ours", "3.00 ms", "raw", "60.0 ms", "theirs", "1 of 1 failed"]
    assert texts[-7:] == ["a save → visible", *labels]


def test_a_chart_of_nothing_but_failures_is_drawn() -> None:
    tally = Tally(["ours"])
    tally.fail([SAVE], "ours", "gone")
    assert "1 of 1 failed" in chart(tally)


def test_a_change_survives_its_way_to_another_process() -> None:
    change = Change(("app/a", "b"), ("app/c",), command="make", restarts=True)
    assert Change.of_json(change.json()) == change
    assert change.places() == [("app/a", "/app/a"), ("b", "/app/b")]
    assert change.gone() == ["/app/c"]


def test_nothing_is_gone_while_the_container_is_down(tmp_path: Path) -> None:
    sight = Sight(tmp_path)
    assert not sight.gone("/a")
    (tmp_path / "etc").mkdir()
    assert sight.gone("/a")
    (tmp_path / "a").symlink_to("nowhere")
    assert not sight.gone("/a")


def test_a_file_is_seen_by_its_content_size_and_end(tmp_path: Path) -> None:
    sight = Sight(tmp_path)
    (tmp_path / "a").write_bytes(b"begin end")
    assert sight.holds("/a", b"begin end")
    assert sight.sized("/a", 9)
    assert sight.ends("/a", 9, b"end")
    assert not sight.ends("/a", 8, b"end")
    assert not any((sight.holds("/b", b""), sight.sized("/b", 0), sight.ends("/b", 9, b"end")))


def test_waiting_ends_with_the_last_condition_or_with_who_should_bring_it() -> None:
    looks = iter([False, True, False, True])
    look = lambda: next(looks)  # noqa: E731
    assert seen([look, look], 60, lambda: "", "both") > 0
    with pytest.raises(MissedError, match="one: it has ended"):
        seen([lambda: False], 60, lambda: "it has ended", "one")
    with pytest.raises(MissedError, match="one: 1 of 1 not after 0 s"):
        seen([lambda: False], 0, lambda: "", "one")


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.engine
def test_a_save_is_measured_where_it_can_be_seen() -> None:
    done = _run("benchmarks.saves", "--runs", "1", "--scenarios", "save")
    with closing(Wire(resolve().socket)) as wire:
        driver = wire.json("GET", "/info")["Driver"]
    if os.geteuid() == 0 and driver == "overlay2":
        assert (done.returncode, "failed" in done.stdout) == (0, False)
        head, _, row = done.stdout.splitlines()[:3]
        assert head.startswith("|  | livepush ")
        assert re.fullmatch(r"\| a save → visible \| [\d.]+ m?s .*", row)
    else:
        assert done.returncode == 1
        assert "it needs root, and an engine on this machine" in done.stderr


@pytest.mark.engine
def test_a_cancel_is_measured() -> None:
    done = _run("benchmarks.cancel", "--count", "1")
    assert (done.returncode, done.stderr) == (0, "")
    machine, engine, *times = done.stdout.splitlines()
    assert " CPUs, load " in machine
    assert ", API " in engine
    assert [line.partition(": median ")[0] for line in times] == [
        f"{command}: {what}"
        for command in ("obeys TERM", "ignores TERM", "leaves daemons")
        for what in ("the last process has ended", "the push is over")
    ]


@pytest.mark.engine
def test_a_stop_is_measured() -> None:
    done = _run("benchmarks.stop", "--count", "1")
    assert (done.returncode, done.stderr) == (0, "")
    machine, engine, stopped = done.stdout.splitlines()
    assert " CPUs, load " in machine
    assert ", API " in engine
    assert re.fullmatch(r"after [a-zA-Z]+ \(1\): median \d+ ms, worst \d+ ms", stopped)
