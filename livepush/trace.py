"""BuildKit's progress, as the Docker Engine API streams it: protocol buffers in base64.

Only what a build's steps need is read of BuildKit's `StatusResponse` (`moby/buildkit`,
`api/services/control/control.proto`); fields that are not known are passed over.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTH = {_FIXED64: 8, _FIXED32: 4}
_STDERR = 2
_LONGEST_VARINT = 10  # bytes, of 7 bits each

_Fields = dict[int, list[int | bytes]]


@dataclass(frozen=True, slots=True)
class Vertex:
    """What BuildKit works on, as it is now; it may be started again when it was completed.

    `inputs` are the digests of the vertexes that it needs.
    """

    digest: str
    name: str
    inputs: tuple[str, ...] = ()
    cached: bool = False
    started: bool = False
    completed: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Log:
    """A piece of the output of a vertex."""

    digest: str
    data: bytes
    is_stderr: bool


@dataclass(frozen=True, slots=True)
class Status:
    """What is new since the one before."""

    vertexes: tuple[Vertex, ...]
    logs: tuple[Log, ...]


def read(encoded: str) -> Status:
    """From the `aux` of one `moby.buildkit.trace`. Raises `ValueError` for what is none."""
    fields = _fields(base64.b64decode(encoded, validate=True))
    return Status(
        tuple(_vertex(_fields(each)) for each in _all_bytes(fields, 1)),
        tuple(_log(_fields(each)) for each in _all_bytes(fields, 3)),
    )


def _vertex(fields: _Fields) -> Vertex:
    return Vertex(
        digest=_text(fields, 1),
        inputs=tuple(each.decode(errors="replace") for each in _all_bytes(fields, 2)),
        name=_text(fields, 3),
        cached=bool(_number(fields, 4)),
        started=5 in fields,
        completed=6 in fields,
        error=_text(fields, 7),
    )


def _log(fields: _Fields) -> Log:
    data = b"".join(_all_bytes(fields, 4))
    return Log(_text(fields, 1), data, is_stderr=_number(fields, 3) == _STDERR)


def _all_bytes(fields: _Fields, number: int) -> list[bytes]:
    found = fields.get(number, [])
    if not all(isinstance(each, bytes) for each in found):
        raise ValueError(f"field {number} of a trace holds numbers")
    return [each for each in found if isinstance(each, bytes)]


def _text(fields: _Fields, number: int) -> str:
    return b"".join(_all_bytes(fields, number)[-1:]).decode(errors="replace")


def _number(fields: _Fields, number: int) -> int:
    found = fields.get(number, [0])[-1]
    if isinstance(found, bytes):
        raise ValueError(f"field {number} of a trace is no number")
    return found


def _fields(message: bytes) -> _Fields:
    """The fields of a message by number, each with all its values in order."""
    found: _Fields = {}
    for number, value in _each_field(message):
        found.setdefault(number, []).append(value)
    return found


def _each_field(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in _WIDTH:
            size = _WIDTH[kind]
        else:
            raise ValueError(f"a trace has a field of the unknown kind {kind}")
        if at + size > len(message):
            raise ValueError("a trace is cut short")
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins at `at`, and where what follows it begins."""
    value = 0
    for count, byte in enumerate(message[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value, at + count + 1
    raise ValueError("a trace is cut short, or has a number without an end")
