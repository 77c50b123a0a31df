"""The port to an engine: the few verbs livepush needs, each with its contract.

`livepush.docker` keeps it on the Docker Engine API, `livepush.testing` in memory; both pass the
same contract tests. What holds for every verb:

- A verb has been carried out when it returns, and not begun when it raises, except where its
  text says what it leaves behind.
- It raises `EngineUnreachableError` when nothing answers, `EngineError` (with the HTTP status)
  when the engine refuses or breaks off, `ContainerNotRunningError` when there is no such
  container, and nothing foreign.
- `container` is an id, or a name; paths inside containers are absolute, slash-separated text,
  with bytes that are not UTF-8 as surrogate escapes.
- None waits for ever: an engine from which nothing comes is asked whether it is still there and at
  it, and what hangs all the same is an `EngineError`.
- Cancelled, it stops waiting at once, unless its text says what it finishes first.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from livepush.buildcontext import BuildContext
from livepush.span import Piece

PathKind = Literal["file", "dir", "link", "other"]

LABEL = "io.livepush"
"""The prefix of every label; `clean` finds what livepush made by it."""

CREATED = f"{LABEL}.created"
"""The label that `create` adds: other labels a container may have only because its image has."""


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image hands to the containers and stages that start from it.

    `layers` tell images with the same files; empty where that is not known. `created` is when its
    build ended, in seconds since the epoch by the engine's clock; 0 where it does not tell.
    """

    id: str
    env: tuple[str, ...] = ()  # "NAME=value"
    workdir: str = ""
    user: str = ""
    shell: tuple[str, ...] = ()
    onbuild: tuple[str, ...] = ()
    legacy: bool = False  # built by the engine's own builder, not by BuildKit
    old_buildkit: bool = False  # the engine's BuildKit is older than 0.13
    platform: str = ""  # such as "linux/amd64" or "linux/arm/v7"
    layers: tuple[str, ...] = ()
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class ContainerInfo:
    """A container as it is now. `mounts` are the paths that are not its own file system.

    `started` tells one start of it from another.
    """

    id: str
    name: str
    image: str
    running: bool
    env: tuple[str, ...] = ()
    workdir: str = ""
    mounts: tuple[str, ...] = ()
    stop_timeout: int | None = None  # seconds
    stop_signal: str = ""
    paused: bool = False
    started: str = ""


@dataclass(frozen=True, slots=True)
class PathStat:
    """What stands at a path. `target` is, for a link, where it leads, fully resolved."""

    kind: PathKind
    mode: int  # permission bits, with setuid, setgid and sticky
    size: int
    target: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `env` is all of its environment; an empty `user` is root."""

    argv: tuple[str, ...]
    env: tuple[str, ...] = field(default=(), repr=False)  # "NAME=value", secrets among them
    user: str = ""
    workdir: str = "/"


@dataclass(frozen=True, slots=True)
class Owned:
    """Something that livepush left on the engine."""

    id: str
    kind: Literal["container", "image"]
    labels: tuple[tuple[str, str], ...]


OutputSink = Callable[[bytes, bool], None]
"""Takes a piece of output as it comes, and whether it came on standard error."""


@dataclass(frozen=True, slots=True)
class BuildStep:
    """A build begins to carry out a step, which is not in its cache; `text` names it for people.

    `number` tells it from the others, which may be carried out meanwhile.
    """

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class BuildOutput:
    """A piece of the output of a step, as it comes; of the builder's own where `number` is 0."""

    number: int
    data: bytes
    is_stderr: bool


@dataclass(frozen=True, slots=True)
class BuildStepDone:
    """A step is over; `code` is its command's exit status, None where it was not to be had.

    Of a step without a command it is 0 or None.
    """

    number: int
    code: int | None


BuildProgress = BuildStep | BuildOutput | BuildStepDone
Tell = Callable[[BuildProgress], None]
"""Takes what a build does as it does it."""


class Engine(Protocol):
    """A door to one engine."""

    async def ping(self) -> str:
        """The engine's name and version for people, such as `Docker 20.10.24, API 1.41`."""

    async def container(self, container: str) -> ContainerInfo | None:
        """The container as it is now, None where there is none of that name or id."""

    def happenings(self, container: str, name: str) -> AsyncGenerator[None, None]:
        """Yields whenever one of that id, or of that name, starts, stops, pauses or goes.

        At least once for what comes together. It ends, or raises `EngineError`, where the engine
        tells no more, and says nothing of what happens before it is asked for the first.
        """

    async def image(self, reference: str) -> ImageConfig | None:
        """The image's configuration, None where the engine has no such image."""

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
        """Builds an image and returns its id.

        `target` is a stage's name. `legacy` chooses the engine's own builder or,
        where it is False, BuildKit; by default the engine does. Builders have a cache each, so an
        image that the same one built before costs no step; not `cached`, every step is carried out.
        `labels` are put on the image (they are its last layer and harm no cache). `tell` takes what
        the builder does. Raises `BuildFailedError` when a step fails as it would fail
        `docker build`. Cancelled, the build is ended.
        """

    async def create(self, image: str, *, labels: Mapping[str, str], start: bool) -> str:
        """A container of livepush's own from `image`; returns its id.

        With `start` it runs and does nothing until it is removed, so that commands can be
        executed in it; that needs `/bin/sh`. Without, it only holds files. Cancelled or failed,
        no container is left behind; it returns only when that is so.
        """

    async def attend(self, container: str) -> None:
        """Makes a running container, given by its id, ready for small changes that come often.

        From then on they take less time, and a small file comes into its place whole; nothing else
        changes. A command that a livepush which is over has left running there is ended first. It
        promises nothing and never fails; after a `restart` it comes back by itself.
        """

    async def leave(self, container: str) -> None:
        """Ends what `attend` began, as `remove` does, too; nothing begun is no error."""

    async def remove(self, container: str) -> None:
        """Ends and removes a container, with its anonymous volumes; none there is no error."""

    async def remove_image(self, image: str) -> None:
        """Removes an image unless a container or a tag still needs it, which is no error.

        What it was built on stays: that is the engine's cache, and may be somebody else's.
        """

    async def restart(self, container: str, *, grace: float) -> None:
        """Stops the container by its own stop signal, kills it after `grace` seconds, starts it.

        Where it is known that the signal does nothing, it is killed at once.
        Never removes it, also where it was started to be removed when it ends. Cancelled, it
        finishes, without waiting any more for the application to end by itself where that can be
        had: a container that was stopped for a restart is started.
        """

    async def stat(self, container: str, path: str) -> PathStat | None:
        """What stands at `path`, not following a link at its end; None where nothing does.

        The `target` of a link that leads in a circle is empty.
        """

    async def absent(self, container: str, paths: Sequence[str]) -> bool:
        """True where nothing stands at any of `paths`, if that is to be had at once.

        False says nothing: look at each then.
        """
        return False

    async def put(self, container: str, archive: AsyncIterable[Piece]) -> None:
        """Extracts a tar stream at `/`: owners, modes and link targets as its entries say.

        Missing parents become `0755` of root. A file or link replaces what it meets, a directory
        entry over a directory sets its mode and owner. Works on a container that is not running.
        Failed or cancelled, entries before the break are there and one may be cut short.
        """

    def get(self, container: str, path: str) -> AsyncGenerator[bytes, None]:
        """The tar stream of `path`: its names begin with the last component of `path`.

        A link at the end of `path` is given as a link. Raises `FileNotFoundError` at the first
        piece where nothing stands at `path`, and `EngineError` where its last component is not
        UTF-8. Works on a container that is not running.
        """

    def export(self, container: str) -> AsyncGenerator[bytes, None]:
        """The tar stream of all the container's own files; what mounts hide is in it.

        Works on a container that is not running.
        """

    def save(self, image: str) -> AsyncGenerator[bytes, None]:
        """The tar stream of an image: its layers, its configuration and what binds them together.

        In the format of `docker save`, of whatever age. Engines gather all of the image before the
        first piece comes. Raises `EngineError` there where there is no such image.
        """

    async def delete(
        self,
        container: str,
        paths: Sequence[str],
        *,
        directories: Sequence[str] = (),
        restarts: bool = False,
    ) -> None:
        """Removes `paths` with all below them, then those of `directories` that are empty.

        `directories` come children first. What is not there is no error. Links are removed,
        never followed at their end. Cancelled, it finishes. Failed, as much is removed as can be.
        Raises `ContainerNotRunningError` for a container that is paused.

        In a container without `/bin/sh`, or one that does not run, the directory that something is
        to leave is replaced by one without it. Its files stay what they are, also for processes
        that have them open; broken off, the next call puts it right first. Raises `NoShellError`,
        once all else is removed, where that cannot be done: in the root, where something is mounted
        at, above or below the directory and, unless the container `restarts` anyway, where it runs
        and its working directory is there or below.
        """

    async def run(
        self,
        container: str,
        command: Command,
        output: OutputSink,
        *,
        grace: float,
        restarts: bool = False,
    ) -> int:
        """Runs a command to its end and returns its exit status.

        Its output goes to `output` as it comes. Its environment has HOME, as its user has it,
        where `env` has none. A command that cannot be started is no error: it
        ends with 126 or 127 and says why in its output, as a shell does. When it returns, no
        process of the command is left, also none that it put in the background, as a daemon or
        otherwise. Cancelled, the command and its descendants get TERM and, after `grace` seconds,
        KILL; it returns (raising the cancellation) only when they are gone. Where the container has
        no `/bin/sh` it is restarted for that, if it `restarts` anyway. The same where `output`
        raises. Where the connection is lost the command is ended, before the next one in that
        container begins if the engine cannot be asked at once.
        Raises `ContainerNotRunningError` when the container does not run.
        """

    async def owned(self) -> tuple[Owned, ...]:
        """All that livepush left on this engine, containers first, then images.

        These are the containers that `create` made and the images with a session's label.
        """

    async def aclose(self) -> None:
        """Gives up the connection; calling it twice is no error."""
