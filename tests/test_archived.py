"""`ADD` unpacks what is an archive by its bytes; such a step is a build's."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

import pytest

from livepush.archived import without_archives
from livepush.live import Dockerfile
from livepush.model import Entry, Fixed
from livepush.tree import Tree


def tar() -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("f"))
    return raw.getvalue()


TAR = tar()


@dataclass(frozen=True)
class Context:
    contents: Mapping[str, bytes]

    @property
    def tree(self) -> Tree:
        files = ((path, Entry("file", 0o644)) for path in self.contents)
        return Tree.of([*files, ("link", Entry("link", 0o777, target="d/plain"))])

    def open_file(self, path: str) -> IO[bytes]:
        return io.BytesIO(self.contents[path])


FILES = Context(
    {
        "d/plain": TAR,
        "a.tgz": gzip.compress(TAR),
        "a.tar.zst": bytes.fromhex("28b52ffd") + b"whatever",
        "a.tar.xz": lzma.compress(TAR),
        "noext": bz2.compress(TAR),
        "only.gz": gzip.compress(b"text"),
        "fake.tar": b"no archive at all",
        "cut.tgz": gzip.compress(TAR)[:20],
        "cut.xz": lzma.compress(TAR)[:40],
        "cut.bz2": bz2.compress(TAR)[:30],
        "torn.tgz": gzip.compress(TAR)[:15] + b"\xff" * 40,
        "torn.xz": lzma.compress(TAR)[:24] + b"\xff" * 40,
        "empty": b"",
    }
)


@pytest.mark.parametrize(
    ("line", "unpacks"),
    [
        ("ADD d/plain /o/", True),
        ("ADD a.tgz /o/", True),
        ("ADD a.tar.xz /o/", True),
        ("ADD noext /o/", True),
        ("ADD a.tar.zst /o/", True),
        ("ADD fake.tar noext /o/", True),
        ("ADD n* /o/", True),
        ("ADD link /o/", True),
        ("ADD d /o/", False),  # archives in a directory are copied as they are
        ("ADD only.gz fake.tar empty /o/", False),
        ("ADD cut.tgz cut.xz cut.bz2 torn.tgz torn.xz /o/", False),
        ("ADD missing /o/", False),
        ("COPY d/plain /o/", False),
    ],
)
def test_archives(line: str, unpacks: bool) -> None:
    graph = Dockerfile(f"FROM bb\nCOPY x /x\n{line}\nFROM bb\n{line}\n").graph()
    steps = [step for stage in without_archives(graph, FILES).stages for step in stage.steps]
    assert [isinstance(step, Fixed) for step in steps] == [False, unpacks, unpacks]
    if not unpacks:
        assert without_archives(graph, FILES) == graph
        return
    assert [(step.line, step.text) for step in steps[1:]] == [(3, line), (5, line)]


def test_a_step_that_unpacks_is_still_reached_by_its_sources() -> None:
    graph = without_archives(Dockerfile("FROM bb\nADD n* d/plain /o/\n").graph(), FILES)
    (step,) = graph.target.steps
    assert isinstance(step, Fixed)
    assert step.sources == ("n*", "d/plain")
    assert not step.is_command
