"""How long Ctrl-C takes at any moment of a push: `python -m benchmarks.stop`.

`livepush watch` follows a container whose application ignores TERM, so that a restart of it lasts.
A save begins a push that copies, runs a command in a build stage and one in the application's
container, and restarts that; at a random moment of it livepush gets SIGINT. The time is from then
to its exit. By then none of its commands may run, nothing that it made may be on the engine, and
the application must run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import aiodocker

from benchmarks.cancel import IMAGE
from livepush import DockerEngine
from livepush.engine import LABEL

DOCKERFILE = """\
FROM {image} AS made
COPY src /src
RUN sleep 1; (setsid sleep 1000 &); cp /src/main /out
FROM {image}
COPY --from=made /out /out
COPY src /app
RUN trap '' TERM; sleep 1; cp /app/main /ready
"""
_LASTS = 5.0  # seconds; a little more than a push


def main() -> None:
    """Reads the words of the command line, and prints what it has measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=50, help="how many times  [default: 50]")
    parser.add_argument("--image", default=IMAGE, help=f"of the container  [default: {IMAGE}]")
    parser.add_argument("--seed", type=int, default=0, help="of the moments  [default: 0]")
    given = parser.parse_args()
    asyncio.run(_measure(given.image, given.count, random.Random(given.seed)))  # noqa: S311


async def _measure(image: str, count: int, chance: random.Random) -> None:
    async with contextlib.AsyncExitStack() as stack:
        docker = await stack.enter_async_context(aiodocker.Docker())
        engine = await stack.enter_async_context(contextlib.aclosing(DockerEngine(docker)))
        print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, {platform.platform()}")
        print(f"{await engine.ping()}; {image}; {count} times Ctrl-C", flush=True)
        container = await docker.containers.run({"Image": image, "Cmd": ["sleep", "1000000"]})
        stack.push_async_callback(container.delete, force=True)
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (directory / "context/src").mkdir(parents=True)
        (directory / "context/src/main").write_text("first")
        (directory / "context/Dockerfile").write_text(DOCKERFILE.format(image=image))
        times: dict[str, list[float]] = {}
        for number in range(count):
            moment, seconds = await _stopped(container, directory, f"{number}", chance)
            times.setdefault(moment, []).append(seconds)
            await _look(engine, container)
    for moment, each in sorted(times.items()):
        print(
            f"after {moment} ({len(each)}): median {statistics.median(each) * 1000:.0f} ms, "
            f"worst {max(each) * 1000:.0f} ms"
        )


async def _stopped(
    container: aiodocker.containers.DockerContainer,
    directory: Path,
    text: str,
    chance: random.Random,
) -> tuple[str, float]:
    """The last event before Ctrl-C, and the seconds until livepush has exited."""
    watch = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "livepush", "watch", "--progress", "json", "--no-initial-sync"),
        *("--container", container.id, str(directory / "context")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "XDG_STATE_HOME": str(directory / "state")},
    )
    told, ready = ["nothing"], asyncio.Event()
    reading = asyncio.ensure_future(_read(watch, told, ready))
    await asyncio.wait_for(ready.wait(), 60)
    (directory / "context/src/main").write_text(f"{text} {time.time_ns()}")
    await asyncio.sleep(chance.uniform(0, _LASTS))
    moment, began = told[-1], time.perf_counter()
    watch.send_signal(signal.SIGINT)
    code = await watch.wait()
    seconds = time.perf_counter() - began
    await reading
    if code:
        raise RuntimeError(f"livepush has exited with {code}")
    return moment, seconds


async def _read(watch: asyncio.subprocess.Process, told: list[str], ready: asyncio.Event) -> None:
    assert watch.stdout is not None  # noqa: S101  # it is a pipe
    async for line in watch.stdout:
        event = json.loads(line)
        told.append(event["event"])
        if event["event"] == "ready":
            ready.set()
        elif event["event"] == "error":
            print(f"  {event['message']}", flush=True)


async def _look(engine: DockerEngine, container: aiodocker.containers.DockerContainer) -> None:
    """Raises `RuntimeError` where livepush has left something, or the application does not run."""
    info = await container.show()
    if not info["State"]["Running"]:
        raise RuntimeError("the application does not run")
    top = await container.docker._query_json(f"containers/{container.id}/top", method="GET")
    if len(top["Processes"]) != 1:
        raise RuntimeError(f"these run on: {top['Processes']}")
    label = f"{LABEL}.session.container", container.id
    left = [owned.id for owned in await engine.owned() if label in owned.labels]
    if left:
        raise RuntimeError(f"left on the engine: {left}")


if __name__ == "__main__":
    main()
