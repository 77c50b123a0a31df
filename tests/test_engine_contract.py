"""The contract of `livepush.engine.Engine`, sentence by sentence, on every engine that keeps it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
import pytest

from livepush.engine import Command, Engine
from livepush.errors import ContainerNotRunningError, EngineError
from tests.archives import Item, items, stream
from tests.conftest import BUSYBOX

Labels = dict[str, str]
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ODD_NAMES = [
    "with blank",
    "-rf",
    "two\nlines",
    "'quote\" $(x) `y` \\",
    "*",
    "\u00e9\u4e2d",
    "ends in newline\n",
    b"not \xff utf-8\n".decode(errors="surrogateescape"),
    "n" * 255,
]


@pytest.fixture
async def container(engine: Engine, labels: Labels) -> str:
    """A running container of livepush's own."""
    return await engine.create(BUSYBOX, labels=labels, start=True)


@pytest.fixture
async def stopped(engine: Engine, labels: Labels) -> str:
    """A container that was never started."""
    return await engine.create(BUSYBOX, labels=labels, start=False)


class Sink:
    """An `OutputSink` that remembers, and tells when output comes."""

    def __init__(self) -> None:
        self.out, self.err = b"", b""
        self.came = asyncio.Event()

    def __call__(self, piece: bytes, is_stderr: bool) -> None:
        if is_stderr:
            self.err += piece
        else:
            self.out += piece
        self.came.set()


def shell(text: str, *, user: str = "", workdir: str = "/") -> Command:
    return Command(("/bin/sh", "-c", text), (PATH,), user, workdir)


async def run(engine: Engine, container: str, command: Command) -> tuple[int, bytes, bytes]:
    sink = Sink()
    status = await engine.run(container, command, sink, grace=5)
    return status, sink.out, sink.err


async def output(engine: Engine, container: str, text: str) -> bytes:
    status, out, err = await run(engine, container, shell(text))
    assert (status, err) == (0, b"")
    return out


# ping, container, image


async def test_ping_tells_a_name_and_a_version(engine: Engine) -> None:
    assert "API 1." in await engine.ping()


async def test_what_is_unknown_is_none(engine: Engine) -> None:
    assert await engine.container("livepush-no-such-container") is None
    assert await engine.image("livepush-no-such-image:1") is None


async def test_image_tells_its_configuration(engine: Engine) -> None:
    image = await engine.image(BUSYBOX)
    assert image is not None
    assert image.env == (PATH,)
    assert image == await engine.image(image.id)


async def test_container_is_found_by_id_and_name(engine: Engine, container: str) -> None:
    info = await engine.container(container)
    image = await engine.image(BUSYBOX)
    assert info is not None
    assert image is not None
    assert (info.id, info.image, info.running, info.mounts) == (container, image.id, True, ())
    assert await engine.container(info.name) == info


# create, remove, owned


async def test_created_containers_are_owned_until_removed(engine: Engine, labels: Labels) -> None:
    made = await engine.create(BUSYBOX, labels={**labels, "io.livepush.stage": "1"}, start=False)
    owned = {each.id: each for each in await engine.owned()}[made]
    assert owned.kind == "container"
    assert {**labels, "io.livepush.stage": "1"}.items() <= set(owned.labels)

    await engine.remove(made)
    assert await engine.container(made) is None
    assert made not in {each.id for each in await engine.owned()}


async def test_removing_what_is_not_there_is_no_error(engine: Engine, container: str) -> None:
    await engine.remove(container)
    await engine.remove(container)
    await engine.remove_image("livepush-no-such-image:1")


async def test_create_from_an_unknown_image_is_refused(engine: Engine, labels: Labels) -> None:
    with pytest.raises(EngineError) as refused:
        await engine.create("livepush-no-such-image:1", labels=labels, start=True)
    assert refused.value.status == 404


# put, get, stat


@pytest.mark.parametrize(
    "item",
    [
        Item("app", mode=0o600, content=b"x" * 70_000),
        Item("app", mode=0o4755, uid=5, gid=6),
        Item("app", mode=0o2711, uid=1001, gid=1001),
        Item("app", mode=0),
        Item("app", "dir", mode=0o711, uid=7),
        Item("app", "dir", mode=0o3777),
        Item("app", "link", mode=0o777, target="bin/busybox"),
        Item("app", "link", mode=0o777, target="../../nowhere"),
        Item("app", "link", mode=0o777, uid=5, target="/etc"),
    ],
    ids=lambda item: f"{item.kind}-{item.mode:o}",
)
async def test_get_gives_what_was_put(engine: Engine, stopped: str, item: Item) -> None:
    await engine.put(stopped, stream(item))
    assert await items(engine.get(stopped, "/app")) == [item]
    stat = await engine.stat(stopped, "/app")
    assert stat is not None
    assert (stat.kind, stat.mode) == (item.kind, item.mode)
    assert item.kind != "file" or stat.size == len(item.content)


@pytest.mark.parametrize("name", ODD_NAMES, ids=repr)
async def test_names_are_bytes(engine: Engine, container: str, name: str) -> None:
    await engine.put(container, stream(Item(f"o/{name}", content=b"1"), Item("o/kept")))
    assert await engine.stat(container, f"/o/{name}") is not None
    both = await items(engine.get(container, "/o"))
    assert {Item(f"o/{name}", content=b"1"), Item("o/kept")} < set(both)
    await engine.delete(container, [f"/o/{name}"])
    assert await engine.stat(container, f"/o/{name}") is None
    assert await engine.stat(container, "/o/kept") is not None


async def test_missing_parents_belong_to_root(engine: Engine, stopped: str) -> None:
    await engine.put(stopped, stream(Item("a/b/c", uid=5, mode=0o600)))
    assert (await items(engine.get(stopped, "/a")))[:2] == [
        Item("a", "dir", mode=0o755),
        Item("a/b", "dir", mode=0o755),
    ]


async def test_a_directory_entry_sets_mode_and_owner(engine: Engine, stopped: str) -> None:
    await engine.put(stopped, stream(Item("d", "dir", mode=0o755), Item("d/kept")))
    await engine.put(stopped, stream(Item("d", "dir", mode=0o700, uid=9)))
    assert await items(engine.get(stopped, "/d")) == [
        Item("d", "dir", mode=0o700, uid=9),
        Item("d/kept"),
    ]


async def test_what_is_met_is_replaced(engine: Engine, stopped: str) -> None:
    before = [Item("x/dir/below"), Item("x/link", "link", target="kept"), Item("x/kept")]
    await engine.put(stopped, stream(*before))
    await engine.put(stopped, stream(Item("x/dir"), Item("x/link", content=b"new")))
    assert sorted(await items(engine.get(stopped, "/x")), key=lambda item: item.name)[1:] == [
        Item("x/dir"),
        Item("x/kept"),
        Item("x/link", content=b"new"),
    ]


async def test_links_above_are_followed(engine: Engine, stopped: str) -> None:
    await engine.put(stopped, stream(Item("real", "dir", mode=0o755)))
    await engine.put(stopped, stream(Item("alias", "link", mode=0o777, target="/real")))
    await engine.put(stopped, stream(Item("alias/file", content=b"1")))
    assert await items(engine.get(stopped, "/real/file")) == [Item("file", content=b"1")]
    assert (await engine.stat(stopped, "/alias/file")) == (await engine.stat(stopped, "/real/file"))


async def test_stat_tells_where_a_link_leads(engine: Engine, stopped: str) -> None:
    await engine.put(
        stopped,
        stream(
            Item("t/one", "link", mode=0o777, target="two"),
            Item("t/two", "link", mode=0o777, target="/t/three"),
            Item("t/three", "dir", mode=0o755),
            Item("t/up", "link", mode=0o777, target="../../../nowhere"),
        ),
    )
    leads = {}
    for name in ("one", "two", "up"):
        stat = await engine.stat(stopped, f"/t/{name}")
        assert stat is not None
        assert stat.kind == "link"
        leads[name] = stat.target
    assert leads == {"one": "/t/three", "two": "/t/three", "up": "/nowhere"}


async def test_nothing_stands_below_files_and_loops(engine: Engine, stopped: str) -> None:
    await engine.put(stopped, stream(Item("f"), Item("l", "link", mode=0o777, target="/l")))
    assert await engine.stat(stopped, "/nope") is None
    assert await engine.stat(stopped, "/f/below") is None
    assert await engine.stat(stopped, "/l/below") is None
    loop = await engine.stat(stopped, "/l")
    assert loop is not None
    assert (loop.kind, loop.target) == ("link", "")


@pytest.mark.parametrize("path", ["/nope", "/f/below"])
async def test_get_of_nothing_is_file_not_found(engine: Engine, stopped: str, path: str) -> None:
    await engine.put(stopped, stream(Item("f")))
    with pytest.raises(FileNotFoundError):
        await anext(engine.get(stopped, path))


async def test_what_breaks_an_upload_is_raised(engine: Engine, stopped: str) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"\0" * 512
        raise PermissionError("secret.txt")

    with pytest.raises(PermissionError, match=r"secret\.txt"):
        await engine.put(stopped, broken())


async def test_a_container_that_is_gone_is_told(engine: Engine, stopped: str) -> None:
    await engine.remove(stopped)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: engine.stat(stopped, "/"),
        lambda: engine.put(stopped, stream()),
        lambda: anext(engine.get(stopped, "/")),
        lambda: engine.restart(stopped, grace=1),
        lambda: engine.delete(stopped, ["/x"]),
        lambda: run(engine, stopped, shell("true")),
    ]
    for call in calls:
        with pytest.raises(ContainerNotRunningError, match="no container"):
            await call()


# delete


async def test_delete_removes_trees_and_not_what_links_lead_to(
    engine: Engine, container: str
) -> None:
    await engine.put(
        container,
        stream(
            Item("d/a/b/c"),
            Item("d/link", "link", mode=0o777, target="/kept"),
            Item("kept/file"),
        ),
    )
    await engine.delete(container, ["/d/a", "/d/link", "/d/not-there", "/nowhere/at/all"])
    assert await items(engine.get(container, "/d")) == [Item("d", "dir", mode=0o755)]
    assert await engine.stat(container, "/kept/file") is not None


async def test_only_empty_directories_are_deleted(engine: Engine, container: str) -> None:
    await engine.put(container, stream(Item("e/f/g/file"), Item("full/file"), Item("file")))
    directories = ["/e/f/g", "/e/f", "/e", "/full", "/not-there", "/file"]
    await engine.delete(container, ["/e/f/g/file"], directories=directories)
    assert await engine.stat(container, "/e") is None
    assert await engine.stat(container, "/full/file") is not None
    assert await engine.stat(container, "/file") is not None


async def test_many_paths_are_deleted(engine: Engine, container: str) -> None:
    names = [f"many/{'n' * 120}{index}" for index in range(1000)]
    await engine.put(container, stream(*map(Item, names)))
    await engine.delete(container, [f"/{name}" for name in names], directories=["/many"])
    assert await engine.stat(container, "/many") is None


# run


async def test_run_gives_the_status_and_both_outputs(engine: Engine, container: str) -> None:
    command = shell("echo out; echo err >&2; exit 3")
    assert await run(engine, container, command) == (3, b"out\n", b"err\n")


async def test_output_that_looks_like_a_number_is_passed_on(engine: Engine, container: str) -> None:
    assert await output(engine, container, "echo 17; echo 18") == b"17\n18\n"


async def test_env_is_all_of_the_environment(engine: Engine, container: str) -> None:
    command = Command(("env",), ("A=b c", "x.y=1", "EMPTY="))
    status, out, _ = await run(engine, container, command)
    assert (status, sorted(out.splitlines())) == (
        0,
        [b"A=b c", b"EMPTY=", b"HOME=/root", b"x.y=1"],
    )


async def test_run_is_in_its_workdir(engine: Engine, container: str) -> None:
    assert await run(engine, container, Command(("pwd",), (PATH,), workdir="/etc")) == (
        0,
        b"/etc\n",
        b"",
    )


async def test_files_belong_to_the_user(engine: Engine, container: str) -> None:
    await run(engine, container, shell("echo 1 > /tmp/f", user="1001"))
    [item] = await items(engine.get(container, "/tmp/f"))
    assert item == Item("f", uid=1001, gid=1001, content=b"1\n")


@pytest.mark.parametrize(
    "command",
    [Command(("no-such-command",), (PATH,)), shell("no-such-command"), shell("true", workdir="/x")],
    ids=["exec", "shell", "workdir"],
)
async def test_what_cannot_be_started_says_so(
    engine: Engine, container: str, command: Command
) -> None:
    status, out, err = await run(engine, container, command)
    assert status in (126, 127)
    assert b"no-such-command" in err or b"/x" in out


async def test_run_needs_a_running_container(engine: Engine, stopped: str) -> None:
    with pytest.raises(ContainerNotRunningError, match="not running"):
        await run(engine, stopped, shell("true"))
    with pytest.raises(ContainerNotRunningError, match="not running"):
        await engine.delete(stopped, ["/x"])


async def by_task(running: Awaitable[int], sink: Sink) -> None:
    task = asyncio.ensure_future(running)
    await sink.came.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def by_timeout(running: Awaitable[int], sink: Sink) -> None:
    async def timed() -> None:
        async with asyncio.timeout(None) as timeout:
            waiting = asyncio.ensure_future(sink.came.wait())
            waiting.add_done_callback(lambda _: timeout.reschedule(0))
            await running

    with pytest.raises(TimeoutError):
        await timed()


async def by_scope(running: Awaitable[int], sink: Sink) -> None:
    with anyio.CancelScope() as scope:
        waiting = asyncio.ensure_future(sink.came.wait())
        waiting.add_done_callback(lambda _: scope.cancel())
        await running
    assert scope.cancelled_caught


@pytest.mark.parametrize("cancel", [by_task, by_timeout, by_scope])
async def test_a_cancelled_command_is_ended(
    engine: Engine, container: str, cancel: Callable[[Awaitable[int], Sink], Awaitable[None]]
) -> None:
    sink = Sink()
    command = shell("echo 1 > /tmp/f; echo go; sleep 1000; echo 2 > /tmp/f")
    await cancel(engine.run(container, command, sink, grace=5), sink)
    assert await output(engine, container, "cat /tmp/f") == b"1\n"


async def test_what_a_sink_raises_ends_the_command(engine: Engine, container: str) -> None:
    def sink(piece: bytes, is_stderr: bool) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await engine.run(container, shell("echo go; sleep 1000"), sink, grace=5)


# restart


async def test_restart_ends_what_runs_and_keeps_the_files(engine: Engine, container: str) -> None:
    sink = Sink()
    command = shell("echo 1 > /tmp/f; echo go; sleep 1000")
    running = asyncio.ensure_future(engine.run(container, command, sink, grace=5))
    await sink.came.wait()
    await engine.restart(container, grace=0.5)
    assert await running == 137
    assert await output(engine, container, "cat /tmp/f") == b"1\n"


async def test_restart_starts_what_is_stopped(engine: Engine, container: str) -> None:
    await engine.restart(container, grace=0)
    info = await engine.container(container)
    assert info is not None
    assert info.running


# build


DOCKERFILE = Item("Dockerfile", content=f"FROM {BUSYBOX}\nCOPY . /\n".encode())


async def test_build_makes_an_image_of_its_context(engine: Engine, labels: Labels) -> None:
    sink = Sink()
    context = stream(DOCKERFILE, Item("a", mode=0o600, content=b"1"))
    image = await engine.build(context, dockerfile="Dockerfile", labels=labels, output=sink)
    assert b"Successfully built" in sink.out
    container = await engine.create(image, labels=labels, start=False)
    assert await items(engine.get(container, "/a")) == [Item("a", mode=0o600, content=b"1")]

    owned = await engine.owned()
    assert [each.kind for each in owned if each.id in (image, container)] == ["container", "image"]
    await engine.remove_image(image)
    assert await engine.image(image) is not None, "a container still needs it"
    await engine.remove(container)
    await engine.remove_image(image)
    assert await engine.image(image) is None


async def test_aclose_twice_is_no_error(engine: Engine) -> None:
    await engine.ping()
    await engine.aclose()
    await engine.aclose()
