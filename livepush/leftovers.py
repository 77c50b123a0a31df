"""What sessions leave on an engine: whose it is, whether they are over, and its removal.

All that livepush makes is labelled with the process that made it.
"""

from __future__ import annotations

from collections.abc import Iterable

from livepush import process
from livepush.engine import LABEL, Engine, Owned
from livepush.errors import EngineError, EngineUnreachableError
from livepush.process import Fate

# The engine's own builder makes an image of every label, in the order of their names: that of the
# session comes first, so that by it all of them are found.
CONTAINER = f"{LABEL}.session.container"
_PROCESS = f"{LABEL}.session.process"


def labels(session: str, container: str) -> dict[str, str]:
    """The labels of what this process makes for a session with that container."""
    return {
        f"{LABEL}.session": session,
        CONTAINER: container,
        _PROCESS: process.stamp(),
    }


def fate(owned: Owned) -> Fate:
    """What has become of the session that made it; without a label, it is over."""
    label = dict(owned.labels).get(_PROCESS)
    return "over" if label is None else process.fate(label)


async def remove(engine: Engine, found: Iterable[Owned]) -> None:
    """Removes all of `found`, containers first as they come; images in use stay.

    Raises the first `EngineError` once the rest is removed, and at once where nothing answers.
    """
    errors: list[EngineError] = []
    for owned in found:
        try:
            await (engine.remove if owned.kind == "container" else engine.remove_image)(owned.id)
        except EngineUnreachableError:
            raise
        except EngineError as error:
            errors.append(error)
    if errors:
        raise errors[0]
