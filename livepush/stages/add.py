"""`ADD` of local files, which is a `COPY`; what it downloads or clones only a build can take.

Whether a local file is an archive, which `ADD` unpacks, is in its bytes: the executor looks there.
"""

from __future__ import annotations

import re

from livepush.model import Copy, Fixed, Instruction, Scope
from livepush.stages import copy

_REMOTE = re.compile(r"(?i)(https?|ftp|git|ssh)://|git@")
_DOWNLOADS = "downloads its source, which only a build can do"
_ONLY_BUILT = {
    "checksum": _DOWNLOADS,
    "keep-git-dir": "clones its source, which only a build can do",
    "unpack": "uses --unpack, which is not replayed live",
}


def apply(instruction: Instruction, scope: Scope) -> tuple[Scope, Copy | Fixed]:
    sources = copy.operands(instruction, scope).sources
    local = tuple(source for source in sources if not _REMOTE.match(source))
    for flag in instruction.flags:
        if flag.name in _ONLY_BUILT:
            return scope, copy.refused(instruction, scope, local, _ONLY_BUILT[flag.name])
    if local != sources:
        return scope, copy.refused(instruction, scope, local, _DOWNLOADS)
    return copy.apply(instruction, scope)
