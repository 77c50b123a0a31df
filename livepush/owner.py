"""`--chown` and `USER` to numbers, by a container's own passwd and group. Pure.

As BuildKit has it: a number without a group is that user's number as the group's too, a name
without a group has its passwd group, a user that is not known is root, and a group that is not
known is the user's. For the engine's own builder a user without a group has the group of the same
name or number, and who is not known fails the build.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NUMBER = re.compile(r"[+-]?[0-9]+")
_BITS = 0xFFFFFFFF  # of a user's or a group's number


class UnknownOwner(Exception):  # noqa: N818  # a verdict for the caller, not a fault
    """A user or group that the engine's own builder does not find; the text names it."""


def needs_files(text: str) -> bool:
    """Whether `text` has a name in it, so that passwd and group must be read."""
    return any(part and _number(part) is None for part in text.split(":"))


def resolve(text: str, passwd: str, group: str) -> tuple[int, int]:
    """The user and group numbers that `user[:group]` means."""
    user, colon, group_name = text.partition(":")
    uid, gid = _user(user, passwd)
    if not colon:
        return uid, gid
    if not group_name:
        return uid, 0  # a colon with nothing behind it names group 0
    number = _number(group_name)
    if number is not None:
        return uid, number
    return uid, next((row[0] for name, row in _rows(group, 1) if name == group_name), gid)


def resolve_legacy(text: str, passwd: str, group: str) -> tuple[int, int]:
    """The same for the engine's own builder. Raises `UnknownOwner`."""
    user, *groups = text.split(":")
    if len(groups) > 1:
        raise UnknownOwner(text)
    return _known(user, passwd), _known(groups[0] if groups else user, group)


def _known(name: str, file: str) -> int:
    number = _number(name)
    if number is not None:
        return number
    for found, row in _rows(file, 1):
        if found == name:
            return row[0]
    raise UnknownOwner(name)


def _user(user: str, passwd: str) -> tuple[int, int]:
    number = _number(user)
    if number is not None:
        return number, number
    return next(((row[0], row[1]) for name, row in _rows(passwd, 2) if name == user), (0, 0))


def _number(text: str) -> int | None:
    return int(text) & _BITS if _NUMBER.fullmatch(text) else None


def _rows(text: str, numbers: int) -> Iterator[tuple[str, list[int]]]:
    """The name of each row and its numbers, which are 0 where the file has none."""
    for line in text.splitlines():
        name, *fields = line.strip().split(":")
        found = [_number(field) or 0 for field in fields[1 : 1 + numbers]]
        yield name, [*found, *[0] * (numbers - len(found))]
