"""`livepush verify` on the real engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.command_line import livepush
from tests.e2e.docker_cli import BUSYBOX, Bench, docker, left_of

pytestmark = pytest.mark.e2e

DOCKERFILE = """\
FROM livepush-base/busybox:12
COPY src /app/src
RUN cat /app/src/main > /built
CMD echo noise > /app/log && exec sleep 1000
"""


def test_verify_proves_equality_and_names_each_difference(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main").write_text("one")
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    container = bench.start(bench.build(tmp_path, tmp_path / "Dockerfile"))

    equal = livepush("verify", "--container", container, str(tmp_path))
    assert equal.returncode == 0, equal.stderr
    assert equal.stdout.splitlines() == [
        f"{container} holds what a fresh build does",
        "not built, written by the application: 1",
        "  /app/log",
    ]

    (tmp_path / "src/main").write_text("two")
    differs = livepush("verify", "--container", container, "--json", str(tmp_path))
    assert differs.returncode == 1
    assert json.loads(differs.stdout) == {
        "equal": False,
        "differences": [
            {
                "path": "/app/src/main",
                "what": "other content",
                "line": 2,
                "step": "COPY src /app/src",
            },
            {
                "path": "/built",
                "what": "other content",
                "line": 3,
                "step": "RUN cat /app/src/main > /built",
            },
        ],
        "notBuilt": ["/app/log"],
    }

    pushed = livepush("push", "--container", container, str(tmp_path), "--changed", "src/main")
    assert pushed.returncode == 0, pushed.stderr
    again = livepush("verify", "--container", container, "--cached", str(tmp_path))
    assert again.returncode == 0, again.stdout
    assert left_of(container) == []


def test_verify_knows_what_the_builders_have_added(bench: Bench, tmp_path: Path) -> None:
    """A container as the README has it made, from a live Dockerfile that the context lacks."""
    (tmp_path / "main").write_text("one")
    (tmp_path / ".dockerignore").write_text("node_modules\n")
    (tmp_path / "Dockerfile").write_text(
        f"FROM {BUSYBOX}\nCOPY . /app\nRUN umask 077 && mkdir /made && rm /app/main\n"
        "#dev-cmd-live=sleep 1000\nCMD sleep 1001\n"
    )
    live = tmp_path.with_name(f"{tmp_path.name}.live")
    live.write_text(livepush("dockerfile", str(tmp_path)).stdout)
    container = bench.start(bench.build(tmp_path, live))
    docker("stop", "--time=0", container)

    equal = livepush("verify", "--cached", "--container", container, str(tmp_path))
    assert (equal.returncode, equal.stdout) == (0, f"{container} holds what a fresh build does\n")

    changed = tmp_path / "changed"
    changed.write_text("by hand")
    docker("cp", str(changed), f"{container}:/app/.dockerignore")
    docker("cp", str(changed), f"{container}:/app/main")
    (tmp_path / "new\x1b[2J").write_text("")
    differs = livepush("verify", "--cached", "--container", container, str(tmp_path))
    assert differs.returncode == 1
    assert differs.stdout.splitlines() == [
        f"{container} differs from a fresh build in 3 paths:",
        "  /app/.dockerignore: other content  (line 2: COPY . /app)",
        "  /app/changed: missing  (line 2: COPY . /app)",
        "  /app/new\\x1b[2J: missing  (line 2: COPY . /app)",
        "not built, written by the application: 1",
        "  /app/main",
    ]


def test_verify_names_a_container_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    done = livepush("verify", "--container", "livepush-test-nowhere", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no container 'livepush-test-nowhere' on this engine" in done.stderr
