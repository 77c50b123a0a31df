"""What of an archive comes in parcels, and that nothing of it is lost."""

from __future__ import annotations

import io
import tarfile

import pytest

from livepush.parcels import LIMIT, Parcels
from livepush.span import whole
from tests.archives import Item, packed, pieces

MANY = [Item(f"a/{number}", content=b"x" * 3000) for number in range(1000)]
LARGE = Item("large", content=bytes(LIMIT + 1))


def named(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.getnames()


async def divided(archive: bytes, size: int = 700) -> tuple[list[list[str]], bytes]:
    """The names in each parcel, and the rest."""
    parcels = Parcels(pieces(archive, size))
    found = []
    while parcel := await parcels.take():
        found.append(named(parcel.archive))
        assert len(parcel.files) + len(parcel.directories) == len(found[-1])
    return found, await whole(parcels.rest())


@pytest.mark.parametrize("size", [1, 511, 512, 700, 10**7])
async def test_what_is_small_comes_in_one_parcel(size: int) -> None:
    items = [Item("d", "dir"), Item("d/" + "long" * 50), Item("link", "link", target="t" * 150)]
    parcel = await Parcels(pieces(packed(*items), size)).take()
    assert parcel is not None
    assert parcel.whole
    assert parcel.directories == ("/d",)
    assert named(parcel.archive) == [item.name for item in items]


async def test_many_come_in_several_parcels_in_order() -> None:
    found, _ = await divided(packed(*MANY))
    assert len(found) > 1
    assert [name for names in found for name in names] == [item.name for item in MANY]


@pytest.mark.parametrize(
    "item",
    [
        LARGE,
        Item("other's", "link", target="t", uid=5),
        Item("two\nlines", "dir"),
        Item("d" * 200, "dir"),
        Item("second", "hard link", target="a/0"),
        Item("pipe", "pipe"),
    ],
    ids=lambda item: item.name[:10],
)
async def test_what_stands_behind_anything_else_is_the_rest(item: Item) -> None:
    before, behind = MANY[:3], MANY[3:6]
    found, rest = await divided(packed(*before, item, *behind))
    assert found == [[each.name for each in before]]
    assert named(rest) == [item.name, *(each.name for each in behind)]


async def test_extended_attributes_are_for_others() -> None:
    info = tarfile.TarInfo("a")
    info.pax_headers = {"SCHILY.xattr.user.a": "1"}
    archive = info.tobuf(tarfile.PAX_FORMAT) + bytes(1024)
    assert await divided(archive) == ([], archive)


async def test_what_is_given_back_begins_the_rest() -> None:
    archive = packed(*MANY)
    parcels = Parcels(pieces(archive, 700))
    first, second = await parcels.take(), await parcels.take()
    assert first is not None
    assert second is not None
    parcels.give_back(second)
    rest = await whole(parcels.rest())
    assert first.content + rest == archive


async def test_what_is_cut_short_stays_so() -> None:
    archive = packed(*MANY[:2])[:4000]
    found, rest = await divided(archive)
    assert found == [["a/0"]]
    assert rest == archive[3584:]
