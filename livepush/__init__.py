"""livepush: save a file, and the running container has it.

The front door: everything that a program needs is a name of this package. A name is loaded when it
is first used, because the libraries behind some of them are slow to load.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from livepush.bus import EventStream, Listener
    from livepush.docker import DockerEngine
    from livepush.endpoint import TlsOptions
    from livepush.engine import Engine
    from livepush.errors import (
        BuildFailedError,
        CommandFailedError,
        ContainerNotRunningError,
        DockerfileParseError,
        EngineError,
        EngineUnreachableError,
        InvalidArgumentError,
        LivepushError,
        NoShellError,
        UnsupportedError,
    )
    from livepush.events import (
        Cancel,
        CommandExecute,
        CommandOutput,
        CommandReturn,
        ContainerRestart,
        ContainerStarted,
        ContainerStopped,
        Error,
        Event,
        FilesSynced,
        FilesSyncing,
        LivepushEnd,
        LivepushStart,
        Notice,
        Output,
        Ready,
        RebuildNeeded,
        to_wire,
    )
    from livepush.follow import Following
    from livepush.live import Dockerfile
    from livepush.plan import Plan
    from livepush.push import PushResult
    from livepush.session import Livepush

__all__ = [
    "BuildFailedError",
    "Cancel",
    "CommandExecute",
    "CommandFailedError",
    "CommandOutput",
    "CommandReturn",
    "ContainerNotRunningError",
    "ContainerRestart",
    "ContainerStarted",
    "ContainerStopped",
    "DockerEngine",
    "Dockerfile",
    "DockerfileParseError",
    "Engine",
    "EngineError",
    "EngineUnreachableError",
    "Error",
    "Event",
    "EventStream",
    "FilesSynced",
    "FilesSyncing",
    "Following",
    "InvalidArgumentError",
    "Listener",
    "Livepush",
    "LivepushEnd",
    "LivepushError",
    "LivepushStart",
    "NoShellError",
    "Notice",
    "Output",
    "Plan",
    "PushResult",
    "Ready",
    "RebuildNeeded",
    "TlsOptions",
    "UnsupportedError",
    "to_wire",
]

_HOMES = {
    "bus": ("EventStream", "Listener"),
    "docker": ("DockerEngine",),
    "endpoint": ("TlsOptions",),
    "engine": ("Engine",),
    "errors": tuple(name for name in __all__ if name.endswith("Error") and name != "Error"),
    "follow": ("Following",),
    "live": ("Dockerfile",),
    "plan": ("Plan",),
    "push": ("PushResult",),
    "session": ("Livepush",),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}

# Hidden from type checkers, for which it would make every misspelt name a valid one.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'events')}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
