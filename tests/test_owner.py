"""`--chown` and `USER` as numbers, by the passwd and group of the image."""

from __future__ import annotations

import pytest

from livepush.owner import UnknownOwner, needs_files, resolve, resolve_legacy

USERS = """root:x:0:0::/root:/bin/sh
# bob:x:9:9::/:/bin/sh
broken:x:one:two
cut:x:5
short:x:5:6
bob:x:1001:1002::/home/bob:/bin/sh
bob:x:7:7:a second bob:/:/bin/sh
 indented:x:8:9
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
        ("cut", (5, 0)),
        ("indented", (8, 9)),
        ("# bob", (9, 9)),
        ("+5", (5, 5)),
        ("-5:-6", (4294967291, 4294967290)),
        ("7:bad", (7, 0)),
        ("bob:bob:bob", (1001, 1002)),
        ("5:6:7", (5, 5)),
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
    ("text", "numbers"),
    [
        ("1000", (1000, 1000)),
        ("-5", (4294967291, 4294967291)),
        ("1000:50", (1000, 50)),
        ("bob", (1001, 1003)),  # the group of that name, whatever passwd says
        ("bob:staff", (1001, 50)),
        ("7:staff", (7, 50)),
        ("bob:7", (1001, 7)),
        ("broken:7", (0, 7)),
    ],
)
def test_owners_for_the_engine_s_own_builder(text: str, numbers: tuple[int, int]) -> None:
    assert resolve_legacy(text, USERS, "staff:x:50:\nbob:x:1003:\n") == numbers


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("bob:", ""),
        (":50", ""),
        (":", ""),
        ("nobody", "nobody"),
        ("nobody:50", "nobody"),
        ("bob:nogroup", "nogroup"),
        ("cut", "cut"),  # there is no group of that name
        ("5:6:7", "5:6:7"),
        ("0x5", "0x5"),
    ],
)
def test_whom_the_engine_s_own_builder_does_not_know(text: str, unknown: str) -> None:
    with pytest.raises(UnknownOwner) as error:
        resolve_legacy(text, USERS, GROUPS)
    assert str(error.value) == unknown


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("", False),
        ("7", False),
        ("-7:+8", False),
        (":8", False),
        ("bob", True),
        ("7:staff", True),
        ("0x5", True),
    ],
)
def test_files_are_needed_for_names_only(text: str, needed: bool) -> None:
    assert needs_files(text) is needed
