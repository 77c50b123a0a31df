"""What engines say when they cannot write."""

from __future__ import annotations

import pytest

from livepush.hindrance import hindrance


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Error processing tar file(exit status 1): write /a: no space left on device", "no space"),
        ("write /a: disk quota exceeded", "no space"),
        ("container rootfs is marked read-only", "read-only"),
        ("Not all could be deleted: rm: can't remove '/a': Read-only file system", "read-only"),
    ],
)
def test_what_is_in_the_way_is_read_off_the_engine_s_words(message: str, words: str) -> None:
    found = hindrance(message)
    assert found is not None
    assert words in found.reason


@pytest.mark.parametrize("message", ["", "a hiccup", "read only what is there"])
def test_all_else_may_pass(message: str) -> None:
    assert hindrance(message) is None
