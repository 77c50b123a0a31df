"""The verdicts on commands against the truth: each is carried out once, and once more."""

from __future__ import annotations

import pytest

from livepush.engine import Command, Engine
from livepush.model import Run
from livepush.repetition import why_unsafe
from tests.commands import PATH, run
from tests.conftest import DEBIAN

pytestmark = pytest.mark.engine

# What the steps before have left, and the command.
CASES = [
    ("", "mkdir x"),
    ("", "mkdir -p x"),
    ("", "mkdir x; true"),
    ("", "set -e; mkdir x; true"),
    ("", "rm -rf x && mkdir x && echo a > x/a"),
    ("", "mkdir x && echo a > y && rm -r x"),
    ("", "[ -d x ] || mkdir x"),
    ("", "echo a >> x"),
    ("", "rm -f x && echo a >> x"),
    ("", "echo a > x && echo b | tee -a x"),
    ("", "grep -q a x 2>/dev/null || echo a >> x"),
    ("echo a > x", "mv x y"),
    ("", "echo a > x && mv x y"),
    ("", "mkdir -p x && echo a > x/a && mv x y"),
    ("mkdir x y", "cp -r x y/x"),
    ("mkdir x", "cp -r x y"),
    ("mkdir x y; echo a > x/a", "cp -r x/. y"),
    ("mkdir x; echo a > x/a", "rm -rf y && cp -r x y"),
    ("echo a > x", "rm x"),
    ("echo a > x", "rm -f x"),
    ("", "ln -s /a x"),
    ("", "ln -sf /a x"),
    ("", "ln -s /a x || true"),
    ("", "mkfifo x"),
    ("echo http://x > x", "sed -i s/http:/https:/ x"),
    ("echo http://x > x", "sed -i s/http/https/ x"),
    ("echo '#Port 1' > x", "sed -i 's/^#*Port .*/Port 22/' x"),
    ("echo 'deb a main' > x", "sed -i 's/main/main contrib/' x"),
    ("printf 'a\\nb\\nc\\n' > x", "sed -i 1d x"),
    ("printf 'a\\nb\\nc\\n' > x", "sed -i /b/d x"),
    ("printf 'a\\n' > x", "sed -i '1i b' x"),
    ("printf 'a [b]\\n' > x", r"sed -i 's/\(a\) \[\([^]]*\)\]/[\2] \1/' x"),
    ("printf 'a=1\\n' > x", r"sed -Ei 's/^(a)=([0-9]+)/\1=\20/' x"),
    ("echo a > x; cp x y", "cp y x && sed -i 's/^/#/' x"),
    ("echo a > x", "gzip x && gunzip x.gz && mv x y && cp y x"),
]
ACCOUNTS = [
    "useradd one",
    "id two || useradd two",
    "groupadd three",
    "groupadd -f four",
    "adduser --system --group five",
    "adduser --disabled-password --gecos '' six",
    "userdel seven; useradd seven",
]
# Each case in a directory of its own: is what the command leaves the same the second time?
TWICE = """\
while [ $# -gt 0 ]; do
    mkdir -p "/cases/$#" && cd "/cases/$#" && sh -c "$1" || exit
    for time in once twice; do
        sh -c "$2" > /dev/null
        { echo $?; find . | sort; find . -type f -exec cat {} +; } > "/cases/$#.$time"
    done
    cmp -s "/cases/$#.once" "/cases/$#.twice" && echo same || echo differs
    shift 2
done 2> /dev/null
"""


async def truth(engine: Engine, container: str, cases: list[tuple[str, str]]) -> list[str]:
    arguments = [argument for case in cases for argument in case]
    command = Command(("/bin/sh", "-c", TWICE, "sh", *arguments), (PATH,))
    status, out, _ = await run(engine, container, command)
    assert status == 0
    return out.decode().split()


def verdict(command: str) -> str:
    step = Run(1, "", "", ("/bin/sh", "-c", command), (), "", "/cases/1")
    return "same" if why_unsafe(step) is None else "differs"


async def test_files(docker_engine: Engine, real_container: str) -> None:
    found = await truth(docker_engine, real_container, CASES)
    assert dict(zip(CASES, found, strict=True)) == {case: verdict(case[1]) for case in CASES}


async def test_accounts(docker_engine: Engine, labels: dict[str, str]) -> None:
    container = await docker_engine.create(DEBIAN, labels=labels, start=True)
    found = await truth(docker_engine, container, [("", command) for command in ACCOUNTS])
    assert dict(zip(ACCOUNTS, found, strict=True)) == {c: verdict(c) for c in ACCOUNTS}
