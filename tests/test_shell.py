"""The programs for containers, as far as they can be judged without one."""

from __future__ import annotations

from livepush.engine import Command
from livepush.shell import deletions, ending, supervised

LARGEST_STRING = 128 * 1024  # Linux's limit for one argument
LARGEST_LIST = 2 * 1024 * 1024 // 2  # for all, with as much left for the environment


def test_long_deletions_are_parted_in_order() -> None:
    paths = [f"/{'p' * 4000}/{index}" for index in range(1000)]
    directories = [f"/{'d' * 4000}/{index}" for index in range(200)]
    lists = [*deletions(paths, directories)]
    items = [item for argv in lists for item in argv[4:]]
    assert items == [*(f"r:{path}" for path in paths), *(f"d:{path}" for path in directories)]
    assert len(lists) > 1
    for argv in lists:
        assert sum(len(string.encode()) + 9 for string in argv) < LARGEST_LIST


def test_nothing_to_delete_is_no_command() -> None:
    assert [*deletions([], [])] == []


def test_bytes_that_are_not_text_are_spelled_out() -> None:
    [argv] = deletions([b"/\xff1\n".decode(errors="surrogateescape"), "/é"], [])
    assert argv[4:] == [r"r%\0057\0377\0061\0012", "r:/é"]


def test_programs_are_small_enough_for_one_argument() -> None:
    first, _ = supervised(Command(("true",)), "name")
    for argv in (first, ending("1", "-", 0.0), *deletions(["/a"], [])):
        assert all(len(string) < LARGEST_STRING for string in argv)


def test_a_grace_is_rounded_up_to_hundredths() -> None:
    assert ending("7", "12", 0.001)[-3:] == ["7", "12", "1"]
    assert ending("7", "-", 10)[-3:] == ["7", "-", "1000"]
