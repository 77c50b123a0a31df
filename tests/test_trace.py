"""BuildKit's protocol buffers, as engines sent them, and as none ever should."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livepush.trace import Log, Status, Vertex, read
from tests.traces import encoded, field

RECORDED = sorted((Path(__file__).parent / "builds").glob("buildkit-*.jsonl"))


def recorded(name: str) -> list[Status]:
    lines = (Path(__file__).parent / "builds" / f"{name}.jsonl").read_text().splitlines()
    replies = [json.loads(line) for line in lines]
    return [read(each["aux"]) for each in replies if each.get("id") == "moby.buildkit.trace"]


@pytest.mark.parametrize(
    ("engine", "error"),
    [
        (
            "20.10",
            "executor failed running [/bin/sh -c echo whisper; sleep 0.3;"
            "     echo second >&2; exit 3]: exit code: 3",
        ),
        (
            "26.1",
            'process "/bin/sh -c echo whisper; sleep 0.3;     echo second >&2; exit 3"'
            " did not complete successfully: exit code: 3",
        ),
    ],
)
def test_a_recorded_step_is_read_to_its_end(engine: str, error: str) -> None:
    statuses = recorded(f"buildkit-{engine}-failed")
    vertexes = [
        vertex
        for status in statuses
        for vertex in status.vertexes
        if vertex.name.endswith("exit 3") and "3/3" in vertex.name
    ]
    last = vertexes[-1]
    assert last == Vertex(
        digest=last.digest,
        name="[stage-1 3/3] RUN echo whisper; sleep 0.3;     echo second >&2; exit 3",
        inputs=last.inputs,
        started=True,
        completed=True,
        error=error,
    )
    assert [each.name for s in statuses for each in s.vertexes if each.digest in last.inputs][
        -1
    ] == "[stage-1 2/3] COPY --from=one /w /w"
    assert [(each.started, each.completed) for each in vertexes] == [
        (False, False),
        (True, False),
        (True, True),
    ]
    logs = [each for status in statuses for each in status.logs if each.digest == last.digest]
    assert logs == [
        Log(last.digest, b"whisper\n", is_stderr=False),
        Log(last.digest, b"second\n", is_stderr=True),
    ]


@pytest.mark.parametrize("engine", ["20.10", "26.1"])
def test_what_is_cached_is_told(engine: str) -> None:
    vertexes = [each for s in recorded(f"buildkit-{engine}-cached") for each in s.vertexes]
    assert {each.name for each in vertexes if each.cached} >= {
        "[2/3] RUN echo out",
        "[3/3] COPY Dockerfile /",
    }


def test_unknown_fields_of_every_kind_are_passed_over() -> None:
    unknown = (
        field(14, 1 << 60)
        + field(15, b"x" * 300)
        + bytes([16 << 3 & 0x7F | 0x80 | 1, 1])
        + b"8" * 8
        + bytes([15 << 3 | 5])
        + b"4444"
    )
    vertex = field(1, b"d") + unknown + field(3, "é".encode()) + field(4, 1)
    log = unknown + field(1, b"d") + field(3, 2) + field(4, b"\xff")
    status = read(encoded(unknown + field(1, vertex) + field(2, b"\xff") + field(3, log)))
    assert status == Status((Vertex("d", "é", cached=True),), (Log("d", b"\xff", is_stderr=True),))


def test_an_empty_message_says_nothing() -> None:
    assert read("") == Status((), ())


@pytest.mark.parametrize(
    "message",
    [
        field(1, b"d" * 9)[:-1],  # cut short
        bytes([1 << 3]),  # a number without its value
        bytes([1 << 3]) + b"\xff" * 11,  # a number without an end
        bytes([1 << 3 | 3]),  # a group
        field(1, 5),  # a number for a vertex
        field(1, field(3, 5)),  # a number for a name
        field(1, field(4, b"x")),  # bytes for a number
        field(1, field(2, 5)),  # a number for an input
        field(3, field(4, 5)),  # a number for output
    ],
)
def test_what_is_no_trace_is_a_value_error(message: bytes) -> None:
    with pytest.raises(ValueError, match="trace"):
        read(encoded(message))


@pytest.mark.parametrize("text", ["%", "YQ", "é"])
def test_what_is_no_base64_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"base64|Incorrect padding|ASCII"):
        read(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(message: bytes) -> None:
    try:
        read(encoded(message))
    except ValueError:
        return


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_cut_recording_is_read_or_refused(path: Path) -> None:
    for line in path.read_text().splitlines():
        aux = json.loads(line).get("aux")
        if not isinstance(aux, str):
            continue
        whole = base64.b64decode(aux)
        for end in range(len(whole)):
            # A cut between two fields leaves a shorter message; any other is noticed.
            try:
                shorter = read(encoded(whole[:end]))
            except ValueError:
                continue
            assert shorter.vertexes == read(aux).vertexes[: len(shorter.vertexes)]


def test_the_recordings_are_there() -> None:
    assert len(RECORDED) == 8
