"""What a container lacks is found out, though the engine fails at it, or the container is new."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from livepush import events, presence, recovery
from livepush.buildcontext import build_context
from livepush.context import Context
from livepush.engine import Tell
from livepush.errors import BuildFailedError, EngineError
from livepush.snapshot import Snapshot
from livepush.testing import FakeEngine, FakeImage
from livepush.testing.builder import DockerfileBuilder

from .conftest import BUSYBOX
from .test_recovery import AWAY, PLAIN, REFUSED, STAGED, World, followed

LATE = f"FROM {BUSYBOX}\nCOPY src /app\nCOPY Dockerfile /late\n"
_UNKNOWN = "What the container lacks cannot be found out"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_FIRST", 0.001)
    monkeypatch.setattr(recovery, "_LONGEST", 0.01)
    monkeypatch.setattr(presence, "_INTERVAL", 0.01)
    monkeypatch.setattr(presence, "_SELDOM", 0.01)


@pytest.fixture
def engine(fake_engine: FakeEngine) -> FakeEngine:
    """An engine with a builder, and an image that any context may be newer than.

    It does not tell its layers, by which it would be seen to be no more than the base image.
    """
    (base,) = fake_engine._images.values()
    base.config = replace(base.config, created=1.0, layers=())
    fake_engine._builder = DockerfileBuilder(lambda _: base)
    return fake_engine


async def recreate(engine: FakeEngine) -> None:
    await engine.remove("web")
    engine.add_container(BUSYBOX, name="web")


def builds(engine: FakeEngine) -> int:
    return [call.verb for call in engine.calls].count("build")


async def looked(web: World, engine: FakeEngine, *, times: int = 20) -> None:
    """The container has been looked for so many times."""

    def looks() -> int:
        return [call.verb for call in engine.calls].count("container")

    before = looks()
    await web.passes(lambda: looks() >= before + times)


async def test_an_engine_that_cannot_tell_what_is_lacking_is_asked_again(
    tmp_path: Path, engine: FakeEngine
) -> None:
    for error in (REFUSED, AWAY, REFUSED):
        engine.fail_next("build", error)
    async with followed(tmp_path, engine, PLAIN) as web:
        assert web.holds("/out") == "one"
        assert [(said.partition(":")[0], hint) for said, hint in web.errors()] == [
            (_UNKNOWN, "It is tried again by itself."),
            (_UNKNOWN, "Start it. It is tried again by itself."),
            (_UNKNOWN, "It is tried again by itself."),
        ]


async def test_what_nobody_could_tell_is_asked_again_with_the_next_save(
    tmp_path: Path, engine: FakeEngine
) -> None:
    engine.fail_next("build", EngineError("The engine will not.", status=400))
    async with followed(tmp_path, engine, LATE) as web:
        assert web.holds("/late") is None
        assert [hint for _, hint in web.errors()] == [
            "It is given up for now: the next save tries it again."
        ]
        web.save("two")
        assert (await web.ends()).status == "succeeded"
        assert web.holds("/late") == LATE


async def test_pushes_into_a_container_that_is_gone_are_not_tried_again(
    tmp_path: Path, engine: FakeEngine
) -> None:
    async with followed(tmp_path, engine, PLAIN) as web:
        engine.fail_next("put", AWAY)
        web.save("two")
        engine.stop("web")
        await web.until(lambda: len(web.errors()) == 2)
        await recreate(engine)
        await web.until(lambda: web.holds("/out") == "two")
        web.save("three")
        await web.until(lambda: web.holds("/out") == "three")
        assert len(web.errors()) == 2


async def test_a_stage_that_fails_for_a_new_container_waits_for_a_save(
    tmp_path: Path, engine: FakeEngine
) -> None:
    build = engine._builder
    assert build is not None

    def failing(context: bytes, dockerfile: bytes, target: str, tell: Tell) -> FakeImage:
        if b"broken" in context:
            raise BuildFailedError("RUN cp /src/main /out failed", return_code=1)
        return build(context, dockerfile, target, tell)

    engine._builder = failing
    async with followed(tmp_path, engine, STAGED) as web:
        web.save("broken")
        await web.until(lambda: web.holds("/out") == "broken")
        before = builds(engine)
        await recreate(engine)
        await web.until(lambda: "RUN cp /src/main /out failed" in dict(web.errors()))
        await looked(web, engine)
        assert builds(engine) == before + 1
        web.save("mended")
        await web.until(lambda: web.holds("/out") == "mended")


async def test_a_new_container_is_gone_on_with_once_the_engine_lets_it(
    tmp_path: Path, engine: FakeEngine
) -> None:
    async with followed(tmp_path, engine, STAGED) as web:
        for verb in ("create", "get", "get"):
            engine.fail_next(verb, REFUSED)
        await recreate(engine)
        await web.until(lambda: web.holds("/out") == "one")
        web.save("two")
        await web.until(lambda: web.holds("/out") == "two")


async def test_a_container_that_was_paused_between_two_looks_has_what_is_owed(
    tmp_path: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with followed(tmp_path, engine, PLAIN) as web:
        monkeypatch.setattr(presence, "_INTERVAL", 0.2)
        monkeypatch.setattr(presence, "_SELDOM", 0.2)
        await looked(web, engine, times=1)
        engine.pause("web")
        web.save("two")
        assert (await web.ends()).owed
        engine.pause("web", paused=False)
        await web.until(lambda: web.holds("/out") == "two")


async def test_a_command_that_ended_with_its_container_comes_again_once_that_runs(
    tmp_path: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def restarted(_: float) -> None:
        monkeypatch.setattr(engine, "_sleep", asyncio.sleep)
        engine.stop("web")
        await engine.restart("web", grace=0)
        await asyncio.sleep(0)

    dockerfile = f"FROM {BUSYBOX}\nCOPY src /app\nRUN sleep 0 && cp /app/main /out\n"
    async with followed(tmp_path, engine, dockerfile) as web:
        monkeypatch.setattr(engine, "_sleep", restarted)
        web.save("two")
        assert (await web.ends()).owed
        await web.until(lambda: web.holds("/out") == "two")


async def test_a_container_of_a_new_image_follows_the_dockerfile_that_it_was_built_from(
    tmp_path: Path, engine: FakeEngine
) -> None:
    async with followed(tmp_path, engine, PLAIN) as web:
        edited = f"{PLAIN}RUN echo new > /new\nCOPY more /more\n"
        (tmp_path / "more").write_text("one")
        (tmp_path / "Dockerfile").write_text(edited)
        await web.until(lambda: any(isinstance(e, events.RebuildNeeded) for e in web.told))
        await recreate(engine)  # from the image that it had, whose Dockerfile is the old one
        await web.until(lambda: web.told[-1].name == "containerStarted")
        await web.until(lambda: web.holds("/out") == "one" and web.told[-1].name == "livepushEnd")
        assert web.holds("/new") is None
        image = await rebuilt(engine, tmp_path, edited)
        await engine.remove("web")
        engine.add_container(image, name="web")
        await web.until(lambda: any(isinstance(e, events.Notice) for e in web.told))
        (tmp_path / "more").write_text("two")
        await web.until(lambda: web.holds("/more") == "two" and web.told[-1].name == "livepushEnd")
        assert web.holds("/new") == "new\n"


async def rebuilt(engine: FakeEngine, context: Path, dockerfile: str) -> str:
    """The image that a person has built."""
    place = Context.open(context)
    files = Snapshot(place, place.scan())
    image = await engine.build(build_context(dockerfile, files, "Dockerfile", legacy=False))
    config = await engine.image(image)
    assert config is not None
    return config.id
