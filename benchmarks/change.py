"""A change of a context, and what the Dockerfile makes of it, for whoever reads none. Pure."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """Names are relative to the context; `app/` of it, and what is beside, goes to `/app`.

    `lasts` is a command that will be overtaken, `overtakes` is the change that does it.
    """

    saved: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    command: str = ""
    restarts: bool = False
    lasts: bool = False
    overtakes: bool = False

    def places(self) -> list[tuple[str, str]]:
        """The saved files, each with its path in the container."""
        return [(name, place(name)) for name in self.saved]

    def gone(self) -> list[str]:
        """The paths in the container of what is deleted."""
        return [place(name) for name in self.deleted]

    def json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def of_json(cls, text: str) -> Change:
        given = json.loads(text)
        lists = {key: tuple(given[key]) for key in ("saved", "deleted")}
        return cls(**{**given, **lists})


def place(name: str) -> str:
    """Where the scenes' Dockerfiles put a file of the context."""
    return "/app/" + name.removeprefix("app/")
