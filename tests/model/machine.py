"""A simulated machine: an engine, a build context on disk, and a livepush that follows it.

The engine and the clock are simulated, the files and all of livepush from `watch` downwards are
real. What the operating system tells of files is told at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from livepush import follow, leftovers
from livepush.engine import ImageConfig
from livepush.errors import LivepushError
from livepush.events import Event
from livepush.live import Dockerfile
from livepush.model import Replay
from livepush.session import Livepush
from livepush.testing import FakeEngine, FakeImage, Faulty, Files
from livepush.watch import EVERYTHING, Hints

from .building import Builder, base_image, wanted
from .clock import SimulatedLoop, threadless

BASE = "base"
NAMES = ("a", "b", "d/a", "d/b", "d/e/a")
CONTENTS = ("", "1", "2", "three")
_LONG_AGO = 1.0  # so that every context may be newer than the container's image
_MEMORY = Path("/dev/shm")  # where files are that no disk has to be asked for
_AGAIN = 1.0  # seconds; as `livepush.watch` has it

# In place, only commands that may be repeated, and that read nothing which a later step writes.
DOCKERFILES: dict[Replay, tuple[str, ...]] = {
    "in-place": (
        f"FROM {BASE}\nCOPY a /a\nRUN sleep 1 && cat /a > /ra\nCOPY d /d\n",
        f"FROM {BASE}\nCOPY d /d\nCOPY a b /d/\nRUN rm -rf /o && mkdir /o && cat /d/a > /o/a\n",
        f"FROM {BASE} AS one\nCOPY a /x\nRUN sleep 1 && cat /x > /y\n"
        f"FROM {BASE}\nCOPY --from=one /y /y\nRUN cat /y > /z\nCOPY d /app\n",
        f"FROM {BASE} AS one\nCOPY d /x\nFROM one\nCOPY b /b\nRUN sleep 1 && cat /x/a /b > /z\n",
        f"FROM {BASE}\nCOPY a /live\n#dev-cmd-live=x\nCOPY d /d\n",
        # Stages that are carried out at once, of which one waits for another.
        f"FROM {BASE} AS one\nCOPY a b d/a /x/\nRUN sleep 1 && cat /x/a > /y\nCOPY d/e /e\n"
        f"FROM {BASE} AS two\nCOPY b /x\nRUN sleep 2 && cat /x > /y\n"
        f"FROM {BASE} AS three\nCOPY --from=two /y /x\nRUN sleep 1 && cat /x > /y\n"
        f"FROM {BASE}\nCOPY --from=one /y /e /one/\nCOPY --from=three /y /two\nCOPY d /app\n",
    ),
    "clean": (
        f"FROM {BASE}\nCOPY a /a\nRUN sleep 1 && cat /a >> /log && mkdir /made\nCOPY d /d\n",
        f"FROM {BASE}\nCOPY d /d\nRUN cat /d/a >> /d/b\nCOPY b /d/a\nRUN cat /d/a >> /log\n",
        f"FROM {BASE} AS one\nCOPY a /x\nRUN cat /x >> /y\n"
        f"FROM {BASE}\nCOPY --from=one /y /y\nRUN cat /y >> /z\nCOPY d /app\n",
        f"FROM {BASE} AS one\nCOPY a b /x/\nRUN sleep 1 && cat /x/a >> /y\n"
        f"FROM {BASE} AS two\nCOPY b /x\nRUN sleep 2 && cat /x >> /y\n"
        f"FROM {BASE}\nCOPY --from=one /y /one\nCOPY --from=two /y /two\nCOPY d /app\n",
    ),
}


class Context:
    """A build context on disk, whose every change is told to `hear`."""

    def __init__(self, root: Path, text: str) -> None:
        self.root = root
        self.text = text
        self.live = Dockerfile(text).generate_live_dockerfile()
        self.hear: Callable[[str], None] = _silent
        self._stamps = itertools.count(1)
        for name in NAMES:
            self.write(name, "0")

    def write(self, name: str, content: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        # Simulated seconds lie between two writes.
        os.utime(path, (0, next(self._stamps)))
        self.hear(name)

    def delete(self, name: str) -> None:
        path = self.root / name
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()
        self.hear(name)


class Watcher:
    """Stands in for `livepush.watch.Watcher`."""

    def __init__(self, context: Context) -> None:
        self._hints: set[str] = set()
        self._news = asyncio.Event()
        self._context = context

    async def __aenter__(self) -> Self:
        self._context.hear = self._hear
        return self

    async def __aexit__(self, *_: object) -> None:
        self._context.hear = _silent

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Hints:
        await self._news.wait()
        self._news.clear()
        hints, self._hints = frozenset(self._hints), set()
        return hints

    def again(self, hints: Hints) -> None:
        loop = asyncio.get_running_loop()
        if hints and hints != EVERYTHING:  # of which there is no end
            loop.call_later(_AGAIN, self._hear, *hints)

    def _hear(self, *names: str) -> None:
        self._hints.update(names)
        self._news.set()


class Process:
    """A livepush from its start to its end."""

    def __init__(self, machine: Machine) -> None:
        self.engine = Faulty(machine.engine)
        self.session: Livepush | None = None
        self.told: list[Event] = []
        self._machine = machine
        self.task = machine.loop.create_task(self._run())

    @property
    def runs(self) -> bool:
        return not self.task.done()

    async def _run(self) -> None:
        machine = self._machine
        try:
            self.session = await Livepush.init(
                context=machine.context.root,
                container_id="web",
                dockerfile_content=machine.context.text,
                engine=self.engine,
                replay=machine.replay,
                journals=machine.journals,
            )
        except LivepushError:
            return
        for name in ("error", "livepushEnd"):
            self.session.on(name, self.told.append)
        try:
            await self.session.watch()
        finally:
            with contextlib.suppress(LivepushError):  # of an engine that does not answer even then
                await self.session.aclose()

    async def stop(self) -> None:
        """As Ctrl-C does."""
        self.task.cancel()
        await asyncio.wait({self.task})
        assert self.task.cancelled() or self.task.exception() is None, self.task.exception()


class Machine:
    """All of it; `replay` is how livepush is started."""

    def __init__(self, number: int, replay: Replay) -> None:
        self.replay = replay
        self.loop = SimulatedLoop()
        self._folder = new_folder()
        texts = DOCKERFILES[replay]
        (self._folder / "context").mkdir()
        self.context = Context(self._folder / "context", texts[number % len(texts)])
        self._journals = itertools.count()
        self.journals = self._folder / "journals"
        self.engine = FakeEngine(builder=Builder(cache=True))
        self.engine.add_image(base_image(), tag=BASE)
        built = wanted(self.context.root, self.context.live)
        assert built is not None
        config = ImageConfig("", created=_LONG_AGO)
        self._image = self.engine.add_image(FakeImage(built.files, config, layers=built.layers))
        self.container = self.engine.add_container(self._image, name="web")
        self.process: Process | None = None

    def pass_time(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def turn(self, turns: int) -> None:
        """Only so many turns of the loop."""
        for _ in range(turns):
            self.loop.run_until_complete(asyncio.sleep(0))

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.runs

    def start(self) -> None:
        if not self.runs:
            self.process = Process(self)

    def stop(self) -> None:
        if self.process is not None:
            self.loop.run_until_complete(self.process.stop())
            self.process = None

    def kill(self) -> None:
        """What it has noted is what it has noted by now, and its commands run on."""
        if self.process is not None:
            before, self.journals = self.journals, self._folder / f"journals-{next(self._journals)}"
            if before.exists():
                shutil.copytree(before, self.journals)
            self.process.engine.die()
            self.stop()

    def recreate(self) -> None:
        """The container is made anew, from the image that it had at first."""
        self.loop.run_until_complete(self.engine.remove(self.container))
        self.container = self.engine.add_container(self._image, name="web")

    def start_container(self) -> None:
        self.engine.pause(self.container, paused=False)
        info = self.loop.run_until_complete(self.engine.container(self.container))
        if info is not None and not info.running:
            self.loop.run_until_complete(self.engine.restart(self.container, grace=0))

    def wanted(self) -> Files | None:
        """What a build of the context holds, None where it fails."""
        image = wanted(self.context.root, self.context.live)
        return None if image is None else image.files

    def holds(self) -> Files:
        return self.engine.files(self.container)

    def close(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                self.loop.run_until_complete(task)
        self.loop.close()
        shutil.rmtree(self._folder)


@contextlib.contextmanager
def simulated(current: Callable[[], Machine]) -> Iterator[None]:
    """For this time livepush sees no threads and the watcher of the `current` machine."""
    with threadless(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(follow, "Watcher", lambda *_, **__: Watcher(current().context))
        # Every simulated livepush is this process: one that starts is alone, all others are over.
        patch.setattr(leftovers, "fate", lambda _: "over")
        yield


def new_folder() -> Path:
    memory = _MEMORY if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="livepush-", dir=memory))


def _silent(_: object) -> None:
    """Nobody wants to know."""
