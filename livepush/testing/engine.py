"""`FakeEngine`: an engine in memory that keeps the contract of `livepush.engine.Engine`."""

from __future__ import annotations

import asyncio
import math
import posixpath
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from livepush.archive import pack
from livepush.buildcontext import BuildContext
from livepush.buildrequest import unreadable
from livepush.engine import (
    CREATED,
    LABEL,
    BuildProgress,
    Command,
    ContainerInfo,
    Engine,
    ImageConfig,
    OutputSink,
    Owned,
    PathStat,
    Tell,
)
from livepush.errors import (
    ContainerNotRunningError,
    EngineError,
    LivepushError,
    NoShellError,
)
from livepush.replacement import refusal
from livepush.shell import SHELL
from livepush.shield import settle
from livepush.span import Piece, whole
from livepush.testing.commands import Sleep, run_command
from livepush.testing.files import Files
from livepush.testing.images import FakeImage

_KILLED = 137


@dataclass(frozen=True, slots=True)
class Call:
    """A verb that was called on a container or image (`on`), with what else it was given."""

    verb: str
    on: str = ""
    given: object = None


Builder = Callable[[bytes, bytes, str, Tell], FakeImage]
"""Builds from a context (a tar), a Dockerfile's text, and a target or "".

Tells what it does, and raises `BuildFailedError` as a builder's step fails.
"""


@dataclass(slots=True)
class _Container:
    info: ContainerInfo
    files: Files
    labels: Mapping[str, str]
    commands: set[asyncio.Task[int]] = field(default_factory=set)


class FakeEngine(Engine):
    """An engine in memory.

    `builder` answers `build`; without one every build fails. `sleep` is what the command `sleep`
    awaits. `calls` is every verb called so far, in order, also the failed ones.
    """

    def __init__(self, *, builder: Builder | None = None, sleep: Sleep = asyncio.sleep) -> None:
        self.calls: list[Call] = []
        self._builder = builder
        self._sleep = sleep
        self._images: dict[str, FakeImage] = {}
        self._tags: dict[str, str] = {}
        self._containers: dict[str, _Container] = {}
        self._failures: list[tuple[str, int, LivepushError]] = []
        self._serials = count(1)
        self._happened: list[ContainerInfo] = []
        self._news = asyncio.Event()

    def add_image(self, image: FakeImage, *, tag: str = "") -> str:
        """Adds an image that is there from the start; returns its id."""
        identity = f"sha256:{next(self._serials):064x}"
        created = image.config.created or math.inf  # newer than any context, unless it says so
        layers = image.digests()
        image.config = replace(image.config, id=identity, layers=layers, created=created)
        self._images[identity] = image
        if tag:
            self._tags[tag] = identity
        return identity

    def add_container(
        self,
        image: str,
        *,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        running: bool = True,
        mounts: Sequence[str] = (),
    ) -> str:
        """Adds a container that is there from the start; returns its id."""
        found = self._image(image)
        if found is None:
            raise EngineError(f"No such image: {image}", status=404)
        identity = f"{next(self._serials):064x}"
        config = found.config
        info = ContainerInfo(
            identity,
            name or f"fake_{identity[-4:]}",
            config.id,
            running,
            config.env,
            config.workdir,
            tuple(mounts),
            started=identity if running else "",
        )
        all_labels = {**found.labels, **(labels or {})}
        self._containers[identity] = _Container(info, found.files.copy(), all_labels)
        if running:
            self._happens(info)
        return identity

    def files(self, container: str) -> Files:
        """The files of a container, to look at and to change."""
        return self._existing(container).files

    def stop(self, container: str) -> None:
        """The container stops by itself."""
        found = self._existing(container)
        found.info = replace(found.info, running=False)
        self._happens(found.info)
        for command in found.commands:
            command.cancel()

    def pause(self, container: str, *, paused: bool = True) -> None:
        """Somebody pauses the container, or lets it go on."""
        found = self._existing(container)
        found.info = replace(found.info, paused=paused)
        self._happens(found.info)

    def fail_next(self, verb: str, error: LivepushError, *, after: int = 0) -> None:
        """Lets a call of `verb` raise `error`, once: the next, or the one after that many."""
        self._failures.append((verb, after, error))

    def mend(self) -> None:
        """Forgets the failures that have not come yet."""
        self._failures.clear()

    async def ping(self) -> str:
        self._called("ping")
        return "Fake 1.0, API 1.50"

    async def container(self, container: str) -> ContainerInfo | None:
        self._called("container", container)
        found = self._found(container)
        return None if found is None else found.info

    async def happenings(self, container: str, name: str) -> AsyncGenerator[None, None]:
        self._called("happenings", container, name)
        seen = len(self._happened)
        while True:
            news = self._news
            for info in self._happened[seen:]:
                seen += 1
                if info.id == container or info.name == name:
                    yield
            await news.wait()

    async def image(self, reference: str) -> ImageConfig | None:
        self._called("image", reference)
        image = self._image(reference)
        return None if image is None else image.config

    async def build(
        self,
        context: BuildContext,
        *,
        target: str = "",
        build_args: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        tell: Tell | None = None,
        legacy: bool | None = None,
        cached: bool = True,
    ) -> str:
        self._called("build", target, dict(build_args or {}))
        try:
            archive = await whole(pack(context.items.items(), context.files, lambda _: None))
        except OSError as error:
            raise unreadable(error) from error
        if self._builder is None:
            raise EngineError("This engine has no builder.")
        image = self._builder(archive, context.text, target, tell or _unheard)
        return self.add_image(replace(image, labels={**image.labels, **(labels or {})}))

    async def create(self, image: str, *, labels: Mapping[str, str], start: bool) -> str:
        self._called("create", image, dict(labels))
        return self.add_container(image, labels={**labels, CREATED: "1"}, running=start)

    async def attend(self, container: str) -> None:
        pass  # nothing takes time here

    async def leave(self, container: str) -> None:
        pass

    async def remove(self, container: str) -> None:
        self._called("remove", container)
        found = self._found(container)
        if found is not None:
            self.stop(container)
            del self._containers[found.info.id]
            self._happens(found.info)

    async def remove_image(self, image: str) -> None:
        self._called("remove_image", image)
        identity = self._tags.get(image, image)
        used = {container.info.image for container in self._containers.values()}
        if identity not in used and identity not in self._tags.values():
            self._images.pop(identity, None)

    async def restart(self, container: str, *, grace: float) -> None:
        self._called("restart", container, grace)
        self.stop(container)
        found = self._existing(container)
        found.info = replace(found.info, running=True, started=f"{next(self._serials)}")
        self._happens(found.info)

    async def stat(self, container: str, path: str) -> PathStat | None:
        self._called("stat", container, path)
        return self._existing(container).files.stat(path)

    async def absent(self, container: str, paths: Sequence[str]) -> bool:
        self._called("absent", container, tuple(paths))
        found = self._existing(container)
        has_shell = found.files.node(SHELL) is not None and found.info.running
        return has_shell and not any(found.files.stat(path) for path in paths)

    async def put(self, container: str, archive: AsyncIterable[Piece]) -> None:
        content = await whole(archive)
        self._called("put", container, content)
        self._existing(container).files.extract(content)

    async def get(self, container: str, path: str) -> AsyncGenerator[bytes, None]:
        self._called("get", container, path)
        yield self._existing(container).files.archive(path)

    async def export(self, container: str) -> AsyncGenerator[bytes, None]:
        self._called("export", container)
        yield self._existing(container).files.archive("/")

    async def save(self, image: str) -> AsyncGenerator[bytes, None]:
        self._called("save", image)
        found = self._image(image)
        if found is None:
            raise EngineError(f"No such image: {image}", status=404)
        yield found.saved()

    async def delete(
        self,
        container: str,
        paths: Sequence[str],
        *,
        directories: Sequence[str] = (),
        restarts: bool = False,
    ) -> None:
        self._called("delete", container, (tuple(paths), tuple(directories)))
        found = self._existing(container)
        files, stuck = found.files, list[str]()
        if found.info.paused:
            raise ContainerNotRunningError(f"The container {container} is paused.")
        has_shell = files.node(SHELL) is not None and found.info.running

        def remove(path: str) -> None:
            parent = files.resolve(posixpath.dirname(path)) or path
            if has_shell or not refusal(parent, found.info, restarts=restarts):
                files.remove(path)
            elif files.node(path) is not None:
                stuck.append(path)

        for path in paths:
            remove(path)
        for path in directories:
            node = files.node(path)
            if node is not None and node.kind == "dir" and not files.below(path):
                remove(path)
        if stuck:
            raise NoShellError(f"{stuck[0]} cannot be deleted without {SHELL}.")

    async def run(
        self,
        container: str,
        command: Command,
        output: OutputSink,
        *,
        grace: float,
        restarts: bool = False,
    ) -> int:
        self._called("run", container, command)
        found = self._running(container)
        running = asyncio.ensure_future(run_command(found.files, command, output, self._sleep))
        found.commands.add(running)
        try:
            await asyncio.wait({running})
        finally:
            running.cancel()
            await settle(running)
            found.commands.discard(running)
        return _KILLED if running.cancelled() else running.result()

    async def owned(self) -> tuple[Owned, ...]:
        self._called("owned")
        containers = (
            Owned(container.info.id, "container", _ours(container.labels))
            for container in self._containers.values()
            if CREATED in container.labels
        )
        images = (
            Owned(image.config.id, "image", _ours(image.labels))
            for image in self._images.values()
            if f"{LABEL}.session" in image.labels
        )
        return (*containers, *images)

    async def aclose(self) -> None:
        self._called("aclose")

    def _happens(self, info: ContainerInfo) -> None:
        self._happened.append(info)
        self._news.set()
        self._news = asyncio.Event()

    def _called(self, verb: str, on: str = "", given: object = None) -> None:
        self.calls.append(Call(verb, on, given))
        for index, (failing, after, error) in enumerate(self._failures):
            if failing == verb:
                if after == 0:
                    del self._failures[index]
                    raise error
                self._failures[index] = failing, after - 1, error
                return

    def _image(self, reference: str) -> FakeImage | None:
        return self._images.get(self._tags.get(reference, reference))

    def _found(self, container: str) -> _Container | None:
        for found in self._containers.values():
            if container in (found.info.id, found.info.name):
                return found
        return None

    def _existing(self, container: str) -> _Container:
        found = self._found(container)
        if found is None:
            raise ContainerNotRunningError(f"There is no container {container}.")
        return found

    def _running(self, container: str) -> _Container:
        found = self._existing(container)
        if found.info.paused:
            raise ContainerNotRunningError(f"The container {container} is paused.")
        if not found.info.running:
            raise ContainerNotRunningError(f"The container {container} is not running.")
        return found


def _unheard(progress: BuildProgress) -> None:
    """Takes what nobody wants to know."""


def _ours(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(pair for pair in sorted(labels.items()) if pair[0].startswith(f"{LABEL}."))
