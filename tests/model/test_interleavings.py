"""Any interleaving of saves, pushes, failures and faults ends in what a build would have made.

A state machine edits a build context and pushes, while the simulated engine fails at any call and
commands wait for a simulated clock. Whenever it has come to rest, the container must hold what the
simulated builder makes of the context, and nothing may be owed; where the build fails, the push
must have failed, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from livepush.engine import ImageConfig
from livepush.errors import EngineError, LivepushError
from livepush.live import Dockerfile
from livepush.model import Replay
from livepush.push import PushResult
from livepush.session import Livepush
from livepush.testing import FakeEngine, FakeImage, Files

from .building import Builder, base_image, shown, wanted
from .machine import BASE, CONTENTS, DOCKERFILES, NAMES, new_folder
from .workers import Workers, plainly

FAULTS = ("put", "delete", "run", "restart", "stat", "get", "build", "create")


class Interleaving(RuleBasedStateMachine):
    """One session, from its opening until it is closed."""

    replay: Replay = "in-place"

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.loop = self.runner.get_loop()
        self.root = new_folder()
        self.dirty: set[str] = set()
        self.pushes: list[asyncio.Task[PushResult]] = []
        self.clock = asyncio.Event()

    @initialize(number=st.integers(0, 9))
    def open(self, number: int) -> None:
        texts = DOCKERFILES[self.replay]
        self.dockerfile = Dockerfile(texts[number % len(texts)])
        for name in NAMES:
            self.put(name, "0")
        self.engine = FakeEngine(builder=Builder(cache=False), sleep=self.sleep)
        self.engine.add_image(base_image(), tag=BASE)
        built = self.wanted()
        assert built is not None
        image = self.engine.add_image(FakeImage(built, ImageConfig("")))
        self.container = self.engine.add_container(image, name="web")
        self.session = self.loop.run_until_complete(
            Livepush.init(
                context=self.root,
                container_id="web",
                dockerfile=self.dockerfile,
                engine=self.engine,
                replay=self.replay,
            )
        )

    async def sleep(self, _: float) -> None:
        await self.clock.wait()

    def put(self, name: str, content: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def wanted(self) -> Files | None:
        """What a build of the context as it is now holds, None where it fails."""
        image = wanted(self.root, self.dockerfile.generate_live_dockerfile())
        return None if image is None else image.files

    @property
    def opened(self) -> bool:
        return hasattr(self, "session")

    @rule(name=st.sampled_from(NAMES), content=st.sampled_from(CONTENTS))
    def write(self, name: str, content: str) -> None:
        self.put(name, content)
        self.dirty.add(name)

    @rule(name=st.sampled_from(("b", "d/b", "d/e", "d/e/a", "d/a")))
    def delete(self, name: str) -> None:
        path = self.root / name
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()
        self.dirty.add(name)

    @rule()
    def push(self) -> None:
        changed, self.dirty = sorted(self.dirty), set()
        task = self.loop.create_task(self.session.perform_livepush(changed))
        self.pushes.append(task)

    @rule(turns=st.integers(1, 30))
    def go_on(self, turns: int) -> None:
        for _ in range(turns):
            self.loop.run_until_complete(asyncio.sleep(0))

    @rule()
    def time_passes(self) -> None:
        self.clock.set()
        self.go_on(5)
        self.clock.clear()

    @rule(verb=st.sampled_from(FAULTS), after=st.integers(0, 3))
    def fault(self, verb: str, after: int) -> None:
        self.engine.fail_next(verb, EngineError("the fault of a test"), after=after)

    @rule()
    def cancel(self) -> None:
        self.loop.run_until_complete(self.session.cancel())

    @precondition(lambda self: self.opened)
    @rule()
    def rest(self) -> None:
        self.settle()

    def settle(self) -> None:
        """Faults are over, time passes, and a last push is made: the end must be right."""
        self.clock.set()
        self.engine.mend()
        for push in self.pushes:
            with contextlib.suppress(LivepushError):
                self.loop.run_until_complete(push)
        self.pushes.clear()
        self.push()
        result = self.loop.run_until_complete(self.pushes.pop())
        self.clock.clear()
        wanted = self.wanted()
        assert bool(result.owed) == (wanted is None), result
        if wanted is not None:
            assert result.status != "failed"
            holds, builds = shown(self.engine.files(self.container)), shown(wanted)
            assert holds == builds, (holds, builds)

    def teardown(self) -> None:
        try:
            if self.opened:
                self.settle()
                self.loop.run_until_complete(self.session.aclose())
                assert not self.loop.run_until_complete(self.engine.owned())
        finally:
            self.runner.close()
            shutil.rmtree(self.root)


class InterleavingClean(Interleaving):
    replay: Replay = "clean"


@pytest.mark.parametrize("machine", [Interleaving, InterleavingClean])
def test_every_interleaving_ends_as_a_build(
    machine: type[Interleaving], elsewhere: Workers
) -> None:
    elsewhere.run(plainly, machine, steps=20)
