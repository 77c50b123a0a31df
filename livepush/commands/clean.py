"""`livepush clean`: removes what sessions left on an engine."""

from __future__ import annotations

from collections.abc import Iterable

from livepush.commands import interrupt
from livepush.commands.complaint import tell
from livepush.commands.connection import Connection, connect
from livepush.commands.showing import closing
from livepush.engine import LABEL, Engine, Owned
from livepush.legible import visible

_SHORT = 12  # characters of an id, as docker shows it


def clean(connection: Connection, *, dry_run: bool) -> int:
    """Removes all that carries livepush's labels, containers first, and prints what; returns 0.

    Whether a session still lives cannot be seen from here, so those that do lose their stage
    containers, too. With `dry_run`, it only prints. Raises `EngineError`.
    """

    async def work() -> int:
        engine = connect(connection)
        async with closing(engine):
            found = await engine.owned()
            if not dry_run:
                await _remove(engine, found)
            left = found if dry_run else await engine.owned()
            _report(found, left, dry_run=dry_run)
        return 0

    return interrupt.run(work, stopping=lambda: tell("livepush: stopping"))


async def _remove(engine: Engine, found: Iterable[Owned]) -> None:
    for owned in found:
        await (engine.remove if owned.kind == "container" else engine.remove_image)(owned.id)


def _report(found: Iterable[Owned], left: Iterable[Owned], *, dry_run: bool) -> None:
    remaining = {owned.id for owned in left}
    lines = [
        f"{'would remove' if dry_run else 'in use' if owned.id in remaining else 'removed'} "
        f"{_described(owned)}"
        for owned in found
    ]
    print(*(lines or ["nothing to remove"]), sep="\n", flush=True)


def _described(owned: Owned) -> str:
    labels = dict(owned.labels)
    identity = owned.id.removeprefix("sha256:")[:_SHORT]
    stage, container = labels.get(f"{LABEL}.stage"), labels.get(f"{LABEL}.container")
    role = f"stage {stage} of" if stage else "made for"
    return visible(f"{owned.kind} {identity}" + (f" ({role} {container})" if container else ""))
