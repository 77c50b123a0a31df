"""A command that says more than a machine can remember, to a reader that does not listen."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from tests.e2e.command_line import LIVEPUSH
from tests.e2e.docker_cli import BUSYBOX, Bench, docker, until
from tests.e2e.project import IDLE, project

pytestmark = pytest.mark.e2e

SAID = 96_000_000  # bytes
MOST = 128_000  # kB of memory, half of which is the program's own


async def test_output_that_nobody_reads_fills_no_memory(bench: Bench, tmp_path: Path) -> None:
    app = project(
        bench,
        tmp_path,
        f"FROM {BUSYBOX}\n"
        "COPY a /a\n"
        f"RUN if test -e /many; then yes | head -c {SAID}; touch /done; fi\n" + IDLE,
        a="first",
    )
    docker("exec", app.container, "touch", "/many")
    app.save("a", "second")
    process = await asyncio.create_subprocess_exec(
        *(LIVEPUSH, "push", "--no-restart", "--progress", "json"),
        *("--container", app.container, str(app.context), "--changed", "a"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    # Its first line tells that it runs; from then on the pipe fills.
    assert json.loads(await process.stdout.readline())["event"] == "livepushStart"
    await until(lambda: "done" in docker("exec", app.container, "ls", "/").split())
    assert peak(process.pid) < MOST
    *_, left_out, last = (await process.communicate())[0].splitlines()
    assert await process.wait() == 0
    assert "this reader was too slow" in left_out.decode() + last.decode()


def peak(process: int) -> int:
    """The most memory, in kB, that a process has had so far."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert found is not None
    return int(found[1])
