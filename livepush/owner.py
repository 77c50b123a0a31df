"""`--chown` and `USER` to numbers, by a container's own passwd and group. Pure.

As BuildKit has it: a number without a group is that user's number as the group's too, a name
without a group has its passwd group, a user that is not known is root, and a group that is not
known is the user's.
"""

from __future__ import annotations

from collections.abc import Iterator


def needs_files(text: str) -> bool:
    """Whether `text` has a name in it, so that passwd and group must be read."""
    return not all(part.isdigit() for part in text.split(":") if part)


def resolve(text: str, passwd: str, group: str) -> tuple[int, int]:
    """The user and group numbers that `user[:group]` means."""
    user, colon, group_name = text.partition(":")
    uid, gid = _user(user, passwd)
    if not colon:
        return uid, gid
    if not group_name:
        return uid, 0  # a colon with nothing behind it names group 0
    if group_name.isdigit():
        return uid, int(group_name)
    return uid, next((int(row[2]) for row in _rows(group, 3) if row[0] == group_name), gid)


def _user(user: str, passwd: str) -> tuple[int, int]:
    if user.isdigit():
        return int(user), int(user)
    return next(((int(row[2]), int(row[3])) for row in _rows(passwd, 4) if row[0] == user), (0, 0))


def _rows(text: str, fields: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        row = line.split(":")
        if len(row) >= fields and all(part.isdigit() for part in row[2:fields]):
            yield row
