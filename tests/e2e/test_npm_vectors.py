"""Edits after which the container of livepush's predecessor, an npm package, was measured.

It was often wrong. Each case is replayed by a session on a real engine; afterwards the container
must hold what a fresh build does, and that must be what was measured of the build.
"""

from __future__ import annotations

import ast
import asyncio
import hashlib
import shutil
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from livepush.docker import DockerEngine
from livepush.errors import ContainerNotRunningError
from livepush.events import Event, LivepushEnd, LivepushStart
from livepush.session import Livepush
from tests.differential.setting import Setting, settings
from tests.e2e import vectors
from tests.e2e.docker_cli import BUSYBOX, Bench, DockerError, until
from tests.e2e.trees import Node, Tree, differences
from tests.e2e.vectors import ALL, Base, Case, Outcome, Verdict

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(0 if ALL else 600)]
SETTINGS = [each for each in settings() if ALL or (each.replay == "in-place" and not each.newer)]
CASES = vectors.load("npm_differential")
_BASE = Base(BUSYBOX, {})
_NAMES = (
    "ready",
    "livepushStart",
    "livepushEnd",
    "commandExecute",
    "commandReturn",
    "rebuildNeeded",
)
_QUICK = ("--network=host", "--stop-signal=SIGKILL")
_WITHIN = 60.0  # seconds until what is not told is a failure
_SHOWN = 10  # differences
# BuildKit lets no command write that file.
_ONLY_LEGACY = ("npm-etc-hosts-write",)

# The cases that do not end as a fresh build, and why.
DIFFERENT: Mapping[str, tuple[Outcome, str]] = {
    "npm-failed-run-then-other-change-skips-run": ("fails in both", "the command fails"),
    "npm-delete-source-of-copy": ("fails in both", "a source is gone"),
    "npm-not-running-container": ("refused", "it ends by itself, so no session opens"),
}
# Those that only end so where commands come again in place.
REPEATED: Mapping[str, tuple[Outcome, str]] = {
    "npm-run-not-idempotent-append": ("wrong", "it appends to what it appended to before"),
    "npm-run-stale-output": ("wrong", "it leaves what it made of a file that is gone"),
}


def kind(case: Case) -> Hashable:
    """What is done, and what the Dockerfile has for it."""
    done = frozenset(edit[0] for step in case["steps"] for edit in step["edits"])
    waits = any("nowait" in step for step in case["steps"])
    has = ("RUN" in case["dockerfile"], "--from" in case["dockerfile"])
    return done, len(case["steps"]), case["watcher"], waits, has


def is_for(case: Case, setting: Setting) -> bool:
    """Whether it was measured with this builder. Asked for all, BuildKit gets those of both."""
    measured = (case["builder"] == "B20") == setting.buildkit
    return measured or (ALL and setting.buildkit and case["id"] not in _ONLY_LEGACY)


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
async def test_the_container_is_what_a_fresh_build_holds(setting: Setting, tmp_path: Path) -> None:
    client = setting.client()
    if client is None:
        pytest.skip("no docker command line here builds with BuildKit")
    cases = vectors.chosen([case for case in CASES if is_for(case, setting)], kind, 1)
    with vectors.benches(client) as bench:
        verdicts = await vectors.judged(
            cases, lambda case: _judge(case, setting, bench(), tmp_path / case["id"])
        )
    known = {**DIFFERENT, **(REPEATED if setting.replay == "in-place" else {})}
    outcomes = {name: verdict.outcome for name, verdict in verdicts.items()}
    wanted = {case["id"]: known[case["id"]][0] for case in cases if case["id"] in known}
    assert outcomes == wanted, verdicts


async def _judge(case: Case, setting: Setting, bench: Bench, root: Path) -> Verdict:
    text = _BASE.named(case["dockerfile"])
    vectors.lay_out(root, {**case, "dockerfile": text}, _BASE)
    # The one case that has an argument was given it like this.
    build_args = {"V": "arg"} if "\nARG V\n" in text else {}

    def build(*options: str) -> str:
        return bench.build(root, root / "Dockerfile", build_args=build_args, options=options)

    def built(*options: str) -> Tree | None:
        try:
            return bench.tree_of(build(*options))
        except DockerError:
            return None

    image = await asyncio.to_thread(build)
    container = await asyncio.to_thread(bench.start, image, "app", _QUICK)
    try:
        told = await _replayed(case, setting, root, container, build_args)
    except ContainerNotRunningError as error:
        return Verdict("refused", error.message)
    # What a command had left behind would still write.
    await until(lambda: len(bench.docker("top", container).splitlines()) <= 2)
    tree = await asyncio.to_thread(bench.tree, container)
    await asyncio.to_thread(bench.docker, "rm", "--force", "--volumes", container)
    verdict = _verdict(case, told, tree, await asyncio.to_thread(built))
    if verdict.outcome == "wrong":  # or what the builder remembers is
        verdict = _verdict(case, told, tree, await asyncio.to_thread(built, "--no-cache"))
    return verdict


def _verdict(case: Case, told: Told, tree: Tree, fresh: Tree | None) -> Verdict:
    unlike = _unlike_measured(case, fresh)
    if unlike:
        return Verdict("wrong", f"the build is not as it was measured: {unlike}")
    if told.owed and told.times("rebuildNeeded"):
        return Verdict("refused", str(told.events))
    if told.owed or fresh is None:
        fails = bool(told.owed) and fresh is None
        return Verdict("fails in both" if fails else "wrong", str(told.events))
    different = differences(tree, fresh)
    return Verdict("wrong" if different else "equal", "\n".join(different[:_SHOWN]))


async def _replayed(
    case: Case, setting: Setting, root: Path, container: str, build_args: Mapping[str, str]
) -> Told:
    told = Told()
    host = setting.environ.get("DOCKER_HOST", "")
    async with aclosing(DockerEngine.connect(host=host)) as engine:
        session = await Livepush.init(
            dockerfile_content=(root / "Dockerfile").read_bytes(),
            context=root,
            container_id=container,
            engine=engine,
            replay=setting.replay,
        )
        async with session:
            for name in _NAMES:
                session.on(name, told.take)
            if build_args:
                session.set_build_args(build_args)
            await (_watched if case["watcher"] else _pushed)(case, session, root, told)
    return told


@dataclass(slots=True)
class Told:
    """What a session has told so far."""

    events: list[Event] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, event: Event) -> None:
        self.events.append(event)
        self._more.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(_WITHIN):
            while not condition():
                self._more.clear()
                await self._more.wait()

    def times(self, name: str) -> int:
        return [event.name for event in self.events].count(name)

    def runs(self) -> bool:
        """Whether a command runs now."""
        return self.times("commandExecute") > self.times("commandReturn")

    def landed(self, paths: set[str]) -> bool:
        """Whether pushes have taken all `paths`, and nothing is owed."""
        starts = [event for event in self.events if isinstance(event, LivepushStart)]
        taken = {path for start in starts for path in (*start.changed, *start.deleted)}
        ended = self.events and isinstance(self.events[-1], LivepushEnd)
        return taken >= paths and bool(ended) and not self.owed

    @property
    def owed(self) -> tuple[str, ...]:
        """What the last push that ended owes."""
        ends = [event for event in self.events if isinstance(event, LivepushEnd)]
        return ends[-1].owed if ends else ()


async def _pushed(case: Case, session: Livepush, root: Path, told: Told) -> None:
    """Pushes after each step; after some, the next step comes while a command runs."""
    async with asyncio.TaskGroup() as pushes:
        for step in case["steps"]:
            ended = told.times("livepushEnd")
            _edit(root, step["edits"])
            push = session.perform_livepush(step.get("add", ()), step.get("del", ()))
            task = pushes.create_task(push)
            if "nowait" in step:
                await told.until(lambda: told.runs() or told.times("livepushEnd") > ended)  # noqa: B023  # it is awaited here
            else:
                await task


async def _watched(case: Case, session: Livepush, root: Path, told: Told) -> None:
    """Watches; after some steps, the next comes while a command runs."""
    watching = asyncio.create_task(session.watch())
    edited: set[str] = set()
    try:
        await told.until(lambda: told.times("ready") == 1)
        for step in case["steps"]:
            _edit(root, step["edits"])
            edited.update(path for _, path, *_ in step["edits"])
            last = step is case["steps"][-1]
            await told.until(lambda: told.landed(edited) or (told.runs() and not last))  # noqa: B023  # it is awaited here
    finally:
        watching.cancel()
        await asyncio.wait({watching})


def _edit(root: Path, edits: Sequence[Sequence[Any]]) -> None:
    for what, name, *more in edits:
        path = root / name
        if what == "w":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(more[0])
        elif what == "ln":
            path.symlink_to(more[0])
        elif what == "chmod":
            path.chmod(more[0])
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _unlike_measured(case: Case, fresh: Tree | None) -> str:
    """The first of the paths that were measured where the build is otherwise, if there is one."""
    measured = case["npm_live_vs_fresh"]
    fails = "ref-build-fails" in measured
    if fails != (fresh is None):
        return "it fails" if fresh is None else "it does not fail"
    if fresh is None:
        return ""
    rows = ((f"/{path}", _node(said)) for path, (_, said) in measured.items())
    return next((path for path, node in rows if fresh.get(path) != node), "")


def _node(said: str | None) -> Node | None:
    """A path, written as `f 0644 0:0 'content'`, `d 0755 0:0` or `l 0777 0:0 -> target`."""
    if said is None:
        return None
    kind, mode, owner, *rest = said.split(" ", 3)
    uid, gid = map(int, owner.split(":"))
    kind = {"f": "file", "d": "directory", "l": "link"}[kind]
    if kind == "file":
        content = hashlib.sha256(ast.literal_eval(rest[0]).encode()).hexdigest()
        return Node(kind, int(mode, 8), uid, gid, content=content)
    target = rest[0].removeprefix("-> ") if kind == "link" else ""
    return Node(kind, int(mode, 8), uid, gid, target=target)
