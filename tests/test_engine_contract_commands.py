"""The contract of `livepush.engine.Engine`, on every engine that keeps it: commands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio
import pytest

from livepush.engine import Command, Engine
from livepush.errors import ContainerNotRunningError
from tests.archives import Item, items, stream
from tests.commands import PATH, Sink, cancelled, output, run, shell

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
    await engine.delete(container, ["/d/a", "/d/link", "/nowhere/at/all", "/kept/file/below"])
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


async def by_task(running: Awaitable[int], sink: Sink) -> None:
    await cancelled(running, sink.came)


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
