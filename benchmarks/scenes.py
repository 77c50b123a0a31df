"""A contender's own scene: a folder with a build context, its image, and a container of it.

Everything has a name before it is made, and is removed by that name whatever happens.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import signal
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.sight import Sight
from benchmarks.wire import RefusedError, Wire
from livepush import Dockerfile

LABEL = "livepush.benchmark"
_NOT_FOUND = 404


class UnseenError(Exception):
    """This machine does not show what is in a container."""

    def __str__(self) -> str:
        return (
            "This measures from outside, through the folder where the engine mounts a container's "
            "files: it needs root, and an engine on this machine that stores with overlay2."
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """What a scene is made of: a Dockerfile and the context's other files.

    `restarts` is whether a change restarts the application, for whoever does not read Dockerfiles.
    """

    dockerfile: str
    files: Mapping[str, bytes]
    restarts: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    setting: Setting
    name: str
    folder: Path
    context: Path
    sight: Sight


@contextmanager
def staged(wire: Wire, setting: Setting) -> Iterator[Scene]:
    """A scene, its container running. Raises `RefusedError`, `UnseenError`."""
    name = f"livepush-benchmark-{secrets.token_hex(6)}"
    folder = Path(tempfile.gettempdir(), name)
    context, container = folder / "context", f"{name}-app-1"
    with ExitStack() as made:
        made.callback(shutil.rmtree, folder)
        folder.mkdir(mode=0o700)
        made.callback(_remove, wire, f"/images/{name}?force=1")
        made.callback(_remove, wire, f"/containers/{container}?force=1&v=1")
        made.callback(wire.close)  # an answer may be under way on it; the next call connects anew
        _write(context, {"Dockerfile": setting.dockerfile.encode(), **setting.files})
        with undisturbed():
            _build(wire, context, setting.dockerfile, name)
        wire.json("POST", f"/containers/create?name={container}", _container(name))
        wire.call("POST", f"/containers/{container}/start")
        yield Scene(setting, container, folder, context, Sight(_merged(wire, container)))


def _write(context: Path, files: Mapping[str, bytes]) -> None:
    for folder in {(context / name).parent for name in files}:
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (context / name).write_bytes(content)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C waits meanwhile: half a build or half a removal leaves something behind."""
    numbers = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)


def _build(wire: Wire, context: Path, dockerfile: str, name: str) -> None:
    """The live Dockerfile, by the engine's own builder.

    The label makes every scene's image newer than its files, as it is in life.
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(context, ".")
        live = Dockerfile(dockerfile).generate_live_dockerfile().encode()
        member = tarfile.TarInfo("Dockerfile")
        member.size = len(live)
        tar.addfile(member, io.BytesIO(live))
    labels = json.dumps({LABEL: name})
    query = {"t": name, "version": 1, "rm": 1, "forcerm": 1, "labels": labels}
    told = wire.call("POST", f"/build?{urlencode(query)}", archive.getvalue(), "application/x-tar")
    for line in told.splitlines():
        if "error" in (said := json.loads(line)):
            raise RefusedError(200, said["error"].encode())


def _container(name: str) -> dict[str, object]:
    project = {"project": name, "service": "app", "container-number": "1", "oneoff": "False"}
    # With these, compose takes it for its own. Where there is no network, none has to be set up.
    labels = {f"com.docker.compose.{key}": value for key, value in project.items()}
    return {
        "Image": name,
        "HostConfig": {"NetworkMode": "none"},
        "Labels": {LABEL: name, "com.docker.compose.config-hash": name, **labels},
    }


def _merged(wire: Wire, container: str) -> Path:
    storage = wire.json("GET", f"/containers/{container}/json").get("GraphDriver") or {}
    merged = (storage.get("Data") or {}).get("MergedDir", "")
    if not merged or not os.access(f"{merged}/etc", os.R_OK):
        raise UnseenError
    return Path(merged)


def _remove(wire: Wire, path: str) -> None:
    try:
        wire.call("DELETE", path)
    except RefusedError as error:
        if error.status != _NOT_FOUND:
            raise
