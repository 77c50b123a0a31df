"""A builder for the fake engine: it builds the Dockerfiles that tests use, step by step.

It knows `FROM` (images of the engine, earlier stages, `scratch`), `COPY` and `ADD` of files and of
directories' contents, also `--from` a stage, `RUN` with the commands of
`livepush.testing.commands`, and `WORKDIR`. How files are copied is written here once more, apart
from how livepush copies them, so that one can be checked against the other.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping

from livepush.buildcontext import DOCKERFILE
from livepush.engine import BuildOutput, BuildStep, BuildStepDone, Command, ImageConfig, Tell
from livepush.errors import BuildFailedError
from livepush.live import Dockerfile
from livepush.model import Copy, MakeDir, Run, Stage, Step
from livepush.testing.commands import run_command
from livepush.testing.files import Files, Node
from livepush.testing.images import FakeImage

Images = Callable[[str], FakeImage]


class DockerfileBuilder:
    """Builds from a context, as `FakeEngine(builder=…)` asks for it. `images` gives base images."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def __call__(self, context: bytes, dockerfile: bytes, target: str, tell: Tell) -> FakeImage:
        """Raises `BuildFailedError` for a source that is not there and a command that fails."""
        sent = Files()
        sent.extract(context)
        graph = Dockerfile(dockerfile).graph(target=target)
        for own in {DOCKERFILE, ".dockerignore"} & set(_ignored(sent)):
            sent.remove(f"/{own}")
        built: dict[int, Files] = {}
        for stage in graph.followed():
            build = _Build(sent, built, self._base(stage), tell)
            for step in stage.steps:
                build.take(step)
            built[stage.index] = build.files
        return FakeImage(built[graph.target.index], ImageConfig(""))

    def _base(self, stage: Stage) -> Files:
        return Files() if stage.image == "scratch" else self._images(stage.image).files.copy()


def _ignored(sent: Files) -> list[str]:
    """As the engine's own builder has it: of what is ignored only these two are ever sent."""
    return (sent.read("/.dockerignore") or b"").decode().splitlines()


class _Build:
    def __init__(
        self, context: Files, stages: Mapping[int, Files], files: Files, tell: Tell
    ) -> None:
        self.files = files
        self._context = context
        self._stages = stages
        self._tell = tell

    def take(self, step: Step) -> None:
        self._tell(BuildStep(step.line, step.text))
        match step:
            case Copy():
                self._copy(step)
            case Run():
                self._run(step)
            case MakeDir():
                if self.files.node(step.path) is None:
                    self.files.place(step.path, Node("dir", 0o755))
            case _:
                raise BuildFailedError(f"no test builds {step.text}", step=step.text)
        self._tell(BuildStepDone(step.line, 0))

    def _run(self, step: Run) -> None:
        def output(piece: bytes, is_stderr: bool) -> None:
            self._tell(BuildOutput(step.line, piece, is_stderr))

        env = tuple(f"{name}={value}" for name, value in step.env)
        command = Command(step.argv, env, step.user, step.workdir)
        running = run_command(self.files, command, output, _no_time)
        try:
            running.send(None)
        except StopIteration as ended:
            code = int(ended.value)
        if code:
            self._tell(BuildStepDone(step.line, code))
            raise BuildFailedError(f"{step.text} returned {code}", step=step.text, return_code=code)

    def _copy(self, step: Copy) -> None:
        origin = self._stages[step.origin] if isinstance(step.origin, int) else self._context
        there = self.files.node(self.files.resolve(step.dest) or "")
        into = step.dest_is_dir or (there is not None and there.kind == "dir")
        for source in step.sources:
            path = origin.resolve(f"/{source}")
            node = origin.node(path) if path is not None else None
            if node is None or path is None:
                raise BuildFailedError(f"{source} not found", step=step.text)
            if node.kind == "dir":
                self._contents(origin, path, step.dest)
            else:
                dest = posixpath.join(step.dest, posixpath.basename(source)) if into else step.dest
                self._place(dest, node)

    def _contents(self, origin: Files, directory: str, dest: str) -> None:
        if self.files.node(dest) is None:
            self.files.place(dest, Node("dir", 0o755))
        for path in origin.below(directory):
            node = origin.node(path)
            assert node is not None  # noqa: S101  # it is among the paths
            self._place(posixpath.join(dest, path[len(directory) :].lstrip("/")), node)

    def _place(self, path: str, node: Node) -> None:
        there = self.files.node(path)
        if there is not None and (there.kind == "dir") != (node.kind == "dir"):
            raise BuildFailedError(f"{path} is of another kind")
        self.files.place(path, Node(node.kind, node.mode, 0, 0, node.content, node.target))


async def _no_time(_: float) -> None:
    """A build's clock: it stands still."""
