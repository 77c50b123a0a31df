"""Files that editors drop beside the one they save, and take away again within milliseconds.

They are files like any other: the build context holds them for as long as the disk does, and a
push that happens to come by copies them, as a build would. Only a push of their own they are not
worth, so a change that is nothing but droppings waits for the next one.
"""

from __future__ import annotations

import re

from livepush.model import Changes

_DROPPING = re.compile(
    r"""
      \.goutputstream-.+     # GLib: gedit, and whatever else saves through GIO
    | .+___jb_(?:tmp|old)___ # JetBrains
    | .+~                    # vim and Emacs backups
    | \..+\.sw[a-z]          # vim's swap file
    | \.\#.+                 # Emacs' lock, a link that leads nowhere
    | \#.+\#                 # Emacs' autosave
    """,
    re.VERBOSE | re.DOTALL,
)
# Vim asks whether it may create files in a directory with 4913, or, where that name is taken,
# with 123 more until one is free.
_VIM_PROBES = frozenset(str(number) for number in range(4913, 6000, 123))


def is_dropping(path: str) -> bool:
    """Whether the file at `path` looks like one that an editor will remove again by itself."""
    name = path.rpartition("/")[2]
    return name in _VIM_PROBES or _DROPPING.fullmatch(name) is not None


def triggers(changes: Changes) -> bool:
    """Whether `changes` are worth a push: not if all of them are droppings, or none at all."""
    return not all(map(is_dropping, changes.changed | changes.deleted))
