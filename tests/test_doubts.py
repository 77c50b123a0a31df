"""What is looked at closer, and when: before it is sent, or only after."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import IO

import pytest

from livepush import doubts
from livepush.manifest import Item, Manifest
from livepush.model import Entry
from livepush.tree import Tree

OLD = Entry("file", 0o644, size=3, digest=b"old", stamp=(1,), mtime=1, xattrs=())
SAVED = replace(OLD, digest=b"", stamp=(2,), mtime=2)


class Files:
    tree = Tree({})

    def __init__(self) -> None:
        self.opened: list[str] = []

    def open_file(self, path: str) -> IO[bytes]:
        self.opened.append(path)
        return BytesIO(b"new")


def of(entry: Entry) -> Manifest:
    return Manifest({"/f": Item(entry, "f")})


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.setattr(doubts, "_LARGE", 3)
    return Files()


def test_only_what_may_be_equal_is_read(files: Files) -> None:
    closer = doubts.may_be_equal(of(SAVED), of(OLD), frozenset({"f"}))
    read = doubts.with_digests(of(SAVED), closer, files)
    assert read.items["/f"].entry.digest not in (b"", b"old")
    for wanted, landed in (
        (SAVED, replace(OLD, digest=b"")),
        (SAVED, replace(OLD, size=2)),
        (replace(SAVED, size=4), replace(OLD, size=4)),
    ):
        assert doubts.may_be_equal(of(wanted), of(landed), frozenset({"f"})) == {}
    assert files.opened == ["f"]


@pytest.mark.parametrize(
    ("sent", "is_news"),
    [
        (replace(SAVED, digest=b"old"), False),
        (replace(SAVED, digest=b"new"), True),
        (replace(SAVED, digest=b"old", mode=0o600), True),
        (replace(SAVED, digest=b"old", xattrs=(("user.a", b""),)), True),
    ],
)
def test_a_large_file_is_compared_once_it_was_sent(
    files: Files, sent: Entry, is_news: bool
) -> None:
    landed, now = of(replace(OLD, size=4)), {"/f": Item(replace(sent, size=4), "f")}
    assert doubts.changed(landed, now) == (now if is_news else {})
    assert doubts.changed(Manifest(), now) == now


def test_a_small_file_that_was_sent_is_always_news(files: Files) -> None:
    assert doubts.changed(of(OLD), of(OLD).items) == of(OLD).items
