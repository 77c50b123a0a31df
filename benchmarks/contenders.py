"""Who takes part: programs that follow a scene's context, and one that is told what to do.

Each is a process of its own that says when it is ready; all that is measured is seen from outside.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.change import Change
from benchmarks.scenes import Scene
from benchmarks.sight import now, seen
from livepush import __version__

NPM, COMPOSE = "LIVEPUSH_NPM", "LIVEPUSH_COMPOSE"
RAW = "raw API"
_HERE = Path(__file__).parent
_READY, _SETTLED, _ENDED = 120, 60, 10  # seconds


@dataclass(frozen=True, slots=True)
class Contender:
    """`ready` is what it says when it is; `told` whether it is told of changes.

    `lacks` names the scenarios that it has no part in.
    """

    name: str
    command: Callable[[Scene], list[str]]
    ready: str
    environ: dict[str, str] = field(default_factory=dict)
    told: bool = False
    lacks: frozenset[str] = frozenset()

    def start(self, scene: Scene) -> Running:
        return Running(self, scene)


class Running:
    """A contender at work on a scene."""

    def __init__(self, contender: Contender, scene: Scene) -> None:
        self._contender, self._changes, self._stopped = contender, 0, False
        self._log = scene.folder / "contender.log"
        # What a session remembers of this container goes with the scene.
        environ = {**os.environ, "XDG_STATE_HOME": str(scene.folder), **contender.environ}
        command = contender.command(scene)
        self.began = now()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                bufsize=0,
                cwd=scene.context,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is for the benchmark, which ends it
            )
        self.pid = self._process.pid

    def ready(self) -> float:
        """Waits, and returns when. Raises `MissedError`, as `prepare` and `settle` do."""
        return self._hears(self._contender.ready, _READY)

    def prepare(self, change: Change) -> None:
        """Before what `go` tells."""
        if self._contender.told:
            self._tell(change.json())
            self._hears(f"prepared {self._changes}\n", _SETTLED)

    def go(self) -> None:
        """The change is there now: whoever follows the context knows."""
        if self._contender.told:
            self._tell("")

    def settle(self) -> None:
        """Until it has done what it was told; of the others only the container tells."""
        if self._contender.told:
            self._hears(f"done {self._changes}\n", _SETTLED)
            self._changes += 1

    def broken(self) -> str:
        """Why it does nothing any more, if so."""
        status = self._process.poll()
        if status is None:
            return ""
        said = self._log.read_text(errors="replace").split("\n")
        lines = [line.strip() for line in said if "rror" in line and not line.startswith(" ")]
        return f"it has ended with {status}: {(lines or ['nothing said'])[-1][:200]}"

    def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        self._process.terminate()
        try:
            self._process.wait(_ENDED)
        except subprocess.TimeoutExpired:
            self._process.kill()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def _tell(self, line: str) -> None:
        if self._process.stdin:
            with suppress(BrokenPipeError):  # `broken` says more
                self._process.stdin.write(line.encode() + b"\n")

    def _hears(self, said: str, seconds: float) -> float:
        return seen(
            [lambda: said in self._log.read_text(errors="replace")], seconds, self.broken, said
        )


def livepush(socket: str) -> Contender:
    """The command line of this checkout."""

    def command(scene: Scene) -> list[str]:
        words = ["watch", "--container", scene.name, "--progress", "json", str(scene.context)]
        return [sys.executable, "-m", "livepush", *words]

    environ = {"DOCKER_HOST": f"unix://{socket}", "PYTHONPATH": str(_HERE.parent)}
    return Contender(f"livepush {__version__}", command, '"ready"', environ)


def raw(socket: str) -> Contender:
    def command(scene: Scene) -> list[str]:
        return [sys.executable, "-m", "benchmarks.raw", socket, scene.name, str(scene.context)]

    environ = {"PYTHONPATH": str(_HERE.parent)}
    return Contender(RAW, command, "ready\n", environ, told=True, lacks=frozenset({"start"}))


def npm(socket: str, folder: Path) -> Contender:
    modules = folder / "node_modules"
    version = json.loads((modules / "livepush/package.json").read_text())["version"]

    def command(scene: Scene) -> list[str]:
        return ["node", str(_HERE / "npm.js"), socket, scene.name]

    return Contender(f"npm livepush {version}", command, "ready\n", {"NODE_PATH": str(modules)})


def compose(socket: str, program: list[str], version: str) -> Contender:
    def command(scene: Scene) -> list[str]:
        file = scene.folder / "compose.yaml"
        file.write_text(_COMPOSE.format(
            project=scene.name.removesuffix("-app-1"),
            context=scene.context,
            action="sync+restart" if scene.setting.restarts else "sync",
        ))  # fmt: skip
        return [*program, "-f", str(file), "watch", "--no-up"]

    return Contender(
        f"compose watch {version}",
        command,
        "Watch enabled",
        {"DOCKER_HOST": f"unix://{socket}"},
        lacks=frozenset({"run", "overtaken"}),  # it has no commands but a whole build
    )


_COMPOSE = """\
name: {project}
services:
  app:
    image: {project}
    build: {context}
    network_mode: none
    develop:
      watch:
        - action: {action}
          path: {context}/app
          target: /app
"""


def found(socket: str) -> tuple[list[Contender], list[str]]:
    """Who can take part here, and of the others why not."""
    contenders, absent = [livepush(socket), raw(socket)], []
    folder = Path(os.environ.get(NPM, "."))
    if not (folder / "node_modules/livepush/package.json").is_file():
        absent.append(f"npm livepush: set {NPM} to a folder with `npm install livepush`")
    elif not _version(["node", "--version"]):
        absent.append("npm livepush: there is no node")
    else:
        contenders.append(npm(socket, folder))
    program = [os.environ[COMPOSE]] if os.environ.get(COMPOSE) else ["docker", "compose"]
    if version := _version([*program, "version", "--short"]):
        contenders.append(compose(socket, program, version))
    else:
        absent.append(f"compose watch: no `docker compose`, nor a program named in {COMPOSE}")
    return contenders, absent


def _version(words: list[str]) -> str:
    try:
        told = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""
