"""What click hands to the commands, and the values that are made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TypedDict

from livepush.commands.connection import Connection
from livepush.commands.inputs import Inputs, read_inputs
from livepush.commands.opened import Options
from livepush.follow import Trigger
from livepush.model import Replay
from livepush.opening import GRACE
from livepush.render import Progress


class Source(TypedDict):
    path: str
    file: str


class Build(Source):
    target: str
    build_args: tuple[str, ...]


class Files(TypedDict):
    changed: tuple[str, ...]
    deleted: tuple[str, ...]


class Engine(TypedDict):
    host: str
    docker_context: str
    tls: bool
    tlsverify: bool
    tlscacert: str
    tlscert: str
    tlskey: str


class Replayed(Build):
    replay: Replay


class Session(Replayed, Engine):
    container: str
    stage_images: tuple[str, ...]
    no_restart: bool
    grace: float | None  # s
    progress: Progress
    dry_run: bool
    verbose: bool


class Watch(Session):
    debounce: int  # ms
    trigger: Trigger
    no_initial_sync: bool


class Push(Session, Files):
    pass


class Plan(Replayed, Files):
    pass


class Verify(Build, Engine):
    container: str
    cached: bool
    as_json: bool


class Clean(Engine):
    dry_run: bool
    everything: bool


def inputs(given: Build) -> Inputs:
    """The Dockerfile and context that are named. Raises as `read_inputs`."""
    return read_inputs(
        given["path"],
        given["file"],
        build_args=given["build_args"],
        target=given["target"],
    )


def replayed(given: Replayed) -> Inputs:
    """The same for a command that plans, or carries plans out."""
    return replace(inputs(given), replay=given["replay"])


def connection(given: Engine) -> Connection:
    """The engine that is named."""
    return Connection(
        host=given["host"],
        context=given["docker_context"],
        tls=given["tls"],
        tls_verify=given["tlsverify"],
        tls_ca=given["tlscacert"],
        tls_cert=given["tlscert"],
        tls_key=given["tlskey"],
    )


def options(given: Session) -> Options:
    """What the session is asked to be."""
    return Options(
        container=given["container"],
        connection=connection(given),
        stage_images=given["stage_images"] or None,
        restarts=not given["no_restart"],
        grace=GRACE if given["grace"] is None else given["grace"],
        progress=given["progress"],
        verbose=given["verbose"],
        dry_run=given["dry_run"],
    )
