"""Fixtures that several test modules share: a real engine that is clean afterwards, and fakes."""

from __future__ import annotations

import contextlib
import io
import os
import re
import tarfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import aiodocker
import hypothesis
import pytest
from aiodocker.types import JSONValue

from livepush.docker import DockerEngine
from livepush.engine import LABEL, BuildOutput, BuildStep, BuildStepDone, Engine, ImageConfig, Tell
from livepush.errors import BuildFailedError
from livepush.testing import FakeEngine, FakeImage, Files

BUSYBOX = "livepush-base/busybox:12"
DEBIAN = "livepush-base/debian:12"
# How long an example takes is the machine's business.
hypothesis.settings.register_profile("livepush", deadline=None)
hypothesis.settings.load_profile("livepush")

Start = Callable[..., Awaitable[str]]
HOSTS = [
    pytest.param(host, marks=pytest.mark.engine, id=name)
    for name, host in (("real", ""), ("newer", os.environ.get("LIVEPUSH_NEWER_ENGINE") or None))
    if host is not None
]
"""The real engines: this machine's, and a newer one where there is one."""
_PATH = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)


@pytest.fixture
def labels() -> dict[str, str]:
    """The labels of all that a test makes on an engine."""
    return {f"{LABEL}.session": f"test-{uuid.uuid4().hex[:12]}"}


@pytest.fixture(params=HOSTS)
def host(request: pytest.FixtureRequest) -> str:
    """Where a real engine is; the one of this machine, where the environment says, has none."""
    return str(request.param)


@contextlib.asynccontextmanager
async def real_engine(host: str, labels: dict[str, str]) -> AsyncIterator[DockerEngine]:
    """The engine at `host`; what the test made there is removed in the end."""
    engine = DockerEngine.connect(host=host)
    async with contextlib.aclosing(engine):
        if await engine.image(BUSYBOX) is None:
            pytest.fail(f"The engine has no {BUSYBOX}: run scripts/base-images.")
        yield engine
    # By a connection of its own, because the test may have closed the other.
    async with contextlib.aclosing(DockerEngine.connect(host=host)) as engine:
        for owned in await engine.owned():
            if set(labels.items()) <= set(owned.labels):
                remove = engine.remove if owned.kind == "container" else engine.remove_image
                await remove(owned.id)


@pytest.fixture
async def docker_engine(host: str, labels: dict[str, str]) -> AsyncIterator[DockerEngine]:
    """A real engine."""
    async with real_engine(host, labels) as engine:
        yield engine


@pytest.fixture
def fake_engine() -> FakeEngine:
    """An engine in memory whose image is like `BUSYBOX` and whose builder copies the context."""
    engine = FakeEngine(builder=_build)
    engine.add_image(FakeImage(_busybox(), ImageConfig("", env=_PATH)), tag=BUSYBOX)
    return engine


@pytest.fixture(params=["fake", *HOSTS])
async def engine(
    request: pytest.FixtureRequest, fake_engine: FakeEngine, labels: dict[str, str]
) -> AsyncIterator[Engine]:
    """Every engine that keeps the contract."""
    if request.param == "fake":
        yield fake_engine
        return
    async with real_engine(request.param, labels) as engine:
        yield engine


@pytest.fixture(params=["not attended", "attended", "attended by a Perl"])
async def container(request: pytest.FixtureRequest, engine: Engine, labels: dict[str, str]) -> str:
    """A running container of livepush's own: small changes come by either road."""
    made = await engine.create(_image_for(request.param, engine), labels=labels, start=True)
    if request.param != "not attended":
        await engine.attend(made)
    return made


@pytest.fixture
async def stopped(engine: Engine, labels: dict[str, str]) -> str:
    """A container that was never started."""
    return await engine.create(BUSYBOX, labels=labels, start=False)


@pytest.fixture(params=["stopped", "attended", "attended by a Perl"])
async def holder(request: pytest.FixtureRequest, engine: Engine, labels: dict[str, str]) -> str:
    """A container that holds files: one that never ran, and one that files come into by a shell."""
    start = request.param != "stopped"
    made = await engine.create(_image_for(request.param, engine), labels=labels, start=start)
    if start:
        await engine.attend(made)
    return made


def _image_for(attendance: str, engine: Engine) -> str:
    has_perl = attendance == "attended by a Perl" and not isinstance(engine, FakeEngine)
    return DEBIAN if has_perl else BUSYBOX


@pytest.fixture
async def client(host: str) -> AsyncIterator[aiodocker.Docker]:
    """A client as an embedder has it."""
    async with aiodocker.Docker(host or None) as docker:
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
    """An attended container of livepush's own, with busybox and with dash and coreutils."""
    made = await docker_engine.create(request.param, labels=labels, start=True)
    await docker_engine.attend(made)
    return made


def _build(context: bytes, dockerfile: bytes, target: str, tell: Tell) -> FakeImage:
    """Copies the context; of commands it knows `echo` and `exit`."""
    files = Files()
    files.extract(context)
    for number, step in enumerate(dockerfile.decode().splitlines(), start=1):
        tell(BuildStep(number, step))
        if said := re.search("echo ([a-z]+)", step):
            tell(BuildOutput(number, f"{said[1]}\n".encode(), is_stderr=False))
        code = int(found[1]) if (found := re.search("exit ([0-9]+)", step)) else 0
        tell(BuildStepDone(number, code))
        if code:
            message = f"{said[1] if said else ''}\nThe build failed: exit code: {code}"
            raise BuildFailedError(message, step=step, return_code=code)
    return FakeImage(files, ImageConfig("", env=_PATH))


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
