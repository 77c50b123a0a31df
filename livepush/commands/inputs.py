"""What a command is about: a Dockerfile, its build context, and what a build would be given."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from livepush.archived import without_archives
from livepush.commands.complaint import tell
from livepush.context import Context
from livepush.errors import DockerfileParseError, InvalidArgumentError
from livepush.legible import visible
from livepush.live import Dockerfile
from livepush.model import Graph, Replay
from livepush.snapshot import Snapshot

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Inputs:
    """`path` is the context and `shown` the Dockerfile as the user called them.

    `place` is where the Dockerfile is, as `Context.open` takes it.
    """

    path: str
    shown: str
    place: str
    context: Context
    dockerfile: Dockerfile
    build_args: Mapping[str, str] = field(default_factory=dict, repr=False)
    target: str = ""
    replay: Replay = "in-place"

    def graph(self) -> Graph:
        """The stages, as far as they are known without an engine. Raises as `Dockerfile.graph`."""
        graph = self.dockerfile.graph(build_args=self.build_args, target=self.target)
        graph = replace(graph, replay=self.replay)
        return without_archives(graph, Snapshot(self.context, self.context.scan()))

    def kept(self, files: Collection[str]) -> tuple[str, ...]:
        """Those of `files` that a build would be sent; the others are named on standard error.

        Raises `InvalidArgumentError` for one outside of the context.
        """
        relative = {name: self._file(name) for name in files}
        ignore_file = self.context.ignore_file or ""
        for name, path in relative.items():
            if self.context.skips(path):
                tell(f"livepush: {visible(name)} is ignored by {visible(ignore_file)}")
        return tuple(path for path in relative.values() if not self.context.skips(path))

    def _file(self, name: str) -> str:
        path = self.context.relative(name)
        if not path:
            raise InvalidArgumentError(
                f"{name!r} is the whole build context and no file of it",
                hint="Put PATH before --changed and --deleted: every word after them is a FILE.",
            )
        return path


def dockerfile_name(path: str, file: str) -> str:
    """How messages call the Dockerfile that `PATH` and `--file` name."""
    if file == STDIN:
        return "standard input"
    return file or os.path.normpath(os.path.join(path, "Dockerfile"))


def read_inputs(
    path: str, file: str, *, build_args: Iterable[str] = (), target: str = ""
) -> Inputs:
    """Reads what `PATH`, `--file`, `--build-arg` and `--target` name.

    Raises `DockerfileParseError` for the Dockerfile's text, and `InvalidArgumentError` where it,
    the context or the ignore file cannot be read.
    """
    shown = dockerfile_name(path, file)
    # A file in the context of that name is no harm: it is compared with what was read here.
    place = STDIN if file == STDIN else os.path.abspath(shown)
    try:
        context = Context.open(path, dockerfile=place)
    except DockerfileParseError as error:  # of the ignore file, which its message names
        raise InvalidArgumentError(error.message, hint=error.hint) from error
    dockerfile = Dockerfile(_read(shown, file))
    return Inputs(path, shown, place, context, dockerfile, given(build_args, os.environ), target)


def given(build_args: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """`K=V` as it is; `K` has the environment's value, and is not given where it has none.

    Raises `InvalidArgumentError` for one without a name.
    """
    split = [
        (name, equals, value) for name, equals, value in (a.partition("=") for a in build_args)
    ]
    if not all(name for name, _, _ in split):
        # Which one is not told: its value may be a secret.
        raise InvalidArgumentError("a build argument has no name", hint="Write it as K=V or K.")
    return {
        name: value if equals else environ[name]
        for name, equals, value in split
        if equals or name in environ
    }


def _read(shown: str, file: str) -> bytes:
    if file == STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(shown).read_bytes()
    except FileNotFoundError:
        where = os.path.abspath(shown)
        raise InvalidArgumentError(
            f"there is no Dockerfile at {where}", hint="Say where it is with -f FILE."
        ) from None
    except OSError as error:
        raise InvalidArgumentError(
            f"the Dockerfile {shown} cannot be read: {error.strerror}",
            hint="Name another one with -f FILE.",
        ) from error
