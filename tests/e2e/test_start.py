"""What changed while nobody watched: the container lacks it, and has it once watching begins."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from tests.cases import save
from tests.e2e.command_line import livepush, names, watching
from tests.e2e.docker_cli import BUSYBOX, Bench, left_of
from tests.e2e.trees import differences

pytestmark = pytest.mark.e2e

IDLE = 'STOPSIGNAL SIGKILL\nCMD ["sleep", "9998"]\n'
DOCKERFILE = f"""\
FROM {BUSYBOX} AS stage
COPY made /made
RUN cat /made > /log
FROM {BUSYBOX}
WORKDIR /app
COPY . .
RUN test ! -e slow || {{ echo slow; sleep 1000; }}
RUN ls /app > /list
COPY --from=stage /log /log
{IDLE}"""

STAGED = f"""\
FROM {BUSYBOX} AS stage
COPY lib /lib
RUN rm -rf /out; cp -r /lib /out
FROM {BUSYBOX}
COPY --from=stage /out /out
{IDLE}"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    (root / "lib").mkdir(parents=True)
    texts = {"Dockerfile": DOCKERFILE, "made": "1", "main": "1", "gone": "1", "lib/a": "1"}
    for name, text in texts.items():
        save(root / name, text)
    return root


def started(built: Bench, context: Path) -> str:
    return built.start(built.build(context, context / "Dockerfile", stages=["stage"]))


def assert_converged(built: Bench, container: str, context: Path) -> None:
    """The container holds what a fresh build does."""
    tree = built.tree_of(built.build(context, context / "Dockerfile", options=["--no-cache"]))
    assert not differences(built.tree(container), tree)


def test_a_pushed_ignore_file_brings_and_takes_what_it_is_about(
    built: Bench, context: Path
) -> None:
    save(context / ".dockerignore", "gone\n")
    container = started(built, context)
    push = ("push", "--container", container, str(context))
    save(context / ".dockerignore", "lib\n")
    done = livepush(*push, "--changed", ".dockerignore")
    assert done.returncode == 0, done.stderr
    assert_converged(built, container, context)
    (context / ".dockerignore").unlink()
    done = livepush(*push, "--deleted", ".dockerignore")
    assert done.returncode == 0, done.stderr
    assert_converged(built, container, context)


OWNED = f"""\
FROM {BUSYBOX}
COPY lib /app
RUN chown -R 7:8 /app && chmod -R go= /app
COPY main /app/conf/deep/
WORKDIR /app/run
COPY --chown=5:6 lib sub/
{IDLE}"""


async def test_directories_of_later_steps_are_none_of_a_repeated_command_s(
    built: Bench, context: Path, tmp_path: Path
) -> None:
    save(context / "Dockerfile", OWNED)
    container = built.start(built.build(context, context / "Dockerfile"))
    async with watching(tmp_path / "said", "--container", container, str(context)) as watch:
        for text in ("2", "3"):
            since = len(watch.events)
            save(context / "lib" / "a", text)
            await watch.until_event("livepushEnd", since)
            assert_converged(built, container, context)


async def test_a_container_of_the_base_image_comes_to_what_a_build_is(
    built: Bench, context: Path, tmp_path: Path
) -> None:
    """Also after an edit while nobody watched, and with files that are there already."""
    save(tmp_path / "Idle", f"FROM {BUSYBOX}\n{IDLE}")
    container = built.start(built.build(tmp_path, tmp_path / "Idle"))
    built.docker("exec", container, "sh", "-c", "mkdir /app; echo 0 >/app/main; echo 1 >/app/made")
    async with watching(tmp_path / "said", "--container", container, str(context)) as watch:
        assert_converged(built, container, context)
        since = len(watch.events)
        save(context / "main", "2")
        await watch.until_event("livepushEnd", since)
        assert_converged(built, container, context)
    (context / "lib" / "a").unlink()
    save(context / "main", "3")
    async with watching(tmp_path / "again", "--container", container, str(context)):
        assert_converged(built, container, context)


def test_what_a_stage_makes_no_more_goes_with_a_pushed_deletion(
    built: Bench, context: Path
) -> None:
    save(context / "Dockerfile", STAGED)
    (context / "lib" / "deep").mkdir()
    save(context / "lib" / "deep" / "b", "1")
    container = started(built, context)
    shutil.rmtree(context / "lib" / "deep")
    push = ("push", "--container", container, str(context))
    done = livepush(*push, "--deleted", "lib/deep/b")
    assert done.returncode == 0, done.stderr
    assert_converged(built, container, context)


async def test_what_changed_before_is_there_once_it_is_ready(
    built: Bench, context: Path, tmp_path: Path
) -> None:
    container = started(built, context)
    save(context / "main", "2")
    save(context / "made", "2")
    save(context / "new", "1")
    (context / "gone").unlink()
    (context / "lib").rename(context / "src")
    async with watching(tmp_path / "said", "--container", container, str(context)) as watch:
        assert_converged(built, container, context)
        assert {"filesSynced", "containerRestart"} <= set(names(watch.events))
        assert await watch.stop() == 0
    async with watching(tmp_path / "again", "--container", container, str(context)) as watch:
        assert names(watch.events) == ["ready"]
        since = len(watch.events)
        save(context / "main", "3")
        await watch.until_event("livepushEnd", since)
        assert_converged(built, container, context)
    save(context / "main", "1")
    (context / "new").unlink()
    async with watching(tmp_path / "third", "--container", container, str(context)):
        assert_converged(built, container, context)


async def test_a_container_like_its_context_is_left_alone(
    built: Bench, context: Path, tmp_path: Path
) -> None:
    container = started(built, context)
    async with watching(tmp_path / "said", "--container", container, str(context)) as watch:
        assert not {"filesSynced", "containerRestart"} & set(names(watch.events))


async def test_what_changed_before_can_be_left_out(
    bench: Bench, context: Path, tmp_path: Path
) -> None:
    container = started(bench, context)
    save(context / "main", "2")
    arguments = ("--container", container, "--no-initial-sync", str(context))
    async with watching(tmp_path / "said", *arguments) as watch:
        assert "livepushStart" not in names(watch.events)
        assert bench.docker("exec", container, "cat", "/app/main") == "1"


async def test_a_push_that_was_killed_is_made_good(
    bench: Bench, context: Path, tmp_path: Path
) -> None:
    container = started(bench, context)
    async with watching(tmp_path / "said", "--container", container, str(context)) as watch:
        since = len(watch.events)
        save(context / "left", "1")
        await watch.until_event("livepushEnd", since)
        save(context / "slow", "1")
        while (await watch.until_event("commandOutput", since))["output"]["data"] != "slow\n":
            since = len(watch.events)
        watch.process.send_signal(signal.SIGKILL)
        await watch.process.wait()
    assert left_of(container, bench.client)
    (context / "slow").unlink()
    (context / "left").unlink()
    save(context / "main", "2")
    async with watching(tmp_path / "again", "--container", container, str(context)) as watch:
        assert_converged(bench, container, context)
        assert await watch.stop() == 0
    assert not left_of(container, bench.client)


async def test_a_command_that_was_left_running_is_ended_first(
    bench: Bench, context: Path, tmp_path: Path
) -> None:
    container = started(bench, context)
    arguments = ("--container", container, "--no-restart", str(context))
    async with watching(tmp_path / "said", *arguments) as watch:
        since = len(watch.events)
        save(context / "slow", "1")
        await watch.until_event("commandOutput", since)
        watch.process.send_signal(signal.SIGKILL)
        await watch.process.wait()
    assert "sleep 1000" in bench.docker("top", container)
    async with watching(tmp_path / "again", "--no-initial-sync", *arguments):
        assert "sleep 1000" not in bench.docker("top", container)
        assert "sleep 9998" in bench.docker("top", container)


async def test_a_push_that_was_ended_by_ctrl_c_is_owed_at_the_next_start(
    bench: Bench, context: Path, tmp_path: Path
) -> None:
    container = started(bench, context)
    async with watching(tmp_path / "said", "--container", container, str(context)) as watch:
        since = len(watch.events)
        save(context / "main", "2")
        save(context / "slow", "1")
        await watch.until_event("commandOutput", since)
        assert await watch.stop() == 0
    assert not left_of(container, bench.client)
    assert "sleep 1000" not in bench.docker("top", container)
    (context / "slow").unlink()
    async with watching(tmp_path / "again", "--container", container, str(context)):
        assert_converged(bench, container, context)
