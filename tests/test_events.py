"""The wire form of every event, which is a contract with frontends."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from livepush import events
from livepush.events import EVENTS, NAMES, Event, Output, to_wire

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678900, UTC)
GOLDEN: list[tuple[Event, str]] = [
    (
        events.Ready(time=WHEN, container_id="c", stages=2),
        '{"event":"ready","time":"2026-01-02T03:04:05.678900Z","push":null,'
        '"containerId":"c","stages":2}',
    ),
    (
        events.LivepushStart(
            time=WHEN, push=1, changed=("a", "b"), deleted=(), plan=("stage 0", "  copy")
        ),
        '{"event":"livepushStart","time":"2026-01-02T03:04:05.678900Z","push":1,'
        '"changed":["a","b"],"deleted":[],"plan":["stage 0","  copy"]}',
    ),
    (
        events.FilesSyncing(time=WHEN, push=1, stage_idx=0, written=200, of=3000),
        '{"event":"filesSyncing","time":"2026-01-02T03:04:05.678900Z","push":1,'
        '"stageIdx":0,"written":200,"of":3000}',
    ),
    (
        events.FilesSynced(
            time=WHEN, push=1, stage_idx=0, written=2, deleted=1, bytes=3, seconds=0.12345678
        ),
        '{"event":"filesSynced","time":"2026-01-02T03:04:05.678900Z","push":1,'
        '"stageIdx":0,"written":2,"deleted":1,"bytes":3,"seconds":0.123457}',
    ),
    (
        events.CommandExecute(time=WHEN, push=1, stage_idx=1, command='echo "é"'),
        '{"event":"commandExecute","time":"2026-01-02T03:04:05.678900Z","push":1,'
        '"stageIdx":1,"command":"echo \\"é\\""}',
    ),
    (
        events.CommandOutput(time=WHEN, push=1, stage_idx=1, output=Output(b"\x1b[1m\xff\n", True)),
        '{"event":"commandOutput","time":"2026-01-02T03:04:05.678900Z","push":1,'
        '"stageIdx":1,"output":{"data":"\\u001b[1m\ufffd\\n","isStderr":true}}',
    ),
    (
        events.CommandReturn(time=WHEN, push=1, stage_idx=1, command="x", return_code=3),
        '{"event":"commandReturn","time":"2026-01-02T03:04:05.678900Z","push":1,'
        '"stageIdx":1,"command":"x","returnCode":3}',
    ),
    (
        events.ContainerRestart(time=WHEN, push=1, container_id="c"),
        '{"event":"containerRestart","time":"2026-01-02T03:04:05.678900Z","push":1,'
        '"containerId":"c"}',
    ),
    (
        events.Cancel(time=WHEN, push=1),
        '{"event":"cancel","time":"2026-01-02T03:04:05.678900Z","push":1}',
    ),
    (
        events.LivepushEnd(
            time=WHEN,
            push=1,
            status="failed",
            seconds=2.0,
            owed=("\udcff",),
            timings=events.Timings(detect=0.25),
        ),
        '{"event":"livepushEnd","time":"2026-01-02T03:04:05.678900Z","push":1,'
        '"status":"failed","seconds":2.0,"owed":["\ufffd"],"timings":{"detect":0.25,"plan":0.0,'
        '"transfer":0.0,"run":0.0,"restart":0.0}}',
    ),
    (
        events.RebuildNeeded(time=WHEN, push=1, reason="r", line=4),
        '{"event":"rebuildNeeded","time":"2026-01-02T03:04:05.678900Z","push":1,'
        '"reason":"r","line":4}',
    ),
    (
        events.ContainerStopped(time=WHEN, container_id="c"),
        '{"event":"containerStopped","time":"2026-01-02T03:04:05.678900Z","push":null,'
        '"containerId":"c"}',
    ),
    (
        events.ContainerStarted(time=WHEN, container_id="c"),
        '{"event":"containerStarted","time":"2026-01-02T03:04:05.678900Z","push":null,'
        '"containerId":"c"}',
    ),
    (
        events.Notice(time=WHEN, message="m", line=7),
        '{"event":"notice","time":"2026-01-02T03:04:05.678900Z","push":null,'
        '"message":"m","line":7,"hint":""}',
    ),
    (
        events.Error(time=WHEN, message="m"),
        '{"event":"error","time":"2026-01-02T03:04:05.678900Z","push":null,'
        '"message":"m","hint":""}',
    ),
]


@pytest.mark.parametrize(("event", "wire"), GOLDEN, ids=lambda x: getattr(x, "name", "wire"))
def test_wire_form(event: Event, wire: str) -> None:
    assert to_wire(event) == wire
    assert json.loads(to_wire(event))["event"] == event.name


def test_every_event_has_its_wire_form_here() -> None:
    assert tuple(type(event) for event, _ in GOLDEN) == EVENTS
    assert {event.name for event, _ in GOLDEN} == NAMES
    assert {kind.__name__ for kind in Event.__subclasses__()} == {e.__name__ for e in EVENTS}


def test_an_event_is_one_line() -> None:
    text = "line one\nline two\r\u2028\u2029\x85\x1c"
    assert len(to_wire(events.Error(message=text)).splitlines()) == 1
    assert json.loads(to_wire(events.Error(message=text)))["message"] == text


def test_no_line_controls_a_terminal() -> None:
    text = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)))
    wire = to_wire(events.CommandOutput(stage_idx=0, output=Output(text.encode(), False)))
    assert wire.isprintable()
    assert json.loads(wire)["output"]["data"] == text


def test_time_is_now_and_in_utc() -> None:
    before = events.now()
    event = events.Cancel()
    assert before <= event.time <= events.now()
    assert event.time.tzinfo is UTC


def test_other_zones_keep_their_offset() -> None:
    east = WHEN.astimezone(timezone(timedelta(hours=2)))
    wire = json.loads(to_wire(events.Cancel(time=east)))
    assert datetime.fromisoformat(wire["time"]) == WHEN
