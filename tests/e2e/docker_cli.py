"""The docker command line, for what a person would do with it; it removes all that it made."""

from __future__ import annotations

import asyncio
import os
import subprocess
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tests.e2e.trees import Tree, exported

BUSYBOX = "livepush-base/busybox:12"
LABEL = "io.livepush.test"
_WITHIN = 30.0  # seconds until what does not come true is a failure


class DockerError(AssertionError):
    """The docker command line refused what it was asked for."""


def docker(*arguments: str) -> str:
    """What the command prints. Raises `DockerError` where it fails."""
    # By default the builder that every engine's command line has without a plug-in.
    environ = {"DOCKER_BUILDKIT": "0", **os.environ}
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, env=environ, check=False
    )
    if done.returncode:
        raise DockerError(f"docker {' '.join(arguments)}:\n{done.stdout[-3000:]}{done.stderr}")
    return done.stdout.strip()


class Bench:
    """What one test makes on the engine: images and containers by a name that is its own."""

    def __init__(self) -> None:
        self.run = f"livepush-test-{uuid.uuid4().hex[:12]}"
        self._images: list[str] = []

    def build(
        self,
        context: Path,
        dockerfile: Path,
        *,
        stages: Iterable[str] = (),
        build_args: Mapping[str, str] | None = None,
    ) -> str:
        """Builds an image, and one for each of the named `stages` so that they can be removed."""
        arguments = [f"--build-arg={name}={value}" for name, value in (build_args or {}).items()]
        for target in (*stages, ""):
            tag = f"{self.run}:{len(self._images)}"
            docker(
                *("build", "--quiet", "--force-rm", f"--label={LABEL}={self.run}"),
                *(f"--tag={tag}", f"--file={dockerfile}", *arguments),
                *([f"--target={target}"] if target else []),
                str(context),
            )
            self._images.append(tag)
        return self._images[-1]

    def start(self, image: str, name: str = "app") -> str:
        """A running container of `image`; its name."""
        container = f"{self.run}-{name}"
        docker("run", "--detach", f"--label={LABEL}={self.run}", f"--name={container}", image)
        return container

    def tree_of(self, image: str) -> Tree:
        """The files of an image."""
        container = docker("create", f"--label={LABEL}={self.run}", image)
        try:
            return exported(container)
        finally:
            docker("rm", container)

    def remove(self) -> None:
        """Removes all that this bench made."""
        label = f"label={LABEL}={self.run}"
        containers = docker("ps", "--all", "--quiet", "--filter", label).split()
        if containers:
            docker("rm", "--force", "--volumes", *containers)
        if self._images:
            docker("image", "rm", "--force", *reversed(self._images))


def started_at(container: str) -> str:
    """When the container was last started; it tells one start from another."""
    return docker("inspect", "--format", "{{.State.StartedAt}}", container)


def left_of(container: str) -> list[str]:
    """What livepush has on the engine for sessions with `container`."""
    label = f"label=io.livepush.container={container}"
    containers = docker("ps", "--all", "--quiet", "--filter", label).split()
    return containers + docker("images", "--all", "--quiet", "--filter", label).split()


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
