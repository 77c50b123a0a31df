"""What tells without a build whether an image is what a build would make of its context now."""

from __future__ import annotations

import os

from livepush.context import Context
from livepush.engine import ImageConfig
from livepush.model import Copy, Run, Stage
from livepush.tree import Tree

# Seconds that a build may have taken: what changed meanwhile may have come too late for it.
_LONGEST_BUILD = 3600.0


def may_be_newer(context: Context, tree: Tree, image: ImageConfig | None) -> bool:
    """Whether anything in the context, its Dockerfile or its ignore file may be newer.

    It goes by the time at which the system noted a change of any kind, which nobody can set back.
    Where the image does not tell when it was built, anything may be newer. Blocks on the disk.
    """
    if image is None or not image.created:
        return True
    paths = ["", *context.control_files, *(path for path, _ in tree.walk())]
    return any(_changed(context.root / path) > image.created - _LONGEST_BUILD for path in paths)


def is_of_stage(stage: Stage, image: ImageConfig, base: ImageConfig) -> bool:
    """Whether `image` can come from a build of `stage`, which begins with `base`.

    Copies and commands add layers, or all together one; where they add none, this cannot tell. What
    is not known may be so.
    """
    if not image.layers or not base.layers:
        return True
    adds = any(isinstance(step, Copy | Run) for step in stage.steps)
    begins = image.layers[: len(base.layers)] == base.layers
    return begins and (len(image.layers) > len(base.layers) or not adds)


def is_bare(image: ImageConfig, base: ImageConfig) -> bool:
    """Whether `image` surely holds the files of `base`, and no others."""
    return bool(base.layers) and image.layers == base.layers


def _changed(path: os.PathLike[str]) -> float:
    try:
        return os.lstat(path).st_ctime
    except OSError:
        return 0.0  # gone by now, which its directory tells
