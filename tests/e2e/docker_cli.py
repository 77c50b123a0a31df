"""The docker command line, for what a person would do with it; it removes all that it made."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from livepush.leftovers import CONTAINER
from tests.e2e.trees import Tree, exported

BUSYBOX = "livepush-base/busybox:12"
LABEL = "io.livepush.test"
_WITHIN = 30.0  # seconds until what does not come true is a failure


class DockerError(AssertionError):
    """The docker command line refused what it was asked for."""


@dataclass(frozen=True, slots=True)
class Client:
    """A docker command line: its program, and what goes over the environment when it runs.

    `DOCKER_HOST` there names the engine, `DOCKER_BUILDKIT` the builder.
    """

    program: str = "docker"
    environ: Mapping[str, str] = field(default_factory=dict)

    def surroundings(self) -> dict[str, str]:
        """The environment of the program."""
        # By default the builder that every engine's command line has without a plug-in.
        return {"DOCKER_BUILDKIT": "0", **os.environ, **self.environ}


DEFAULT = Client()


def buildkit_client(environ: Mapping[str, str]) -> Client | None:
    """The first docker command line on the path that builds with BuildKit, None for none.

    That is one with the buildx plug-in, or one so old that it needs none.
    """
    for folder in dict.fromkeys(os.get_exec_path()):
        program = shutil.which("docker", path=folder)
        if program is None:
            continue
        client = Client(program, {**environ, "DOCKER_BUILDKIT": "1"})
        try:
            offered = docker("build", "--help", client=client)
        except DockerError:
            continue
        if "--secret" in offered:
            return client
    return None


def docker(*arguments: str, client: Client = DEFAULT) -> str:
    """What the command prints. Raises `DockerError` where it fails."""
    done = subprocess.run(
        [client.program, *arguments],
        capture_output=True,
        text=True,
        env=client.surroundings(),
        check=False,
    )
    if done.returncode:
        raise DockerError(f"docker {' '.join(arguments)}:\n{done.stdout[-3000:]}{done.stderr}")
    return done.stdout.strip()


class Bench:
    """What one test makes on the engine: images and containers by a name that is its own."""

    def __init__(self, client: Client = DEFAULT) -> None:
        self.client = client
        self.run = f"livepush-test-{uuid.uuid4().hex[:12]}"
        self._label = f"--label={LABEL}={self.run}"
        self._images: list[str] = []

    def build(
        self,
        context: Path,
        dockerfile: Path,
        *,
        stages: Iterable[str] = (),
        build_args: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> str:
        """Builds an image, and one for each of the named `stages` so that they can be removed.

        `options` are further ones of `docker build`.
        """
        arguments = [f"--build-arg={name}={value}" for name, value in (build_args or {}).items()]
        arguments += options
        for target in (*stages, ""):
            tag = f"{self.run}:{len(self._images)}"
            self.docker(
                *("build", "--quiet", "--force-rm", self._label),
                *(f"--tag={tag}", f"--file={dockerfile}", *arguments),
                *([f"--target={target}"] if target else []),
                str(context),
            )
            self._images.append(tag)
        return self._images[-1]

    def start(self, image: str, name: str = "app", options: Sequence[str] = ()) -> str:
        """A running container of `image`, with further options of `docker run`; its name."""
        container = f"{self.run}-{name}"
        self.docker("run", "--detach", self._label, f"--name={container}", *options, image)
        return container

    def tree_of(self, image: str) -> Tree:
        """The files of an image."""
        return self.tree(self.docker("create", self._label, image))

    def tree(self, container: str) -> Tree:
        """The files of a container."""
        return exported(container, self.client.program, self.client.surroundings())

    def docker(self, *arguments: str) -> str:
        """What the docker command prints. Raises `DockerError` where it fails."""
        return docker(*arguments, client=self.client)

    def remove(self) -> None:
        """Removes all that this bench made."""
        label = f"label={LABEL}={self.run}"
        containers = self.docker("ps", "--all", "--quiet", "--filter", label).split()
        if containers:
            self.docker("rm", "--force", "--volumes", *containers)
        if self._images:
            self.docker("image", "rm", "--force", *reversed(self._images))


def started_at(container: str) -> str:
    """When the container was last started; it tells one start from another."""
    return docker("inspect", "--format", "{{.State.StartedAt}}", container)


def left_of(container: str, client: Client = DEFAULT) -> list[str]:
    """What livepush has on the engine for sessions with `container`."""
    quiet = ("--all", "--quiet", "--filter", f"label={CONTAINER}={container}")
    containers = docker("ps", *quiet, client=client).split()
    return containers + docker("images", *quiet, client=client).split()


async def answers(container: str, question: Sequence[str], wanted: str) -> None:
    """Waits until the command, run in the container, prints what contains `wanted`."""
    said = ""

    def answered() -> bool:
        nonlocal said
        try:
            said = docker("exec", container, *question)
        except DockerError as error:
            said = str(error)
            return False
        return wanted in said

    try:
        await until(answered)
    except TimeoutError as error:
        raise AssertionError(f"{container} says {said!r}, not {wanted!r}") from error


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what no event tells. Raises `TimeoutError` where it does not come true."""
    async with asyncio.timeout(_WITHIN):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.02)
