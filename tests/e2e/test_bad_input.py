"""What does not fit is refused in one sentence, with the exit code for whose fault it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cases import save
from tests.e2e.command_line import failed, landed, livepush, watching
from tests.e2e.docker_cli import BUSYBOX, Bench, docker

pytestmark = pytest.mark.e2e


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A build context of one file and its Dockerfile."""
    save(tmp_path / "Dockerfile", f"FROM {BUSYBOX}\nCOPY note /note\nCMD sleep 1000\n")
    save(tmp_path / "note", "first")
    return tmp_path


def refused(code: int, *arguments: str, host: str = "") -> str:
    """What livepush says when it refuses `arguments`: a sentence, and perhaps what to do."""
    done = livepush(*arguments, environ={"DOCKER_HOST": host} if host else {})
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    sentence, *hint = done.stderr.splitlines()
    assert sentence.startswith("livepush: ")
    assert len(hint) <= 1
    return done.stderr


def test_a_missing_context(context: Path) -> None:
    nowhere = str(context / "nowhere")
    assert nowhere in refused(2, "plan", nowhere, "--changed", "note")


def test_a_missing_dockerfile(context: Path) -> None:
    (context / "Dockerfile").unlink()
    said = refused(2, "plan", str(context), "--changed", "note")
    assert f"no Dockerfile at {context / 'Dockerfile'}" in said


@pytest.mark.parametrize("command", [("dockerfile",), ("watch", "--container", "any")])
def test_a_dockerfile_that_no_builder_takes(context: Path, command: tuple[str, ...]) -> None:
    save(context / "Dockerfile", f"FROM {BUSYBOX}\nCOPY note\n")
    assert f"{context / 'Dockerfile'}:2: COPY needs" in refused(2, *command, str(context))


def test_a_file_outside_the_context(context: Path, bench: Bench) -> None:
    container = bench.start(bench.build(context, context / "Dockerfile"))
    for command in (["plan"], ["push", "--container", container]):
        said = refused(2, *command, str(context), "--changed", "../elsewhere")
        assert "../elsewhere is outside the build context" in said


def test_an_engine_that_does_not_answer(context: Path) -> None:
    nowhere = f"unix://{context}/engine.sock"
    said = refused(1, "watch", "--container", "any", str(context), host=nowhere)
    assert f"No engine answers at {nowhere}" in said


def test_a_container_that_is_not_there(context: Path, bench: Bench) -> None:
    said = refused(2, "watch", "--container", bench.run, str(context))
    assert f"no container '{bench.run}'" in said


def test_a_wrong_number_of_stage_images(context: Path, bench: Bench) -> None:
    container = bench.start(bench.build(context, context / "Dockerfile"))
    said = refused(2, "watch", "--container", container, "--stage-image", BUSYBOX, str(context))
    assert "stage images: 1 given, 0 needed" in said


async def test_a_file_that_may_not_be_read_is_told_and_lands_once_it_may(
    context: Path, bench: Bench, tmp_path: Path
) -> None:
    container = bench.start(bench.build(context, context / "Dockerfile"))
    async with watching(
        tmp_path / "stderr", "--container", container, str(context), unprivileged=True
    ) as watch:
        seen = len(watch.events)
        note = context / "note"
        save(context / ".note.new", "second")
        (context / ".note.new").chmod(0)
        os.replace(context / ".note.new", note)
        events = await watch.until(failed("note"), seen)
        told = [event["message"] for event in events if event["event"] == "error"]
        assert told == ["line 2: COPY note /note: 'note' may not be read"]
        assert docker("exec", container, "cat", "/note") == "first"

        seen = len(watch.events)
        note.chmod(0o644)
        await watch.until(landed({"note"}), seen)
        assert docker("exec", container, "cat", "/note") == "second"
