"""Tar streams read in pieces: what `tarfile` reads of the same bytes is the oracle."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livepush.tarstream import TarStream, is_tar

ODD = b"odd \xff".decode(errors="surrogateescape")
NAMES = ["a", "d/" + "n" * 150, "é" * 60, ODD, f"{ODD}/{'x' * 200}"]


def read(raw: bytes, size: int) -> list[tuple[tarfile.TarInfo, bytes]]:
    """All members with their contents, from pieces of `size` bytes."""
    stream = TarStream()
    members: list[tuple[tarfile.TarInfo, bytes]] = []
    for start in range(0, len(raw), size):
        for what in stream.feed(raw[start : start + size]):
            if isinstance(what, bytes):
                member, content = members[-1]
                members[-1] = member, content + what
            else:
                members.append((what, b""))
    return members


def written(form: int) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=form, encoding="utf-8") as tar:
        for number, name in enumerate(NAMES):
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid, info.mtime = 700 * number, 0o640, number, 7
            if form == tarfile.PAX_FORMAT:
                info.pax_headers = {"SCHILY.xattr.user.x": f"\0{ODD}{number}", "comment": "c"}
            tar.addfile(info, io.BytesIO(bytes([number]) * info.size))
            for kind, link in ((tarfile.SYMTYPE, f"to {name}"), (tarfile.LNKTYPE, name)):
                info = tarfile.TarInfo(f"{name}.link")
                info.type, info.linkname = kind, link
                tar.addfile(info)
            info = tarfile.TarInfo(f"{name}.d")
            info.type, info.uid = tarfile.DIRTYPE, 2**22
            tar.addfile(info)
    return raw.getvalue()


def look(member: tarfile.TarInfo) -> tuple[object, ...]:
    return (
        *(member.name, member.type, member.mode, member.uid, member.gid, member.linkname),
        *(member.mtime, member.size if member.isreg() else 0),
    )


@given(st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]), st.integers(1, 3000))
def test_reads_what_tarfile_reads(form: int, size: int) -> None:
    raw = written(form)
    with tarfile.open(fileobj=io.BytesIO(raw), encoding="utf-8") as tar:
        expected = []
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            expected.append((look(member), content.read() if content else b""))
    assert [(look(member), content) for member, content in read(raw, size)] == expected


def test_extended_attributes_are_kept_and_nothing_else() -> None:
    [member, *_] = (member for member, _ in read(written(tarfile.PAX_FORMAT), 512))
    assert member.pax_headers == {"SCHILY.xattr.user.x": f"\0{ODD}0"}


@pytest.mark.parametrize("record", [b"x", b"1 a=b\n", b"99 a=b\n", b"0 a=b\n"], ids=repr)
def test_a_broken_header_is_told(record: bytes) -> None:
    info = tarfile.TarInfo("PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, len(record)
    with pytest.raises(tarfile.TarError):
        read(info.tobuf() + record.ljust(512, b"\0"), 512)


def test_what_is_no_tar_is_told() -> None:
    text = b"{" * 1024
    with pytest.raises(tarfile.TarError):
        read(text, 100)
    assert not is_tar(text)
    assert is_tar(bytes(1024))
    assert is_tar(written(tarfile.GNU_FORMAT))


@pytest.mark.parametrize("kept", [0, 8, 512, 700])
def test_what_ends_too_early_is_told(kept: int) -> None:
    raw = written(tarfile.GNU_FORMAT)
    whole, cut = TarStream(), TarStream()
    list(whole.feed(raw))
    whole.end()
    list(cut.feed(raw[:kept]))
    with pytest.raises(tarfile.TarError):
        cut.end()
