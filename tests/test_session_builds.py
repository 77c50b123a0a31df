"""Sessions that have stages built: replayed clean, or behind a step that only a build can take."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from livepush.engine import (
    BuildOutput,
    BuildProgress,
    BuildStep,
    BuildStepDone,
    ImageConfig,
    Tell,
)
from livepush.errors import BuildFailedError, EngineError
from livepush.events import Event, FilesSynced
from livepush.model import Replay
from livepush.session import Livepush
from livepush.testing import FakeEngine, FakeImage, Files, Node
from livepush.testing.builder import DockerfileBuilder
from tests.archives import Item, packed

from .conftest import BUSYBOX

COUNTING = f"FROM {BUSYBOX}\nCOPY src /src\nRUN cat src >> log\nCOPY late /late\nCMD app\n"
STAGES = (
    f"FROM {BUSYBOX} AS one\nCOPY src /src\nRUN cat src >> log\n"
    f"FROM {BUSYBOX}\nCOPY --from=one /log /log\n"
)
MOUNTING = f"FROM {BUSYBOX}\nCOPY src /src\nRUN --mount=type=cache,target=/c cat src > log\n"


class Builder:
    """Has `/log` say what `src` says, as all the Dockerfiles above do; fails while it is empty."""

    def __init__(self, base: Files) -> None:
        self.base = base
        self.progress: tuple[BuildProgress, ...] = ()

    def __call__(self, context: bytes, dockerfile: bytes, target: str, tell: Tell) -> FakeImage:
        for progress in self.progress:
            tell(progress)
        with tarfile.open(fileobj=io.BytesIO(context)) as tar:
            sent = {m.name: (tar.extractfile(m) or io.BytesIO()).read() for m in tar if m.isreg()}
        if not sent["src"]:
            raise BuildFailedError("src is empty", step="RUN cat", return_code=3)
        files = self.base.copy()
        files.write("/log", sent["src"])
        if target != "one":
            files.write("/src", sent["src"])
            files.write("/late", sent.get("late", b""))
        return FakeImage(files, ImageConfig(""))


class World:
    def __init__(
        self, root: Path, engine: FakeEngine, builder: Builder, session: Livepush, container: str
    ) -> None:
        self.root, self.engine, self.builder = root, engine, builder
        self.session, self.container = session, container
        self.told: list[Event] = []

    async def save(self, path: str, text: str) -> str:
        (self.root / path).write_text(text)
        return (await self.session.perform_livepush([path])).status

    def holds(self, path: str) -> str | None:
        content = self.engine.files(self.container).read(path)
        return None if content is None else content.decode()

    def verbs(self) -> list[str]:
        verbs = [call.verb for call in self.engine.calls]
        self.engine.calls.clear()
        return [verb for verb in verbs if verb in ("build", "run", "restart", "put", "delete")]


Open = Callable[..., Awaitable[World]]


@pytest.fixture
async def world(tmp_path: Path, fake_engine: FakeEngine) -> AsyncIterator[Open]:
    sessions: list[Livepush] = []
    base = fake_engine.files(fake_engine.add_container(BUSYBOX))
    builder = Builder(base)
    engine = FakeEngine(builder=builder)
    engine.add_image(FakeImage(base, ImageConfig("")), tag=BUSYBOX)

    async def make(
        dockerfile: str, created: float = 0.0, now: str = "1", **options: object
    ) -> World:
        (tmp_path / "src").write_text("1")
        (tmp_path / "late").write_text("1")
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as tar:
            tar.add(tmp_path, "")
        built = builder(context.getvalue(), b"", "", lambda _: None)
        built.config = ImageConfig("", created=created)
        image = engine.add_image(built)
        # The layers of the base image are not among those of what this builder builds.
        built.config = replace(built.config, layers=())
        container = engine.add_container(image, name="web")
        (tmp_path / "src").write_text(now)
        session = await Livepush.init(
            context=tmp_path,
            container_id="web",
            dockerfile_content=dockerfile,
            engine=engine,
            **options,  # type: ignore[arg-type]
        )
        sessions.append(session)
        there = World(tmp_path, engine, builder, session, container)
        for name in ("commandExecute", "commandOutput", "commandReturn", "filesSynced", "error"):
            session.on(name, there.told.append)
        there.verbs()
        return there

    yield make
    for session in sessions:
        await session.aclose()


async def test_replayed_clean_a_command_ends_as_in_a_first_build(world: Open) -> None:
    web = await world(COUNTING, replay="clean")
    assert await web.save("src", "2") == "succeeded"
    assert (web.holds("/log"), web.holds("/src")) == ("2", "2")
    assert "run" not in (verbs := web.verbs())
    assert verbs.count("build") == verbs.count("restart") == 1
    assert [event.name for event in web.told] == ["filesSynced"]


async def test_what_is_copied_behind_the_last_command_needs_no_build(world: Open) -> None:
    web = await world(COUNTING, replay="clean")
    assert await web.save("late", "2") == "succeeded"
    assert web.holds("/late") == "2"
    assert web.verbs() == ["put", "restart"]


async def test_a_step_that_only_a_build_can_take_is_built_in_place_too(world: Open) -> None:
    web = await world(MOUNTING)
    assert await web.save("src", "2") == "succeeded"
    assert web.holds("/log") == "2"


async def test_what_the_application_wrote_stays(world: Open) -> None:
    web = await world(COUNTING, replay="clean")
    web.engine.files(web.container).write("/data", b"the application's")
    web.engine.files(web.container).write("/late", b"the application's")
    await web.save("src", "2")
    assert web.holds("/data") == web.holds("/late") == "the application's"


async def test_what_a_push_has_touched_is_as_in_the_build(world: Open) -> None:
    web = await world(COUNTING, replay="clean")
    await web.save("late", "2")
    (web.root / "late").unlink()
    await web.save("src", "2")
    assert web.holds("/late") == ""


async def test_a_build_that_fails_leaves_the_application_alone(world: Open) -> None:
    web = await world(COUNTING, replay="clean")
    (web.root / "src").write_text("")
    result = await web.session.perform_livepush(["src"])
    assert (result.status, result.return_code, result.owed) == ("failed", 3, ("src",))
    assert web.verbs() == ["build"]
    assert await web.save("late", "2") == "failed"
    assert await web.save("src", "3") == "succeeded"
    assert (web.holds("/log"), web.holds("/late")) == ("3", "2")


async def test_an_upload_that_breaks_off_is_carried_over_again(world: Open) -> None:
    web = await world(COUNTING, replay="clean")
    web.engine.fail_next("put", EngineError("broken off"))
    (web.root / "src").write_text("2")
    with pytest.raises(EngineError, match="broken off"):
        await web.session.perform_livepush(["src"])
    web.engine.files(web.container).write("/log", b"half")
    assert (await web.session.perform_livepush([])).status == "succeeded"
    assert web.holds("/log") == "2"


async def test_an_earlier_stage_gets_a_new_container(world: Open) -> None:
    web = await world(STAGES, replay="clean")
    before = await web.engine.owned()
    assert await web.save("src", "2") == "succeeded"
    assert web.holds("/log") == "2"
    after = await web.engine.owned()
    assert len(after) == len(before)
    assert web.verbs().count("restart") == 1


async def test_a_stage_that_comes_out_the_same_leads_to_nothing(world: Open) -> None:
    web = await world(STAGES, replay="clean")
    await web.save("src", "1")
    assert web.verbs() == ["build"]


async def test_the_commands_of_a_build_are_told(world: Open) -> None:
    web = await world(COUNTING, replay="clean")
    web.builder.progress = (
        BuildStep(1, "COPY src /src"),
        BuildStepDone(1, 0),
        BuildStep(2, "RUN make"),
        BuildOutput(2, b"made\n", False),
        BuildOutput(7, b"of nothing", False),
        BuildStepDone(2, 0),
    )
    await web.save("src", "2")
    told = [e for e in web.told if e.name.startswith("command")]
    assert [e.name for e in told] == ["commandExecute", "commandOutput", "commandReturn"]
    assert {getattr(e, "command", "make") for e in told} == {"make"}


async def test_an_add_of_what_becomes_an_archive_is_built(world: Open) -> None:
    web = await world(f"FROM {BUSYBOX}\nADD src /log\n")
    assert await web.save("src", "2") == "succeeded"
    assert "build" not in web.verbs()
    with tarfile.open(web.root / "src", "w") as tar:
        tar.add(web.root / "late", "late")
    assert (await web.session.perform_livepush(["src"])).status == "succeeded"
    assert "build" in web.verbs()
    assert await web.save("src", "3") == "succeeded"
    assert "build" in web.verbs()
    assert web.holds("/log") == "3"


# What changed while nobody watched


async def test_a_container_like_its_context_is_left_alone(world: Open) -> None:
    web = await world(COUNTING)
    assert not await web.session.catch_up()
    assert not {"put", "restart", "run"} & set(web.verbs())


async def test_what_an_older_image_lacks_is_built_and_carried_over(world: Open) -> None:
    web = await world(COUNTING, created=1.0)
    (web.root / "src").write_text("2")
    await web.session.reread({""})
    assert await web.session.catch_up()
    assert (await web.session.pushes.push()).status == "succeeded"
    assert (web.holds("/log"), web.holds("/src")) == ("2", "2")
    assert "restart" in web.verbs()


@pytest.mark.parametrize("becomes", ["directory", "file"])
async def test_what_decides_where_a_later_copy_goes_is_built(
    fake_engine: FakeEngine, tmp_path: Path, becomes: str
) -> None:
    """Nothing stands between the two, so neither can be brought without the other."""
    (base,) = fake_engine._images.values()
    fake_engine._builder = DockerfileBuilder(lambda _: base)
    text = f"FROM {BUSYBOX}\nCOPY a /o/in\nCOPY b /o/in\n"
    (tmp_path / "Dockerfile").write_text(text)
    (tmp_path / "b").write_text("2")

    def be(kind: str) -> None:
        if kind == "file":
            shutil.rmtree(tmp_path / "a", ignore_errors=True)
            (tmp_path / "a").write_text("1")
        else:
            (tmp_path / "a").unlink(missing_ok=True)
            (tmp_path / "a").mkdir()
            (tmp_path / "a/x").write_text("1")

    be("file" if becomes == "directory" else "directory")
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        tar.add(tmp_path, "")
    image = fake_engine.add_image(
        fake_engine._builder(context.getvalue(), text.encode(), "", lambda _: None)
    )
    fake_engine.add_container(image, name="web")
    async with await Livepush.init(
        context=tmp_path, container_id="web", dockerfile_content=text, engine=fake_engine
    ) as session:
        be(becomes)
        assert (await session.perform_livepush(["a"])).status == "succeeded"
        files = fake_engine.files("web")
        there = {path: files.read(path) for path in ("/o/in", "/o/in/x", "/o/in/b")}
    inside = {"/o/in": None, "/o/in/x": b"1", "/o/in/b": b"2"}
    alone = {"/o/in": b"2", "/o/in/x": None, "/o/in/b": None}
    assert there == (inside if becomes == "directory" else alone)


@pytest.mark.parametrize(
    ("command", "replay", "built"),
    [("", "clean", False), ("RUN true", "in-place", False), ("RUN true", "clean", True)],
)
async def test_what_a_container_of_the_base_image_lacks_is_replayed(
    world: Open, tmp_path: Path, command: str, replay: Replay, built: bool
) -> None:
    """Nothing has run in it yet, so that every command runs there for the first time."""
    engine = (await world(COUNTING)).engine
    for image in engine._images.values():
        image.config = replace(image.config, created=1.0)
    engine.add_container(BUSYBOX, name="bare")
    async with await Livepush.init(
        context=tmp_path,
        container_id="bare",
        dockerfile_content=f"FROM {BUSYBOX}\nWORKDIR /w/v\nCOPY late .\n{command}\nWORKDIR /x\n",
        engine=engine,
        replay=replay,
    ) as session:
        engine.calls.clear()
        assert await session.catch_up()
        assert (await session.pushes.push()).status == "succeeded"
        verbs = [call.verb for call in engine.calls]
        assert ("build" in verbs, "restart" in verbs) == (built, True)
        assert verbs.count("run") == (1 if command and not built else 0)
        if not built:
            files = engine.files("bare")
            assert files.read("/w/v/late") == b"1"
            assert all(files.node(path) is not None for path in ("/w/v", "/x"))


@pytest.fixture
async def bare(
    world: Open, tmp_path: Path
) -> AsyncIterator[Callable[[], Awaitable[tuple[Livepush, Files]]]]:
    """Opens sessions on a container of the base image, which has some of the files already."""
    engine = (await world(COUNTING)).engine
    for image in engine._images.values():
        image.config = replace(image.config, created=1.0)
    files = engine.files(engine.add_container(BUSYBOX, name="bare"))
    (tmp_path / "d").mkdir()
    for name in "abc":
        (tmp_path / "d" / name).write_text(name)
        (tmp_path / "d" / name).chmod(0o644)
    there = [Item("o", "dir", mode=0o755, uid=5), Item("o/own"), Item("o/a", content=b"a")]
    files.extract(packed(*there, Item("o/b", content=b"B")))

    async def session() -> tuple[Livepush, Files]:
        opened = await Livepush.init(
            context=tmp_path,
            container_id="bare",
            dockerfile_content=f"FROM {BUSYBOX}\nCOPY d /o/\nCOPY --chown=1001 d /p/q/\n"
            "COPY late /o/\n",
            engine=engine,
            journals=tmp_path.parent / f"{tmp_path.name}-journals",
        )
        stack.push_async_callback(opened.aclose)
        engine.calls.clear()
        return opened, files

    async with AsyncExitStack() as stack:
        yield session


async def synced(session: Livepush) -> list[tuple[int, int]]:
    """What each copy has written and deleted once all is there that the container lacked."""
    told: list[Event] = []
    session.on("filesSynced", told.append)
    await session.catch_up()
    assert (await session.pushes.push()).status in ("succeeded", "nothing")
    session.off("filesSynced", told.append)
    return [(e.written, e.deleted) for e in told if isinstance(e, FilesSynced)]


async def test_what_a_container_of_the_base_image_has_is_left_alone(
    bare: Callable[[], Awaitable[tuple[Livepush, Files]]], tmp_path: Path
) -> None:
    session, files = await bare()
    assert await synced(session) == [(2, 0), (5, 0), (1, 0)]
    assert [files.read(f"/o/{name}") for name in "abc"] == [b"a", b"b", b"c"]
    assert {files.node(p).uid for p in ("/p", "/p/q", "/p/q/a")} == {1001}  # type: ignore[union-attr]
    assert files.node("/o").uid == 5  # type: ignore[union-attr]
    await session.aclose()

    (tmp_path / "d" / "a").touch()
    (tmp_path / "d" / "b").unlink()
    session, files = await bare()
    assert await synced(session) == [(0, 1), (0, 1)]
    assert [files.read(f"/o/{name}") for name in ("a", "b", "own")] == [b"a", None, b""]
    await session.aclose()

    (tmp_path / "d" / "a").touch()
    session, _ = await bare()
    assert await synced(session) == []


async def test_what_goes_meanwhile_has_nothing_else_sent_again(world: Open, tmp_path: Path) -> None:
    web = await world(COUNTING)
    engine = web.engine
    told: list[Event] = []
    for image in engine._images.values():
        image.config = replace(image.config, created=1.0)
    engine.add_container(BUSYBOX, name="bare")
    for number in range(20):
        (tmp_path / f"file{number}").touch()
    async with await Livepush.init(
        context=tmp_path,
        container_id="bare",
        dockerfile_content=f"FROM {BUSYBOX}\nCOPY file* /o/\n",
        engine=engine,
    ) as session:
        session.on("filesSynced", told.append)
        assert await session.catch_up()
        (tmp_path / "file7").unlink()
        assert (await session.pushes.push()).status == "succeeded"
        files = engine.files("bare")
        assert {n for n in range(20) if files.node(f"/o/file{n}") is not None} == {*range(20)} - {7}
    assert sum(event.written for event in told if isinstance(event, FilesSynced)) == 20


async def test_what_an_earlier_session_wrote_goes_back(world: Open, tmp_path: Path) -> None:
    journals = tmp_path.parent / f"{tmp_path.name}-journals"
    web = await world(COUNTING, journals=journals)
    assert await web.save("late", "2") == "succeeded"
    await web.session.aclose()
    (web.root / "late").write_text("1")
    again = await Livepush.init(
        context=web.root,
        container_id="web",
        dockerfile_content=COUNTING,
        engine=web.engine,
        journals=journals,
    )
    async with again:
        assert await again.catch_up()
        assert (await again.pushes.push()).status == "succeeded"
        assert web.holds("/late") == "1"


async def test_what_has_landed_needs_no_look_at_the_next_start(world: Open, tmp_path: Path) -> None:
    journals = tmp_path.parent / f"{tmp_path.name}-journals"
    web = await world(COUNTING, journals=journals)
    assert not await web.session.catch_up()
    assert await web.save("late", "2") == "succeeded"
    await web.session.aclose()
    web.verbs()
    again = await Livepush.init(
        context=web.root,
        container_id="web",
        dockerfile_content=COUNTING,
        engine=web.engine,
        journals=journals,
    )
    async with again:
        assert not await again.catch_up()
        assert web.verbs() == []


async def test_an_image_that_cannot_be_built_here_holds_nothing_up(world: Open) -> None:
    web = await world(COUNTING, created=1.0)
    told: list[Event] = []
    web.session.on("notice", told.append)
    told.clear()
    web.engine.fail_next("build", BuildFailedError("no such base image", step=f"FROM {BUSYBOX}"))
    assert not await web.session.catch_up()
    assert "no such base image" in getattr(told[-1], "message", "")
    assert await web.save("late", "2") == "succeeded"


async def test_a_build_that_fails_is_owed_until_it_is_mended(world: Open) -> None:
    web = await world(COUNTING, created=1.0)
    (web.root / "src").write_text("")
    await web.session.reread({""})
    assert await web.session.catch_up()
    assert (await web.session.pushes.push()).owed == (".",)
    assert await web.save("src", "3") == "succeeded"
    assert web.holds("/log") == "3"


async def test_a_stage_that_cannot_be_built_as_a_session_opens_waits_for_a_save(
    world: Open,
) -> None:
    web = await world(STAGES, created=1.0, now="")
    assert await web.save("late", "2") == "failed"
    assert web.holds("/log") == "1"
    assert await web.save("src", "3") == "succeeded"
    assert web.holds("/log") == "3"
    stages = [owned for owned in await web.engine.owned() if owned.kind == "container"]
    assert len(stages) == 1


async def test_a_stage_without_steps_is_its_base_image_whatever_fails(world: Open) -> None:
    tools = f"FROM {BUSYBOX} AS one\nFROM {BUSYBOX}\nCOPY --from=one /bin/sh /log\n"
    web = await world(tools, created=1.0, now="")
    (stage,) = [owned.id for owned in await web.engine.owned() if owned.kind == "container"]
    played, base = await web.engine.container(stage), await web.engine.image(BUSYBOX)
    assert played is not None
    assert base is not None
    assert played.image == base.id


async def test_where_somebody_else_has_to_build_a_failing_stage_is_the_end(world: Open) -> None:
    with pytest.raises(BuildFailedError):
        await world(f"{STAGES}RUN --mount=type=secret,id=s cat src > log\n", created=1.0, now="")


async def test_a_step_that_nobody_can_build_is_named(world: Open) -> None:
    secret = f"FROM {BUSYBOX}\nCOPY src /src\nRUN --mount=type=secret,id=s cat src > log\n"
    web = await world(secret, created=1.0)
    (web.root / "src").write_text("2")
    await web.session.reread({""})
    told: list[Event] = []
    web.session.on("rebuildNeeded", told.append)
    assert not await web.session.catch_up()
    assert [getattr(event, "line", 0) for event in told] == [3]


@asynccontextmanager
async def with_link(
    engine: FakeEngine, root: Path, copies: str, path: str, target: str
) -> AsyncIterator[Livepush]:
    """A session on the container `web`, in whose image a command behind `copies` has made a link.

    The context has the files s/a and u/a, which hold their names.
    """
    (base,) = engine._images.values()
    builds = DockerfileBuilder(lambda _: base)

    def builder(context: bytes, dockerfile: bytes, stage: str, tell: Tell) -> FakeImage:
        image = builds(context, dockerfile, stage, tell)
        image.files.remove(path)
        image.files.place(path, Node("link", 0o777, target=target))
        return image

    engine._builder = builder
    text = f"FROM {BUSYBOX}\n{copies}\nRUN rm -rf {path}; ln -s {target} {path}; echo x >> /log\n"
    (root / "Dockerfile").write_text(text)
    for name in ("s/a", "u/a"):
        (root / name).parent.mkdir()
        (root / name).write_text(name)
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        tar.add(root, "")
    image = builder(context.getvalue(), text.encode(), "", lambda _: None)
    engine.add_container(engine.add_image(image), name="web")
    async with await Livepush.init(
        context=root, container_id="web", dockerfile_content=text, engine=engine
    ) as session:
        session._executor.trust()
        yield session


async def test_a_link_that_a_command_has_put_in_a_destination_s_place_leads_no_copy(
    fake_engine: FakeEngine, tmp_path: Path
) -> None:
    copies = "COPY u /u\nCOPY s /app/s"
    async with with_link(fake_engine, tmp_path, copies, "/app/s", "/u") as session:
        (tmp_path / "s/a").write_text("2")
        assert (await session.perform_livepush(["s/a"])).owed == ()
        assert fake_engine.files("web").read("/u/a") == b"u/a"
        (tmp_path / "u/a").write_text("3")
        assert (await session.perform_livepush(["u/a"])).owed == ()
        assert fake_engine.files("web").read("/u/a") == b"3"


@pytest.mark.parametrize("deleted", [True, False])
async def test_nothing_is_written_through_a_link_that_a_command_has_put_in_a_directory_s_place(
    fake_engine: FakeEngine, tmp_path: Path, deleted: bool
) -> None:
    """Nor deleted. And a command that has come with a build is not repeated after it."""
    async with with_link(fake_engine, tmp_path, "COPY . /o/", "/o/s", "u") as session:
        if deleted:
            (tmp_path / "s/a").unlink()
        else:
            (tmp_path / "s/a").write_text("2")
        assert (await session.perform_livepush(["s/a"])).owed == ()
        files = fake_engine.files("web")
        assert (files.read("/o/u/a"), files.read("/log")) == (b"u/a", b"x\n")
