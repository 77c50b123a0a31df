"""Tar streams of engines, whole and broken, to trees."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncGenerator

import pytest

from livepush.archive import NoFiles, pack
from livepush.errors import EngineError
from livepush.fetched import fetch, first_entry, read_tree
from livepush.manifest import Item
from livepush.model import Entry
from livepush.span import whole
from tests.archives import pieces


def of(content: bytes, *, inode: tuple[int, int] | None = None) -> Item:
    return Item(Entry("file", 0o644, inode=inode, content=content), "")


def raw_tar(*members: tarfile.TarInfo) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return raw.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


async def test_hard_links_of_an_engine_s_archive_stay_together() -> None:
    inodes = {"a": (1, 2), "b": (1, 2), "c": None}
    items = [(f"/o/{name}", of(b"1", inode=inode)) for name, inode in inodes.items()]
    raw = await whole(pack(items, NoFiles(), lambda _: None))
    fetched, again = [await fetch(pieces(raw, 700), prefix="p") for _ in range(2)]
    listed = await read_tree(pieces(raw, 700), prefix="p")
    trees = [fetched.tree, again.tree, listed]
    assert len({entry.inode for tree in trees for _, entry in tree.walk()} - {None}) == 3
    for tree in trees:
        first, second, alone = (entry.inode for path, entry in tree.walk("p/o"))
        assert first is not None
        assert (first, alone) == (second, None)
    with fetched.open_file("p/o/b") as opened:
        assert opened.read() == b"1"
    fetched.close()
    again.close()


async def test_the_first_entry_is_told_before_the_rest_comes() -> None:
    items = [("/d", Item(Entry("dir", 0o711, 5, 6), "")), ("/d/f", of(bytes(5000)))]
    raw = await whole(pack(items, NoFiles(), lambda _: None))
    given = 0

    async def stream() -> AsyncGenerator[bytes, None]:
        nonlocal given
        async for piece in pieces(raw, 700):
            given += 1
            yield piece

    entry = await first_entry(stream())
    assert (entry.kind, entry.mode, entry.uid, entry.gid) == ("dir", 0o711, 5, 6)
    assert given == 1


async def test_an_archive_of_nothing_has_no_first_entry() -> None:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield bytes(1024)

    with pytest.raises(EngineError, match="empty"):
        await first_entry(stream())


async def test_what_is_no_archive_has_no_first_entry() -> None:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield b"nonsense" * 100

    with pytest.raises(EngineError, match="broken"):
        await first_entry(stream())


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("/abs", "p/abs"),
        ("../up", "up"),
        ("../../../up", "up"),
        ("a/../../../up", "up"),
        ("./a//b/", "p/a/b"),
        ("a", "p/a"),
    ],
)
async def test_no_name_leads_out_of_the_tree(name: str, path: str) -> None:
    fetched = await fetch(pieces(raw_tar(member(name)), 700), prefix="p")
    assert [found for found, e in fetched.tree.walk() if e.kind == "file"] == [path]
    fetched.close()


@pytest.mark.parametrize("name", [".", "./", "/"])
async def test_the_root_itself_is_no_entry(name: str) -> None:
    fetched = await fetch(
        pieces(raw_tar(member(name, tarfile.DIRTYPE), member("a")), 700), prefix=""
    )
    assert [path for path, _ in fetched.tree.walk()] == ["a"]
    fetched.close()


async def test_kinds() -> None:
    members = [
        member("d", tarfile.DIRTYPE),
        member("l", tarfile.SYMTYPE, "/x"),
        member("p", tarfile.FIFOTYPE),
        member("c", tarfile.CHRTYPE),
        member("f"),
    ]
    raw = raw_tar(*members)
    fetched = await fetch(pieces(raw, 700), prefix="")
    assert {path: entry.kind for path, entry in fetched.tree.walk()} == {
        "d": "dir",
        "l": "link",
        "p": "other",
        "c": "other",
        "f": "file",
    }
    tree = await read_tree(pieces(raw, 700), prefix="")
    assert [*tree.walk()] == [*fetched.tree.walk()]
    fetched.close()


async def test_a_tree_is_read_without_keeping_the_files() -> None:
    contents = {"a": b"", "b": b"1" * 512, "c": bytes(range(256)) * 9, "x" * 200: b"long"}
    items = [(f"/o/{name}", of(content)) for name, content in contents.items()]
    raw = await whole(pack(items, NoFiles(), lambda _: None))
    fetched = await fetch(pieces(raw, 700), prefix="p")
    for size in (1, 700, len(raw)):
        tree = await read_tree(pieces(raw, size), prefix="p")
        assert [*tree.walk()] == [*fetched.tree.walk()]
    fetched.close()


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>" * 200, id="garbage"),
        pytest.param(raw_tar(member("x" * 300), member("y"))[:1300], id="half"),
        pytest.param(raw_tar(member("x", tarfile.LNKTYPE, "../gone")), id="a link to nothing"),
    ],
)
async def test_what_is_no_archive_is_the_engine_s_fault(raw: bytes) -> None:
    for read in (fetch, read_tree):
        with pytest.raises(EngineError, match=r"broken archive of p/"):
            await read(pieces(raw, 700), prefix="p")


async def test_a_stream_that_breaks_off_leaves_no_file_open() -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"x"
        raise EngineError("broke off")

    with pytest.raises(EngineError, match="broke off"):
        await fetch(broken(), prefix="")
