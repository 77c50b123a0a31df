"""Commands in real containers: processes, signals, environments."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from unittest.mock import AsyncMock
from urllib.parse import urlencode

import aiodocker
import pytest

from livepush.docker import DockerEngine
from livepush.engine import Command
from livepush.errors import ContainerNotRunningError, EngineError
from livepush.opening import GRACE
from tests.archives import Item, sources, stream
from tests.commands import PATH, PROCESSES, Sink, cancelled, output, run, shell
from tests.conftest import BUSYBOX, Start

pytestmark = pytest.mark.engine


async def sleepers(engine: DockerEngine, container: str) -> int:
    """How many processes run that the commands of these tests started."""
    return (await output(engine, container, PROCESSES)).count(b"sleep\x00" + b"1234")


async def cancelled_at_output(
    engine: DockerEngine, container: str, command: Command, *, grace: float = 5
) -> None:
    sink = Sink()
    await cancelled(engine.run(container, command, sink, grace=grace), sink.came)


# run


async def test_processes_in_the_background_end_with_the_command(
    docker_engine: DockerEngine, real_container: str
) -> None:
    command = shell("sleep 1234 & (trap '' TERM HUP; sleep 1234) & echo $!; exit 3")
    status, out, _ = await run(docker_engine, real_container, command)
    assert (status, out.strip().isdigit()) == (3, True)
    assert await sleepers(docker_engine, real_container) == 0


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


async def test_arguments_arrive_as_they_are(
    docker_engine: DockerEngine, real_container: str
) -> None:
    argv = ("printf", "%s|", "a b", "", "$HOME", "`x`", "two\nlines", "-n", "é", "A=1", "'\"\\")
    status, out, _ = await run(docker_engine, real_container, Command(argv, (PATH,)))
    assert (status, out.decode()) == (0, "".join(f"{arg}|" for arg in argv[2:]))


async def test_builtins_of_a_shell_are_no_commands(
    docker_engine: DockerEngine, real_container: str
) -> None:
    for argv in (("cd", "/"), ("exit", "0"), ("A=1", "true")):
        status, _, err = await run(docker_engine, real_container, Command(argv, (PATH,)))
        assert status == 127
        assert argv[0].encode() in err


async def test_signals_are_told_in_the_status(
    docker_engine: DockerEngine, real_container: str
) -> None:
    for signal, status in (("KILL", 137), ("TERM", 143), ("INT", 130), ("PIPE", 141)):
        assert (await run(docker_engine, real_container, shell(f"kill -{signal} $$")))[0] == status


async def test_standard_input_is_empty(docker_engine: DockerEngine, real_container: str) -> None:
    assert await run(docker_engine, real_container, shell("cat; echo end")) == (0, b"end\n", b"")


async def test_the_user_has_its_groups(docker_engine: DockerEngine, start: Start) -> None:
    container = await start("sleep", "1234", User="1001")
    assert (await run(docker_engine, container, shell("id -u; id -g")))[1] == b"0\n0\n"
    command = shell("id -u; id -g", user="bob")
    assert (await run(docker_engine, container, command))[1] == b"1001\n1001\n"


async def test_an_unknown_user_cannot_start(
    docker_engine: DockerEngine, real_container: str
) -> None:
    status, out, _ = await run(docker_engine, real_container, shell("true", user="nobody-here"))
    assert status == 126
    assert b"nobody-here" in out


async def test_much_output_comes_whole(docker_engine: DockerEngine, real_container: str) -> None:
    command = shell("head -c 5000000 /dev/zero; head -c 1000000 /dev/zero >&2")
    status, out, err = await run(docker_engine, real_container, command)
    assert (status, len(out), len(err)) == (0, 5_000_000, 1_000_000)


async def test_what_was_overtaken_in_a_paused_container_is_ended_once_it_goes_on(
    docker_engine: DockerEngine, real_container: str, client: aiodocker.Docker
) -> None:
    sink, paused = Sink(), asyncio.Event()
    command = shell("echo; sleep 1234")
    overtaken = docker_engine.run(real_container, command, sink, grace=0.1)
    ending = asyncio.create_task(cancelled(overtaken, paused))
    await sink.came.wait()
    await client.containers.container(real_container).pause()
    paused.set()
    await ending
    await client.containers.container(real_container).unpause()
    assert await run(docker_engine, real_container, shell("true")) == (0, b"", b"")
    assert await sleepers(docker_engine, real_container) == 0


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
        # Daemons, which have left their session and their parent before anybody could look.
        "setsid sh -c 'sleep 1234 & true'; setsid sh -c 'setsid sleep 1234 & true'; "
        "echo go; sleep 1234",
        # What is stopped cannot take a signal before it goes on.
        "sh -c 'kill -STOP $$; sleep 1234' & sleep 1234 & echo go; kill -STOP $$",
    ],
)
async def test_a_cancelled_command_and_its_descendants_are_gone(
    docker_engine: DockerEngine, real_container: str, text: str
) -> None:
    await cancelled_at_output(docker_engine, real_container, shell(text, user="1001"), grace=60)
    assert await sleepers(docker_engine, real_container) == 0


async def test_a_cancelled_command_may_clean_up(
    docker_engine: DockerEngine, real_container: str
) -> None:
    text = "trap 'sleep 0.2; echo cleaned > /tmp/f; exit' TERM; echo go; sleep 1234 & wait"
    await cancelled_at_output(docker_engine, real_container, shell(text), grace=60)
    assert (await run(docker_engine, real_container, shell("cat /tmp/f")))[1] == b"cleaned\n"


async def test_what_ignores_term_is_killed_after_the_grace(
    docker_engine: DockerEngine, real_container: str
) -> None:
    text = "trap '' TERM; sleep 1234 & echo go; while :; do sleep 0.05; done"
    await cancelled_at_output(docker_engine, real_container, shell(text), grace=0.2)
    assert await sleepers(docker_engine, real_container) == 0


async def test_a_daemon_that_ignores_term_is_killed_after_the_grace(
    docker_engine: DockerEngine, real_container: str
) -> None:
    text = "trap '' TERM; setsid sh -c 'sleep 1234 & true'; echo go; sleep 1234"
    await cancelled_at_output(docker_engine, real_container, shell(text), grace=0.2)
    assert await sleepers(docker_engine, real_container) == 0


async def test_neither_kill_nor_sleep_need_be_there(
    docker_engine: DockerEngine, real_container: str
) -> None:
    """A sleep that has begun goes on without its program, which busybox shares with its shell."""
    spare = "for p in kill pkill ps sleep usleep; do rm -f /bin/$p /usr/bin/$p; done"
    text = f"sleep 1234 & {spare}; echo go; while :; do :; done"
    await cancelled_at_output(docker_engine, real_container, shell(text))
    assert await sleepers(docker_engine, real_container) == 0


async def test_a_daemon_ends_with_the_command_that_started_it(
    docker_engine: DockerEngine, real_container: str
) -> None:
    """As it would in a build, whose container goes with the command."""
    command = shell("setsid sh -c 'sleep 1234 >/dev/null 2>&1 & true'", user="1001")
    assert (await run(docker_engine, real_container, command))[0] == 0
    assert await sleepers(docker_engine, real_container) == 0


async def test_where_no_mark_can_be_had_sessions_and_parents_tell(
    docker_engine: DockerEngine, start: Start
) -> None:
    container = await start("sleep", "5678", HostConfig={"OomScoreAdj": 1000})
    text = "setsid sh -c 'sleep 1234; true' & sleep 1234 & echo go; wait"
    await cancelled_at_output(docker_engine, container, shell(text))
    assert await sleepers(docker_engine, container) == 0


async def test_the_environment_is_no_argument_and_in_no_event_of_the_engine(
    docker_engine: DockerEngine, real_container: str
) -> None:
    began, secret, sink = time.time(), "s3cret", Sink()
    text = "echo go; until [ -e /tmp/stop ]; do sleep 0.05; done; echo $TOKEN"
    command = shell(text, f"TOKEN={secret}", user="1001")
    running = asyncio.ensure_future(docker_engine.run(real_container, command, sink, grace=5))
    await sink.came.wait()
    assert secret.encode() not in await output(docker_engine, real_container, PROCESSES)
    assert await output(docker_engine, real_container, "echo > /tmp/stop") == b""
    assert (await running, sink.out) == (0, b"go\ns3cret\n")
    filters = json.dumps({"container": [real_container]})
    query = urlencode({"since": int(began), "until": f"{time.time():.9f}", "filters": filters})
    _, told = await docker_engine._connection.answer("GET", f"events?{query}", "tell its events")
    assert b"exec_create: /bin/sh" in told
    assert secret.encode() not in told


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
    docker_engine: DockerEngine, real_container: str, steps: int
) -> None:
    command = shell("sleep 1234")
    running = asyncio.ensure_future(
        docker_engine.run(real_container, command, lambda *_: None, grace=5)
    )
    for _ in range(steps):
        await asyncio.sleep(0.001)  # whenever that is: between two requests, or within one
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert await sleepers(docker_engine, real_container) == 0


async def test_a_second_cancel_does_not_break_the_first_one_off(
    docker_engine: DockerEngine, real_container: str
) -> None:
    came = asyncio.Event()
    text = "trap 'echo cleaned > /tmp/f; exit' TERM; echo go; sleep 1234 & wait"
    running = asyncio.ensure_future(
        docker_engine.run(real_container, shell(text), lambda *_: came.set(), grace=60)
    )
    await came.wait()
    for _ in range(5):
        running.cancel()
        await asyncio.sleep(0)
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert (await run(docker_engine, real_container, shell("cat /tmp/f")))[1] == b"cleaned\n"
    assert await sleepers(docker_engine, real_container) == 0


# without a shell


@pytest.fixture
async def shellless(docker_engine: DockerEngine, labels: dict[str, str], start: Start) -> str:
    text = f"FROM {BUSYBOX} AS b\nFROM scratch\nCOPY --from=b /bin/busybox /busybox\n"
    context = sources(Item("Dockerfile", content=text.encode()))
    image = await docker_engine.build(context, labels=labels)
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


async def test_without_a_shell_a_restart_ends_a_command(
    docker_engine: DockerEngine, shellless: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = AsyncMock(wraps=docker_engine._connection.answer)
    monkeypatch.setattr(docker_engine._connection, "answer", answer)
    text = "trap '' TERM; echo go; while :; do :; done"
    command = Command(("/busybox", "sh", "-c", text), ("PATH=/",))
    sink = Sink()
    running = docker_engine.run(shellless, command, sink, grace=GRACE, restarts=True)
    await cancelled(running, sink.came)
    asked = [str(call.args[1]).partition("?") for call in answer.await_args_list]
    assert [query for path, _, query in asked if path.endswith("/restart")] == ["t=0"]
    listed = await docker_engine._connection.json("GET", f"containers/{shellless}/top", "list")
    assert [row[-1] for row in listed["Processes"]] == ["/busybox sleep 5678"]


@pytest.mark.parametrize("steps", [1, 5, 20, 40, 80])
async def test_without_a_shell_a_command_that_is_cancelled_early_does_not_run_on(
    docker_engine: DockerEngine, shellless: str, steps: int
) -> None:
    command = Command(("/busybox", "sleep", "1234"))
    running = asyncio.ensure_future(
        docker_engine.run(shellless, command, lambda *_: None, grace=GRACE, restarts=True)
    )
    for _ in range(steps):
        await asyncio.sleep(0.001)  # whenever that is: between two requests, or within one
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    listed = await docker_engine._connection.json("GET", f"containers/{shellless}/top", "list")
    assert [row[-1] for row in listed["Processes"]] == ["/busybox sleep 5678"]


async def test_without_a_shell_nothing_can_be_deleted(
    docker_engine: DockerEngine, shellless: str
) -> None:
    with pytest.raises(EngineError, match="without /bin/sh"):
        await docker_engine.delete(shellless, ["/busybox"])
