"""What a directive is: a comment that becomes an instruction in the live Dockerfile."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Directive:
    """The instruction `keyword` that a directive's value follows.

    `is_live_command` marks the one that says what runs while files are pushed.
    """

    keyword: str
    is_live_command: bool = False
