"""`livepush`, and `python -m livepush`: the command line.

What it is made of takes a while to load, and a Ctrl-C in that time has to end it like any other.
"""

from __future__ import annotations

import os
import signal
from typing import NoReturn


def main() -> NoReturn:
    """Runs the command line of this process, and ends it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # At once: what is raised in the middle of an import may be told as a traceback.
        signal.signal(number, lambda *_: os._exit(0))
    from livepush import cli

    cli.main()


if __name__ == "__main__":
    main()
