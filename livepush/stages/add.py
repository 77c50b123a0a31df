"""`ADD` of local files, which is a `COPY`; what it downloads or clones only a build can take.

Whether a local file is an archive, which `ADD` unpacks, is in its bytes: the executor looks there.
"""

from __future__ import annotations

import re

from livepush.model import Copy, Fixed, Instruction, Scope
from livepush.stages import copy

_REMOTE = re.compile(r"(?i)(https?|ftp|git|ssh)://|git@")
_ONLY_BUILT = {
    "checksum": "downloads its source, which only a build can do",
    "keep-git-dir": "clones its source, which only a build can do",
    "unpack": "uses --unpack, which is not replayed live",
}


def apply(instruction: Instruction, scope: Scope) -> tuple[Scope, Copy | Fixed]:
    words = copy.operands(instruction, scope)
    for flag in instruction.flags:
        if flag.name in _ONLY_BUILT:
            return scope, copy.refused(instruction, words, _ONLY_BUILT[flag.name])
    if any(_REMOTE.match(source) for source in words.sources):
        reason = "downloads its source, which only a build can do"
        return scope, Fixed(instruction.line, str(instruction), reason)
    return copy.apply(instruction, scope)
