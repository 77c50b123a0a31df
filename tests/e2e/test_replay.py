"""What ends right only in a build: `--replay clean`, and steps that no container can take."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cases import save
from tests.e2e.command_line import Watch, failed, landed, names, watching
from tests.e2e.conftest import CLIENTS
from tests.e2e.docker_cli import BUSYBOX, DEFAULT, Bench, Client
from tests.e2e.trees import differences

pytestmark = pytest.mark.e2e

IDLE = 'STOPSIGNAL SIGKILL\nCMD ["sleep", "9999"]\n'
UNSAFE = f"""\
FROM {BUSYBOX} AS stage
COPY version /v
RUN cat /v >> /log && mkdir /out && cp /v "/out/$(cat /v)"
FROM {BUSYBOX}
WORKDIR /app
COPY version conf ./
RUN mkdir made && mv version made/ && sed -i "s/=/=$(cat made/version)/" conf && ls /app > /seen
COPY . .
COPY --from=stage /out /out
RUN find /app /out | sort > /list
COPY late /late
{IDLE}"""


async def pushed(bench: Bench, watch: Watch, context: Path, **files: str) -> Sequence[str]:
    """The names of what was told until the files had landed and all was as in a fresh build."""
    since = len(watch.events)
    for name, content in files.items():
        save(context / name, content)
    events = await watch.until(landed(files), since)
    tree = bench.tree_of(bench.build(context, context / "Dockerfile", options=["--no-cache"]))
    assert not differences(bench.tree(f"{bench.run}-app"), tree)
    return names(events)


async def test_replayed_clean_any_command_ends_as_in_a_fresh_build(
    built: Bench, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    for name, content in {
        "Dockerfile": UNSAFE,
        "version": "1",
        "conf": "v=",
        "late": "1",
    }.items():
        save(context / name, content)
    container = built.start(built.build(context, context / "Dockerfile", stages=["stage"]))
    clean = ("--container", container, "--replay", "clean", str(context))
    async with watching(tmp_path / "said", *clean) as watch:
        # A version that no build has seen before: one that is cached runs no command.
        told = await pushed(built, watch, context, version=f"2-{built.run}", late="2")
        assert {"commandExecute", "commandReturn", "containerRestart"} <= set(told)
        (context / "conf").unlink()
        since = len(watch.events)
        await watch.until(failed("conf"), since)
        assert "containerRestart" not in names(watch.events[since:])
        await pushed(built, watch, context, conf="w=", version="1", other="new")
        assert await watch.stop() == 0


async def test_a_directory_s_mode_is_right_though_the_builder_s_cache_has_another(
    built: Bench, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    (context / "dir/sub").mkdir(parents=True)
    save(context / "dir/file", "1")
    save(context / "source", "1")
    save(
        context / "Dockerfile",
        f"FROM {BUSYBOX}\nCOPY dir /d/\nRUN cat /d/file >> /log\nCOPY source /s\n"
        f"RUN cat /s >> /log\nCOPY . /all\n{IDLE}",
    )
    container = built.start(built.build(context, context / "Dockerfile"))
    clean = ("--container", container, "--replay", "clean", str(context))
    async with watching(tmp_path / "said", *clean) as watch:
        since = len(watch.events)
        (context / "dir/sub").chmod(0o700)
        await watch.until(landed(["dir/sub"]), since)
        await pushed(built, watch, context, source="2")


async def test_a_newer_save_ends_the_build_that_it_overtakes(built: Bench, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    save(context / "source", "1")
    save(
        context / "Dockerfile",
        f'FROM {BUSYBOX}\nCOPY source /s\nRUN test "$(cat /s)" != 2 || sleep 1000\n{IDLE}',
    )
    container = built.start(built.build(context, context / "Dockerfile"))
    clean = ("--container", container, "--replay", "clean", str(context))
    async with watching(tmp_path / "said", *clean) as watch:
        since = len(watch.events)
        save(context / "source", "2")
        await watch.until_event("commandExecute", since)
        told = await pushed(built, watch, context, source="3")
        assert "cancel" in told


async def test_an_archive_that_an_add_unpacks_is_built(built: Bench, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    bundle(context, "first")
    save(context / "note", "1")
    (context / "mine").mkdir()
    save(context / "mine/second", "mine")
    steps = "COPY note /note\nCOPY mine /b/\nADD bundle.tar /b/\n"
    save(context / "Dockerfile", f"FROM {BUSYBOX}\n{steps}{IDLE}")
    container = built.start(built.build(context, context / "Dockerfile"))
    async with watching(tmp_path / "said", "--container", container, str(context)) as watch:
        since = len(watch.events)
        bundle(context, "second")
        await watch.until(landed(["bundle.tar"]), since)
        assert built.docker("exec", container, "ls", "/b") == "second"
        assert "filesSynced" in await pushed(built, watch, context, note="2")
        # What the archive has stands above what is copied before it.
        await pushed(built, watch, context, **{"mine/second": "still mine"})
        (context / "mine/second").unlink()
        await pushed(built, watch, context, note="3")


@pytest.mark.parametrize("client", [client for client in CLIENTS.values() if client is not DEFAULT])
async def test_mounts_are_built_and_secrets_are_refused(tmp_path: Path, client: Client) -> None:
    bench = Bench(client)
    context = tmp_path / "context"
    context.mkdir()
    save(context / "source", "1")
    save(context / "key", "1")
    save(
        context / "Dockerfile",
        f"FROM {BUSYBOX}\n"
        "RUN --mount=type=bind,source=source,target=/m --mount=type=cache,target=/c \\\n"
        "    --mount=type=tmpfs,target=/t cp /m /s\n"
        f"COPY key /key\n{IDLE}",
    )
    try:
        container = bench.start(bench.build(context, context / "Dockerfile"))
        async with watching(tmp_path / "said", "--container", container, str(context)) as watch:
            assert "containerRestart" in await pushed(bench, watch, context, source="2")
        save(
            context / "Dockerfile",
            f"FROM {BUSYBOX}\nCOPY key /key\nRUN --mount=type=secret,id=s true\n{IDLE}",
        )
        container = bench.start(bench.build(context, context / "Dockerfile"), "lent")
        async with watching(tmp_path / "said", "--container", container, str(context)) as watch:
            save(context / "key", "2")
            assert (await watch.until_event("rebuildNeeded"))["line"] == 3
            await watch.until(failed("key"))
    finally:
        bench.remove()


def bundle(context: Path, name: str) -> None:
    """An archive whose one member is an empty file of that name, put there whole."""
    with tarfile.open(context / ".bundle", "w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    (context / ".bundle").rename(context / "bundle.tar")
