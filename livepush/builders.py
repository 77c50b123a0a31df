"""What the engine's own builder and BuildKit report of a build, read into the same steps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from livepush import trace
from livepush.engine import BuildOutput, BuildProgress, BuildStep, BuildStepDone
from livepush.errors import BuildFailedError, EngineError

_LAST_LINES = 20  # of a failed step's output, which its error repeats
_KEPT = 64 * 1024  # bytes of a step's output that may be these lines
_BUILDKIT_STEP = re.compile(r"\[(?:[^]]* )?\d+/\d+\] (.*)", re.DOTALL)  # not "[internal] load …"


class Build:
    """Follows a build by the engine's stream of JSON lines.

    The builder of API version 1 tells an image at the end of every stage, version 2 only the last.
    """

    def __init__(self) -> None:
        self._image = ""
        self._failure: BuildFailedError | None = None
        self._legacy = _LegacySteps()
        self._buildkit = _BuildKitSteps()
        self._said: dict[int, bytes] = {}
        self._pending = b""

    def feed(self, piece: bytes) -> Iterator[BuildProgress]:
        """Takes what the engine sent; gives what the builder did.

        Raises `EngineError` for what no builder says.
        """
        *lines, self._pending = (self._pending + piece).split(b"\n")
        for line in filter(None, map(bytes.strip, lines)):
            for progress in self._read(line):
                if isinstance(progress, BuildOutput):
                    said = self._said.get(progress.number, b"") + progress.data
                    self._said[progress.number] = said[-_KEPT:]
                yield progress

    def result(self) -> str:
        """The image's id, once the stream has ended.

        Raises `BuildFailedError`, and `EngineError` where the stream did not end with the build.
        """
        if self._failure is not None:
            raise self._failure
        if not self._image:
            raise EngineError("The build: the connection was lost before the image was done.")
        return self._image

    def _read(self, line: bytes) -> Iterator[BuildProgress]:
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise EngineError("The engine's answer to a build cannot be read.")
        aux = reply.get("aux")
        if isinstance(aux, dict) and aux.get("ID"):
            self._image = str(aux["ID"])
            yield from self._legacy.end(0)
        elif isinstance(aux, str) and reply.get("id") == "moby.buildkit.trace":
            yield from self._buildkit.take(aux)
        elif "stream" in reply:
            yield from self._legacy.take(str(reply["stream"]))
        elif "error" in reply:
            yield from self._failed(str(reply["error"]), reply.get("errorDetail"))

    def _failed(self, reason: str, detail: object) -> Iterator[BuildProgress]:
        told = detail.get("code") if isinstance(detail, dict) else None
        code = told if isinstance(told, int) else _exit_code(reason)
        yield from self._legacy.begin()
        step = self._legacy.step or self._buildkit.failed(reason)
        said = self._said.get(step.number, b"").decode(errors="replace").splitlines()
        self._failure = BuildFailedError(
            "\n".join([*said[-_LAST_LINES:], f"The build failed: {reason}"]),
            step=step.text,
            return_code=code,
        )
        yield from self._legacy.end(code)


class _LegacySteps:
    """The steps of the engine's own builder: one after the other, told between their output.

    `step` is the one that is carried out, or was looked for in the cache.
    """

    _HEADER = re.compile(r"Step (\d+)/\d+ : (.*)")
    _CACHED = " ---> Using cache\n"
    _RUNNING = re.compile(r" ---> Running in ([0-9a-f]+)\n")
    _DONE = re.compile(r" ---> [0-9a-f]+\n")
    _REMOVED = ("Removing intermediate container ", " ---> Removed intermediate container ")
    _SAID_OTHERWISE = re.compile(r"\n|Successfully built [0-9a-f]+\n")
    # How the builder tells standard error from standard output.
    _STDERR = re.compile(r"\x1b\[91m(.*)\x1b\[0m", re.DOTALL)

    def __init__(self) -> None:
        self.step: BuildStep | None = None
        self._told = False
        self._container = ""

    def take(self, text: str) -> Iterator[BuildProgress]:
        if self._container:
            # Between these two lines everything is the command's, whatever it looks like.
            if text.startswith(tuple(f"{said}{self._container}" for said in self._REMOVED)):
                self._container = ""
            else:
                yield self._output(text)
        elif header := self._HEADER.fullmatch(text):
            yield from self.end(0)
            self.step = BuildStep(int(header[1]), header[2])
        elif text == self._CACHED:
            self.step = None
        elif running := self._RUNNING.fullmatch(text):
            yield from self.begin()
            self._container = running[1]
        elif self._DONE.fullmatch(text):
            yield from self.begin()
        elif not self._SAID_OTHERWISE.fullmatch(text):
            yield from self.begin()
            yield self._output(text)

    def begin(self) -> Iterator[BuildProgress]:
        """Tells the step unless it was."""
        if self.step is not None and not self._told:
            self._told = True
            yield self.step

    def end(self, code: int | None) -> Iterator[BuildProgress]:
        if self.step is not None and self._told:
            yield BuildStepDone(self.step.number, code)
        self.step, self._told, self._container = None, False, ""

    def _output(self, text: str) -> BuildOutput:
        number = self.step.number if self.step else 0
        stderr = self._STDERR.fullmatch(text)
        return BuildOutput(number, (stderr[1] if stderr else text).encode(), stderr is not None)


class _BuildKitSteps:
    """The steps of BuildKit: vertexes of its graph, several of which may be carried out at once.

    What has no inputs is only fetched, in two goes: base images, and what an `ADD` downloads.
    """

    def __init__(self) -> None:
        self._vertexes: dict[str, trace.Vertex] = {}
        self._begun: dict[str, BuildStep] = {}
        self._over: set[str] = set()

    def take(self, aux: str) -> Iterator[BuildProgress]:
        try:
            status = trace.read(aux)
        except ValueError:
            return  # the build itself is none the worse
        for vertex in status.vertexes:
            self._vertexes[vertex.digest] = vertex
            if vertex.inputs and vertex.started and not vertex.cached:
                yield from self._begin(vertex)
        for log in status.logs:
            step = self._begun.get(log.digest)
            yield BuildOutput(step.number if step else 0, log.data, log.is_stderr)
        for vertex in status.vertexes:
            if vertex.completed:
                yield from self._end(vertex)

    def failed(self, reason: str) -> BuildStep:
        """The step whose error the build's `reason` repeats; others are given up because of it."""
        for vertex in self._vertexes.values():
            if vertex.error and vertex.error in reason:
                return self._begun.get(vertex.digest) or BuildStep(0, self._text_for(vertex))
        return BuildStep(0, "")

    def _begin(self, vertex: trace.Vertex) -> Iterator[BuildProgress]:
        text = _step_text(vertex)
        if text and vertex.digest not in self._begun:
            self._begun[vertex.digest] = step = BuildStep(len(self._begun) + 1, text)
            yield step

    def _end(self, vertex: trace.Vertex) -> Iterator[BuildProgress]:
        step = self._begun.get(vertex.digest)
        if step is not None and vertex.digest not in self._over:
            self._over.add(vertex.digest)  # it may be reported again
            yield BuildStepDone(step.number, _exit_code(vertex.error) if vertex.error else 0)

    def _text_for(self, vertex: trace.Vertex) -> str:
        """The step that `vertex` belongs to, which may be the one that it is fetched for."""
        users = (each for each in self._vertexes.values() if vertex.digest in each.inputs)
        return next(filter(None, map(_step_text, (vertex, *users))), "")


def _step_text(vertex: trace.Vertex) -> str:
    """The instruction that a vertex carries out; empty where it is the builder's own business."""
    found = _BUILDKIT_STEP.fullmatch(vertex.name)
    return found[1] if found else ""


def _exit_code(reason: str) -> int | None:
    """How BuildKit ends its words on a command that failed."""
    found = re.search(r"exit code: (\d+)$", reason)
    return int(found[1]) if found else None
