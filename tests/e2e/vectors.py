"""The measured cases of `tests/vectors` as contexts on disk and as trees, to replay on an engine.

A case begins with a base image `bb`, which on the engine has a name that is the test's own. A few
cases of each kind are replayed by default, all of them with `LIVEPUSH_VECTORS=all`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from livepush.errors import LivepushError
from tests.e2e.docker_cli import BUSYBOX, DEFAULT, Bench, Client
from tests.e2e.trees import Node, Tree

ALL = os.environ.get("LIVEPUSH_VECTORS") == "all"
Case = Mapping[str, Any]
Outcome = Literal["equal", "fails in both", "refused", "wrong"]
Builder = Literal["legacy", "buildkit_20_10", ""]
"""A builder as the cases name it; without a name it is BuildKit of engine 26."""

_VECTORS = Path(__file__).parent.parent / "vectors"
_AT_ONCE = 4
_BASE = re.compile(r"(?<![\w/])(bb(:latest)?|fidbb:1)(?!\w)")
_KINDS = {"file": "file", "dir": "directory", "symlink": "link"}
# A shell and its commands, nobody but root, and no environment.
_BARE = f"""\
FROM scratch
LABEL io.livepush.base=vectors
COPY --from={BUSYBOX} /bin /bin
COPY root/ /
STOPSIGNAL SIGKILL
CMD ["sleep", "9999"]
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a case ended, and why."""

    outcome: Outcome
    why: str = ""


@dataclass(frozen=True, slots=True)
class Base:
    """The base image of the cases: what it is called on the engine, and its files."""

    name: str
    tree: Tree

    def named(self, text: str) -> str:
        """A text of a case with the image's name in it."""
        return _BASE.sub(self.name, text)


def load(name: str) -> tuple[Case, ...]:
    """The cases of `NAME.json`."""
    return tuple(json.loads((_VECTORS / f"{name}.json").read_text())["cases"])


def chosen(cases: Iterable[Case], kind: Callable[[Case], Hashable], number: int) -> list[Case]:
    """The first `number` cases of each kind; all where they are asked for."""
    seen: Counter[Hashable] = Counter()
    kept = []
    for case in cases:
        seen[kind(case)] += 1
        if ALL or seen[kind(case)] <= number:
            kept.append(case)
    return kept


async def judged(
    cases: Iterable[Case], judge: Callable[[Case], Awaitable[Verdict]]
) -> dict[str, Verdict]:
    """The verdicts that are not `equal`, by the cases' names. Some cases are judged at once."""
    gate = asyncio.Semaphore(_AT_ONCE)
    verdicts: dict[str, Verdict] = {}

    async def one(case: Case) -> None:
        async with gate:
            try:
                verdicts[case["id"]] = await judge(case)
            except (LivepushError, AssertionError, TimeoutError) as error:
                verdicts[case["id"]] = Verdict("wrong", repr(error))

    async with asyncio.TaskGroup() as tasks:
        for case in cases:
            tasks.create_task(one(case))
    print(f"\n{dict(Counter(verdict.outcome for verdict in verdicts.values()))}")
    return {name: each for name, each in sorted(verdicts.items()) if each.outcome != "equal"}


@contextmanager
def base(folder: Path, client: Client = DEFAULT) -> Iterator[Base]:
    """The base image, built in `folder`, which is not there yet, and removed in the end."""
    for name in ("etc", "tmp", "usr"):
        (folder / "root" / name).mkdir(parents=True)
        (folder / "root" / name).chmod(0o755)
    (folder / "Dockerfile").write_text(_BARE)
    # BuildKit would give the image an environment.
    bench = Bench(Client(client.program, {**client.environ, "DOCKER_BUILDKIT": "0"}))
    try:
        name = bench.build(folder, folder / "Dockerfile")
        yield Base(name, bench.tree_of(name))
    finally:
        bench.remove()


@contextmanager
def benches(client: Client) -> Iterator[Callable[[], Bench]]:
    """Gives a bench to each case; what is made on them is removed in the end, when none builds.

    With an image go those that it was built on, and another case may be building on them, too.
    """
    made: list[Bench] = []

    def another() -> Bench:
        made.append(Bench(client))
        return made[-1]

    try:
        yield another
    finally:
        for bench in made:
            bench.remove()


def lay_out(root: Path, case: Case, base: Base, *, before: bool = False) -> list[str]:
    """Puts the case's context there, also over one of `before`; the paths of what differs then.

    `before`, files and directories have another content and another mode, but for those that say
    what is built.
    """
    context = {"Dockerfile": {"type": "file", "content": case["dockerfile"]}, **case["context"]}
    context.pop(".", None)  # the mode of the context itself concerns nobody
    controls = {path for path in context if path.endswith("dockerignore")}
    controls |= {"Dockerfile", Options.of(case).dockerfile}
    root.mkdir(exist_ok=True)
    for path, said in sorted(context.items()):
        for above in reversed(Path(path).parents):
            if not (root / above).exists():
                (root / above).mkdir()
                (root / above).chmod(0o755)
        _put(root, path, said, base, before=before and path not in controls)
    return sorted(context.keys() - controls)


@dataclass(frozen=True, slots=True)
class Options:
    """How a case is built: `dockerfile` is its path in the context."""

    dockerfile: str
    build_args: Mapping[str, str]
    target: str

    @classmethod
    def of(cls, case: Case) -> Options:
        words = case.get("build_args", ())
        told = dict(zip(words[::2], words[1::2], strict=True))
        arguments = [told[option].split("=") for option in ("--build-arg",) if option in told]
        return cls(
            dockerfile=told.get("-f", "Dockerfile").removeprefix("{ctx}/"),
            build_args=dict(arguments),
            target=told.get("--target", ""),
        )


def _put(root: Path, path: str, said: Case, base: Base, *, before: bool) -> None:
    place, kind = root / path, said["type"]
    if kind == "dir":
        place.mkdir(exist_ok=True)
        place.chmod(0o711 if before else int(said.get("mode", "0755"), 8))
    elif kind == "file":
        place.write_bytes(b"before" if before else _content(said, base))
        place.chmod(0o640 if before else int(said.get("mode", "0644"), 8))
    elif os.path.lexists(place):
        return  # the one of before
    elif kind == "symlink":
        place.symlink_to(said["target"])
    else:
        place.hardlink_to(root / said["target"])
    if "uid" in said and os.getuid() == 0:
        os.chown(place, said["uid"], said["gid"])


def expected(case: Case, base: Base, builder: Builder) -> Tree | None:
    """The files that the case is built to, None where it cannot be built."""
    said = case.get(f"expect_{builder}") or case["expect"]
    if "error" in said:
        return None
    tree = dict(base.tree)
    for path, entry in sorted(said["tree"].items()):
        if entry is None:
            del tree[f"/{path}"]
        elif entry["type"] == "hardlink":
            tree[f"/{path}"] = tree[f"/{entry['target']}"]
        else:
            tree[f"/{path}"] = _node(entry, case, base)
    return tree


def _node(said: Case, case: Case, base: Base) -> Node:
    return Node(
        kind=_KINDS[said["type"]],
        mode=int(said["mode"], 8),
        uid=said["uid"],
        gid=said["gid"],
        content=_digest(said, case, base) if said["type"] == "file" else "",
        target=said.get("target", ""),
    )


def _digest(said: Case, case: Case, base: Base) -> str:
    if "sha1" not in said:
        return hashlib.sha256(_content(said, base)).hexdigest()
    for other in case["context"].values():
        content = _content(other, base)
        if hashlib.sha1(content, usedforsecurity=False).hexdigest() == said["sha1"]:
            return hashlib.sha256(content).hexdigest()
    # Where it was measured, the base image's program was another one.
    return base.tree["/bin/busybox"].content


def _content(said: Case, base: Base) -> bytes:
    if "content_b64" in said:
        return base64.b64decode(said["content_b64"])
    return base.named(said.get("content", "")).encode(errors="surrogateescape")
