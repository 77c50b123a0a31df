"""Fixtures that several test modules share: a real engine that is clean afterwards, and fakes."""

from __future__ import annotations

import contextlib
import io
import tarfile
import uuid
from collections.abc import AsyncIterator

import pytest

from livepush.docker import DockerEngine
from livepush.engine import LABEL, Engine, ImageConfig
from livepush.testing import FakeEngine, FakeImage, Files

BUSYBOX = "livepush-base/busybox:12"
DEBIAN = "livepush-base/debian:12"
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
