"""Measured `RUN` cases: what our parsing makes of the line, carried out in a real container.

No builder takes part. Each step of a case is carried out as a session replays it, in a container of
the base image, which then must hold what a build of the case does. Steps that are left to a build
are built in `tests/e2e/test_pushed_vectors.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from livepush.context import Context
from livepush.docker import DockerEngine
from livepush.engine import ImageConfig
from livepush.errors import DockerfileParseError
from livepush.image_files import ImageFiles
from livepush.live import Dockerfile
from livepush.model import Copy, Fixed, Run, Stage
from livepush.snapshot import Snapshot
from livepush.stage_container import StageContainer
from tests.e2e import vectors
from tests.e2e.docker_cli import Client, docker, until
from tests.e2e.trees import Tree, differences, exported
from tests.e2e.vectors import Base, Case, Outcome, Verdict

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
CASES = vectors.load("run")
_GRACE = 3.0  # seconds between TERM and KILL

_FAILS = "no builder takes it, or the command fails"
_BUILD = "only a build can give the command what its flags ask for"
# The cases that do not end as their build does, and why.
DIFFERENT: Mapping[str, tuple[Outcome, str]] = {
    "run-exec-form-empty-8735b2": ("fails in both", _FAILS),
    "run-shell-not-json-72c6bb": ("fails in both", _FAILS),
    "run-fail-dcb395": ("fails in both", _FAILS),
    "run-mount-cache-8cf69a": ("refused", _BUILD),
    "run-mount-bind-ctx-d6e75e": ("refused", _BUILD),
    "run-mount-tmpfs-05124c": ("refused", _BUILD),
    "run-mount-bind-leaves-mountpoint-dir-d8df9a": ("refused", _BUILD),
    "run-mount-cache-leaves-mountpoint-dir-666e41": ("refused", _BUILD),
    "run-network-ace079": ("refused", _BUILD),
    "run-network-none-b5bf33": ("refused", _BUILD),
    "run-run-security-d37a4f": ("refused", _BUILD),
}


@dataclass(frozen=True, slots=True)
class Bed:
    """Where the cases run: an engine, and their base image on it."""

    engine: DockerEngine
    client: Client
    labels: Mapping[str, str]
    base: Base
    config: ImageConfig

    def is_idle(self, container: str) -> bool:
        """Whether only the container's own process runs, and what that waits for."""
        _, *processes = docker("top", container, client=self.client).splitlines()
        return len(processes) <= 2

    def tree(self, container: str) -> Tree:
        return exported(container, self.client.program, self.client.surroundings())


@pytest.fixture
async def bed(
    host: str, docker_engine: DockerEngine, labels: dict[str, str], tmp_path: Path
) -> AsyncIterator[Bed]:
    client = Client(environ={"DOCKER_HOST": host} if host else {})
    with vectors.base(tmp_path / "base", client) as base:
        config = await docker_engine.image(base.name)
        assert config is not None
        yield Bed(docker_engine, client, labels, base, config)


async def test_carried_out_in_a_container_as_in_a_build(bed: Bed, tmp_path: Path) -> None:
    verdicts = await vectors.judged(CASES, lambda case: _judge(case, bed, tmp_path / case["id"]))
    outcomes = {name: verdict.outcome for name, verdict in verdicts.items()}
    assert outcomes == {name: outcome for name, (outcome, _) in DIFFERENT.items()}, verdicts


async def _judge(case: Case, bed: Bed, root: Path) -> Verdict:
    vectors.lay_out(root, case, bed.base)
    wanted = vectors.expected(case, bed.base, "")
    try:
        dockerfile = Dockerfile((root / "Dockerfile").read_bytes())
        stage = dockerfile.graph(images={bed.base.name: bed.config}).target
    except DockerfileParseError as error:
        return Verdict("wrong" if wanted else "fails in both", str(error))
    fixed = [step.reason for step in stage.steps if isinstance(step, Fixed)]
    if fixed:
        return Verdict("refused", fixed[0])
    container = await bed.engine.create(bed.base.name, labels=bed.labels, start=True)
    try:
        failed = await _carried_out(stage, bed, container, root)
        if failed or wanted is None:
            return Verdict("fails in both" if failed and wanted is None else "wrong", failed)
        # What a command had left behind would still write.
        await until(lambda: bed.is_idle(container))
        different = differences(await asyncio.to_thread(bed.tree, container), wanted)
    finally:
        await bed.engine.remove(container)
    return Verdict("wrong" if different else "equal", "\n".join(different))


async def _carried_out(stage: Stage, bed: Bed, container: str, root: Path) -> str:
    """Carries out the steps of the stage as a session does; what failed, if anything did."""
    context = Context.open(root)
    files = Snapshot(context, context.scan())
    base = ImageFiles(bed.engine, bed.base.name, bed.labels)
    played = StageContainer(bed.engine, stage, container, base)
    await played.open()
    said: list[bytes] = []
    for position, step in enumerate(stage.steps):
        if isinstance(step, Copy):
            await played.land(position, files, full=True, on_behalf_of=position)
        elif isinstance(step, Run):
            code = await played.run(step, lambda piece, _: said.append(piece), grace=_GRACE)
            if code:
                return f"{step.text} ended with {code}: {said}"
    return ""
