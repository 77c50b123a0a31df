"""What only a real engine shows: processes, signals, builders, lost connections."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiodocker
import pytest
from aiodocker.types import JSONValue

from livepush.docker import DockerEngine
from livepush.endpoint import resolve
from livepush.engine import Command
from livepush.errors import ContainerNotRunningError, EngineError, EngineUnreachableError
from tests.archives import Item, items, stream
from tests.conftest import BUSYBOX, DEBIAN

pytestmark = pytest.mark.engine

Labels = dict[str, str]
Start = Callable[..., Awaitable[str]]
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Argument lists of all processes but this one, from whatever shell there is.
PROCESSES = "for p in /proc/[0-9]*; do [ $p = /proc/$$ ] || { cat $p/cmdline; echo; }; done"


@pytest.fixture
async def client() -> AsyncIterator[aiodocker.Docker]:
    """A client as an embedder has it."""
    async with aiodocker.Docker() as docker:
        yield docker


@pytest.fixture
def start(client: aiodocker.Docker, docker_engine: DockerEngine, labels: Labels) -> Start:
    """Starts a container that is not livepush's own; its id."""

    async def started(*command: str, image: str = BUSYBOX, **more: JSONValue) -> str:
        config = {"Image": image, "Cmd": list(command), "Labels": labels, **more}
        container = await client.containers.create(config)
        await container.start()
        return str(container.id)

    return started


@pytest.fixture(params=[BUSYBOX, DEBIAN])
async def container(
    request: pytest.FixtureRequest, docker_engine: DockerEngine, labels: Labels
) -> str:
    """A container of livepush's own, once with busybox and once with dash and coreutils."""
    return await docker_engine.create(request.param, labels=labels, start=True)


def shell(text: str, *env: str, user: str = "") -> Command:
    return Command(("/bin/sh", "-c", text), (PATH, *env), user)


async def run(engine: DockerEngine, container: str, command: Command) -> tuple[int, bytes, bytes]:
    out, err = bytearray(), bytearray()
    status = await engine.run(
        container,
        command,
        lambda piece, is_stderr: (err if is_stderr else out).extend(piece),
        grace=5,
    )
    return status, bytes(out), bytes(err)


async def sleepers(engine: DockerEngine, container: str) -> int:
    """How many processes run that the commands of these tests started."""
    _, out, _ = await run(engine, container, shell(PROCESSES))
    return out.count(b"sleep\x00" + b"1234")


async def cancelled_at_output(
    engine: DockerEngine, container: str, command: Command, *, grace: float = 5
) -> None:
    came = asyncio.Event()
    running = asyncio.ensure_future(
        engine.run(container, command, lambda *_: came.set(), grace=grace)
    )
    await came.wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert running.cancelled()


# run


async def test_processes_in_the_background_end_with_the_command(
    docker_engine: DockerEngine, container: str
) -> None:
    command = shell("sleep 1234 & (trap '' TERM HUP; sleep 1234) & echo $!; exit 3")
    status, out, _ = await run(docker_engine, container, command)
    assert (status, out.strip().isdigit()) == (3, True)
    assert await sleepers(docker_engine, container) == 0


async def test_the_container_s_environment_is_not_the_command_s(
    docker_engine: DockerEngine, start: Start
) -> None:
    env = ["LATER=1", "HOME=/later", "PATH=/nowhere", "x.y=1"]
    container = await start("sleep", "1234", Env=[*env[:2], env[3], PATH])
    command = Command(("/bin/busybox", "env"), ("A=1", "PATH=/nowhere"))
    status, out, _ = await run(docker_engine, container, command)
    assert (status, sorted(out.splitlines())) == (0, [b"A=1", b"HOME=/root", b"PATH=/nowhere"])
    command = Command(("/bin/busybox", "env"), ("HOME=/mine",))
    assert (await run(docker_engine, container, command))[1] == b"HOME=/mine\n"


async def test_arguments_arrive_as_they_are(docker_engine: DockerEngine, container: str) -> None:
    argv = ("printf", "%s|", "a b", "", "$HOME", "`x`", "two\nlines", "-n", "é", "A=1", "'\"\\")
    status, out, _ = await run(docker_engine, container, Command(argv, (PATH,)))
    assert (status, out.decode()) == (0, "".join(f"{arg}|" for arg in argv[2:]))


async def test_builtins_of_a_shell_are_no_commands(
    docker_engine: DockerEngine, container: str
) -> None:
    for argv in (("cd", "/"), ("exit", "0"), ("A=1", "true")):
        status, _, err = await run(docker_engine, container, Command(argv, (PATH,)))
        assert status == 127
        assert argv[0].encode() in err


async def test_signals_are_told_in_the_status(docker_engine: DockerEngine, container: str) -> None:
    for signal, status in (("KILL", 137), ("TERM", 143), ("INT", 130), ("PIPE", 141)):
        assert (await run(docker_engine, container, shell(f"kill -{signal} $$")))[0] == status


async def test_standard_input_is_empty(docker_engine: DockerEngine, container: str) -> None:
    assert await run(docker_engine, container, shell("cat; echo end")) == (0, b"end\n", b"")


async def test_the_user_has_its_groups(docker_engine: DockerEngine, start: Start) -> None:
    container = await start("sleep", "1234", User="1001")
    assert (await run(docker_engine, container, shell("id -u; id -g")))[1] == b"0\n0\n"
    command = shell("id -u; id -g", user="bob")
    assert (await run(docker_engine, container, command))[1] == b"1001\n1001\n"


async def test_an_unknown_user_cannot_start(docker_engine: DockerEngine, container: str) -> None:
    status, out, _ = await run(docker_engine, container, shell("true", user="nobody-here"))
    assert status == 126
    assert b"nobody-here" in out


async def test_much_output_comes_whole(docker_engine: DockerEngine, container: str) -> None:
    command = shell("head -c 5000000 /dev/zero; head -c 1000000 /dev/zero >&2")
    status, out, err = await run(docker_engine, container, command)
    assert (status, len(out), len(err)) == (0, 5_000_000, 1_000_000)


async def test_a_paused_container_is_not_running(
    docker_engine: DockerEngine, client: aiodocker.Docker, start: Start
) -> None:
    container = await start("sleep", "1234")
    await client.containers.container(container).pause()
    with pytest.raises(ContainerNotRunningError, match="paused"):
        await run(docker_engine, container, shell("true"))


# cancel


@pytest.mark.parametrize(
    "text",
    [
        "echo go; sleep 1234",
        "sleep 1234 & echo go; sleep 1234; true",
        "(sleep 1234; true) & (sleep 1234; true) & echo go; wait",
        "setsid sh -c 'sleep 1234; true' & sleep 1234 & echo go; wait",
        "sh -c 'sh -c \"echo go; sleep 1234; true\"; true'; true",
    ],
)
async def test_a_cancelled_command_and_its_descendants_are_gone(
    docker_engine: DockerEngine, container: str, text: str
) -> None:
    await cancelled_at_output(docker_engine, container, shell(text, user="1001"), grace=60)
    assert await sleepers(docker_engine, container) == 0


async def test_a_cancelled_command_may_clean_up(
    docker_engine: DockerEngine, container: str
) -> None:
    text = "trap 'sleep 0.2; echo cleaned > /tmp/f; exit' TERM; echo go; sleep 1234 & wait"
    await cancelled_at_output(docker_engine, container, shell(text), grace=60)
    assert (await run(docker_engine, container, shell("cat /tmp/f")))[1] == b"cleaned\n"


async def test_what_ignores_term_is_killed_after_the_grace(
    docker_engine: DockerEngine, container: str
) -> None:
    text = "trap '' TERM; sleep 1234 & echo go; while :; do sleep 0.05; done"
    await cancelled_at_output(docker_engine, container, shell(text), grace=0.2)
    assert await sleepers(docker_engine, container) == 0


async def test_a_cancel_harms_nobody_else(docker_engine: DockerEngine, start: Start) -> None:
    container = await start("sh", "-c", "sleep 1234 & while :; do sleep 5678 & wait; done")
    other = asyncio.ensure_future(
        run(docker_engine, container, shell("until [ -e /tmp/stop ]; do sleep 0.05; done; echo ok"))
    )
    await cancelled_at_output(docker_engine, container, shell("echo go; sleep 1234"))
    assert await sleepers(docker_engine, container) == 1, "the main process's own"
    await run(docker_engine, container, shell("echo > /tmp/stop"))
    assert await other == (0, b"ok\n", b"")


@pytest.mark.parametrize("steps", [1, 2, 5, 10, 20, 40])
async def test_a_command_that_is_cancelled_early_does_not_run_on(
    docker_engine: DockerEngine, container: str, steps: int
) -> None:
    command = shell("sleep 1234")
    running = asyncio.ensure_future(docker_engine.run(container, command, lambda *_: None, grace=5))
    for _ in range(steps):
        await asyncio.sleep(0.001)  # whenever that is: between two requests, or within one
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert await sleepers(docker_engine, container) == 0


async def test_a_second_cancel_does_not_break_the_first_one_off(
    docker_engine: DockerEngine, container: str
) -> None:
    came = asyncio.Event()
    text = "trap 'echo cleaned > /tmp/f; exit' TERM; echo go; sleep 1234 & wait"
    running = asyncio.ensure_future(
        docker_engine.run(container, shell(text), lambda *_: came.set(), grace=60)
    )
    await came.wait()
    for _ in range(5):
        running.cancel()
        await asyncio.sleep(0)
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert (await run(docker_engine, container, shell("cat /tmp/f")))[1] == b"cleaned\n"
    assert await sleepers(docker_engine, container) == 0


# without a shell


@pytest.fixture
async def shellless(docker_engine: DockerEngine, labels: Labels, start: Start) -> str:
    text = f"FROM {BUSYBOX} AS b\nFROM scratch\nCOPY --from=b /bin/busybox /busybox\n"
    context = stream(Item("Dockerfile", content=text.encode()))
    image = await docker_engine.build(context, dockerfile="Dockerfile", labels=labels)
    return await start("/busybox", "sleep", "5678", image=image)


async def test_without_a_shell_commands_run_as_they_are(
    docker_engine: DockerEngine, shellless: str
) -> None:
    status, out, _ = await run(docker_engine, shellless, Command(("/busybox", "env"), ("A=1",)))
    assert (status, sorted(out.splitlines())) == (0, [b"A=1", b"HOME=/"])
    assert (await run(docker_engine, shellless, Command(("/busybox", "false"))))[0] == 1
    status, out, _ = await run(docker_engine, shellless, Command(("/nope",)))
    assert status in (126, 127)
    assert b"/nope" in out


async def test_without_a_shell_a_cancelled_command_is_waited_for(
    docker_engine: DockerEngine, shellless: str
) -> None:
    await docker_engine.put(shellless, stream(Item("tmp", "dir", mode=0o777)))
    text = "echo go; sleep 0.5; echo 1 > /tmp/f"
    command = Command(("/busybox", "sh", "-c", text), ("PATH=/",))
    await cancelled_at_output(docker_engine, shellless, command)
    assert await docker_engine.stat(shellless, "/tmp/f") is not None


async def test_without_a_shell_nothing_can_be_deleted(
    docker_engine: DockerEngine, shellless: str
) -> None:
    with pytest.raises(EngineError, match="has no /bin/sh"):
        await docker_engine.delete(shellless, ["/busybox"])


# files


async def test_a_slash_at_the_end_follows_no_link(
    docker_engine: DockerEngine, container: str
) -> None:
    link = Item("link", "link", mode=0o777, target="/etc")
    await docker_engine.put(container, stream(link))
    assert await docker_engine.stat(container, "/link/") == await docker_engine.stat(
        container, "/link"
    )
    assert await items(docker_engine.get(container, "/link/")) == [link]


async def test_mounts_are_told(docker_engine: DockerEngine, start: Start, tmp_path: Path) -> None:
    container = await start(
        "sleep",
        "1234",
        Volumes={"/volume": {}},
        HostConfig={"Binds": [f"{tmp_path}:/bound"], "Tmpfs": {"/tmpfs": ""}},
    )
    info = await docker_engine.container(container)
    assert info is not None
    assert sorted(info.mounts) == ["/bound", "/tmpfs", "/volume"]


async def test_a_name_that_is_not_text_is_not_got(
    docker_engine: DockerEngine, container: str
) -> None:
    name = b"\xff".decode(errors="surrogateescape")
    await docker_engine.put(container, stream(Item(name)))
    with pytest.raises(EngineError, match="not UTF-8: get its parent"):
        await anext(docker_engine.get(container, f"/{name}"))


async def test_what_cannot_be_deleted_is_told(docker_engine: DockerEngine, container: str) -> None:
    with pytest.raises(EngineError, match=r"Not all .*/etc/hosts"):
        await docker_engine.delete(container, ["/etc/hosts", "/tmp/nothing"])


async def test_a_large_archive_goes_both_ways(docker_engine: DockerEngine, container: str) -> None:
    item = Item("big", content=bytes(range(256)) * 20_000)
    await docker_engine.put(container, stream(item))
    assert await items(docker_engine.get(container, "/big")) == [item]


# restart


async def test_restart_keeps_a_container_that_is_removed_when_it_ends(
    docker_engine: DockerEngine, start: Start
) -> None:
    text = "echo x >> /starts; trap exit TERM; while :; do sleep 5678 & wait; done"
    container = await start("sh", "-c", text, HostConfig={"AutoRemove": True})
    await docker_engine.restart(container, grace=5)
    await run(docker_engine, container, shell("until [ $(wc -l < /starts) = 2 ]; do :; done"))
    assert await items(docker_engine.get(container, "/starts")) == [
        Item("starts", content=b"x\nx\n")
    ]


async def test_a_cancelled_restart_is_finished(
    docker_engine: DockerEngine, client: aiodocker.Docker, start: Start
) -> None:
    container = await start("sleep", "1234", StopSignal="SIGKILL")
    before = await client.containers.container(container).show()
    restarting = asyncio.ensure_future(docker_engine.restart(container, grace=1))
    await asyncio.sleep(0)
    restarting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await restarting
    after = await client.containers.container(container).show()
    assert after["State"]["Running"]
    assert after["State"]["StartedAt"] > before["State"]["StartedAt"]


# create


async def test_no_container_is_left_by_a_cancelled_create(
    docker_engine: DockerEngine, labels: Labels
) -> None:
    for steps in (0, 1, 5, 20):
        creating = asyncio.ensure_future(docker_engine.create(BUSYBOX, labels=labels, start=True))
        for _ in range(steps):
            await asyncio.sleep(0.001)  # whenever that is: between two requests, or within one
        creating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await creating
    assert [o for o in await docker_engine.owned() if set(labels.items()) <= set(o.labels)] == []


async def test_no_container_is_left_by_a_failed_create(
    docker_engine: DockerEngine, labels: Labels
) -> None:
    context = stream(Item("Dockerfile", content=b"FROM scratch\nCOPY Dockerfile /\n"))
    image = await docker_engine.build(context, dockerfile="Dockerfile", labels=labels)
    with pytest.raises(EngineError, match="/bin/sh"):
        await docker_engine.create(image, labels=labels, start=True)
    held = await docker_engine.create(image, labels=labels, start=False)
    left = [o.id for o in await docker_engine.owned() if set(labels.items()) <= set(o.labels)]
    assert left == [held, image]


# build


async def test_an_image_with_a_tag_is_not_removed(
    docker_engine: DockerEngine, client: aiodocker.Docker, labels: Labels
) -> None:
    image = await docker_engine.build(
        stream(dockerfile(f"FROM {BUSYBOX}")), dockerfile="Dockerfile", labels=labels
    )
    await client.images.tag(image, "livepush-test", tag=image[-12:])
    await docker_engine.remove_image(image)
    assert await docker_engine.image(image) is not None
    await client.images.delete(f"livepush-test:{image[-12:]}")
    assert await docker_engine.image(image) is None


def dockerfile(*lines: str) -> Item:
    return Item("Dockerfile", content="".join(f"{line}\n" for line in lines).encode())


async def test_labels_harm_no_cache(docker_engine: DockerEngine, labels: Labels) -> None:
    item = dockerfile(
        f"FROM {BUSYBOX} AS one",
        f"RUN echo {json.dumps(labels)} | md5sum && head -c 8 /dev/urandom > /random",
        f"FROM {BUSYBOX}",
        "COPY --from=one /random /random",
    )
    found = []
    for extra in ({}, {"io.livepush.stage": "1"}):
        image = await docker_engine.build(
            stream(item), dockerfile="Dockerfile", labels={**labels, **extra}
        )
        container = await docker_engine.create(image, labels=labels, start=False)
        found.append(await items(docker_engine.get(container, "/random")))
    assert found[0] == found[1]


async def test_a_stage_is_built_with_its_arguments(
    docker_engine: DockerEngine, labels: Labels
) -> None:
    item = dockerfile(
        f"FROM {BUSYBOX} AS one", "ARG A=0", "RUN echo $A > /a", f"FROM {BUSYBOX}", "RUN false"
    )
    image = await docker_engine.build(
        stream(item), dockerfile="Dockerfile", target="one", build_args={"A": "é"}, labels=labels
    )
    container = await docker_engine.create(image, labels=labels, start=False)
    assert [i.content for i in await items(docker_engine.get(container, "/a"))] == ["é\n".encode()]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("RUN echo whisper; exit 3", r"(?s)whisper.*The build failed: .*code: 3"),
        ("COPY nope /", "The build failed: .*nope"),
        ("FRM x", "could not build: .*unknown instruction"),
    ],
)
async def test_a_failed_build_tells_the_builder_s_words(
    docker_engine: DockerEngine, line: str, words: str
) -> None:
    with pytest.raises(EngineError, match=words):
        await docker_engine.build(
            stream(dockerfile(f"FROM {BUSYBOX}", line)), dockerfile="Dockerfile"
        )


async def test_a_cancelled_build_is_ended(
    docker_engine: DockerEngine, client: aiodocker.Docker, labels: Labels
) -> None:
    came = asyncio.Event()
    item = dockerfile(f"FROM {BUSYBOX}", "RUN echo go; sleep 4321")
    building = asyncio.ensure_future(
        docker_engine.build(
            stream(item),
            dockerfile="Dockerfile",
            labels=labels,
            output=lambda piece, _: came.set() if piece.startswith(b"go") else None,
        )
    )
    await came.wait()
    building.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await building
    for container in await client.containers.list():
        if "sleep 4321" in container["Command"]:
            with contextlib.suppress(aiodocker.DockerError):  # it is gone already
                await container.wait(condition="removed")
    assert [o for o in await docker_engine.owned() if set(labels.items()) <= set(o.labels)] == []


# connections


async def test_a_client_that_was_handed_in_stays_open_and_leaks_nothing(
    client: aiodocker.Docker, docker_engine: DockerEngine, labels: Labels
) -> None:
    engine = DockerEngine(client)
    container = await engine.create(BUSYBOX, labels=labels, start=True)
    await cancelled_at_output(engine, container, shell("echo go; sleep 1234"))
    await anext(engine.get(container, "/bin"))
    await engine.aclose()
    assert (await client.version())["ApiVersion"]
    connector = client.session.connector
    assert connector is not None
    assert connector._acquired == set()


@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"])
async def test_where_nothing_answers_says_so(host: str) -> None:
    async with contextlib.aclosing(DockerEngine.connect(host=host)) as engine:
        with pytest.raises(EngineUnreachableError, match=f"No engine answers at {host}"):
            await engine.ping()


class Relay:
    """Stands between a client and the engine, and can cut all connections."""

    def __init__(self) -> None:
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(resolve().socket)
        self._writers |= {writer, back}
        for source, sink in ((reader, back), (there, writer)):
            pump = asyncio.ensure_future(_pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    def cut(self) -> None:
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def aclose(self) -> None:
        self.cut()
        await asyncio.gather(*self._pumps, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()
    sink.close()


async def test_an_engine_answers_over_tcp(docker_engine: DockerEngine) -> None:
    async with contextlib.aclosing(Relay()) as relay:
        server = await asyncio.start_server(relay.accept, "127.0.0.1")
        host, port = server.sockets[0].getsockname()
        async with server, contextlib.aclosing(DockerEngine.connect(host=f"{host}:{port}")) as tcp:
            assert await tcp.ping() == await docker_engine.ping()


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[tuple[Relay, str]]:
    relay = Relay()
    socket = tmp_path / "docker.sock"
    server = await asyncio.start_unix_server(relay.accept, socket)
    async with server, contextlib.aclosing(relay):
        yield relay, f"unix://{socket}"


async def test_a_lost_connection_is_no_end_of_a_command(
    docker_engine: DockerEngine, container: str, relay: tuple[Relay, str]
) -> None:
    cutter, host = relay
    async with contextlib.aclosing(DockerEngine.connect(host=host)) as engine:
        with pytest.raises(EngineError, match=r"connection was lost|broke off"):
            await engine.run(
                container, shell("echo go; sleep 1234"), lambda *_: cutter.cut(), grace=5
            )
    assert await sleepers(docker_engine, container) == 0


async def test_a_lost_connection_breaks_a_build_off(
    docker_engine: DockerEngine, labels: Labels, relay: tuple[Relay, str]
) -> None:
    cutter, host = relay
    item = dockerfile(f"FROM {BUSYBOX}", "RUN echo go; sleep 1")
    async with contextlib.aclosing(DockerEngine.connect(host=host)) as engine:
        with pytest.raises(EngineError, match=r"connection was lost|broke off"):
            await engine.build(
                stream(item),
                dockerfile="Dockerfile",
                labels=labels,
                output=lambda piece, _: cutter.cut(),
            )
