"""What `FakeEngine` has beyond the contract, for the tests of those who use it."""

from __future__ import annotations

import asyncio

import pytest

from livepush.engine import Command
from livepush.errors import ContainerNotRunningError, EngineError
from livepush.testing import Call, FakeEngine, FakeImage, Node
from tests.archives import Item, packed, sources, stream
from tests.conftest import BUSYBOX


async def said(engine: FakeEngine, container: str, text: str) -> tuple[int, bytes, bytes]:
    out, err = bytearray(), bytearray()
    status = await engine.run(
        container,
        Command(("sh", "-c", text)),
        lambda piece, is_stderr: (err if is_stderr else out).extend(piece),
        grace=1,
    )
    return status, bytes(out), bytes(err)


@pytest.fixture
def container(fake_engine: FakeEngine) -> str:
    return fake_engine.add_container(BUSYBOX, name="app")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("echo a; false; echo b", (0, b"a\nb\n", b"")),
        ("echo a && false && echo b", (1, b"a\n", b"")),
        ("echo 'a  b' >&2", (0, b"", b"a  b\n")),
        ("echo a > /f; echo b >> /f; cat /f", (0, b"a\nb\n", b"")),
        ("mkdir -p /d/e && echo x > /d/e/f && cp /d/e/f /d && cat /d/f", (0, b"x\n", b"")),
        ("mkdir /etc", (1, b"", b"mkdir: /etc: File exists\n")),
        ("rm -rf /etc && mkdir /etc", (0, b"", b"")),
        ("cat /nope", (1, b"", b"cat: /nope: No such file or directory\n")),
        ("echo a > /etc", (1, b"", b"sh: cannot create /etc\n")),
        ("npm ci", (127, b"", b"sh: npm: not found\n")),
        ("exit 4; echo never", (4, b"", b"")),
        ("echo a\necho b", (0, b"a\nb\n", b"")),
    ],
)
async def test_commands(
    fake_engine: FakeEngine, container: str, text: str, expected: tuple[int, bytes, bytes]
) -> None:
    assert await said(fake_engine, container, text) == expected


async def test_sleep_is_the_one_handed_in() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    engine = FakeEngine(sleep=sleep)
    container = engine.add_container(engine.add_image(FakeImage()))
    assert await said(engine, container, "sleep 1000; sleep 0.5") == (0, b"", b"")
    assert slept == [1000, 0.5]


async def test_calls_are_recorded_in_order(fake_engine: FakeEngine, container: str) -> None:
    item = Item("f", content=b"1")
    await fake_engine.put("app", stream(item))
    await fake_engine.delete(container, ["/f"], directories=["/d"])
    await fake_engine.restart("app", grace=3)
    assert fake_engine.calls == [
        Call("put", "app", packed(item)),
        Call("delete", container, (("/f",), ("/d",))),
        Call("restart", "app", 3),
    ]


async def test_a_call_fails_once_when_told_to(fake_engine: FakeEngine, container: str) -> None:
    fake_engine.fail_next("put", EngineError("broke off"), after=1)
    await fake_engine.put(container, stream(Item("one")))
    with pytest.raises(EngineError, match="broke off"):
        await fake_engine.put(container, stream(Item("two")))
    await fake_engine.put(container, stream(Item("three")))
    files = set(fake_engine.files(container))
    assert {"/one", "/three"} < files
    assert "/two" not in files


async def test_a_container_can_stop_by_itself(fake_engine: FakeEngine, container: str) -> None:
    went = asyncio.Event()
    command = Command(("sh", "-c", "echo go; sleep 1000"))
    running = asyncio.ensure_future(
        fake_engine.run(container, command, lambda *_: went.set(), grace=1)
    )
    await went.wait()
    fake_engine.stop("app")
    assert await running == 137
    with pytest.raises(ContainerNotRunningError):
        await said(fake_engine, container, "true")


async def test_containers_of_an_image_have_files_of_their_own(fake_engine: FakeEngine) -> None:
    one, two = (fake_engine.add_container(BUSYBOX) for _ in range(2))
    fake_engine.files(one).write("/tmp/f", b"1", mode=0o600)
    fake_engine.files(one).place("/bin/busybox", Node("file", content=b"new"))
    assert fake_engine.files(one).read("/tmp/f") == b"1"
    assert fake_engine.files(two).read("/tmp/f") is None
    assert fake_engine.files(two).read("/bin/sh") == b""
    assert fake_engine.files(one).read("/bin/sh") == b"new"


async def test_without_a_builder_a_build_fails() -> None:
    with pytest.raises(EngineError, match="no builder"):
        await FakeEngine().build(sources())


async def test_a_hard_link_is_one_file(fake_engine: FakeEngine, container: str) -> None:
    files = fake_engine.files(container)
    files.write("/one", b"1")
    node = files.node("/one")
    assert node is not None
    files.place("/two", node)
    files.write("/two", b"2")
    assert files.read("/one") == b"2"


async def test_an_image_with_a_tag_is_not_removed(fake_engine: FakeEngine) -> None:
    image = await fake_engine.image(BUSYBOX)
    assert image is not None
    await fake_engine.remove_image(image.id)
    assert await fake_engine.image(BUSYBOX) == image
