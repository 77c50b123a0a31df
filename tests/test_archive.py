"""Files to tar streams, over files that change meanwhile and names that are odd."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import tarfile
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livepush.archive import CHUNK, Files, NoFiles, Sent, examined, pack
from livepush.fetched import fetch
from livepush.manifest import Item
from livepush.model import Entry
from livepush.span import LARGE, Span, whole
from livepush.tree import Tree

ODD_NAMES = [
    "a" * 255,
    "/".join(["deep" * 20] * 5),
    "caf\u00e9",
    "not-\udcff-utf8",
    "new\nline",
    " ",
]


class Shrinking(io.BytesIO):
    """A file that is cut off once its size is known."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        at = super().seek(offset, whence)
        if whence == io.SEEK_SET:
            self.truncate(CHUNK + 1)
        return at


@dataclass
class Memory:
    """Files in memory; those of `faults` cannot be opened."""

    contents: Mapping[str, bytes] = field(default_factory=dict)
    faults: Mapping[str, OSError] = field(default_factory=dict)
    kind: type[io.BytesIO] = io.BytesIO
    tree: Tree = field(default_factory=lambda: Tree.of([]))

    def open_file(self, path: str) -> IO[bytes]:
        if path in self.faults:
            raise self.faults[path]
        return self.kind(self.contents[path])


def file(source: str, **more: object) -> Item:
    return Item(Entry("file", 0o644, **more), source)  # type: ignore[arg-type]


async def packed(
    items: Iterable[tuple[str, Item]], files: Files, *, attributes: bool = False
) -> tuple[tarfile.TarFile, list[Sent]]:
    sent: list[Sent] = []
    pieces = pack(items, files, sent.append, attributes=attributes)
    raw = await whole(pieces)
    return tarfile.TarFile(fileobj=io.BytesIO(raw), encoding="utf-8"), sent


def content(tar: tarfile.TarFile, name: str) -> bytes:
    opened = tar.extractfile(name)
    assert opened is not None
    return opened.read()


async def in_pieces(raw: bytes, size: int = 700) -> AsyncGenerator[bytes, None]:
    for at in range(0, len(raw), size):
        yield raw[at : at + size]


async def test_metadata_goes_in_as_it_is() -> None:
    big = 2**33
    items = {
        "/d": Item(Entry("dir", 0o3777, 1, 2, mtime=3), ""),
        "/d/l": Item(Entry("link", 0o777, 4, 5, target="../" + "x" * 200), ""),
        "/d/f": Item(Entry("file", 0o4755, big, 6, mtime=7, content=b"text"), ""),
        "/d/e": Item(Entry("file", 0, content=b""), ""),
    }
    tar, sent = await packed(items.items(), NoFiles())
    assert [(m.name, m.type, m.mode, m.uid, m.gid, m.mtime, m.size, m.linkname) for m in tar] == [
        ("d", tarfile.DIRTYPE, 0o3777, 1, 2, 3, 0, ""),
        ("d/l", tarfile.SYMTYPE, 0o777, 4, 5, 0, 0, "../" + "x" * 200),
        ("d/f", tarfile.REGTYPE, 0o4755, big, 6, 7, 4, ""),
        ("d/e", tarfile.REGTYPE, 0, 0, 0, 0, 0, ""),
    ]
    assert content(tar, "d/f") == b"text"
    assert [one.path for one in sent] == list(items)
    assert sent[2].item.entry.digest == hashlib.sha256(b"text").digest()


async def test_a_pipe_of_a_context_goes_in_as_a_pipe() -> None:
    tar, _ = await packed([("/pipe", Item(Entry("other", 0o640, pipe=True), "pipe"))], NoFiles())
    found = tar.getmember("pipe")
    assert (found.isfifo(), found.mode, found.size) == (True, 0o640, 0)


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_odd_names_there_and_back(name: str) -> None:
    items = {
        f"/{name}": file("s", mtime=1),
        "/l": Item(Entry("link", 0o777, target=name), ""),
    }
    raw = await whole(pack(items.items(), Memory({"s": b"1"}), lambda _: None))
    # The API reads the first block to tell that it is a tar, and takes no PAX header there.
    assert b"PaxHeader" not in raw
    fetched = await fetch(in_pieces(raw), prefix="")
    entry = fetched.tree.get("l")
    assert entry is not None
    assert entry.target == name
    with fetched.open_file(name) as opened:
        assert opened.read() == b"1"
    fetched.close()


@given(st.lists(st.binary(max_size=2000), max_size=5))
async def test_contents_there_and_back(contents: list[bytes]) -> None:
    files = Memory({str(number): each for number, each in enumerate(contents)})
    items = ((f"/d/{name}", file(name)) for name in files.contents)
    raw = await whole(pack(items, files, lambda _: None))
    fetched = await fetch(in_pieces(raw), prefix="x/y")
    for name, written in files.contents.items():
        with fetched.open_file(f"x/y/d/{name}") as opened:
            assert opened.read() == written
        entry = fetched.tree.get(f"x/y/d/{name}")
        assert entry is not None
        assert entry.digest == hashlib.sha256(written).digest()
    fetched.close()


async def test_a_large_file_comes_in_pieces_and_can_be_read_in_any_order() -> None:
    large = bytes(range(256)) * (3 * CHUNK // 256) + b"end"
    packing = pack([("/f", file("f"))], Memory({"f": large}), lambda _: None)
    pieces = [piece async for piece in packing if isinstance(piece, bytes)]
    assert len(pieces) > 2
    assert max(map(len, pieces)) < 3 * CHUNK
    fetched = await fetch(in_pieces(b"".join(pieces), CHUNK), prefix="")
    with fetched.open_file("f") as opened:
        assert opened.seek(-3, io.SEEK_END) == 3 * CHUNK
        assert opened.read() == b"end"
        opened.seek(0)
        assert opened.read() == large
    assert examined(file("").entry, fetched, "f").digest == hashlib.sha256(large).digest()
    fetched.close()


TWICE = {"inode": (1, 2)}


async def test_a_second_name_is_a_hard_link() -> None:
    items = [
        ("/a", file("a", **TWICE)),
        ("/b", file("b", **TWICE)),
        ("/c", file("c", inode=(1, 3))),
    ]
    tar, sent = await packed(items, Memory(dict.fromkeys("abc", b"1")))
    assert [(m.name, m.islnk(), m.linkname) for m in tar] == [
        ("a", False, ""),
        ("b", True, "a"),
        ("c", False, ""),
    ]
    assert [one.path for one in sent] == ["/a", "/b", "/c"]


async def test_the_second_name_of_a_file_that_vanished_is_the_first() -> None:
    items = [("/a", file("a", **TWICE)), ("/b", file("b", **TWICE))]
    tar, sent = await packed(items, Memory({"b": b"1"}, {"a": FileNotFoundError("a")}))
    assert [(m.name, m.islnk()) for m in tar] == [("b", False)]
    assert [one.path for one in sent] == ["/b"]


class OnDisk:
    """Files of a directory."""

    tree = Tree({})

    def __init__(self, root: Path) -> None:
        self._root = root

    def open_file(self, path: str) -> IO[bytes]:
        return (self._root / path).open("rb")


ODD_VALUE = b"\xff\x00\n="
XATTRS = {"user.foo": b"bar", "user.odd": ODD_VALUE, "security.capability": b"1", "trusted.t": b"1"}


@pytest.fixture
def attributed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OnDisk:
    """A file `f` whose extended attributes are `XATTRS`, and one that has none."""
    for name in ("f", "none"):
        (tmp_path / name).write_text("text")
    inode = (tmp_path / "f").stat().st_ino
    monkeypatch.setattr(
        os, "listxattr", lambda number: list(XATTRS) if os.fstat(number).st_ino == inode else []
    )
    monkeypatch.setattr(os, "getxattr", lambda _, name: XATTRS[name])
    return OnDisk(tmp_path)


OWN = (("user.foo", b"bar"), ("user.odd", ODD_VALUE))


async def test_the_attributes_of_files_on_disk_go_along_if_wanted(attributed: OnDisk) -> None:
    items = [("/f", file("f")), ("/none", file("none"))]
    tar, sent = await packed(items, attributed, attributes=True)
    found = {member.name: member.pax_headers for member in tar}
    assert {name: found["f"][f"SCHILY.xattr.{name}"] for name, _ in OWN} == {
        name: value.decode(errors="surrogateescape") for name, value in OWN
    }
    assert not any("trusted" in name or "security" in name for name in found["f"])
    assert found["none"] == {}
    assert [one.item.entry.xattrs for one in sent] == [OWN, ()]
    assert content(tar, "f") == b"text"
    tar, sent = await packed(items, attributed)
    assert [member.pax_headers for member in tar] == [{}, {}]
    assert [one.item.entry.xattrs for one in sent] == [None, None]


async def test_attributes_that_are_known_go_along_anyway(attributed: OnDisk) -> None:
    said = (("security.capability", b"\x01\xff"),)
    for attributes in (True, False):
        items = [("/f", file("f", xattrs=said)), ("/g", file("f", xattrs=()))]
        tar, sent = await packed(items, attributed, attributes=attributes)
        assert [one.item.entry.xattrs for one in sent] == [said, ()]
        assert [bool(member.pax_headers) for member in tar] == [True, False]
    raw = await whole(pack(items, attributed, lambda _: None))
    fetched = await fetch(in_pieces(raw), prefix="")
    assert {path: entry.xattrs for path, entry in fetched.tree.walk()} == {"f": said, "g": ()}
    fetched.close()


async def test_a_file_with_a_long_name_keeps_it_beside_its_attributes(attributed: OnDisk) -> None:
    for name in ODD_NAMES:
        tar, _ = await packed([(f"/{name}", file("f"))], attributed, attributes=True)
        assert tar.getnames() == [name]


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENODATA])
async def test_where_there_are_no_attributes_nothing_is_wrong(
    attributed: OnDisk, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> bytes:
        raise OSError(number, "none")

    monkeypatch.setattr(os, "getxattr", refuse)
    _, sent = await packed([("/f", file("f"))], attributed, attributes=True)
    assert sent[0].item.entry.xattrs == ()


async def test_bytes_that_no_disk_holds_have_no_attributes() -> None:
    inline = Item(Entry("file", 0o644, content=b"text"), "")
    _, sent = await packed(
        [("/f", file("f")), ("/i", inline)], Memory({"f": b"1"}), attributes=True
    )
    assert [one.item.entry.xattrs for one in sent] == [(), ()]


def test_a_file_is_examined_whole(attributed: OnDisk) -> None:
    entry = examined(Entry("file", 0o600), attributed, "f")
    assert entry == Entry("file", 0o600, digest=hashlib.sha256(b"text").digest(), xattrs=OWN)
    told = Entry("file", 0o600, xattrs=())
    assert examined(told, attributed, "f").xattrs == ()


@pytest.mark.parametrize("fault", [FileNotFoundError("v"), NotADirectoryError("v")])
async def test_a_file_that_vanished_is_left_out(fault: OSError) -> None:
    items = [("/v", file("v")), ("/f", file("f"))]
    tar, sent = await packed(items, Memory({"f": b"1"}, {"v": fault}))
    assert tar.getnames() == ["f"]
    assert [one.path for one in sent] == ["/f"]


async def test_a_file_that_may_not_be_read_is_told() -> None:
    files = Memory({}, {"f": PermissionError("f")})
    with pytest.raises(PermissionError):
        await packed([("/f", file("f"))], files)


async def test_a_file_that_shrinks_is_filled_up() -> None:
    size = 3 * CHUNK
    files = Memory({"f": b"x" * size, "g": b"after"}, kind=Shrinking)
    tar, sent = await packed([("/f", file("f", size=1)), ("/g", file("g"))], files)
    expected = b"x" * (CHUNK + 1) + bytes(size - CHUNK - 1)
    assert content(tar, "f") == expected
    assert content(tar, "g") == b"after"
    assert sent[0].item.entry.size == size
    assert sent[0].item.entry.digest == hashlib.sha256(expected).digest()


async def test_nothing_is_an_empty_archive() -> None:
    tar, sent = await packed([], NoFiles())
    assert (tar.getnames(), sent) == ([], [])


@pytest.mark.parametrize("becomes", ["as it was", "shorter", "another"])
async def test_a_large_file_on_disk_need_not_be_read_to_be_sent(
    tmp_path: Path, becomes: str
) -> None:
    large = bytes(range(256)) * (LARGE // 256) + b"end"
    (tmp_path / "f").write_bytes(large)
    sent: list[Sent] = []
    raw = bytearray()
    items = [("/a", file("a", content=b"a")), ("/f", file("f")), ("/b", file("b", content=b"b"))]
    async for piece in pack(items, OnDisk(tmp_path), sent.append):
        if isinstance(piece, Span):
            if becomes == "shorter":
                os.truncate(tmp_path / "f", 10)
            raw += b"".join(piece.pieces())
            if becomes == "another":
                (tmp_path / "f").write_bytes(large)
        else:
            raw += piece
    with tarfile.TarFile(fileobj=io.BytesIO(raw)) as tar:
        there = large[:10] + bytes(len(large) - 10) if becomes == "shorter" else large
        assert [content(tar, name) for name in "afb"] == [b"a", there, b"b"]
    # What is not known to be what was sent has no digest.
    digest = hashlib.sha256(large).digest() if becomes == "as it was" else b""
    assert [one.item.entry.digest for one in sent if one.path == "/f"] == [digest]
