"""Fakes for tests of livepush itself and of what embeds it.

`FakeEngine` keeps the contract of `livepush.engine` in memory: the contract tests of livepush run
on it and on a real engine. Its containers hold real file trees (`Files`), and understand a few
commands of a shell (`livepush.testing.commands`). `Faulty` stands before one and lets calls fail.
"""

from livepush.testing.engine import Builder, Call, FakeEngine
from livepush.testing.faults import FAULTS, Fault, Faulty
from livepush.testing.files import Files, Node
from livepush.testing.images import FakeImage, FakeLayer

__all__ = [
    "FAULTS",
    "Builder",
    "Call",
    "FakeEngine",
    "FakeImage",
    "FakeLayer",
    "Fault",
    "Faulty",
    "Files",
    "Node",
]
