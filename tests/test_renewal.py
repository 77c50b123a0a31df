"""What a container needs to be like a newer image of its stage."""

from __future__ import annotations

from dataclasses import replace
from tempfile import SpooledTemporaryFile
from typing import IO

import pytest
from anyio import CancelScope

from livepush.engine import ImageConfig
from livepush.errors import EngineError
from livepush.journal import Touched
from livepush.manifest import Delta
from livepush.model import Entry
from livepush.renewal import Renewal, carried
from livepush.testing import FakeEngine, FakeImage, Files, Node
from livepush.tree import Tree

from .conftest import BUSYBOX


def file(content: str, mode: int = 0o644) -> Entry:
    return Entry("file", mode, digest=content.encode())


DIR = Entry("dir", 0o755)
OLDER = Tree.of({"a": file("a"), "d": DIR, "d/x": file("x"), "d/y": file("y")}.items())

NOTHING = Touched(frozenset(), commands=False)


def tree(**entries: Entry) -> Tree:
    return Tree.of((path.replace("__", "/"), entry) for path, entry in entries.items())


@pytest.mark.parametrize(
    ("image", "written", "deleted"),
    [
        pytest.param(OLDER, [], [], id="the same"),
        pytest.param(tree(a=file("a"), d=DIR, d__x=file("x")), [], ["/d/y"], id="a file is gone"),
        pytest.param(tree(a=file("a")), [], ["/d"], id="a directory is gone, with all in it"),
        pytest.param(
            tree(a=file("b"), d=Entry("dir", 0o700), d__x=file("x", 0o755), d__y=file("y")),
            ["/a", "/d", "/d/x"],
            [],
            id="content, mode",
        ),
        pytest.param(
            tree(a=DIR, a__b=file("b"), d=Entry("link", 0o777, target="a")),
            ["/a", "/a/b", "/d"],
            [],
            id="other kinds",
        ),
        pytest.param(
            tree(a=file("a"), d=DIR, d__x=file("x"), d__y=file("y"), proc=DIR, etc__hosts=file("")),
            ["/etc"],
            [],
            id="what is the engine's own is left alone",
        ),
    ],
)
def test_what_differs_between_two_images(
    image: Tree, written: list[str], deleted: list[str]
) -> None:
    delta = carried(image, OLDER, OLDER, NOTHING)
    assert sorted(delta.written) == written
    assert sorted(delta.deleted) == deleted


def test_what_pushes_touched_comes_where_it_is_otherwise() -> None:
    touched = Touched(frozenset({"/a", "/new", "/d/y/z", "/gone"}), commands=False)
    here = tree(a=file("pushed"), d=DIR, d__x=file("own"), d__y=DIR, d__y__z=file("z"), new=DIR)
    delta = carried(OLDER, OLDER, here, touched)
    assert sorted(delta.written) == ["/a"]
    assert sorted(delta.deleted) == ["/d/y/z", "/new"]
    assert carried(OLDER, OLDER, OLDER, touched) == Delta()


def test_what_went_with_a_directory_comes_back_with_it() -> None:
    touched = Touched(frozenset({"/d"}), commands=False)
    assert sorted(carried(OLDER, OLDER, tree(a=file("a")), touched).written) == [
        "/d",
        "/d/x",
        "/d/y",
    ]
    here = tree(a=file("a"), d=DIR, d__x=file("own"), d__y=file("y"))
    assert carried(OLDER, OLDER, here, touched) == Delta(), "what is there is the application's"


def test_a_capability_alone_comes_as_well() -> None:
    old, new = (
        tree(a=replace(file("a"), xattrs=(("security.capability", value),)))
        for value in (b"1", b"2")
    )
    assert list(carried(new, old, old, NOTHING).written) == ["/a"]
    assert not carried(new, new, new, NOTHING)
    assert not carried(tree(a=file("a")), old, old, NOTHING), "it is not known"


def test_behind_commands_all_that_differs_comes() -> None:
    here = tree(a=file("command's"), d=DIR, d__x=file("x"), own=file("application's"))
    delta = carried(OLDER, OLDER, here, Touched(frozenset(), commands=True))
    assert sorted(delta.written) == ["/a", "/d/y"]
    assert delta.deleted == ()


async def test_nothing_goes_behind_a_link_that_comes_in_a_directory_s_place(
    fake_engine: FakeEngine,
) -> None:
    older, newer = FakeImage(Files(), ImageConfig("")), FakeImage(Files(), ImageConfig(""))
    older.files.place("/current/x", Node("file", content=b"old"))
    newer.files.place("/current", Node("link", 0o777, target="/data"))
    for image in (older, newer):
        image.files.place("/data/x", Node("file", content=b"kept"))
    old, new = map(fake_engine.add_image, (older, newer))
    web = fake_engine.add_container(old)
    renewal = Renewal(fake_engine, web, old, mounts=(), labels={})
    delta, files = await renewal.changes(new, Touched(), lambda tree: tree)
    await renewal.carry(delta, files, restarts=True)
    files.close()
    assert await fake_engine.stat(web, "/data/x") is not None
    assert await fake_engine.stat(web, "/current/x") is not None


async def test_a_container_that_cannot_be_removed_holds_nothing_up(fake_engine: FakeEngine) -> None:
    web = fake_engine.add_container(BUSYBOX)
    renewal = Renewal(fake_engine, web, BUSYBOX, mounts=(), labels={})
    for after in range(2):
        fake_engine.fail_next("remove", EngineError("a hiccup"), after=after)
    delta, files = await renewal.changes(BUSYBOX, Touched(), lambda tree: tree)
    files.close()
    assert not delta
    assert [call.verb for call in fake_engine.calls].count("remove") == 2


@pytest.mark.parametrize("nth", [1, 2])
async def test_a_cancel_leaves_no_temporary_file_open(
    fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    web = fake_engine.add_container(BUSYBOX)
    renewal = Renewal(fake_engine, web, BUSYBOX, mounts=(), labels={})
    opened: list[IO[bytes]] = []

    def spooled(max_size: int) -> IO[bytes]:
        file = SpooledTemporaryFile(max_size)  # noqa: SIM115  # whose closing is what is tested
        opened.append(file)
        return file

    monkeypatch.setattr("livepush.fetched.tempfile.SpooledTemporaryFile", spooled)
    removing = fake_engine.remove

    async def remove(container: str) -> None:
        await removing(container)
        if len(opened) == nth:
            scope.cancel()

    monkeypatch.setattr(fake_engine, "remove", remove)

    with CancelScope() as scope:
        await renewal.changes(BUSYBOX, Touched(), lambda tree: tree)
    assert scope.cancelled_caught
    assert len(opened) >= nth
    assert not [file for file in opened if not file.closed]
