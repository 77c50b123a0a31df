"""A build context with an image of it, and a container of that: what most sessions begin with."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.cases import save
from tests.e2e.command_line import Watch, watching
from tests.e2e.docker_cli import Bench, docker

IDLE = "CMD trap exit TERM; while :; do sleep 1 & wait; done\n"


@dataclass(frozen=True, slots=True)
class Project:
    """A Dockerfile in its context, and a container that was built from it and runs."""

    context: Path
    container: str
    said: Path

    def save(self, path: str, content: str) -> None:
        _save(self.context / path, content)

    def watched(self, *options: str) -> AbstractAsyncContextManager[Watch]:
        """`livepush watch` with those further options; what it does not close is a failure."""
        arguments = ("--container", self.container, *options, str(self.context))
        return watching(self.said, *arguments, environ={"PYTHONWARNINGS": "error::ResourceWarning"})

    def holds(self, path: str) -> str:
        return docker("exec", self.container, "cat", path)


def project(bench: Bench, tmp_path: Path, dockerfile: str, **files: str) -> Project:
    context = tmp_path / "context"
    context.mkdir()
    for name, content in {"Dockerfile": dockerfile, **files}.items():
        _save(context / name, content)
    stages = [line.split()[-1] for line in dockerfile.splitlines() if " AS " in line]
    image = bench.build(context, context / "Dockerfile", stages=stages)
    return Project(context, bench.start(image), tmp_path / "stderr")


def _save(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, content)
