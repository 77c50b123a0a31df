"""What builders reported, read into steps: the same Dockerfiles, both builders, two engines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from livepush.builders import Build
from livepush.engine import BuildOutput, BuildProgress, BuildStep, BuildStepDone
from livepush.errors import BuildFailedError, EngineError
from tests.traces import encoded, field

BUILDS = Path(__file__).parent / "builds"
LEGACY = ["legacy-20.10", "legacy-26.1"]
BUILDKIT = ["buildkit-20.10", "buildkit-26.1"]

FAILING = "RUN echo whisper; sleep 0.3;     echo second >&2; exit 3"


def lines(*replies: object) -> bytes:
    return b"".join(json.dumps(reply).encode() + b"\r\n" for reply in replies)


def followed(sent: bytes, size: int = 0) -> tuple[Build, list[BuildProgress]]:
    build = Build()
    pieces: Iterable[bytes] = [sent]
    if size:
        pieces = (sent[start : start + size] for start in range(0, len(sent), size))
    return build, [progress for piece in pieces for progress in build.feed(piece)]


def recorded(name: str) -> tuple[Build, list[BuildProgress]]:
    return followed((BUILDS / f"{name}.jsonl").read_bytes())


def failure(build: Build) -> BuildFailedError:
    with pytest.raises(BuildFailedError) as raised:
        build.result()
    return raised.value


def commands(told: list[BuildProgress]) -> Iterator[tuple[str, bytes, bytes, int | None]]:
    """Of each command: its text, its output, standard error, and how it ended."""
    for step in told:
        if isinstance(step, BuildStep) and step.text.startswith("RUN "):
            of_it = [each for each in told if each.number == step.number]
            *outputs, done = of_it[1:]
            assert (of_it[0], type(done)) == (step, BuildStepDone)
            out, err = (
                b"".join(
                    each.data
                    for each in outputs
                    if isinstance(each, BuildOutput) and each.is_stderr is is_stderr
                )
                for is_stderr in (False, True)
            )
            yield step.text, out, err, getattr(done, "code", -1)


@pytest.mark.parametrize("builder", [*LEGACY, *BUILDKIT])
def test_all_builders_tell_the_same_of_commands(builder: str) -> None:
    _, told = recorded(f"{builder}-failed")
    assert [*commands(told)] == [
        ("RUN echo out; echo err >&2; sleep 0.3; printf 'no end'", b"out\nno end", b"err\n", 0),
        (FAILING, b"whisper\n", b"second\n", 3),
    ]
    steps = [each.text for each in told if isinstance(each, BuildStep)]
    assert "COPY --from=one /w /w" in steps
    assert len(steps) == len({each.number for each in told if isinstance(each, BuildStep)})
    ended = [each.number for each in told if isinstance(each, BuildStepDone)]
    assert sorted(ended) == sorted(e.number for e in told if isinstance(e, BuildStep))


@pytest.mark.parametrize("builder", [*LEGACY, *BUILDKIT])
def test_a_failed_build_says_which_step_how_and_why(builder: str) -> None:
    error = failure(recorded(f"{builder}-failed")[0])
    assert (error.step, error.return_code) == (FAILING, 3)
    *output, reason = error.message.splitlines()
    assert output == ["whisper", "second"]
    assert reason.startswith("The build failed: ")
    assert reason.endswith("code: 3")


@pytest.mark.parametrize("builder", [*LEGACY, *BUILDKIT])
def test_what_was_in_the_cache_is_not_told(builder: str) -> None:
    build, told = recorded(f"{builder}-cached")
    assert build.result().startswith("sha256:")
    assert not any(isinstance(each, BuildOutput) for each in told)
    assert {each.text for each in told if isinstance(each, BuildStep)} <= {
        "FROM livepush-base/busybox:12"
    }


@pytest.mark.parametrize("builder", [*LEGACY, *BUILDKIT])
def test_a_failed_download_is_its_step_s_failure(builder: str) -> None:
    error = failure(recorded(f"{builder}-download")[0])
    assert (error.step, error.return_code) == ("ADD http://127.0.0.1:1/nope /u", None)
    assert "connection refused" in error.message


@pytest.mark.parametrize("builder", [*LEGACY, *BUILDKIT])
def test_triggers_are_commands_too(builder: str) -> None:
    _, told = recorded(f"{builder}-triggers")
    assert [(e.data, e.is_stderr) for e in told if isinstance(e, BuildOutput)][-3:] == [
        (b"hi\n", False),
        (b"ho\n", True),
        (b"after\n", False),
    ]
    assert ("RUN echo after", b"after\n", b"", 0) in commands(told)


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("builder", [LEGACY[0], BUILDKIT[0]])
def test_replies_are_whole_however_they_come(builder: str, size: int) -> None:
    sent = (BUILDS / f"{builder}-failed.jsonl").read_bytes()
    assert followed(sent, size)[1] == followed(sent)[1]


def test_the_last_image_of_a_legacy_build_counts() -> None:
    build, _ = followed(lines({"aux": {"ID": "sha256:1"}}, {"aux": {"ID": "sha256:2"}}))
    assert build.result() == "sha256:2"


def test_a_command_may_say_what_a_builder_does() -> None:
    said = [
        "Removing intermediate container 2b\n",
        " ---> Using cache\n",
        "Step 2/2 : RUN true",
        " ---> Running in 2\n",
        "\n",
    ]
    _, told = followed(
        lines(
            {"stream": "Step 1/2 : RUN echo"},
            {"stream": "\n"},
            {"stream": " ---> Running in 1a\n"},
            *({"stream": each} for each in said),
            {"stream": "Removing intermediate container 1a\n"},
            {"stream": " ---> 0123456789ab\n"},
            {"stream": "Step 2/2 : RUN true"},
            {"stream": "\n"},
            {"stream": " ---> Running in 2b\n"},
        )
    )
    assert told == [
        BuildStep(1, "RUN echo"),
        *(BuildOutput(1, each.encode(), is_stderr=False) for each in said),
        BuildStepDone(1, 0),
        BuildStep(2, "RUN true"),
    ]


def test_what_belongs_to_no_step_is_the_builder_s_own() -> None:
    _, told = followed(
        lines(
            {"stream": "Step 1/1 : FROM a"},
            {"stream": " ---> 0123456789ab\n"},
            {"aux": {"ID": "sha256:1"}},
            {"stream": "\x1b[91m[Warning] careful\n\x1b[0m"},
            {"stream": "Successfully built 0123456789ab\n"},
        )
    )
    assert told == [
        BuildStep(1, "FROM a"),
        BuildStepDone(1, 0),
        BuildOutput(0, b"[Warning] careful\n", is_stderr=True),
    ]


def test_a_step_that_never_began_is_told_where_it_fails() -> None:
    build, told = followed(lines({"stream": "Step 2/2 : COPY nope /"}, {"error": "no nope"}))
    assert told == [BuildStep(2, "COPY nope /"), BuildStepDone(2, None)]
    error = failure(build)
    assert (error.message, error.step) == ("The build failed: no nope", "COPY nope /")


def test_words_of_a_command_are_no_exit_code() -> None:
    reason = 'process "/bin/sh -c echo exit code: 9" did not complete successfully: no such user'
    error = failure(followed(lines({"errorDetail": {"message": reason}, "error": reason}))[0])
    assert (error.return_code, error.step) == (None, "")


@pytest.mark.parametrize("detail", [None, "x", {}, {"code": "3"}, []])
def test_an_error_without_details_is_an_error(detail: object) -> None:
    error = failure(followed(lines({"errorDetail": detail, "error": "no"}))[0])
    assert (error.message, error.return_code) == ("The build failed: no", None)


def test_only_the_last_lines_are_repeated() -> None:
    text = "".join(f"line {number}\n" for number in range(50))
    build, _ = followed(
        lines(
            {"stream": "Step 1/1 : RUN x"},
            {"stream": " ---> Running in 1\n"},
            *({"stream": each} for each in text.splitlines(keepends=True)),
            {"error": "no"},
        )
    )
    assert failure(build).message.splitlines() == [
        *(f"line {number}" for number in range(30, 50)),
        "The build failed: no",
    ]


def test_a_stream_without_an_end_is_no_failure_of_the_build() -> None:
    build, _ = followed((BUILDS / "legacy-20.10-failed.jsonl").read_bytes()[:100])
    with pytest.raises(EngineError, match="connection was lost") as raised:
        build.result()
    assert not isinstance(raised.value, BuildFailedError)


def test_what_a_step_says_is_not_kept_for_ever() -> None:
    build, _ = followed(
        lines(
            {"stream": "Step 1/1 : RUN x"},
            {"stream": " ---> Running in 1\n"},
            *({"stream": "x" * 10_000} for _ in range(20)),
            {"error": "no"},
        )
    )
    assert len(failure(build).message) < 70_000


def status(*vertexes: bytes) -> dict[str, str]:
    return {
        "id": "moby.buildkit.trace",
        "aux": encoded(b"".join(field(1, vertex) for vertex in vertexes)),
    }


def vertex(name: str, *, completed: bool = False, error: str = "") -> bytes:
    ended = field(6, b"") if completed else b""
    told = field(7, error.encode()) if error else b""
    of_it = field(1, name.encode()) + field(2, b"from") + field(3, f"[1/2] {name}".encode())
    return of_it + field(5, b"") + ended + told


def test_the_step_that_failed_is_not_one_that_was_given_up() -> None:
    build, told = followed(
        lines(
            status(vertex("RUN one"), vertex("RUN two")),
            status(
                vertex("RUN one", completed=True, error="context canceled"),
                vertex("RUN two", completed=True, error="exit code: 4"),
            ),
            {"error": "failed: exit code: 4"},
        )
    )
    assert told == [
        BuildStep(1, "RUN one"),
        BuildStep(2, "RUN two"),
        BuildStepDone(1, None),
        BuildStepDone(2, 4),
    ]
    assert (failure(build).step, failure(build).return_code) == ("RUN two", 4)


def test_what_is_reported_again_is_not_told_again() -> None:
    done = status(vertex("RUN one", completed=True))
    _, told = followed(lines(status(vertex("RUN one")), done, done))
    assert told == [BuildStep(1, "RUN one"), BuildStepDone(1, 0)]


def test_a_trace_that_cannot_be_read_is_passed_over() -> None:
    image = {"id": "moby.image.id", "aux": {"ID": "sha256:1"}}
    for aux in ("%%%", "CgU=", "", "CgIIBQ=="):
        build, told = followed(lines({"id": "moby.buildkit.trace", "aux": aux}, image))
        assert (build.result(), told) == ("sha256:1", [])


@pytest.mark.parametrize("line", [b"<html>", b"[]", b"1", b"null", b"\xff", b'{"stream"'])
def test_what_no_builder_says_is_told_as_the_engine_s_fault(line: bytes) -> None:
    with pytest.raises(EngineError, match="cannot be read"):
        followed(line + b"\n")


@pytest.mark.parametrize(
    "reply",
    [{"aux": None}, {"aux": {}}, {"aux": 5}, {"id": "x", "aux": "y"}, {"status": "Pulling"}, {}],
)
def test_what_is_new_in_a_reply_is_passed_over(reply: object) -> None:
    assert followed(lines(reply))[1] == []
