"""What an engine gets that asks for a build context: here by the protocol, and from real ones."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import pytest

from livepush import buildsession
from livepush.buildcontext import BuildContext, build_context
from livepush.context import Context
from livepush.docker import DockerEngine
from livepush.engine import BuildProgress, BuildStep
from livepush.errors import BuildFailedError, EngineError
from livepush.filesync import DATA, END, ERROR, REQUEST, STAT, Packet
from livepush.snapshot import Snapshot
from tests.archives import items
from tests.e2e.docker_cli import Bench, buildkit_client
from tests.e2e.trees import differences
from tests.grpc_client import Client, Wire
from tests.packets import stats

from .conftest import BUSYBOX

SYNC = "/moby.filesync.v1.FileSync/DiffCopy"


def context(root: Path, text: str = "FROM a\n") -> BuildContext:
    found = Context.open(root)
    return build_context(text, Snapshot(found, found.scan()), "docker/Dockerfile", legacy=False)


@asynccontextmanager
async def served(sent: BuildContext) -> AsyncIterator[Client]:
    wire = Wire()
    serving = asyncio.ensure_future(buildsession.serve(wire, sent))
    client = Client(wire)
    try:
        yield client
        client.hang_up()
        async with asyncio.timeout(10):
            await serving
        assert wire.is_closed
    finally:
        serving.cancel()
        await asyncio.wait({serving})


async def received(client: Client, *metadata: tuple[str, str]) -> dict[bytes, bytes]:
    """All the files of a directory."""
    stream = client.call(SYNC, metadata)
    answer = client.answers[stream]
    while not answer.messages or Packet.read(answer.messages[-1]) != Packet(STAT):
        await client.hear()
    entries = stats(answer.messages)
    told = [each.path for each in entries]
    files = [number for number, each in enumerate(entries) if not each.mode & ~0o777]
    for number in files:
        client.say(stream, bytes(Packet(REQUEST, number)))
    while sum(Packet.read(each).kind == DATA for each in answer.messages) < 2 * len(files):
        await client.hear()
    client.say(stream, bytes(Packet(END)))
    await client.ended(stream)
    assert (Packet.read(answer.messages[-1]), answer.status) == (Packet(END), "0")
    found = dict.fromkeys(told, b"")
    for packet in map(Packet.read, answer.messages):
        if packet.kind == DATA:
            found[told[packet.number]] += packet.data
    return found


async def test_the_context_and_the_dockerfile_are_sent_apart(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "Dockerfile").write_text("theirs")
    async with served(context(tmp_path)) as client:
        assert await received(client, ("dir-name", "context")) == {
            b"Dockerfile": b"theirs",
            b"a": b"1",
        }
        assert await received(client, ("dir-name", "dockerfile")) == {b"Dockerfile": b"FROM a\n"}


async def test_nothing_is_ignored_twice(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("x")
    (tmp_path / "x").write_text("1")
    (tmp_path / "y").write_text("2")
    asked = ("dir-name", "context"), ("followpaths", ".dockerignore")
    async with served(context(tmp_path)) as client:
        stream = client.call(SYNC, asked)
        while not client.answers[stream].messages:
            await client.hear()
        assert stats(client.answers[stream].messages) == []
        client.say(stream, bytes(Packet(END)))
        await client.ended(stream)
        found = await received(client, ("dir-name", "context"), ("exclude-patterns", "y"))
    assert set(found) == {b".dockerignore", b"y"}


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        (["b"], {"b"}),
        (["/dir/a", "b/"], {"b", "dir", "dir/a"}),
        (["dir"], {"dir", "dir/a", "dir/sub", "dir/sub/c"}),
        (["none"], None),
        (["no/thing"], None),
        (["b", "di?/a"], {"b", "dir", "dir/a"}),
        (["d*/sub"], {"dir", "dir/sub", "dir/sub/c"}),
        # Below a file a pattern finds nothing, and the file is not sent either.
        (["dir", "b/*"], {"dir", "dir/a", "dir/sub", "dir/sub/c"}),
        (["link/a"], {"link", "dir", "dir/a"}),
        (["link/a", "link"], {"link", "dir", "dir/a", "dir/sub", "dir/sub/c"}),
        (["link", "link/a"], {"link", "dir", "dir/a", "dir/sub", "dir/sub/c"}),
        (["b", "**/a"], None),
        (["b", "!*"], None),
        (["."], None),
        (["*"], None),
    ],
)
async def test_what_no_step_takes_is_not_sent(
    wanted: list[str], sent: set[str] | None, tmp_path: Path
) -> None:
    (tmp_path / "dir/sub").mkdir(parents=True)
    for path in ("b", "dir/a", "dir/sub/c"):
        (tmp_path / path).write_text(path)
    (tmp_path / "link").symlink_to("dir")
    everything = {"b", "dir", "dir/a", "dir/sub", "dir/sub/c", "link"}
    async with served(context(tmp_path)) as client:
        asked = [("followpaths", path) for path in wanted]
        found = await received(client, ("dir-name", "context"), *asked)
    assert {path.decode() for path in found} == (everything if sent is None else sent)


async def test_names_beyond_ascii_come_encoded(tmp_path: Path) -> None:
    for path in ("é", "a b", "c", "other"):
        (tmp_path / path).write_text(path)
    asked = [("followpaths", path) for path in ("%C3%A9", "a+b", "%5Bc%5D")]
    async with served(context(tmp_path)) as client:
        found = await received(
            client, ("dir-name", "context"), ("followpaths-encoded", "1"), *asked
        )
    assert {path.decode() for path in found} == {"é", "a b", "c"}


async def test_what_failed_there_ends_a_call_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    async with served(context(tmp_path)) as client:
        stream = client.call(SYNC, [("dir-name", "context")])
        client.say(stream, bytes(Packet(ERROR, data=b"disk full")))
        await client.ended(stream)
        assert await received(client, ("dir-name", "context")) == {b"a": b"1"}


async def test_that_it_is_there_is_said(tmp_path: Path) -> None:
    async with served(context(tmp_path)) as client:
        answer = await client.ended(client.call("/grpc.health.v1.Health/Check"))
    assert answer.messages == [b"\x08\x01"]


async def test_a_directory_of_another_name_is_refused(tmp_path: Path) -> None:
    wire = Wire()
    Client(wire).call(SYNC, [("dir-name", "more")])
    with pytest.raises(EngineError, match="'more'"):
        await buildsession.serve(wire, context(tmp_path))
    assert wire.is_closed


async def test_a_file_that_may_not_be_read_ends_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("1")
    sent = context(tmp_path)

    def refuse(files: Snapshot, path: str) -> IO[bytes]:
        raise PermissionError(path)

    monkeypatch.setattr(Snapshot, "open_file", refuse)
    wire = Wire()
    Client(wire).call(SYNC, [("dir-name", "context")])
    with pytest.raises(PermissionError, match="a"):
        await buildsession.serve(wire, sent)
    assert wire.is_closed


# From real engines


@pytest.fixture
def bench(host: str) -> Iterator[Bench]:
    """Builds by the docker command line and BuildKit."""
    client = buildkit_client({"DOCKER_HOST": host} if host else {})
    assert client is not None, "No docker command line on the path builds with BuildKit."
    bench = Bench(client)
    yield bench
    bench.remove()


async def built(
    engine: DockerEngine, root: Path, text: str, labels: dict[str, str]
) -> tuple[str, list[str]]:
    """The image, and the steps that were carried out for it."""
    told: list[BuildProgress] = []
    found = Context.open(root)
    sent = build_context(text, Snapshot(found, found.scan()), "Dockerfile", legacy=False)
    image = await engine.build(sent, legacy=False, labels=labels, tell=told.append)
    return image, [each.text for each in told if isinstance(each, BuildStep)]


def fill(root: Path) -> str:
    """A context with all that there can be, and a Dockerfile that copies it and shows it."""
    one = secrets.token_hex(8)  # no other run's
    (root / "dir/empty").mkdir(parents=True)
    (root / "dir/file").write_text(one)
    (root / "dir/second").hardlink_to(root / "dir/file")
    (root / "dir").chmod(0o1750)
    (root / "large").write_bytes(os.urandom(3_000_000))
    (root / "run").write_text("true")
    (root / "run").chmod(0o4755)
    (root / "none").write_bytes(b"")
    (root / "to").symlink_to("dir/none")
    (root / "é\n -*").write_text("odd")
    (root / "é").write_text("odd")
    (root / os.fsdecode(b"\xff")).write_text("no text")
    os.setxattr(root / "run", "user.one", b"1")
    (root / ".dockerignore").write_text("ignored\nDockerfile\n")
    (root / "ignored").write_text("1")
    for number in range(700):
        (root / f"dir/{number}").write_text(str(number))
    seen = "RUN find /all -exec stat -c '%n %a %F' {} + > /seen"
    return f"FROM {BUSYBOX}\nCOPY . /all\n{seen}\nCOPY dir/second run é /some/\n"


async def test_what_docker_has_built_comes_out_of_the_cache(
    docker_engine: DockerEngine, bench: Bench, tmp_path: Path, labels: dict[str, str]
) -> None:
    text = fill(tmp_path)
    (tmp_path / "Dockerfile").write_text(text)
    theirs = bench.build(tmp_path, tmp_path / "Dockerfile")
    image, steps = await built(docker_engine, tmp_path, text, labels)
    assert steps == []
    assert differences(bench.tree_of(image), bench.tree_of(theirs)) == []


async def test_what_livepush_has_built_is_as_docker_builds_it(
    docker_engine: DockerEngine, bench: Bench, tmp_path: Path, labels: dict[str, str]
) -> None:
    text = fill(tmp_path)
    (tmp_path / "Dockerfile").write_text(text)
    image, steps = await built(docker_engine, tmp_path, text, labels)
    assert len(steps) == 3
    theirs = bench.build(tmp_path, tmp_path / "Dockerfile", options=["--no-cache"])
    assert differences(bench.tree_of(image), bench.tree_of(theirs)) == []


async def test_a_file_that_may_not_be_read_is_no_fault_of_the_engine_s(
    docker_engine: DockerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("1")
    opened = Snapshot.open_file

    def refuse(files: Snapshot, path: str) -> IO[bytes]:
        if path == "a":
            raise PermissionError(13, "Permission denied", path)
        return opened(files, path)

    monkeypatch.setattr(Snapshot, "open_file", refuse)
    with pytest.raises(BuildFailedError, match="'a' could not be read: Permission denied"):
        await built(docker_engine, tmp_path, f"FROM {BUSYBOX}\nCOPY a /\n", {})


async def test_commands_see_no_dockerfile_that_is_ignored(
    docker_engine: DockerEngine, tmp_path: Path, labels: dict[str, str]
) -> None:
    text = fill(tmp_path)
    image, _ = await built(docker_engine, tmp_path, text, labels)
    container = await docker_engine.create(image, labels=labels, start=False)
    (seen,) = await items(docker_engine.get(container, "/seen"))
    assert b"empty" in seen.content
    assert b"ockerfile" not in seen.content
