"""The application's container stops, crashes, is paused, removed or made anew: no save is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases import save
from tests.e2e.command_line import Watch, landed, watching
from tests.e2e.docker_cli import BUSYBOX, Bench
from tests.e2e.trees import differences

pytestmark = pytest.mark.e2e

DOCKERFILE = f"""\
FROM {BUSYBOX}
COPY install /install
RUN cp /install /installed
COPY app /app
STOPSIGNAL SIGKILL
CMD ["sh", "/app/main"]
"""
RUNS = "exec sleep 9999"


@pytest.fixture
def context(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    (root / "app").mkdir(parents=True)
    texts = {"Dockerfile": DOCKERFILE, "install": "1", "app/main": RUNS, "app/gone": "1"}
    for name, text in texts.items():
        save(root / name, text)
    return root


@pytest.fixture
def container(bench: Bench, context: Path) -> str:
    return bench.start(bench.build(context, context / "Dockerfile"))


async def pushed(bench: Bench, watch: Watch, context: Path, since: int, *paths: str) -> None:
    """Waits until the paths have landed; all is as in a fresh build then."""
    await watch.until(landed(paths), since)
    tree = bench.tree_of(bench.build(context, context / "Dockerfile", options=["--no-cache"]))
    assert not differences(bench.tree(f"{bench.run}-app"), tree)


async def test_what_is_saved_while_it_is_stopped_is_in_it_and_starts_it(
    bench: Bench, context: Path, container: str, tmp_path: Path
) -> None:
    async with watching(tmp_path / "said", "--container", container, str(context)) as watch:
        bench.docker("stop", container)
        await watch.until_event("containerStopped")
        since = len(watch.events)
        save(context / "install", "2")
        (context / "app/gone").unlink()
        await pushed(bench, watch, context, since, "install", "app/gone")
        await watch.until_event("containerRestart", since)
        assert bench.docker("exec", container, "cat", "/installed") == "2"


async def test_a_save_mends_an_application_that_crashed_at_its_start(
    bench: Bench, context: Path, container: str, tmp_path: Path
) -> None:
    async with watching(tmp_path / "said", "--container", container, str(context)) as watch:
        since = len(watch.events)
        save(context / "app/main", "exit 3")
        await pushed(bench, watch, context, since, "app/main")
        await watch.until_event("containerStopped", since)
        since = len(watch.events)
        save(context / "app/main", f"{RUNS} # mended")
        await pushed(bench, watch, context, since, "app/main")
        await watch.until_event("containerStarted", since)


async def test_it_is_pushed_to_though_it_had_ended_before(
    bench: Bench, context: Path, container: str, tmp_path: Path
) -> None:
    bench.docker("kill", container)
    async with watching(tmp_path / "said", "--container", container, str(context)) as watch:
        since = len(watch.events)
        save(context / "app/main", f"{RUNS} # new")
        await pushed(bench, watch, context, since, "app/main")
        await watch.until_event("containerStarted", since)


async def test_what_is_saved_while_it_is_paused_follows(
    bench: Bench, context: Path, container: str, tmp_path: Path
) -> None:
    async with watching(tmp_path / "said", "--container", container, str(context)) as watch:
        bench.docker("pause", container)
        await watch.until_event("containerStopped")
        since = len(watch.events)
        save(context / "install", "2")
        assert "paused" in (await watch.until_event("error", since))["message"]
        bench.docker("unpause", container)
        await pushed(bench, watch, context, since, "install")


async def test_one_that_is_made_anew_gets_what_its_image_lacks(
    bench: Bench, context: Path, container: str, tmp_path: Path
) -> None:
    image = bench.docker("inspect", "--format", "{{.Image}}", container)
    async with watching(tmp_path / "said", "--container", container, str(context)) as watch:
        since = len(watch.events)
        save(context / "install", "2")
        (context / "app/gone").unlink()
        await watch.until(landed(["install", "app/gone"]), since)
        bench.docker("rm", "--force", container)
        await watch.until_event("containerStopped")
        since = len(watch.events)
        save(context / "app/new", "1")
        assert "no container" in (await watch.until_event("error", since))["message"]
        since = len(watch.events)
        bench.start(image)
        await watch.until_event("containerStarted", since)
        await pushed(bench, watch, context, since)
        since = len(watch.events)
        save(context / "app/main", f"{RUNS} # new")
        await pushed(bench, watch, context, since, "app/main")
