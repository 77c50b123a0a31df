"""What the Docker Engine API answers, read into livepush's nouns. Pure; moby's API 1.24 to 1.50.

Fields that an engine leaves out or sets to null count as empty.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from livepush.engine import LABEL, ContainerInfo, ImageConfig, Owned, PathKind, PathStat
from livepush.errors import EngineError

Json: TypeAlias = Any
"""Decoded, or to be encoded; without a type, as the API's descriptions are not precise."""

Reply: TypeAlias = dict[str, Json]

# Go's os.FileMode, in which the engine tells what stands at a path.
_GO_KINDS: dict[int, PathKind] = {0: "file", 1 << 31: "dir", 1 << 27: "link"}
_GO_TYPE = 1 << 31 | 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19
_GO_SPECIAL = {1 << 23: 0o4000, 1 << 22: 0o2000, 1 << 20: 0o1000}

_BUILDKIT_0_13 = (1, 45)  # the API version of the engine that came with it

_FRAME_HEADER = 8
_STDERR = 2


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Reads an answer in this block; one that is not what was asked for is an `EngineError`."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise EngineError(
            f"The engine was to {what}, and its answer cannot be read: {error!r}"
        ) from error


def name(reply: Reply, api: str) -> str:
    """The engine's, for people, from `GET /version`; `api` is the version of the API spoken."""
    engine = (reply.get("Components") or [{"Name": "Engine"}])[0]["Name"]
    return f"{'Docker' if engine == 'Engine' else engine} {reply['Version']}, API {api}"


def container_info(reply: Reply) -> ContainerInfo:
    """From `GET /containers/{id}/json`."""
    config = reply["Config"]
    mounts = [mount["Destination"] for mount in reply.get("Mounts") or ()]
    mounts += (reply["HostConfig"].get("Tmpfs") or {}).keys()
    return ContainerInfo(
        id=reply["Id"],
        name=reply["Name"].removeprefix("/"),
        image=reply["Image"],
        # What its engine is about to start once more is said to run as well.
        running=bool(reply["State"]["Running"] and not reply["State"].get("Restarting")),
        env=tuple(config.get("Env") or ()),
        workdir=config.get("WorkingDir") or "",
        mounts=tuple(dict.fromkeys(mounts)),
        paused=bool(reply["State"].get("Paused")),
        stop_timeout=config.get("StopTimeout"),
        stop_signal=config.get("StopSignal") or "",
        started=reply["State"].get("StartedAt") or "",
    )


def commands(reply: Reply) -> tuple[str, ...]:
    """The ids of a container's commands, from `GET /containers/{id}/json`."""
    return tuple(reply.get("ExecIDs") or ())


def image_config(reply: Reply, version: str) -> ImageConfig:
    """From `GET /images/{name}/json`, in that version of the API."""
    config = reply.get("Config") or {}
    return ImageConfig(
        id=reply["Id"],
        env=tuple(config.get("Env") or ()),
        workdir=config.get("WorkingDir") or "",
        user=config.get("User") or "",
        shell=tuple(config.get("Shell") or ()),
        onbuild=tuple(config.get("OnBuild") or ()),
        # BuildKit leaves out which engine it was.
        legacy=bool(reply.get("DockerVersion")),
        old_buildkit=tuple(map(int, version.split("."))) < _BUILDKIT_0_13,
        platform="/".join(filter(None, map(reply.get, ("Os", "Architecture", "Variant")))),
        layers=tuple((reply.get("RootFS") or {}).get("Layers") or ()),
        created=_seconds(reply.get("Created") or ""),
    )


def _seconds(time: str) -> float:
    """Since the epoch, of a time like `2026-01-31T13:05:59.123456789Z`; 0 for what is none."""
    try:
        return max(0.0, datetime.fromisoformat(time).timestamp())
    except ValueError:
        return 0.0


def path_stat(header: str) -> PathStat:
    """From the `X-Docker-Container-Path-Stat` header: base64 of JSON."""
    reply = json.loads(base64.b64decode(header))
    go_mode = reply["mode"]
    kind = _GO_KINDS.get(go_mode & _GO_TYPE, "other")
    special = sum(bit for go_bit, bit in _GO_SPECIAL.items() if go_mode & go_bit)
    target = reply["linkTarget"] if kind == "link" else ""
    return PathStat(kind, go_mode & 0o777 | special, reply["size"], target)


def owned(kind: Literal["container", "image"], replies: list[Reply]) -> Iterator[Owned]:
    """From `GET /containers/json` or `GET /images/json`."""
    for reply in replies:
        labels = sorted((reply.get("Labels") or {}).items())
        yield Owned(
            reply["Id"], kind, tuple(pair for pair in labels if pair[0].startswith(f"{LABEL}."))
        )


@dataclass(frozen=True, slots=True)
class Removable:
    """What says whether an image may be removed, and the one `below` it; empty for none.

    `ours` is whether it carries a label that only a session gives.
    """

    id: str
    tagged: bool
    below: str
    ours: bool


def removable(reply: Reply) -> Removable:
    """From `GET /images/{name}/json`."""
    labels = (reply.get("Config") or {}).get("Labels") or {}
    ours = f"{LABEL}.session" in labels
    return Removable(reply["Id"], bool(reply.get("RepoTags")), reply.get("Parent") or "", ours)


class Frames:
    """Splits a command's output into pieces: frames of an 8-byte header and their payload."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, piece: bytes) -> Iterator[tuple[bytes, bool]]:
        """Takes what the engine sent; gives `(payload, is_stderr)` of each complete frame."""
        self._pending += piece
        while len(self._pending) >= _FRAME_HEADER:
            end = _FRAME_HEADER + int.from_bytes(self._pending[4:_FRAME_HEADER])
            if len(self._pending) < end:
                return
            payload, stream = bytes(self._pending[_FRAME_HEADER:end]), self._pending[0]
            del self._pending[:end]
            yield payload, stream == _STDERR
