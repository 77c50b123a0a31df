"""Protocol buffers for tests, as BuildKit's progress is made of them."""

from __future__ import annotations

import base64


def field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def encoded(message: bytes) -> str:
    return base64.b64encode(message).decode()


def _varint(value: int) -> bytes:
    head = b""
    while value > 0x7F:
        head += bytes([value & 0x7F | 0x80])
        value >>= 7
    return head + bytes([value])
