"""The nouns: what a Dockerfile says. Values only: frozen, compared whole, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Heredoc:
    """One `<<WORD` of an instruction: its `name`, whether `$` expands in its `body`, and that."""

    name: str
    body: str
    expand: bool


@dataclass(frozen=True, slots=True)
class Flag:
    """`--name=value` before the operands of an instruction; `value` is None for a bare `--name`."""

    name: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile.

    `keyword` is upper case. `text` is what follows it, continuation lines joined, comments inside
    dropped, flags included; `operands` is `text` without the flags. `line` and `end_line` count
    from 1 and include continuation lines and heredoc bodies. `directive` names the `#dev-…`
    directive that wrote it, and is empty for an instruction that stood there as it is.
    """

    keyword: str
    text: str
    operands: str
    flags: tuple[Flag, ...]
    heredocs: tuple[Heredoc, ...]
    line: int
    end_line: int
    directive: str = ""

    def __str__(self) -> str:
        return f"{self.keyword} {self.text}"

    def flag(self, name: str) -> str | None:
        """The value of `--name`, `""` for a bare one, None where it is absent."""
        for flag in self.flags:
            if flag.name == name:
                return flag.value or ""
        return None


@dataclass(frozen=True, slots=True)
class Arguments:
    """Build arguments: `given` by the caller, `defaults` from the ARGs before the first FROM."""

    given: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a step sees at its line: the state that the instructions before it have built up.

    `env` holds both ENV and ARG values as the step sees them, `kept` the ENV values alone, which
    stay in the image. `user` is empty for root by default. `stages` are the names and numbers that
    `--from` may use. With `legacy` the rules are those of the engine's own builder, where they are
    not BuildKit's; `buildkit` is whether that is known to be one before 0.13.
    """

    workdir: str = "/"
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    shell: tuple[str, ...] = ("/bin/sh", "-c")
    escape: str = "\\"
    stages: Mapping[str, int] = field(default_factory=dict)
    arguments: Arguments = field(default_factory=Arguments)
    onbuild: tuple[str, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)
    legacy: bool = False
    buildkit: Literal["", "old", "new"] = ""


@dataclass(frozen=True, slots=True)
class Copy:
    """A `COPY`, or an `ADD` of local files.

    `sources` are clean paths relative to the build context, or to the root of `origin`: the number
    of an earlier stage or an image's name; None is the context. `dest` is absolute and clean,
    `dest_is_dir` says that it was written as a directory. `inline` are heredocs, name and bytes.
    With `--parents`, `parents` has for each source the pattern of what is copied below it. To some
    destinations `only_one` file or directory can be copied. `chmod` leaves the bits `chmod_keeps`.
    `beside` is what other steps copy of the context, where it matters: a client sends that, too.
    """

    line: int
    text: str
    sources: tuple[str, ...]
    dest: str
    dest_is_dir: bool
    origin: int | str | None = None
    chown: str = ""
    chmod: int | None = None
    chmod_keeps: int = 0
    is_add: bool = False
    inline: tuple[tuple[str, bytes], ...] = ()
    parents: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    only_one: bool = False
    legacy: bool = False
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A `RUN`: `command` is what people are shown, the rest is how it runs in a container.

    `env` is its whole environment as `(name, value)`, without what the engine itself adds.
    """

    line: int
    text: str
    command: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    user: str
    workdir: str


@dataclass(frozen=True, slots=True)
class MakeDir:
    """A `WORKDIR`: the directory is there after it, `user` owns it where it had to be made."""

    line: int
    text: str
    path: str
    user: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """A step that only a build can take; `reason` says why, as the end of "line N: TEXT …".

    It is reached by a change below one of `sources` of the context or in one of the stages
    `origins` and, `is_command`, by every earlier step. Not `buildable`, it needs what a builder
    only gets from the one who runs it, such as a secret: livepush cannot have it built.
    """

    line: int
    text: str
    reason: str
    sources: tuple[str, ...] = ()
    is_command: bool = False
    origins: tuple[int, ...] = ()
    buildable: bool = True


Step = Copy | Run | MakeDir | Fixed


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: the steps that a container of it has been through, a parent stage's included.

    `base` is an image's name or the number of the parent stage. `live_from` is how many of `steps`
    stand before the live point: what only reaches later steps restarts nothing. Without a live
    point it is None and every step restarts.
    """

    index: int
    name: str
    line: int
    base: str | int
    image: str
    steps: tuple[Step, ...]
    scope: Scope
    live_from: int | None = None


Replay = Literal["in-place", "clean"]
"""How commands come again: in the stage's own container, or in a build, which begins clean."""


@dataclass(frozen=True, slots=True)
class Graph:
    """All stages up to the target, which is the last one and runs the application."""

    stages: tuple[Stage, ...]
    replay: Replay = "in-place"

    @property
    def target(self) -> Stage:
        return self.stages[-1]

    def followed(self) -> tuple[Stage, ...]:
        """The stages that need a container: the target, and those it copies from, at any remove."""
        needed = {self.target.index}
        for stage in reversed(self.stages):
            if stage.index in needed:
                needed.update(*map(origins, stage.steps))
        return tuple(stage for stage in self.stages if stage.index in needed)


def is_command(step: Step) -> bool:
    """Whether a step runs something, which may have changed any file."""
    return isinstance(step, Run) or (isinstance(step, Fixed) and step.is_command)


def origins(step: Step) -> tuple[int, ...]:
    """The earlier stages that a step takes files from."""
    if isinstance(step, Fixed):
        return step.origins
    return (step.origin,) if isinstance(step, Copy) and isinstance(step.origin, int) else ()


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at one path of a tree: a build context, a stage's files, what a COPY writes.

    `mode` is the permission bits with setuid, setgid and sticky; `target` a link's text. `stamp`
    changes whenever the content on disk may have changed (size, mtime, ctime and inode), `digest`
    is the content's SHA-256 where it is known. `inode` is set for a file with several names and
    equal for all of them. `content` holds the bytes of a file that no disk holds (a heredoc),
    `xattrs` extended attributes; None means that they are not known before the file is opened.
    `pipe` tells a named pipe of a build context from sockets and devices.
    """

    kind: Literal["file", "dir", "link", "other"]
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    target: str = ""
    mtime: int = 0  # seconds
    stamp: tuple[int, ...] = ()
    digest: bytes = b""
    inode: tuple[int, ...] | None = None
    content: bytes | None = None
    xattrs: tuple[tuple[str, bytes], ...] | None = None
    pipe: bool = False

    def altered(
        self, mode: int, digest: bytes, xattrs: tuple[tuple[str, bytes], ...] | None
    ) -> Entry:
        """The same, but for these; in a quarter of the time that `dataclasses.replace` takes.

        Of a large context there are many.
        """
        return Entry(
            self.kind,
            mode,
            self.uid,
            self.gid,
            self.size,
            self.target,
            self.mtime,
            self.stamp,
            digest,
            self.inode,
            self.content,
            xattrs,
            self.pipe,
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths that really differ between two trees: there and different or new, and gone."""

    changed: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()

    def then(self, other: Changes) -> Changes:
        """These changes and `other` after them; of a path, the later verdict holds."""
        return Changes(
            (self.changed - other.deleted) | other.changed,
            (self.deleted - other.changed) | other.deleted,
        )

    def __bool__(self) -> bool:
        return bool(self.changed or self.deleted)
