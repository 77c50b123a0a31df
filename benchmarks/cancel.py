"""How long a newer save takes to end the command that it overtakes: `python -m benchmarks.cancel`.

A session follows a container of its own, whose command starts children and sleeps: one obeys TERM,
one ignores it, one leaves daemons. A save begins it, a newer one overtakes it; from then on the
time runs. All of the command's processes hold a fifo open, whose other end is read in the
container: it ends with the last of them, whatever livepush believes. Both are printed, the last
process's end and when the push is over.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from livepush import DockerEngine, Livepush
from livepush.engine import LABEL, Command

IMAGE = "livepush-base/busybox:12"
DOCKERFILE = """\
FROM {image}
COPY deps /deps
RUN if grep -q newer /deps; then exit; fi; exec 9>/fifo; {command}
"""
COMMANDS = {
    "obeys TERM": "sleep 1000 & echo begun; sleep 1000",
    "ignores TERM": "trap '' TERM; sleep 1000 & echo begun; sleep 1000",
    "leaves daemons": "setsid sh -c 'sleep 1000 & true'; (setsid sleep 1000 &); "
    "echo begun; sleep 1000",
}
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main() -> None:
    """Reads the words of the command line, and prints what it has measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=50, help="how many cancels  [default: 50]")
    parser.add_argument("--image", default=IMAGE, help=f"of the container  [default: {IMAGE}]")
    given = parser.parse_args()
    asyncio.run(_measure(given.image, given.count))


async def _measure(image: str, count: int) -> None:
    engine = DockerEngine.connect()
    async with contextlib.aclosing(engine):
        print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, {platform.platform()}")
        print(f"{await engine.ping()}; {image}; {count} cancels", flush=True)
        for what, command in COMMANDS.items():
            made = await engine.create(image, labels={f"{LABEL}.session": "benchmark"}, start=True)
            try:
                with tempfile.TemporaryDirectory() as directory:
                    dockerfile = DOCKERFILE.format(image=image, command=command)
                    times = await _cancels(engine, made, Path(directory), dockerfile, count)
            finally:
                await engine.remove(made)
            ended, told = zip(*times, strict=True)
            _report(f"{what}: the last process has ended", ended)
            _report(f"{what}: the push is over", told)


async def _cancels(
    engine: DockerEngine, container: str, context: Path, dockerfile: str, count: int
) -> list[tuple[float, float]]:
    _save(context, "first")
    session = await Livepush.init(
        context=context,
        container_id=container,
        dockerfile_content=dockerfile,
        engine=engine,
        skip_container_restart=True,
    )
    async with session:
        return [await _cancel(engine, container, context, session) for _ in range(count)]


async def _cancel(
    engine: DockerEngine, container: str, context: Path, session: Livepush
) -> tuple[float, float]:
    """Seconds from a newer save to the end of the last process, and to the end of the push."""
    watching, ended = asyncio.Event(), 0.0

    def witness(piece: bytes, _: bool) -> None:
        nonlocal ended
        watching.set()
        if b"ended" in piece:
            ended = time.perf_counter()

    text = "rm -f /fifo; mkfifo /fifo; echo watching; cat /fifo; echo ended"
    command = Command(("/bin/sh", "-c", text), (_PATH,))
    witnessing = asyncio.ensure_future(engine.run(container, command, witness, grace=0))
    await watching.wait()
    begun = asyncio.Event()
    session.once("commandOutput", lambda _: begun.set())
    _save(context, f"older {time.perf_counter_ns()}")
    older = asyncio.ensure_future(session.perform_livepush(["deps"]))
    await begun.wait()
    _save(context, "newer")
    began = time.perf_counter()
    newer = asyncio.ensure_future(session.perform_livepush(["deps"]))
    statuses = [(await older).status]
    told = time.perf_counter()
    statuses.append((await newer).status)
    if statuses != ["cancelled", "succeeded"]:
        raise RuntimeError(f"the pushes have {' and '.join(statuses)}")
    await witnessing
    return ended - began, told - began


def _save(context: Path, text: str) -> None:
    (context / "deps").write_text(text)


def _report(what: str, times: Sequence[float]) -> None:
    print(
        f"{what}: median {statistics.median(times) * 1000:.0f} ms, "
        f"worst {max(times) * 1000:.0f} ms; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
