"""A context that a session follows on a real engine, which it reaches through `FaultyEngine`."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from livepush.bus import EventStream
from livepush.docker import DockerEngine
from livepush.endpoint import resolve
from livepush.events import Error, LivepushEnd, LivepushStart, Ready
from livepush.model import Replay
from livepush.session import Livepush
from tests.conftest import BUSYBOX
from tests.differential.setting import NEWER_ENGINE
from tests.e2e.docker_cli import Bench, Client, buildkit_client
from tests.e2e.project import IDLE
from tests.e2e.trees import Tree, differences
from tests.faults.proxy import FaultyEngine

_WITHIN = 60.0  # seconds until a session is ready

_IN_PLACE = f"""FROM {BUSYBOX}
WORKDIR /app
COPY src src
RUN cat src/main > main && ls src > names
COPY late late
{IDLE}"""
_STAGED = f"""FROM {BUSYBOX} AS made
COPY src /src
RUN mkdir -p /out && cat /src/* > /out/all && ls /src > /out/names
FROM {BUSYBOX}
COPY --from=made /out /app
COPY late /late
RUN cat /app/all /late > /both
{IDLE}"""
_NO_SHELL = f"""FROM scratch
COPY --from={BUSYBOX} /bin/busybox /bin/sleep
COPY src /data/src
COPY late /late
STOPSIGNAL SIGKILL
CMD ["/bin/sleep", "100000"]
"""
_ONE = {"src/main": "one", "src/gone": "gone", "late": "one"}
_OTHER = {"src/main": "other", "src/new": "new", "late": "other"}


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    dockerfile: str
    stages: tuple[str, ...] = ()
    replay: Replay = "in-place"
    host: str = ""  # of the engine; by default the one that the environment names
    buildkit: bool = False

    def client(self) -> Client:
        """A docker command line for its engine and builder."""
        environ = {"DOCKER_HOST": self.host} if self.host else {}
        client = buildkit_client(environ) if self.buildkit else Client(environ=environ)
        assert client is not None, "No docker command line on the path builds with BuildKit."
        return client


IN_PLACE = Scenario("in place", _IN_PLACE)
STAGED = Scenario("a build stage", _STAGED, ("made",))
NO_SHELL = Scenario("no shell", _NO_SHELL)
CLEAN = Scenario("clean", _IN_PLACE, replay="clean")
_NEWER = os.environ.get(NEWER_ENGINE, "")
# BuildKit of engine 20.10 may end it where a build begins while a broken one still goes on
# (moby/moby#42414).
BUILDKIT = (Scenario("BuildKit", _IN_PLACE, (), "clean", _NEWER, True),) if _NEWER else ()


class Bed:
    """A context that is followed, in one of two states, and what a build makes of each."""

    def __init__(self, context: Path, container: str, bench: Bench, engine: FaultyEngine) -> None:
        self.context = context
        self.container = container
        self.engine = engine
        self.state: Mapping[str, str] = _ONE
        self.built: dict[str, Tree] = {}
        self.bench = bench

    def edit(self) -> frozenset[str]:
        """Goes over to the other state; the paths that differ."""
        before, self.state = self.state, _OTHER if self.state is _ONE else _ONE
        now = self.state
        changed = {path for path in {*before, *now} if before.get(path) != now.get(path)}
        for path in changed:
            _write(self.context, path, self.state.get(path))
        return frozenset(changed)

    async def until_landed(self, changed: frozenset[str], told: EventStream) -> list[str]:
        """Waits until nothing is owed; what was said to be wrong."""
        seen: set[str] = set()
        errors = []
        async for event in told:
            match event:
                case LivepushStart():
                    seen.update(event.changed, event.deleted)
                case Error():
                    errors.append(event.message)
                case LivepushEnd(owed=()) if seen >= changed and event.status != "cancelled":
                    break
        return errors

    def wrong(self) -> list[str]:
        return differences(self.bench.tree(self.container), self.built[self.state["late"]])


def _write(context: Path, path: str, content: str | None) -> None:
    file = context / path
    if content is None:
        file.unlink()
        return
    file.parent.mkdir(exist_ok=True)
    file.write_text(content)


@contextlib.asynccontextmanager
async def bed(scenario: Scenario, place: Path) -> AsyncIterator[tuple[Bed, EventStream]]:
    context = place / "context"
    context.mkdir()
    _write(context, "Dockerfile", scenario.dockerfile)
    for path, content in _ONE.items():
        _write(context, path, content)
    engine = FaultyEngine(str(resolve(host=scenario.host).socket), place / "engine.sock")
    bench = Bench(scenario.client())
    try:
        image = bench.build(context, context / "Dockerfile", stages=scenario.stages)
        made = Bed(context, bench.start(image), bench, engine)
        made.built["one"] = bench.tree_of(image)
        made.edit()
        made.built["other"] = bench.tree_of(
            bench.build(context, context / "Dockerfile", stages=scenario.stages)
        )
        made.edit()
        async with _followed(made, scenario) as told:
            yield made, told
    finally:
        bench.remove()


@contextlib.asynccontextmanager
async def _followed(made: Bed, scenario: Scenario) -> AsyncIterator[EventStream]:
    engine = made.engine
    async with engine.running():
        door = DockerEngine.connect(host=engine.host)
        session = await Livepush.init(
            context=made.context,
            container_id=made.container,
            dockerfile_content=scenario.dockerfile,
            replay=scenario.replay,
            engine=door,
        )
        told = session.events()
        following = asyncio.ensure_future(session.watch())
        try:
            async with asyncio.timeout(_WITHIN):
                while not isinstance(await anext(told), Ready):
                    pass
            yield told
        finally:
            following.cancel()
            await asyncio.wait({following})
            await session.aclose()
            await door.aclose()
