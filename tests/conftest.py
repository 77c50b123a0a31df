"""Fixtures that several test modules share: a real engine that is clean afterwards, and fakes."""

from __future__ import annotations

import contextlib
import io
import tarfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import aiodocker
import pytest
from aiodocker.types import JSONValue

from livepush.docker import DockerEngine
from livepush.engine import LABEL, Engine, ImageConfig
from livepush.testing import FakeEngine, FakeImage, Files

BUSYBOX = "livepush-base/busybox:12"
DEBIAN = "livepush-base/debian:12"
Start = Callable[..., Awaitable[str]]
_PATH = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)


@pytest.fixture
def labels() -> dict[str, str]:
    """The labels of all that a test makes on an engine."""
    return {f"{LABEL}.session": f"test-{uuid.uuid4().hex[:12]}"}


@pytest.fixture
async def docker_engine(labels: dict[str, str]) -> AsyncIterator[DockerEngine]:
    """The real engine of this machine; what the test made there is removed in the end."""
    engine = DockerEngine.connect()
    async with contextlib.aclosing(engine):
        if await engine.image(BUSYBOX) is None:
            pytest.fail(f"The engine has no {BUSYBOX}: run scripts/base-images.")
        yield engine
    # By a connection of its own, because the test may have closed the other.
    async with contextlib.aclosing(DockerEngine.connect()) as engine:
        for owned in await engine.owned():
            if set(labels.items()) <= set(owned.labels):
                remove = engine.remove if owned.kind == "container" else engine.remove_image
                await remove(owned.id)


@pytest.fixture
def fake_engine() -> FakeEngine:
    """An engine in memory whose image is like `BUSYBOX` and whose builder copies the context."""

    def build(context: bytes, dockerfile: str, target: str) -> FakeImage:
        files = Files()
        files.extract(context)
        return FakeImage(files, ImageConfig("", env=_PATH))

    engine = FakeEngine(builder=build)
    engine.add_image(FakeImage(_busybox(), ImageConfig("", env=_PATH)), tag=BUSYBOX)
    return engine


@pytest.fixture(params=["fake", pytest.param("docker", marks=pytest.mark.engine)])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Every engine that keeps the contract."""
    engine: Engine = request.getfixturevalue(f"{request.param}_engine")
    return engine


@pytest.fixture
async def container(engine: Engine, labels: dict[str, str]) -> str:
    """A running container of livepush's own."""
    return await engine.create(BUSYBOX, labels=labels, start=True)


@pytest.fixture
async def stopped(engine: Engine, labels: dict[str, str]) -> str:
    """A container that was never started."""
    return await engine.create(BUSYBOX, labels=labels, start=False)


@pytest.fixture
async def client() -> AsyncIterator[aiodocker.Docker]:
    """A client as an embedder has it."""
    async with aiodocker.Docker() as docker:
        yield docker


@pytest.fixture
async def start(client: aiodocker.Docker, docker_engine: DockerEngine) -> AsyncIterator[Start]:
    """Starts a container as a user does, not as livepush does; gives its id."""
    ids = []

    async def started(*command: str, image: str = BUSYBOX, **more: JSONValue) -> str:
        container = await client.containers.create({"Image": image, "Cmd": [*command], **more})
        ids.append(container.id)
        await container.start()
        return str(container.id)

    yield started
    for container in ids:
        await docker_engine.remove(container)


@pytest.fixture(params=[BUSYBOX, DEBIAN])
async def real_container(
    request: pytest.FixtureRequest, docker_engine: DockerEngine, labels: dict[str, str]
) -> str:
    """A container of livepush's own, once with busybox and once with dash and coreutils."""
    return await docker_engine.create(request.param, labels=labels, start=True)


def _busybox() -> Files:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name in ("bin", "etc", "tmp", "usr"):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            tar.addfile(info)
        info = tarfile.TarInfo("bin/busybox")
        tar.addfile(info)
        info = tarfile.TarInfo("bin/sh")
        info.type, info.linkname = tarfile.SYMTYPE, "busybox"
        tar.addfile(info)
    files = Files()
    files.extract(raw.getvalue())
    return files
