"""What is broken off in the middle: nothing is lost, and nothing stays behind."""

from __future__ import annotations

import asyncio
import io
import tarfile
import time
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from livepush import presence
from livepush.archived import without_archives
from livepush.errors import BuildFailedError, EngineError
from livepush.events import Event
from livepush.model import Changes, Graph
from livepush.session import Livepush
from livepush.snapshot import Snapshot
from livepush.testing import FakeEngine
from livepush.testing.builder import DockerfileBuilder

from .conftest import BUSYBOX

PLAIN = f"FROM {BUSYBOX}\nCOPY src /app\n"
RUNS = f"FROM {BUSYBOX}\nCOPY src /app\nRUN cp /app/main /out\n"
SLOW = f"FROM {BUSYBOX}\nCOPY src /app\nRUN sleep 60\n"
STAGED = f"""FROM {BUSYBOX} AS made
COPY src /src
RUN cp /src/main /out
FROM {BUSYBOX}
COPY --from=made /out /out
"""
WITHIN = 20.0


@pytest.fixture
def engine(fake_engine: FakeEngine) -> FakeEngine:
    (base,) = fake_engine._images.values()
    base.config = replace(base.config, created=1.0)
    base.files.write("/etc/passwd", b"app:x:5:5::/:/bin/sh\n")
    fake_engine._builder = DockerfileBuilder(lambda _: base)
    fake_engine.add_container(BUSYBOX, name="web")
    return fake_engine


async def opened(engine: FakeEngine, root: Path, dockerfile: str, **more: object) -> Livepush:
    context = root / "context"
    if not context.exists():
        (context / "src").mkdir(parents=True)
        (context / "src/main").write_text("one")
        (context / "Dockerfile").write_text(dockerfile)
    return await Livepush.init(
        context=context,
        container_id="web",
        dockerfile_content=dockerfile,
        engine=engine,
        journals=root / "journals",
        **more,  # type: ignore[arg-type]
    )


def save(root: Path, text: str) -> None:
    (root / "context/src/main").write_text(text)


def restarts(engine: FakeEngine) -> int:
    return [call.verb for call in engine.calls].count("restart")


async def watched_until(session: Livepush, name: str, then: asyncio.Event | None = None) -> None:
    """Watches until an event of that name, and what is `then` done; closes the session."""
    seen = asyncio.Event()
    session.on(name, lambda _: seen.set())
    async with asyncio.timeout(WITHIN), anyio.create_task_group() as tasks:
        tasks.start_soon(session.watch)
        await seen.wait()
        if then is not None:
            await then.wait()
        tasks.cancel_scope.cancel()
    await session.aclose()


async def test_a_save_that_is_being_looked_at_as_a_session_ends_is_pushed_by_the_next(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await watched_until(await opened(engine, tmp_path, PLAIN), "ready")
    session = await opened(engine, tmp_path, PLAIN)
    loop, entered, real = asyncio.get_running_loop(), asyncio.Event(), without_archives

    def slow(graph: Graph, files: Snapshot) -> Graph:
        loop.call_soon_threadsafe(entered.set)
        time.sleep(0.1)  # the end of the session is to fall into it
        return real(graph, files)

    def begin(_: Event) -> None:
        monkeypatch.setattr("livepush.knowledge.without_archives", slow)
        save(tmp_path, "saved")

    session.on("ready", begin)
    await watched_until(session, "ready", entered)
    monkeypatch.setattr("livepush.knowledge.without_archives", real)
    await watched_until(await opened(engine, tmp_path, PLAIN), "ready")
    assert engine.files("web").read("/app/main") == b"saved"


async def test_what_a_session_that_was_broken_off_owes_is_a_restart_as_well(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    gate.set()

    async def sleep(_: float) -> None:
        await gate.wait()

    monkeypatch.setattr(engine, "_sleep", sleep)
    await watched_until(await opened(engine, tmp_path, SLOW), "ready")
    before = restarts(engine)
    gate.clear()
    session = await opened(engine, tmp_path, SLOW)
    session.on("ready", lambda _: save(tmp_path, "two"))
    await watched_until(session, "commandExecute")
    assert (engine.files("web").read("/app/main"), restarts(engine)) == (b"two", before)
    gate.set()
    await watched_until(await opened(engine, tmp_path, SLOW), "ready")
    assert restarts(engine) == before + 1
    await watched_until(await opened(engine, tmp_path, SLOW), "ready")
    assert restarts(engine) == before + 1


@pytest.mark.parametrize("breaks", ["remove_image", "put"])
async def test_a_restart_that_a_build_asked_for_outlasts_what_breaks_it_off(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks: str
) -> None:
    async with await opened(engine, tmp_path, RUNS, replay="clean") as session:
        save(tmp_path, "two")
        await session.perform_livepush(["src/main"])
        before = restarts(engine)
        if breaks == "remove_image":
            engine.fail_next("remove_image", EngineError("a hiccup", status=500))
        else:
            put = engine.put

            async def lost(container: str, archive: AsyncIterable[bytes]) -> None:
                monkeypatch.undo()
                await put(container, archive)
                raise EngineError("The connection was lost.")

            monkeypatch.setattr(engine, "put", lost)
        save(tmp_path, "three")
        try:
            await session.perform_livepush(["src/main"])
        except EngineError:
            await session.pushes.again()
        assert engine.files("web").read("/out") == b"three"
        assert restarts(engine) == before + 1


async def test_builds_that_are_overtaken_leave_nothing(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await opened(engine, tmp_path, STAGED, replay="clean") as session:
        there = len(await engine.owned())
        attend = engine.attend

        async def overtaken(container: str) -> None:
            monkeypatch.undo()
            save(tmp_path, "newer")
            session.pushes.note(Changes(frozenset({"src/main"})))
            await anyio.lowlevel.checkpoint()
            await attend(container)

        for number in range(3):
            save(tmp_path, f"{number}")
            monkeypatch.setattr(engine, "attend", overtaken)
            assert (await session.perform_livepush(["src/main"])).status == "cancelled"
            assert len(await engine.owned()) == there
        await session.pushes.again()
        assert engine.files("web").read("/out") == b"newer"


async def test_a_file_that_becomes_an_archive_while_its_copy_lands_is_built(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "context/src").mkdir(parents=True)
    save(tmp_path, "one")
    added = tmp_path / "context/added.tar"
    added.write_bytes(b"half")
    text = (
        f"FROM {BUSYBOX}\nCOPY src /app\nRUN cp /app/main /out\nADD --chown=app added.tar /data/\n"
    )
    (tmp_path / "context/Dockerfile").write_text(text)
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    async with await opened(engine, tmp_path, text) as session:
        get, became = engine.get, False

        async def meanwhile(container: str, path: str) -> AsyncGenerator[bytes, None]:
            nonlocal became
            if path == "/etc/passwd" and not became:
                became = True
                added.write_bytes(whole.getvalue())
                await session.reread({"added.tar"})
            async for piece in get(container, path):
                yield piece

        monkeypatch.setattr(engine, "get", meanwhile)
        save(tmp_path, "two")
        added.write_bytes(b"half of it")
        await session.perform_livepush(["src/main", "added.tar"])
        assert became
        assert "build" not in [call.verb for call in engine.calls]
        await session.perform_livepush(["added.tar"])
        assert "build" in [call.verb for call in engine.calls]


async def test_a_file_that_may_not_be_read_fails_a_build_in_one_sentence(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(files: Snapshot, path: str) -> io.BytesIO:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(Snapshot, "open_file", refuse)
    with pytest.raises(BuildFailedError, match="could not be read: Permission denied"):
        await opened(engine, tmp_path, STAGED)


async def test_a_container_that_is_made_anew_has_stopped_and_starts_once(
    engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "_INTERVAL", 0.01)
    monkeypatch.setattr(presence, "_SELDOM", 0.01)
    session = await opened(engine, tmp_path, PLAIN)
    told: list[str] = []
    for name in ("containerStopped", "containerStarted"):
        session.on(name, lambda event: told.append(event.name))
    ready, started = asyncio.Event(), asyncio.Event()
    session.on("ready", lambda _: ready.set())
    session.on("containerStarted", lambda _: started.set())
    watching = asyncio.ensure_future(session.watch())
    async with asyncio.timeout(WITHIN):
        await ready.wait()
        await engine.remove("web")
        engine.add_container(BUSYBOX, name="web", running=False)
        while session.container.id not in engine._containers:  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.001)
        await engine.restart("web", grace=0)
        await started.wait()
    watching.cancel()
    await asyncio.wait({watching})
    await session.aclose()
    assert told == ["containerStopped", "containerStarted"]
