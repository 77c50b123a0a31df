"""`ADD` of local files, which is a `COPY`; what it downloads or clones only a build can take.

Whether a local file is an archive, which `ADD` unpacks, is in its bytes: the executor looks there.
"""

from __future__ import annotations

import re

from livepush.model import Copy, Fixed, Instruction, Scope
from livepush.stages import copy

_REMOTE = re.compile(r"(?i)(https?|ftp|git|ssh)://|git@")
_DOWNLOADS = "downloads its source, which only a build can do"
_KEEPS = "uses --unpack=false, which is not replayed live"


def apply(instruction: Instruction, scope: Scope) -> tuple[Scope, Copy | Fixed]:
    words = copy.operands(instruction, scope)
    local = tuple(source for source in words.sources if not _REMOTE.match(source))
    if local != words.sources:
        return scope, copy.refused(instruction, scope, local, _DOWNLOADS)
    if (instruction.flag("unpack") or "").lower() == "false":
        return scope, copy.refused(instruction, scope, local, _KEEPS)
    return scope, copy.step_of(instruction, scope, words)
