"""Which step of a build wrote a path last, by the layers of its image."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from livepush.layers import Layer, by_step
from livepush.model import Entry, Step

Author = Callable[[str], Step | None]
"""The step that wrote or removed a path, relative to the root; None where none did."""


def author_of(layers: Sequence[Layer], steps: Sequence[Step]) -> Author | None:
    """What tells the authors among `steps`, the last ones of an image that has these `layers`.

    None where the image was made by other steps.
    """
    of_step = by_step(layers, steps)
    if of_step is None:
        return None
    by_layer = {id(layer): steps[position] for position, layer in of_step.items()}

    def author(path: str) -> Step | None:
        layer = _last_writer(layers, path)
        return None if layer is None else by_layer.get(id(layer))

    return author


def _last_writer(layers: Sequence[Layer], path: str) -> Layer | None:
    writers = [layer for layer in layers if path in layer.entries or layer.removes(path)]
    # A layer repeats the directories that it has something in.
    while len(writers) > 1 and _is_repeated(*(each.entries.get(path) for each in writers[-2:])):
        writers.pop()
    return writers[-1] if writers else None


def _is_repeated(before: Entry | None, after: Entry | None) -> bool:
    if before is None or after is None or not before.kind == after.kind == "dir":
        return False
    return (before.mode, before.uid, before.gid) == (after.mode, after.uid, after.gid)
