"""`livepush clean`: removes what sessions left on an engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from livepush import leftovers
from livepush.commands import interrupt
from livepush.commands.complaint import tell
from livepush.commands.connection import Connection, connect
from livepush.commands.showing import closing
from livepush.engine import LABEL, Owned
from livepush.legible import visible

_SHORT = 12  # characters of an id, as docker shows it
_KEPT = {"running": "its session runs", "elsewhere": "made on another machine, see --all"}


def clean(connection: Connection, *, dry_run: bool, everything: bool) -> int:
    """Removes what carries livepush's labels, containers first, and prints what; returns 0.

    What a session holds that still runs stays, and so does what was made on another machine,
    where it cannot be seen whether it does; with `everything` these go as well. With `dry_run`, it
    only prints. Raises `EngineError`, once all that can be removed is.
    """

    async def work() -> int:
        engine = connect(connection)
        async with closing(engine):
            found = {
                each: "over" if everything else leftovers.fate(each)
                for each in await engine.owned()
            }
            if dry_run:
                _report(found, "would remove", ())
                return 0
            try:
                await leftovers.remove(engine, [each for each in found if found[each] == "over"])
            finally:
                _report(found, "removed", await engine.owned())
        return 0

    return interrupt.run(work, stopping=lambda: tell("livepush: stopping"))


def _report(found: Mapping[Owned, str], done: str, left: Iterable[Owned]) -> None:
    """What was `done` with those that were over, unless they are `left` all the same."""
    remaining = {owned.id for owned in left}

    def line(owned: Owned) -> str:
        if found[owned] != "over":
            return f"left {_described(owned)}: {_KEPT[found[owned]]}"
        return f"{'in use' if owned.id in remaining else done} {_described(owned)}"

    print(*(map(line, found) if found else ["nothing to remove"]), sep="\n", flush=True)


def _described(owned: Owned) -> str:
    labels = dict(owned.labels)
    identity = owned.id.removeprefix("sha256:")[:_SHORT]
    stage, container = labels.get(f"{LABEL}.stage"), labels.get(leftovers.CONTAINER)
    role = f"stage {stage} of" if stage else "made for"
    return visible(f"{owned.kind} {identity}" + (f" ({role} {container})" if container else ""))
