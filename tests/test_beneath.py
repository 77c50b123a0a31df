"""Real images of both builders: what copies let go of ends as a fresh build has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from livepush.buildcontext import build_context
from livepush.context import Context
from livepush.difference import nodes
from livepush.docker import DockerEngine
from livepush.fetched import fetch
from livepush.image_files import ImageFiles
from livepush.live import Dockerfile
from livepush.model import Copy, Entry
from livepush.snapshot import Snapshot
from livepush.stage_container import StageContainer
from tests.conftest import BUSYBOX

TEXT = f"""\
FROM {BUSYBOX}
ARG MODE=700
WORKDIR /w/d
RUN mkdir -p /app/d /app/full /made /twice /srv && ln -s /srv /alias && \\
    echo built > /app/x && echo built > /app/z && chown 5:6 /app/z && chmod 4755 /app/z && \\
    ln -s x /app/l && ln /app/x /app/hard && \\
    chmod $MODE /app/d && echo other > /app/d/other && rm /etc/passwd
RUN ["/bin/sh", "-c", "echo again >> /app/x; echo at > /srv/at"]
COPY . /app/
COPY conf/pass* /etc/
COPY conf/pass* /w/d/
COPY *.txt /made/for/it/
COPY conf/* /alias/
RUN echo after > /after
"""
KEPT = ("kept", "conf/kept", "d2/kept", "full/a")
KEPT_FOR_LEGACY = ("conf/passport", "b.txt")  # a wildcard that finds nothing fails its builds
GONE = (
    *("x", "z", "l", "hard", "y", "a.txt", "d/mine", "d/other", "new/d/f", "conf/passwd"),
    *("conf/at", "full/b", "d2/other"),
)


async def built(engine: DockerEngine, files: Snapshot, labels: dict[str, str], legacy: bool) -> str:
    context = build_context(TEXT, files, "Dockerfile", legacy=legacy)
    return await engine.build(
        context,
        labels=labels,
        legacy=legacy,
    )


async def held(engine: DockerEngine, container: str) -> dict[str, tuple[object, ...]]:
    fetched = await fetch(engine.export(container), prefix="")
    fetched.close()
    return {path: look(entry) for path, entry in nodes(fetched.tree).items()}


def look(entry: Entry) -> tuple[object, ...]:
    return entry.kind, entry.mode, entry.uid, entry.gid, entry.target, entry.digest


def scanned(root: Path) -> Snapshot:
    context = Context.open(root)
    return Snapshot(context, context.scan())


@pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "buildkit"])
async def test_what_is_let_go_of_is_as_a_fresh_build_has_it(
    docker_engine: DockerEngine, labels: dict[str, str], tmp_path: Path, legacy: bool
) -> None:
    (tmp_path / "Dockerfile").write_text(TEXT)
    for path in (*KEPT, *GONE, *(KEPT_FOR_LEGACY if legacy else ())):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("mine")
    files = scanned(tmp_path)
    image = await built(docker_engine, files, labels, legacy)
    config = await docker_engine.image(BUSYBOX)
    assert config is not None
    stage = Dockerfile(TEXT).graph(images={BUSYBOX: config}, legacy=legacy).target
    container = StageContainer(
        docker_engine,
        stage,
        await docker_engine.create(image, labels=labels, start=True),
        ImageFiles(docker_engine, BUSYBOX, labels),
        image=image,
    )
    await container.open()
    copies = [i for i, step in enumerate(stage.steps) if isinstance(step, Copy)]
    for position in copies:
        container.believe(position, files.tree)

    for path in GONE:
        (tmp_path / path).unlink()
    for directory in ("new/d", "new", "d"):
        (tmp_path / directory).rmdir()
    files = scanned(tmp_path)
    for position in copies:
        await container.land(position, files, on_behalf_of=position)
        while (uncovered := container.uncovered) is not None:
            await container.land(uncovered, files, on_behalf_of=position)

    fresh = await built(docker_engine, files, labels, legacy)
    other = await docker_engine.create(fresh, labels=labels, start=False)
    assert await held(docker_engine, container.id) == await held(docker_engine, other)
