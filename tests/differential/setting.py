"""Where and how the cases run: an engine, its builder, and how livepush replays commands."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.e2e.docker_cli import Client, buildkit_client

NEWER_ENGINE = "LIVEPUSH_NEWER_ENGINE"
Builder = Literal["legacy", "buildkit"]
Replay = Literal["in-place", "clean"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to run the cases; `environ` names an engine that is not the default one.

    A `newer` engine's BuildKit takes what that of 20.10 does not: heredocs, `--link`.
    """

    builder: Builder
    replay: Replay
    newer: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{'newer-' * self.newer}{self.builder}-{self.replay}"

    @property
    def buildkit(self) -> bool:
        return self.builder == "buildkit"

    @property
    def one_build_at_a_time(self) -> bool:
        """Whether more than one can end the engine (moby/moby#42414); a push may build, too."""
        return self.buildkit and not self.newer

    def client(self) -> Client | None:
        """A docker command line that builds like this, None where there is none."""
        if self.buildkit:
            return buildkit_client(self.environ)
        return Client(environ={**self.environ, "DOCKER_BUILDKIT": "0"})


def settings() -> list[Setting]:
    """All settings, those of the newer engine only where one is named."""
    replays: tuple[Replay, ...] = ("in-place", "clean")
    builders: tuple[Builder, ...] = ("legacy", "buildkit")
    found = [Setting(builder, replay) for builder in builders for replay in replays]
    newer = os.environ.get(NEWER_ENGINE)
    if newer:
        environ = {"DOCKER_HOST": newer}
        found += [Setting("buildkit", replay, newer=True, environ=environ) for replay in replays]
    return found
