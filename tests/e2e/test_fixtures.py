"""Every case of `fixtures/`, driven as a person would, and compared with a fresh build.

The live image is built and started, `livepush watch` follows the context, and an editor makes the
edits one after the other. After the last one, what is in the running container is what a fresh
`docker build` of the edited context holds.
"""

from __future__ import annotations

import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from livepush.live import Dockerfile
from tests.cases import CASES, Case, Container, Edit, Expected
from tests.e2e.command_line import Watch, WireEvent, failed, landed, livepush, names, watching
from tests.e2e.docker_cli import Bench, answers, left_of, started_at
from tests.e2e.trees import differences, exported

pytestmark = pytest.mark.e2e


@dataclass(slots=True)
class Application:
    """A running container of a case with the watch that follows its context."""

    told: Container
    container: str
    live: Path
    stages: tuple[str, ...]
    watch: Watch

    async def followed(self, edit: Edit, seen: int, started: str) -> None:
        """Waits until the edit has landed, and checks how."""
        expected = edit.expected[self.told.name]
        paths = edit.changed | edit.deleted
        condition = failed(next(iter(paths))) if expected.status == "failed" else landed(paths)
        events = await self.watch.until(condition, seen)
        assert _told(events, edit, expected.answer) == expected, f"{edit.name}: {events}"
        assert (started_at(self.container) != started) == expected.restarts
        await answers(self.container, self.told.ask, expected.answer)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_after_all_edits_the_container_is_as_a_fresh_build(
    case: Case, bench: Bench, tmp_path: Path
) -> None:
    shutil.copytree(case.folder, tmp_path / "case")
    context = tmp_path / "case" / "context"
    async with AsyncExitStack() as stack:
        applications = [
            await _opened(case, told, tmp_path, bench, stack) for told in case.containers
        ]
        for edit in case.edits:
            before = [(len(a.watch.events), started_at(a.container)) for a in applications]
            edit.apply(context)
            for application, (seen, started) in zip(applications, before, strict=True):
                await application.followed(edit, seen, started)
        for application in applications:
            assert await application.watch.stop() == 0
            assert left_of(application.container) == []
    for application in applications:
        fresh = bench.build(
            context,
            application.live,
            stages=application.stages,
            build_args=application.told.build_args,
        )
        actual, wanted = exported(application.container), bench.tree_of(fresh)
        assert differences(actual, wanted, but=application.told.varies) == []


def test_resources_of_development_are_not_in_what_is_shipped(bench: Bench) -> None:
    case = next(case for case in CASES if case.name == "dev-resources")
    shipped = bench.tree_of(bench.build(case.folder / "context", case.folder / "Dockerfile"))
    live = bench.tree_of(bench.build(case.folder / "context", case.golden_live))
    assert sorted(live.keys() - shipped.keys()) == ["/app/dev", "/app/dev/people"]
    assert shipped.keys() < live.keys()


async def _opened(
    case: Case, told: Container, tmp_path: Path, bench: Bench, stack: AsyncExitStack
) -> Application:
    dockerfile = tmp_path / "case" / told.dockerfile
    context = tmp_path / "case" / "context"
    source = ("--file", str(dockerfile), str(context))
    generated = livepush("dockerfile", *source)
    assert generated.stdout == case.golden_live.read_text(), generated.stderr
    live = tmp_path / f"{told.name}.live"
    live.write_text(generated.stdout)
    graph = Dockerfile(generated.stdout).graph()
    stages = tuple(stage.name for stage in graph.stages[:-1])
    image = bench.build(context, live, stages=stages, build_args=told.build_args)
    container = bench.start(image, told.name)
    await answers(container, told.ask, told.first)
    said = tmp_path / f"{told.name}.stderr"
    options = [f"--build-arg={name}={value}" for name, value in told.build_args.items()]
    watch = await stack.enter_async_context(
        watching(said, "--container", container, *options, *source)
    )
    return Application(told, container, live, stages, watch)


def _told(events: list[WireEvent], edit: Edit, answer: str) -> Expected:
    """What the events say that happened; the answer is not theirs to tell.

    Several files are several saves, which may be several pushes: what they repeat counts once.
    """
    runs = [(e["stageIdx"], e["command"]) for e in events if e["event"] == "commandReturn"]
    if len(edit.changed | edit.deleted) > 1:
        runs = list(dict.fromkeys(runs))
    statuses = [event["status"] for event in events if event["event"] == "livepushEnd"]
    return Expected(
        answer=answer,
        restarts="containerRestart" in names(events),
        status=next((each for each in ("failed", "succeeded") if each in statuses), "nothing"),
        runs=tuple(runs),
        synced=tuple(sorted({e["stageIdx"] for e in events if e["event"] == "filesSynced"})),
    )
