"""The engine's API alone, told what to do: `python -m benchmarks.raw SOCKET CONTAINER CONTEXT`.

Reads changes, one JSON object a line, says `prepared N`, and carries each out upon an empty line,
which it ends with `done N`. A process of its own, as the other contenders are.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.change import Change
from benchmarks.wire import Wire

_SLOT = "/tmp/.running"  # noqa: S108 - in the container: the process group of what is running


def main() -> None:
    socket, container, context = sys.argv[1:]
    wire = Wire(socket)
    wire.call("GET", "/_ping")
    print("ready", flush=True)
    for number, line in enumerate(sys.stdin):
        change = Change.of_json(line)
        files = [(Path(context, name), place) for name, place in change.places()]
        gone = change.gone()
        print(f"prepared {number}", flush=True)
        sys.stdin.readline()
        _carry_out(wire, container, change, files, gone)
        print(f"done {number}", flush=True)


def _carry_out(
    wire: Wire, container: str, change: Change, files: list[tuple[Path, str]], gone: list[str]
) -> None:
    if change.overtakes:
        wire.execute(container, ["sh", "-c", f"kill -9 -$(cat {_SLOT})"])
    if gone:
        wire.execute(container, ["rm", "-f", "--", *gone])
    if files:
        wire.put(container, files)
    if change.command and change.lasts:
        text = f"echo $$ >{_SLOT}; {change.command}"
        wire.begin(container, ["setsid", "-w", "sh", "-c", text])
    elif change.command:
        wire.execute(container, ["sh", "-c", change.command])
    if change.restarts and not change.lasts:
        wire.call("POST", f"/containers/{container}/kill")
        wire.call("POST", f"/containers/{container}/start")


if __name__ == "__main__":
    main()
