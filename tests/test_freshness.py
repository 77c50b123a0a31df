"""Whether a context may be newer than an image."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from livepush.context import Context
from livepush.engine import ImageConfig
from livepush.freshness import is_of_stage, may_be_newer
from livepush.live import Dockerfile

HOUR = 3600.0


def newer(root: Path, created: float) -> bool:
    context = Context.open(root)
    return may_be_newer(context, context.scan(), ImageConfig("image", created=created))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/main").write_text("1")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def test_an_image_that_was_built_long_after_is_newer(root: Path) -> None:
    assert not newer(root, time.time() + 2 * HOUR)


def test_what_came_during_the_build_may_have_come_too_late(root: Path) -> None:
    assert newer(root, time.time() + HOUR / 2)


@pytest.mark.parametrize("name", ["app/main", "Dockerfile"])
def test_a_time_that_was_set_back_is_no_proof(root: Path, name: str) -> None:
    os.utime(root / name, (1, 1))
    assert newer(root, time.time())


def test_an_image_that_tells_no_time_may_be_older(root: Path) -> None:
    assert newer(root, 0.0)
    context = Context.open(root)
    assert may_be_newer(context, context.scan(), None)


COPIES, MAKES_NOTHING = "FROM base\nCOPY . .\n", "FROM base\nENV a=b\n"


@pytest.mark.parametrize(
    ("text", "image", "base", "may"),
    [
        (COPIES, "ab", "a", True),
        (COPIES, "abc", "a", True),  # a build with --squash adds one, whatever the steps are
        (COPIES, "a", "a", False),  # a container of the base image
        (COPIES, "xb", "a", False),  # the base image is another by now
        (COPIES, "x", "ab", False),
        (MAKES_NOTHING, "a", "a", True),
        (COPIES, "", "a", True),
        (COPIES, "ab", "", True),
    ],
)
def test_layers_tell_what_no_build_of_a_stage_can_be(
    text: str, image: str, base: str, may: bool
) -> None:
    stage = Dockerfile(text).graph().target
    built, begun = (ImageConfig("i", layers=tuple(layers)) for layers in (image, base))
    assert is_of_stage(stage, built, begun) == may
