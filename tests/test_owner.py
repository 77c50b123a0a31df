"""`--chown` and `USER` as numbers, by the passwd and group of the image."""

from __future__ import annotations

import pytest

from livepush.owner import needs_files, resolve

USERS = """root:x:0:0::/root:/bin/sh
# bob:x:9:9::/:/bin/sh
broken:x:one:two
cut:x:5
short:x:5:6
bob:x:1001:1002::/home/bob:/bin/sh
bob:x:7:7:a second bob:/:/bin/sh
"""
GROUPS = "root:x:0:\nstaff:x:50:bob\nbad\nfew:x:9\nbob:x:1002:\n"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1000", (1000, 1000)),
        ("1001", (1001, 1001)),  # a number is not looked up
        ("1000:50", (1000, 50)),
        ("0:0", (0, 0)),
        ("bob", (1001, 1002)),
        ("bob:staff", (1001, 50)),
        ("bob:7", (1001, 7)),
        ("7:staff", (7, 50)),
        ("1001:bob", (1001, 1002)),
        ("bob:", (1001, 0)),
        ("7:", (7, 0)),
        (":50", (0, 50)),
        (":staff", (0, 50)),
        ("nobody", (0, 0)),
        ("nobody:staff", (0, 50)),
        ("bob:nogroup", (1001, 1002)),
        ("7:nogroup", (7, 7)),
        ("broken", (0, 0)),
        ("cut", (0, 0)),
        ("short", (5, 6)),
        ("7:few", (7, 9)),
        ("", (0, 0)),
    ],
)
def test_resolve(text: str, numbers: tuple[int, int]) -> None:
    assert resolve(text, USERS, GROUPS) == numbers


def test_names_without_files_are_root() -> None:
    assert resolve("bob:staff", "", "") == (0, 0)


@pytest.mark.parametrize(
    ("text", "needed"),
    [("", False), ("7", False), ("7:8", False), (":8", False), ("bob", True), ("7:staff", True)],
)
def test_files_are_needed_for_names_only(text: str, needed: bool) -> None:
    assert needs_files(text) is needed
