"""`livepush watch`: follows a build context until Ctrl-C."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import sys

import anyio

from livepush.commands import interrupt
from livepush.commands.inputs import STDIN, Inputs
from livepush.commands.opened import Options, make_job, opened, rehearsed
from livepush.errors import InvalidArgumentError
from livepush.events import Event
from livepush.follow import Following, Trigger, follow

_AT_ONCE = 4096  # bytes; lines that were typed ahead are one demand


def watch(
    inputs: Inputs, options: Options, *, trigger: Trigger, debounce: float, initial_sync: bool
) -> int:
    """Pushes every change until a signal, or with the trigger `manual` the end of the input.

    `debounce` is in seconds, `initial_sync` as `Following` has it. Returns 0. Raises
    `LivepushError` where no session can be opened.
    """
    if trigger == "manual" and inputs.place == STDIN:
        raise InvalidArgumentError(
            "standard input holds the Dockerfile, and so cannot demand pushes",
            hint=f"Give the Dockerfile as a file, not as -f {STDIN}, or choose another --trigger.",
        )
    job = make_job(inputs, options, again="the next save")

    async def work() -> int:
        with anyio.CancelScope() as scope:

            async def demand() -> None:
                if not await _read_line(sys.stdin.fileno()):
                    scope.cancel()
                    await anyio.sleep_forever()

            following = Following(
                trigger=trigger,
                debounce=debounce,
                demand=demand if trigger == "manual" else None,
                initial_sync=initial_sync,
            )
            if options.dry_run:
                async with rehearsed(job) as rehearsal:
                    await follow(rehearsal, following)
            else:
                async with opened(job) as session:
                    session.on("ready", _keep)
                    await session.watch(following)
        return 0

    return interrupt.run(work, stopping=job.stopping)


def _keep(_: Event) -> None:
    """Takes what is there now to stay: nobody looks through it for garbage any more.

    That would take 20 ms and more at a time, of a large context much more, and it is in the middle
    of a save that it would be done. What little garbage there is by now stays as well.
    """
    gc.freeze()


async def _read_line(file: int) -> bool:
    """Waits for input, without a thread that could not be cancelled; False at its end."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    try:
        loop.add_reader(file, readable.set)
    except PermissionError as error:
        # A regular file is always readable, and so cannot be waited for.
        if error.errno != errno.EPERM:
            raise
        return bool(os.read(file, _AT_ONCE))
    try:
        await readable.wait()
    finally:
        loop.remove_reader(file)
    return bool(os.read(file, _AT_ONCE))
