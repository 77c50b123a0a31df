"""What a receiver of a directory is told, byte by byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from livepush.archive import NoFiles
from livepush.context import Context
from livepush.errors import EngineError
from livepush.filesync import DATA, REQUEST, STAT, Directory, Packet
from livepush.manifest import Item
from livepush.model import Entry
from livepush.snapshot import Snapshot
from tests.packets import Stat, stats

DIR, REGULAR, LINK, PIPE = 1 << 31, 0, 1 << 27, 1 << 25


def directory(root: Path) -> Directory:
    context = Context.open(root)
    files = Snapshot(context, context.scan())
    return Directory({path: Item(entry, path) for path, entry in files.tree.walk()}, files)


def told(found: Directory) -> list[Stat]:
    *entries, last = found.entries()
    assert Packet.read(last) == Packet(STAT)
    return stats(entries)


def content(found: Directory, number: int) -> bytes:
    packets = [Packet.read(packet) for packet in found.contents(number)]
    assert {(packet.kind, packet.number) for packet in packets} == {(DATA, number)}
    assert packets[-1].data == b""
    return b"".join(packet.data for packet in packets)


def test_entries_come_depth_first_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    for path in ("a/z", "a.b", "a/b/c", "a-", "é", "z"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    os.close(os.open(os.fsencode(tmp_path) + b"/\xff", os.O_CREAT | os.O_WRONLY))
    found = directory(tmp_path)
    names = [stat.path for stat in told(found)]
    assert names == [*(b"a", b"a/b", b"a/b/c", b"a/z", b"a-", b"a.b", b"z", "é".encode(), b"\xff")]
    assert content(found, names.index(b"a/b/c")) == b"a/b/c"


def test_an_entry_is_told_as_everybody_s(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir(mode=0o755)
    (tmp_path / "dir").chmod(0o1750)
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "file").chmod(0o6711)
    os.utime(tmp_path / "file", ns=(1_500_000_000_123_456_789, 1_500_000_000_123_456_789))
    (tmp_path / "link").symlink_to("dir/none")
    one, two, three = told(directory(tmp_path))
    assert (one.path, one.mode) == (b"dir", DIR | 1 << 20 | 0o750)
    assert (two.path, two.mode, two.size) == (b"file", 1 << 23 | 1 << 22 | 0o711, 5)
    assert two.mtime == 1_500_000_000_123_456_789
    assert (three.mode & LINK, three.target) == (LINK, b"dir/none")
    assert {stat.owner for stat in (one, two, three)} == {(0, 0)}


def test_a_directory_is_told_with_what_is_in_it(tmp_path: Path) -> None:
    for path in ("d/e/gone", "d/f/there", "d/there", "gone/gone", "there"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    (tmp_path / "empty").mkdir()
    found = directory(tmp_path)
    for path in ("d/e/gone", "gone/gone"):
        (tmp_path / path).unlink()
    names = [stat.path for stat in told(found)]
    assert names == [b"d", b"d/f", b"d/f/there", b"d/there", b"empty", b"there"]
    assert content(found, names.index(b"d/f/there")) == b"d/f/there"


def test_a_pipe_is_told_as_a_pipe_and_has_no_bytes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o640)
    found = directory(tmp_path)
    (stat,) = told(found)
    assert (stat.path, stat.mode, stat.size) == (b"pipe", PIPE | 0o640, 0)
    assert content(found, 0) == b""


def test_a_second_name_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("1")
    (tmp_path / "c").hardlink_to(tmp_path / "b")
    (tmp_path / "a").mkdir()
    (tmp_path / "a/d").hardlink_to(tmp_path / "b")
    _, first, *others = told(directory(tmp_path))
    assert (first.path, first.target, first.size) == (b"a/d", b"", 1)
    assert [(each.target, each.size) for each in others] == [(b"a/d", 0)] * 2


def test_a_second_name_whose_first_is_gone_is_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    for name in "bc":
        (tmp_path / name).hardlink_to(tmp_path / "a")
    found = directory(tmp_path)
    (tmp_path / "a").unlink()
    first, second = told(found)
    assert (first.path, first.target, first.size) == (b"b", b"", 1)
    assert (second.path, second.target) == (b"c", b"b")


def test_attributes_of_the_user_s_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("1")
    os.setxattr(tmp_path / "file", "user.a", b"\x00\xff")
    (stat,) = told(directory(tmp_path))
    assert stat.xattrs == {b"user.a": b"\x00\xff"}


def test_large_files_come_in_pieces(tmp_path: Path) -> None:
    large = os.urandom(300_000)
    (tmp_path / "large").write_bytes(large)
    (tmp_path / "empty").write_bytes(b"")
    found = directory(tmp_path)
    told(found)
    assert content(found, 0) == b""
    assert content(found, 1) == large
    assert max(map(len, found.contents(1))) < 100_000


def test_what_is_gone_by_then_is_left_out(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name)
    found = directory(tmp_path)
    (tmp_path / "a").unlink()
    assert [stat.path for stat in told(found)] == [b"b", b"c"]
    (tmp_path / "b").unlink()
    assert content(found, 0) == b""
    assert content(found, 1) == b"c"


def test_bytes_that_no_disk_holds() -> None:
    entry = Entry("file", 0o640, size=4, content=b"text")
    found = Directory({"f": Item(entry, "")}, NoFiles())
    assert [(stat.path, stat.mode, stat.size) for stat in told(found)] == [(b"f", 0o640, 4)]
    assert content(found, 0) == b"text"


def test_a_number_that_was_not_told_is_refused() -> None:
    with pytest.raises(EngineError, match="file 7"):
        list(Directory({}, NoFiles()).contents(7))


@pytest.mark.parametrize("number", [0, 127, 128, 1 << 31])
def test_packets_are_read_as_they_are_written(number: int) -> None:
    packet = Packet(REQUEST, number, b"x" * 200)
    assert Packet.read(bytes(packet)) == packet


@pytest.mark.parametrize("noise", [b"\x08", b"\x22\x05ab", b"\x0d\x00\x00", b"\x0a\x01a", b"\x80"])
def test_noise_is_no_packet(noise: bytes) -> None:
    with pytest.raises(EngineError, match="packet"):
        Packet.read(noise)
