"""`livepush watch` where many files change, or one all the time, or one that is odd."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.command_line import landed, livepush, names
from tests.e2e.docker_cli import BUSYBOX, Bench, docker, left_of, until
from tests.e2e.project import IDLE, Project, project

pytestmark = pytest.mark.e2e

ALL = f"FROM {BUSYBOX}\nCOPY . /app\n{IDLE}"
STILL = "--no-restart"  # so that the container can be looked into at any moment


async def test_a_branch_switch_is_pushed_as_one(bench: Bench, tmp_path: Path) -> None:
    app = project(bench, tmp_path, ALL, **{".dockerignore": ".git\n"})
    files = 2000
    git(app.context, "init", "--quiet", "--initial-branch=main")
    git(app.context, "add", ".")
    git(app.context, "commit", "--quiet", "--message=few files")
    git(app.context, "switch", "--quiet", "--create", "other")
    for serial in range(files):
        app.save(f"src/{serial % 50}/{serial}", str(serial))
    git(app.context, "add", ".")
    git(app.context, "commit", "--quiet", "--message=many files")
    git(app.context, "switch", "--quiet", "main")
    async with app.watched() as watch:
        git(app.context, "switch", "--quiet", "other")
        last = f"src/{(files - 1) % 50}/{files - 1}"
        events = await watch.until(landed([last]))
        count = "find /app/src -type f | wc -l"
        await until(lambda: docker("exec", app.container, "sh", "-c", count) == str(files))
        # What git does in the beginning may come before it is known for a crowd.
        assert names(events).count("livepushEnd") <= 2
        assert names(events).count("containerRestart") <= 2


def git(directory: Path, *arguments: str) -> None:
    who = ("-c", "user.name=livepush", "-c", "user.email=livepush@localhost")
    subprocess.run(["git", "-C", directory, *who, *arguments], check=True, capture_output=True)


async def test_a_file_that_is_written_all_the_time_starves_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    app = project(
        bench,
        tmp_path,
        f"FROM {BUSYBOX}\nCOPY log /log\nRUN sleep 0.3; cat /log > /seen\nCOPY late /late\n{IDLE}",
        log="",
        late="first",
    )
    async with app.watched(STILL):
        with writing(app.context / "log"):
            app.save("late", "second")
            await until(lambda: app.holds("/late") == "second")
            # The command behind that file gets its end as well, again and again.
            seen = app.holds("/seen")
            await until(lambda: app.holds("/seen") != seen)
        written = (app.context / "log").read_text()
        await until(lambda: app.holds("/seen") == written)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """The file is written every 50 ms for the time of the block."""
    enough = threading.Event()

    def write() -> None:
        serial = 0
        while not enough.wait(0.05):
            serial += 1
            path.write_text(str(serial))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


async def test_a_large_file_that_is_written_in_pieces_ends_whole(
    bench: Bench, tmp_path: Path
) -> None:
    app = project(bench, tmp_path, ALL)
    content = os.urandom(64 * 1024 * 1024)
    async with app.watched(STILL) as watch:
        with (app.context / "large").open("wb", buffering=0) as file:
            for begin in range(0, len(content), 4 * 1024 * 1024):
                file.write(content[begin : begin + 4 * 1024 * 1024])
                if begin == 0:
                    await watch.until_event("filesSynced")  # a half of it is there
        digest = hashlib.sha256(content).hexdigest()
        # An engine that is sent a file removes the one before first.
        command = ("exec", app.container, "sh", "-c", "sha256sum /app/large || :")
        await until(lambda: docker(*command).split()[:1] == [digest])


async def test_odd_names_land_and_go(bench: Bench, tmp_path: Path) -> None:
    app = project(bench, tmp_path, ALL)
    names_ = [b"latin-\xe9", b"-rf", b"$(reboot)", b"line\nend", b"'\"\\", b"\x1b[31mred"]
    async with app.watched(STILL) as watch:
        for directory in ("plain", "odd-\udcff"):
            (app.context / directory).mkdir()
            for name in names_:
                (app.context / directory / os.fsdecode(name)).write_text("x")
        expected = str(2 * len(names_))
        count = "find /app -type f -size 1c -exec echo x \\; | wc -l"
        await until(lambda: docker("exec", app.container, "sh", "-c", count) == expected)
        for directory in ("plain", "odd-\udcff"):
            for name in names_:
                (app.context / directory / os.fsdecode(name)).unlink()
        await until(lambda: docker("exec", app.container, "sh", "-c", count) == "0")
        assert "rebuildNeeded" not in names(watch.events)


async def test_a_root_that_is_deleted_and_made_anew_is_followed(
    bench: Bench, tmp_path: Path
) -> None:
    app = project(bench, tmp_path, f"FROM {BUSYBOX}\nCOPY src /app\n{IDLE}", **{"src/a": "one"})
    async with app.watched(STILL) as watch:
        app.context.rename(tmp_path / "away")
        gone = await watch.until_event("error")
        assert "is gone" in gone["message"]
        anew = Project(app.context, app.container, app.said)
        anew.save("Dockerfile", f"FROM {BUSYBOX}\nCOPY src /app\n{IDLE}")
        anew.save("src/a", "two")
        await until(lambda: app.holds("/app/a") == "two")


async def test_polling_sees_every_save(bench: Bench, tmp_path: Path) -> None:
    app = project(bench, tmp_path, ALL, file="0")
    async with app.watched(STILL, "--trigger", "polling"):
        for serial in range(1, 6):
            app.save("file", str(serial))
            os.utime(app.context / "file", (1e9, 1e9))  # equal times, and an equal size
            await until(lambda: app.holds("/app/file") == str(serial))  # noqa: B023


async def test_clean_tells_a_session_that_runs_from_one_that_was_killed(
    bench: Bench, tmp_path: Path
) -> None:
    """A dry run: other sessions may have their things on this engine, too."""
    app = project(
        bench,
        tmp_path,
        f"FROM {BUSYBOX} AS build\nCOPY src /src\nRUN cp /src /out\n"
        f"FROM {BUSYBOX}\nCOPY --from=build /out /out\n{IDLE}",
        src="one",
    )

    def told() -> set[str]:
        lines = livepush("clean", "--dry-run").stdout.splitlines()
        return {line.split()[0] for line in lines if f"of {app.container})" in line}

    try:
        async with app.watched() as watch:
            assert told() == {"left"}
            watch.process.send_signal(signal.SIGKILL)
            await watch.process.wait()
            assert told() == {"would"}
    finally:
        remove(left_of(app.container))


def remove(leftovers: Collection[str]) -> None:
    """Containers come before the images that they are of, and those before what they stand on."""
    containers = [each for each in leftovers if is_container(each)]
    for each in containers:
        docker("rm", "--force", each)
    images = {docker("inspect", "--format", "{{.Id}}", i) for i in {*leftovers} - {*containers}}
    while images:
        below = {docker("inspect", "--format", "{{.Parent}}", each) for each in images}
        for each in images - below:
            docker("rmi", "--force", "--no-prune", each)
        images &= below


def is_container(identity: str) -> bool:
    return identity in docker("ps", "--all", "--quiet").split()
