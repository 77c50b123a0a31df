"""What happened, past tense: the events of a session, and their form on the wire.

In Python an event is a frozen dataclass with snake_case attributes. On the wire it is one JSON
object a line, `{"event": name, "time": RFC 3339, "push": serial or null, …}`, camelCase fields.
Names and fields are a contract with frontends: add to them, never change them.
"""

from __future__ import annotations

import json
import re
from dataclasses import Field, dataclass, field, fields
from datetime import UTC, datetime
from typing import ClassVar, Literal

_CONTROL = re.compile("[\x7f-\x9f\u2028\u2029]")

PushStatus = Literal["succeeded", "failed", "cancelled", "nothing"]


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`time` is when it was told, in UTC; `push` is the serial of the push it belongs to."""

    name: ClassVar[str]
    time: datetime = field(default_factory=now)
    push: int | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A piece of a command's output, as it came: `data` is at most some 64 KiB, never a line."""

    data: bytes
    is_stderr: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready(Event):
    """From now on no change can be missed. `stages` is how many stages are followed."""

    name: ClassVar[str] = "ready"
    container_id: str
    stages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LivepushStart(Event):
    """A push begins, or more joins it; `plan` is its printed form, a line an item."""

    name: ClassVar[str] = "livepushStart"
    changed: tuple[str, ...]
    deleted: tuple[str, ...]
    plan: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesSyncing(Event):
    """`written` of the `of` entries that a step brings are on their way; told once a second."""

    name: ClassVar[str] = "filesSyncing"
    stage_idx: int
    written: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesSynced(Event):
    """Entries of the build context, or of another stage, are in a stage's container."""

    name: ClassVar[str] = "filesSynced"
    stage_idx: int
    written: int
    deleted: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandExecute(Event):
    """A command begins, in the container of a stage or in a build of it.

    One that began in that container before and has not returned was ended by newer changes.
    """

    name: ClassVar[str] = "commandExecute"
    stage_idx: int
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOutput(Event):
    name: ClassVar[str] = "commandOutput"
    stage_idx: int
    output: Output


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReturn(Event):
    name: ClassVar[str] = "commandReturn"
    stage_idx: int
    command: str
    return_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRestart(Event):
    name: ClassVar[str] = "containerRestart"
    container_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel(Event):
    """The push was overtaken or called off; what it owed is still owed."""

    name: ClassVar[str] = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Where the time of a push went, in seconds.

    `detect` is from the first news of its changes to its beginning, less `plan`, which is part of
    that; `transfer` goes into files, `run` into commands and builds. Of stages that are carried
    out at once, each counts.
    """

    detect: float = 0.0
    plan: float = 0.0
    transfer: float = 0.0
    run: float = 0.0
    restart: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LivepushEnd(Event):
    """The push is over; `owed` are the paths that have not landed yet."""

    name: ClassVar[str] = "livepushEnd"
    status: PushStatus
    seconds: float
    owed: tuple[str, ...]
    timings: Timings = Timings()


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildNeeded(Event):
    """A change reached what cannot be replayed live: only a new image can follow it."""

    name: ClassVar[str] = "rebuildNeeded"
    reason: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerStopped(Event):
    name: ClassVar[str] = "containerStopped"
    container_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerStarted(Event):
    name: ClassVar[str] = "containerStarted"
    container_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """Nothing is wrong yet, but a person should know it; `line` is of the Dockerfile."""

    name: ClassVar[str] = "notice"
    message: str
    line: int | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Error(Event):
    """Something is wrong that a person should know; the session goes on."""

    name: ClassVar[str] = "error"
    message: str
    hint: str = ""


EVENTS: tuple[type[Event], ...] = (
    Ready,
    LivepushStart,
    FilesSyncing,
    FilesSynced,
    CommandExecute,
    CommandOutput,
    CommandReturn,
    ContainerRestart,
    Cancel,
    LivepushEnd,
    RebuildNeeded,
    ContainerStopped,
    ContainerStarted,
    Notice,
    Error,
)
NAMES = frozenset(event.name for event in EVENTS)


def to_wire(event: Event) -> str:
    """The event as one line of JSON, without the line's end; undecodable bytes become U+FFFD.

    Control characters are escaped, those above ASCII too: some readers end a line at them, and
    terminals obey them.
    """
    wire: dict[str, object] = {"event": event.name}
    wire.update(_wire_fields(event, fields(event)))
    text = json.dumps(wire, ensure_ascii=False, separators=(",", ":"))
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _wire_fields(value: object, names: tuple[Field[object], ...]) -> dict[str, object]:
    return {_camel(f.name): _wire(getattr(value, f.name)) for f in names}


def _wire(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, str):
        # A file name that is not UTF-8 carries surrogates, which JSON readers refuse.
        return value.encode(errors="surrogateescape").decode(errors="replace")
    if isinstance(value, tuple):
        return [_wire(item) for item in value]
    if isinstance(value, float):
        return round(value, 6)
    return _wire_fields(value, fields(value)) if isinstance(value, Output | Timings) else value


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)
