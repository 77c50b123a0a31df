"""The comparison with a fresh build, on an engine in memory."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from livepush.context import Context
from livepush.difference import Comparison, Difference
from livepush.engine import BuildProgress, BuildStep, ImageConfig, Tell
from livepush.errors import BuildFailedError, ContainerNotRunningError, EngineError
from livepush.journal import Journal
from livepush.live import Dockerfile
from livepush.opening import Request
from livepush.testing import FakeEngine, FakeImage, FakeLayer, Files
from livepush.verification import verify
from tests.archives import Item, packed

from .conftest import BUSYBOX

DOCKERFILE = f"FROM {BUSYBOX}\nCOPY src /src\nRUN cat /src > /built\nCMD app\n"


class World:
    """An engine whose builder does what `DOCKERFILE` says, and a container of an older image."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.engine = FakeEngine(builder=self.build)
        self.base = FakeImage(_files("/etc/conf"), ImageConfig(""))
        self.engine.add_image(self.base, tag=BUSYBOX)
        self.write("one")
        (root / "Dockerfile").write_text(DOCKERFILE)
        self.image = self.engine.add_image(self.built("one"))
        self.container = self.engine.add_container(self.image, name="app", running=False)
        self.told: list[BuildProgress] = []

    @property
    def files(self) -> Files:
        return self.engine.files(self.container)

    def write(self, text: str) -> None:
        (self.root / "src").write_text(text)

    def build(self, context: bytes, dockerfile: bytes, target: str, tell: Tell) -> FakeImage:
        tell(BuildStep(1, "COPY src /src"))
        with tarfile.open(fileobj=io.BytesIO(context)) as tar:
            content = tar.extractfile("src")
            assert content is not None
            text = content.read().decode()
        if not text:
            raise BuildFailedError("src is empty", step="RUN cat")
        return self.built(text)

    def built(self, text: str) -> FakeImage:
        content = text.encode()
        return self.base.extended(
            FakeLayer("COPY src /src", packed(Item("src", content=content))),
            FakeLayer("RUN /bin/sh -c cat /src > /built", packed(Item("built", content=content))),
            FakeLayer('CMD ["app"]'),
        )

    async def verify(
        self, container: str = "app", target: str = "", journals: Path | None = None
    ) -> Comparison:
        request = Request(
            dockerfile=Dockerfile(DOCKERFILE),
            container=container,
            stage_images=None,
            build_args={},
            target=target,
            session="s",
            journals=journals,
        )
        context = Context.open(self.root)
        return await verify(self.engine, request, context, cached=False, tell=self.told.append)

    async def found(self) -> list[tuple[str, str, int | None]]:
        comparison = await self.verify()
        return [(e.path, e.what, e.step.line if e.step else None) for e in comparison.differences]


def _files(*paths: str) -> Files:
    files = Files()
    for path in paths:
        files.write(path, b"")
    return files


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_container_that_is_as_built_has_no_differences(world: World) -> None:
    assert await world.verify() == Comparison((), ())
    assert world.told == [BuildStep(1, "COPY src /src")]
    assert "save" not in [call.verb for call in world.engine.calls]


async def test_each_difference_has_the_step_that_should_have_written_it(world: World) -> None:
    world.write("two")
    world.files.write("/etc/conf", b"by hand")
    assert await world.found() == [
        ("/built", "other content", 3),
        ("/etc/conf", "other content", None),
        ("/src", "other content", 2),
    ]


async def test_what_the_application_wrote_is_told_apart(world: World) -> None:
    world.files.write("/log", b"")
    assert await world.verify() == Comparison((), ("/log",))


async def test_what_a_push_left_behind_is_not_the_application_s(
    world: World, tmp_path: Path
) -> None:
    world.files.write("/log", b"")
    world.files.write("/left", b"")
    journals = tmp_path / "journals"
    Journal(journals, world.container).add(["/left"])
    found = await world.verify(journals=journals)
    assert found == Comparison((Difference("/left", "too much"),), ("/log",))


async def test_mounts_are_left_out(world: World) -> None:
    container = world.engine.add_container(world.image, name="mounting", mounts=["/data"])
    world.engine.files(container).write("/data/file", b"")
    assert await world.verify("mounting") == Comparison((), ())


async def test_an_image_whose_layers_tell_nothing_leaves_the_steps_unnamed(world: World) -> None:
    world.write("two")
    image = world.built("two")
    image.layers = ()
    world.built = lambda text: image  # type: ignore[method-assign]
    assert await world.found() == [
        ("/built", "other content", None),
        ("/src", "other content", None),
    ]


async def test_nothing_stays_on_the_engine(world: World) -> None:
    world.write("two")
    await world.verify()
    assert await world.engine.owned() == ()
    world.write("")
    with pytest.raises(BuildFailedError):
        await world.verify()
    world.engine.fail_next("export", EngineError("broken"))
    world.write("three")
    with pytest.raises(EngineError, match="broken"):
        await world.verify()
    assert await world.engine.owned() == ()


async def test_a_container_that_is_not_there_is_named(world: World) -> None:
    with pytest.raises(ContainerNotRunningError, match="there is no container 'nowhere'"):
        await world.verify("nowhere")


async def test_without_its_image_nothing_can_be_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forgotten(_: str) -> None:
        return None

    monkeypatch.setattr(world.engine, "image", forgotten)
    with pytest.raises(EngineError, match="image of the container app is gone"):
        await world.verify()
