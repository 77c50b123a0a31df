"""The files of an image, on the fake engine."""

from __future__ import annotations

import pytest

from livepush.engine import PathStat
from livepush.errors import EngineError
from livepush.image_files import ImageFiles
from livepush.testing import FakeEngine, FakeImage, Files, Node


@pytest.fixture
def engine() -> FakeEngine:
    files = Files()
    files.place("/app", Node("dir", 0o711, uid=5, gid=6))
    files.place("/app/x", Node("file", 0o600, content=b"12345"))
    files.place("/app/l", Node("link", 0o777, target="x"))
    engine = FakeEngine()
    engine.add_image(FakeImage(files), tag="image")
    return engine


def stats(engine: FakeEngine) -> list[object]:
    return [call.given for call in engine.calls if call.verb == "stat"]


async def test_what_an_image_holds(engine: FakeEngine) -> None:
    image = ImageFiles(engine, "image", {})
    assert await image.stat("/app/x") == PathStat("file", 0o600, 5)
    assert await image.stat("/app/y") is None
    entries = [await image.entry(f"/app{name}") for name in ("", "/x", "/l", "/y")]
    assert [entry and (entry.kind, entry.mode, entry.uid, entry.target) for entry in entries] == [
        ("dir", 0o711, 5, ""),
        ("file", 0o600, 0, ""),
        ("link", 0o777, 0, "x"),
        None,
    ]
    files = await image.fetch("/app/x")
    with files.open_file("app/x") as file:
        assert file.read() == b"12345"
    files.close()


async def test_a_directory_is_asked_for_once(engine: FakeEngine) -> None:
    image = ImageFiles(engine, "image", {})
    for path in ("/app/x", "/app/y", "/no/such/a", "/no/such/b", "/no/other/c"):
        await image.stat(path)
    assert stats(engine) == ["/app", "/app/x", "/app/y", "/no"]


async def test_one_container_serves_an_image(engine: FakeEngine) -> None:
    image = ImageFiles(engine, "image", {"label": "1"})
    for path in ("/app/x", "/app"):
        await image.entry(path)
    assert [call.given for call in engine.calls if call.verb == "create"] == [{"label": "1"}]


async def test_scratch_has_no_files(engine: FakeEngine) -> None:
    image = ImageFiles(engine, "", {})
    assert await image.stat("/app") is None
    assert await image.entry("/") is None
    assert not engine.calls


async def test_an_image_that_is_not_there_is_told(engine: FakeEngine) -> None:
    with pytest.raises(EngineError):
        await ImageFiles(engine, "none", {}).stat("/app")
