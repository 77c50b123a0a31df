"""Wakes a thread at news of the file system, which would have to look for it all the time.

watchfiles looks by the clock for what its watcher has gathered: often costs time while nothing
happens, and seldom costs it when something does. On Linux that watcher reads an inotify descriptor
of this process, and the kernel can be asked to signal news of it to one thread. That thread blocks
the signal and waits for it, so that no handler is there and nobody else is disturbed; waiting for
the descriptor itself would miss what the watcher has already read. Elsewhere there is a short
sleep.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

_DESCRIPTORS = Path("/proc/self/fd")
_INOTIFY = "anon_inode:inotify"
_F_SETOWN_EX, _F_GETOWN_EX, _F_OWNER_TID = 15, 16, 0  # from Linux's fcntl.h
# Seconds that a thread waits at most. One that is stopped for less does not notice it; what the
# kernel's queue loses meanwhile is found by the watcher's look at everything.
_DROWSY = 15.0
_STEP = 0.005  # seconds between two looks where nothing wakes
_AWAKE = 0.02  # seconds after news for the watcher to tell it
_BLINK = 0.0005  # seconds between two looks in that time
_DOZING = 8  # then the looks become fewer: their distance is that part of the time since the news
_RESTING = 1.0  # seconds since the news, from which on their distance grows with its square


class Wakeup:
    """For the thread that makes it, over the watcher of `directory` that is no other thread's."""

    def __init__(self, directory: str) -> None:
        self._is_told = False
        self._news = 0.0
        self._waiting: int | None = None  # the thread
        self._changing = threading.Lock()
        if sys.platform == "linux":
            # Blocked, it only ever waits; and but one waits, however many events there are.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
            told = [_asked(each) for each in _watching(directory)]
            self._is_told = any(told)

    def wait(self, left: Callable[[], float]) -> float:
        """Returns when there is news, was some a moment ago, or after a while.

        It waits no longer than there is `left`, and asks once more when it is `roused`. How many
        seconds it was to wait at most.
        """
        since = time.monotonic() - self._news
        timeout = 0.0
        if not self._is_told:
            time.sleep(_STEP)
        elif since < _AWAKE:
            time.sleep(_BLINK)
        else:
            with self._changing:
                self._waiting = threading.get_ident()
            try:
                apart = since / _DOZING * max(1.0, since / _RESTING)
                timeout = max(0.0, min(_DROWSY, apart, left()))
                if signal.sigtimedwait({signal.SIGIO}, timeout) is not None:
                    self._news = time.monotonic()
            finally:
                with self._changing:
                    self._waiting = None
        return timeout

    def rouse(self) -> None:
        """Has the thread, if it waits, ask what is left; from any other thread."""
        with self._changing:  # it cannot end meanwhile
            if self._waiting is not None:
                signal.pthread_kill(self._waiting, signal.SIGIO)


def _asked(descriptor: int) -> bool:
    """Whether the kernel signals news of `descriptor` to this thread from now on."""
    import fcntl

    nobody = struct.pack("ii", _F_OWNER_TID, 0)
    owner = struct.pack("ii", _F_OWNER_TID, threading.get_native_id())
    try:
        if fcntl.fcntl(descriptor, _F_GETOWN_EX, nobody) != nobody:
            return False
        fcntl.fcntl(descriptor, _F_SETOWN_EX, owner)
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)
    except OSError:
        return False
    return True


def _watching(directory: str) -> list[int]:
    """The inotify descriptors of this process that watch `directory`."""
    try:
        inode = os.stat(directory).st_ino
        descriptors = [int(name) for name in os.listdir(_DESCRIPTORS)]
    except OSError:
        return []
    return [each for each in descriptors if _watches(each, inode)]


def _watches(descriptor: int, inode: int) -> bool:
    try:
        is_inotify = os.readlink(_DESCRIPTORS / str(descriptor)) == _INOTIFY
        told = Path(f"/proc/self/fdinfo/{descriptor}").read_text() if is_inotify else ""
    except OSError:
        return False
    return f" ino:{inode:x} " in told
