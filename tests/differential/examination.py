"""One case on a real engine: after each round, the watched container against a fresh build.

Where the engine bears it, the build begins with the last edit of a round, beside the push.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tests.differential.cases import Case, Round
from tests.differential.dockerfiles import LIVE
from tests.differential.edits import apply, look
from tests.differential.setting import Setting
from tests.e2e.command_line import Condition, Watch, WireEvent, livepush, names, watching
from tests.e2e.docker_cli import Bench, Client, DockerError, left_of
from tests.e2e.trees import Tree, differences

Outcome = Literal[
    "equal",
    "equal a moment later",
    "fails in both",
    "refused",
    "the builder's own defect",
    "cannot be built",
    "wrong",
]
_DEFECT: Outcome = "the builder's own defect"
_ODD: frozenset[Outcome] = frozenset({"wrong", "refused", _DEFECT})
# A network of its own takes an engine longer than all the rest of a command's container.
_QUICK = ("--network=host",)
_IGNORE = ".dockerignore"
_SHOWN = 10  # differences
_MOMENT = 3.0  # seconds; for what no event tells: a write through a name that is gone by now


@dataclass(frozen=True, slots=True)
class Examination:
    """How the rounds of a case ended, in order, and why those did that were not as they should."""

    outcomes: tuple[Outcome, ...]
    why: str = ""

    @property
    def wrong(self) -> bool:
        return "wrong" in self.outcomes


def examine(case: Case, setting: Setting, client: Client) -> Examination:
    """Runs the case up to the first round that is wrong or refused; all that it made is removed."""
    with tempfile.TemporaryDirectory(prefix="livepush-") as directory:
        rounds = _Rounds(case, setting, Path(directory), Bench(client))
        with closing(rounds):
            return asyncio.run(rounds.examined())


@dataclass(frozen=True, slots=True)
class _Judgement:
    outcome: Outcome
    why: str = ""


class _Rounds:
    def __init__(self, case: Case, setting: Setting, directory: Path, bench: Bench) -> None:
        self._case = case
        self._setting = setting
        self._bench = bench
        self._root = directory / "context"
        self._said = directory / "said"
        self._dockerfile = self._root / "Dockerfile"
        self._container = ""
        self._judged: list[_Judgement] = []

    def close(self) -> None:
        self._bench.remove()

    async def examined(self) -> Examination:
        self._prepare()
        try:
            image = self._bench.build(self._root, self._dockerfile, options=_QUICK)
        except DockerError:
            return Examination(("cannot be built",))
        self._container = self._bench.start(image, options=_QUICK)
        try:
            await self._judge()
        except (AssertionError, TimeoutError) as error:
            self._judged.append(_Judgement("wrong", str(error)))
        odd = (each.why for each in self._judged if each.outcome in _ODD)
        return Examination(tuple(each.outcome for each in self._judged), "\n".join(odd))

    async def _judge(self) -> None:
        told = ["--container", self._container]
        if self._setting.replay != "in-place":  # which is the default
            told += ["--replay", self._setting.replay]
        environ = self._setting.environ
        async with watching(self._said, *told, str(self._root), environ=environ) as watch:
            for number, edits in enumerate(self._case.rounds):
                judgement = await self._round(watch, number, edits)
                complaints = [
                    e.get("message") or f"line {e['line']}: {e['reason']}"
                    for e in watch.events
                    if e["event"] in ("error", "rebuildNeeded")
                ]
                why = "\n".join([f"round {number}: {judgement.why}", *complaints, watch.said])
                self._judged.append(replace(judgement, why=why))
                if judgement.outcome in ("wrong", "refused"):
                    return
        left = left_of(self._container, self._bench.client)
        if left:
            self._judged.append(_Judgement("wrong", f"left on the engine: {left}"))

    def _prepare(self) -> None:
        self._root.mkdir()
        for edit in self._case.start:
            apply(self._root, edit)
        self._dockerfile.write_text(self._case.dockerfile)
        if LIVE in self._case.lines:
            live = livepush("dockerfile", str(self._root))
            assert live.returncode == 0, live.stderr
            # One outside of the context would change the ignore file that is sent.
            self._dockerfile = self._root / "Dockerfile.live"
            self._dockerfile.write_text(live.stdout)

    async def _round(self, watch: Watch, number: int, edits: Round) -> _Judgement:
        since = len(watch.events)
        seen = self._edited(watch, number, edits)
        if self._setting.one_build_at_a_time:
            told = await watch.until(seen, since)
            built = await asyncio.to_thread(self._built)
        else:
            built, told = await asyncio.gather(
                asyncio.to_thread(self._built), watch.until(seen, since)
            )
        refused = "rebuildNeeded" in names(watch.events)
        judgement = self._judgement(told[-1]["owed"], built, refused=refused)
        if judgement.outcome != "wrong":
            return judgement
        since = len(watch.events)
        try:
            told = await watch.until(_has_pushed, since, within=_MOMENT)
        except AssertionError:
            pass  # nothing came of it
        else:
            later = self._judgement(told[-1]["owed"], built, refused=refused)
            if later.outcome == "equal":
                return replace(later, outcome="equal a moment later")
        # What the builder remembers may be at fault.
        afresh = await asyncio.to_thread(self._built, cached=False)
        again = self._judgement(told[-1]["owed"], afresh, refused=refused)
        if again.outcome == "equal":
            return replace(judgement, outcome=_DEFECT)
        return again

    def _edited(self, watch: Watch, number: int, edits: Round) -> Condition:
        """Carries the edits out; what holds once a push has seen all of them."""
        if self._case.marked or (self._root / _IGNORE).exists():
            return self._marked(number, edits)
        before = look(self._root)
        watch.process.send_signal(signal.SIGSTOP)
        try:
            for edit in edits:
                apply(self._root, edit)
        finally:
            watch.process.send_signal(signal.SIGCONT)
        after = look(self._root)
        changed = {path for path in before.keys() | after if before.get(path) != after.get(path)}
        if not changed or _IGNORE in changed:
            return self._marked(number, ())
        return lambda events: _has_seen(events, changed)

    def _marked(self, number: int, edits: Round) -> Condition:
        # Changes are noted in order: the push that names the mark has seen the others.
        for edit in edits:
            apply(self._root, edit)
        mark = f"mark{number}"
        (self._root / mark).write_text("")
        return lambda events: _has_seen(events, {mark})

    def _built(self, *, cached: bool = True) -> Tree | DockerError:
        """The files of a fresh build, or why there can be none.

        With no cache it is one of a copy of the context: what BuildKit was sent of a directory
        before, it keeps as well, and only brings up to date.
        """
        try:
            if cached:
                image = self._bench.build(self._root, self._dockerfile, options=_QUICK)
                return self._bench.tree_of(image)
            with tempfile.TemporaryDirectory() as place:
                copy = Path(place, "context")
                subprocess.run(["cp", "-a", str(self._root), str(copy)], check=True)
                options = (*_QUICK, "--no-cache")
                image = self._bench.build(copy, copy / self._dockerfile.name, options=options)
                return self._bench.tree_of(image)
        except DockerError as error:
            return error

    def _judgement(
        self, owed: Collection[str], built: Tree | DockerError, *, refused: bool
    ) -> _Judgement:
        if isinstance(built, DockerError):
            if owed:
                return _Judgement("fails in both")
            if self._stumbles(str(built)):
                return _Judgement(_DEFECT, str(built))
            return _Judgement("wrong", f"only the build fails: {built}")
        if owed:
            return _Judgement("refused" if refused else "wrong", f"owed are {owed}")
        different = differences(self._bench.tree(self._container), built)
        if different:
            return _Judgement("wrong", "\n".join(different[:_SHOWN]))
        return _Judgement("equal")

    def _stumbles(self, error: str) -> bool:
        """Whether BuildKit fails for a link that a wildcard found, or found a directory with.

        One that leads nowhere, or in a circle, it follows all the same (moby/buildkit#4946), and
        below one that leads to a file it looks for more. So it does with those of a stage.
        """
        if not self._setting.buildkit:
            return False
        if not self._setting.newer:
            return re.search(r"error from sender: lstat .*: not a directory", error) is not None
        missing = re.search(r'"/([^"]+)": not found', error)
        circle = re.search(r"too many symlinks: /(.+)", error)
        links = [path for path in self._root.glob("*/**/*") if path.is_symlink()]
        if circle is not None:
            return self._root / circle[1] in links
        targets = {
            os.path.normpath(f"{self._root}/{target}" if target.is_absolute() else parent / target)
            for parent, target in ((path.parent, path.readlink()) for path in links)
        }
        if missing is None:
            return False
        return str(self._root / missing[1]) in targets or self._leads_nowhere(error, missing[1])

    def _leads_nowhere(self, error: str, missing: str) -> bool:
        """Whether a link of the stage that the failed step copies from leads to what is missing."""
        stage = re.search(r">>> COPY --from=(?:stage)?(\d) ", error, re.IGNORECASE)
        if stage is None:
            return False
        options = (*_QUICK, f"--target=stage{stage[1]}")
        tree = self._bench.tree_of(self._bench.build(self._root, self._dockerfile, options=options))
        targets = {
            os.path.normpath(os.path.join(os.path.dirname(path), node.target))
            for path, node in tree.items()
            if node.target
        }
        return f"/{missing}" in targets and f"/{missing}" not in tree


def _has_pushed(events: Sequence[WireEvent]) -> bool:
    return "livepushEnd" in names(events)


def _has_seen(events: Sequence[WireEvent], paths: Collection[str]) -> bool:
    told: set[str] = set()
    for event in events:
        if event["event"] == "livepushStart":
            told.update(event["changed"], event["deleted"])
        ended = event["event"] == "livepushEnd" and event["status"] != "cancelled"
        if ended and told.issuperset(paths):
            return True
    return False
