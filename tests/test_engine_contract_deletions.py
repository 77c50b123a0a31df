"""The contract of `livepush.engine.Engine`: deletions in containers without a shell."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiodocker.types import JSONValue

from livepush.docker import DockerEngine
from livepush.engine import Command, Engine
from livepush.errors import EngineError, NoShellError
from tests.archives import Item, items, sources, stream
from tests.commands import Sink
from tests.conftest import BUSYBOX, Start

DIRECTORY = Item("app", "dir", mode=0o2750, uid=5, gid=6)
TREE = [
    DIRECTORY,
    Item("app/gone", content=b"1"),
    Item("app/kept", content=b"2" * 70_000, mode=0o4755, uid=5, gid=6),
    Item("app/link", "link", mode=0o777, uid=7, target="/nowhere"),
    Item("app/sub", "dir", mode=0o711),
    Item("app/sub/file", mode=0o600, content=b"3"),
    Item(b"app/not \xff utf-8".decode(errors="surrogateescape"), content=b"4"),
    Item("alias", "link", mode=0o777, target="app"),
]


async def bare_container(engine: Engine, labels: dict[str, str]) -> str:
    """A container without a shell, never started, that holds the tree."""
    dockerfile = Item("Dockerfile", content=b"FROM scratch\nCOPY hello /hello\n")
    context = sources(dockerfile, Item("hello"))
    image = await engine.build(context, labels=labels)
    container = await engine.create(image, labels=labels, start=False)
    await engine.put(container, stream(*TREE))
    return container


@pytest.fixture
async def bare(engine: Engine, labels: dict[str, str]) -> str:
    return await bare_container(engine, labels)


async def below(engine: Engine, container: str, path: str) -> dict[str, Item]:
    return {item.name: item for item in await items(engine.get(container, path))}


async def test_a_file_goes_and_nothing_else_changes(engine: Engine, bare: str) -> None:
    before = await below(engine, bare, "/app")
    await engine.delete(bare, ["/app/gone", "/app/not-there", "/nowhere/at/all"])
    after = await below(engine, bare, "/app")
    assert after == {name: item for name, item in before.items() if name != "app/gone"}
    assert after["app"] == DIRECTORY


async def test_trees_and_links_go_without_what_they_lead_to(engine: Engine, bare: str) -> None:
    await engine.put(bare, stream(Item("app/in", "link", mode=0o777, target="/app/sub")))
    await engine.delete(bare, ["/app/in"])
    assert await engine.stat(bare, "/app/sub/file") is not None
    await engine.delete(bare, ["/app/sub", "/app/link"])
    assert await engine.stat(bare, "/app/sub") is None
    assert await engine.stat(bare, "/app/in") is None
    assert await engine.stat(bare, "/app/kept") is not None


async def test_links_above_are_followed(engine: Engine, bare: str) -> None:
    await engine.delete(bare, ["/alias/gone"])
    assert await engine.stat(bare, "/app/gone") is None
    alias = await engine.stat(bare, "/alias")
    assert alias is not None
    assert alias.kind == "link"


async def test_directories_go_when_they_are_empty(engine: Engine, bare: str) -> None:
    await engine.put(bare, stream(Item("app/e/f/g/file")))
    directories = ["/app/e/f/g", "/app/e/f", "/app/e", "/app/sub", "/app/kept", "/not-there"]
    await engine.delete(bare, ["/app/e/f/g/file"], directories=directories)
    assert await engine.stat(bare, "/app/e") is None
    assert await engine.stat(bare, "/app/sub/file") is not None
    assert await engine.stat(bare, "/app/kept") is not None


async def test_what_is_in_the_root_stays_and_the_rest_goes(engine: Engine, bare: str) -> None:
    with pytest.raises(NoShellError):
        await engine.delete(bare, ["/hello", "/app/gone"])
    assert await engine.stat(bare, "/hello") is not None
    assert await engine.stat(bare, "/app/gone") is None
    await engine.delete(bare, ["/not-there"])


async def test_what_the_engine_mounts_stays(engine: Engine, bare: str) -> None:
    await engine.put(bare, stream(Item("etc/app.conf"), Item("etc/app/conf")))
    with pytest.raises(NoShellError):
        await engine.delete(bare, ["/etc/app.conf"])
    assert await engine.stat(bare, "/etc/app.conf") is not None
    await engine.delete(bare, ["/etc/app/conf"])
    assert await engine.stat(bare, "/etc/app/conf") is None


async def test_a_container_with_a_shell_need_not_run(engine: Engine, stopped: str) -> None:
    await engine.put(stopped, stream(*TREE))
    before = await below(engine, stopped, "/app")
    await engine.delete(stopped, ["/app/gone", "/app/sub"])
    after = await below(engine, stopped, "/app")
    assert before.items() - after.items() == {
        (name, before[name]) for name in ("app/gone", "app/sub", "app/sub/file")
    }


# save


async def test_an_image_is_saved_with_its_layers(engine: Engine) -> None:
    names = {item.name for item in await items(engine.save(BUSYBOX))}
    assert "manifest.json" in names


async def test_no_image_is_not_saved(engine: Engine) -> None:
    with pytest.raises(EngineError) as refused:
        await anext(engine.save("livepush-no-such-image:1"))
    assert refused.value.status == 404


# What only a real engine has: processes, mounts, and attributes of files.


RUNNING = b"""\
FROM %s AS busybox
RUN mkdir /linked && echo 1 > /linked/a && ln /linked/a /linked/b && ln /linked/a /linked/gone
FROM scratch
COPY --from=busybox /bin/busybox /bin/busybox
COPY --from=busybox /linked /linked
WORKDIR /srv/work
CMD ["/bin/busybox", "sleep", "1000"]
""" % BUSYBOX.encode()
LINKED = ("/linked/a", "/linked/b")
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")  # cap_net_bind_service


async def running(engine: DockerEngine, start: Start, labels: dict[str, str], *binds: str) -> str:
    """A container without a shell that runs."""
    context = sources(Item("Dockerfile", content=RUNNING))
    image = await engine.build(context, labels=labels)
    config: dict[str, JSONValue] = {"HostConfig": {"Binds": list(binds)}}
    container = await start("/bin/busybox", "sleep", "1000", image=image, **config)
    await engine.put(container, stream(*TREE, Item("srv/work/file"), Item("srv/file")))
    return container


async def said(engine: Engine, container: str, *argv: str) -> str:
    sink = Sink()
    await engine.run(container, Command(("/bin/busybox", *argv)), sink, grace=1)
    return sink.out.decode()


async def test_files_stay_what_they_are_for_processes(
    docker_engine: DockerEngine, start: Start, labels: dict[str, str]
) -> None:
    container = await running(docker_engine, start, labels)
    inode = await said(docker_engine, container, "stat", "-c", "%i %h", "/app/kept")
    await docker_engine.delete(container, ["/app/gone"])
    assert await said(docker_engine, container, "stat", "-c", "%i %h", "/app/kept") == inode
    assert "gone" not in await said(docker_engine, container, "ls", "/app")
    assert "livepush" not in await said(docker_engine, container, "ls", "-a", "/dev")


async def test_a_file_of_the_image_keeps_its_names(
    docker_engine: DockerEngine, start: Start, labels: dict[str, str]
) -> None:
    container = await running(docker_engine, start, labels)

    async def inodes() -> list[str]:
        return (await said(docker_engine, container, "stat", "-c", "%i", *LINKED)).split()

    one, other = await inodes()
    assert one == other
    await docker_engine.delete(container, ["/linked/gone"])
    one, other = await inodes()
    assert one == other


async def test_the_working_directory_stays_until_the_container_restarts(
    docker_engine: DockerEngine, start: Start, labels: dict[str, str]
) -> None:
    container = await running(docker_engine, start, labels)
    for path in ("/srv/work/file", "/srv/file"):
        with pytest.raises(NoShellError, match="runs in"):
            await docker_engine.delete(container, [path])
        assert await docker_engine.stat(container, path) is not None
    await docker_engine.delete(container, ["/srv/file"], restarts=True)
    await docker_engine.restart(container, grace=0)
    assert await said(docker_engine, container, "ls", "/srv", "/srv/work") != ""
    assert await docker_engine.stat(container, "/srv/file") is None
    assert await docker_engine.stat(container, "/srv/work/file") is not None


async def test_nothing_is_replaced_around_a_mount(
    docker_engine: DockerEngine, start: Start, labels: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("mine")
    container = await running(docker_engine, start, labels, f"{tmp_path}:/app/data")
    for path in ("/app/gone", "/app/data/mine", "/app/data"):
        with pytest.raises(NoShellError, match="mounted"):
            await docker_engine.delete(container, [path])
    await docker_engine.delete(container, ["/app/sub/file"])
    assert await docker_engine.stat(container, "/app/gone") is not None
    assert await docker_engine.stat(container, "/app/sub/file") is None
    assert (tmp_path / "mine").read_text() == "mine"


async def test_attributes_of_files_stay(
    docker_engine: DockerEngine, labels: dict[str, str]
) -> None:
    container = await bare_container(docker_engine, labels)
    info = tarfile.TarInfo("app/server")
    info.mode = 0o755
    info.pax_headers = {
        "SCHILY.xattr.security.capability": CAPABILITY.decode(errors="surrogateescape")
    }

    async def upload() -> AsyncIterator[bytes]:
        yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape") + bytes(1024)

    async def attributes() -> dict[str, str]:
        raw = b"".join([piece async for piece in docker_engine.get(container, "/app/server")])
        with tarfile.open(fileobj=io.BytesIO(raw), encoding="utf-8") as tar:
            return dict(tar.getmembers()[0].pax_headers)

    await docker_engine.put(container, upload())
    before = await attributes()
    assert "SCHILY.xattr.security.capability" in before
    await docker_engine.delete(container, ["/app/gone"])
    assert await docker_engine.stat(container, "/app/gone") is None
    assert await attributes() == before
