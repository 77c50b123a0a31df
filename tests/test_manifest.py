"""What a `COPY` writes, what turns one manifest into another, and where deleted paths were.

The measured cases are in `test_copy_vectors.py`; here are the rules that they do not single out.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from livepush.manifest import (
    Conflict,
    Delta,
    Destination,
    Item,
    Manifest,
    MissingSource,
    delta,
    gone,
    manifest,
)
from livepush.model import Copy, Entry
from livepush.tree import Tree

FILE = Entry("file", 0o640, 3, 4, size=1, digest=b"1", stamp=(1,), inode=(0, 7))
DIR = Entry("dir", 0o700, 5, 6)
LINK = Entry("link", 0o777, 7, 8, target="f")
FIFO = Entry("other", 0o600)
INTO, ONTO = Destination("/o", is_dir=True), Destination("/p/o", is_dir=False)


def copy(
    *sources: str, chmod: int | None = None, inline: tuple[tuple[str, bytes], ...] = ()
) -> Copy:
    return Copy(1, "COPY", sources, "/o", False, chmod=chmod, inline=inline)


def tree(**entries: Entry) -> Tree:
    """A tree of the given entries; `__` in a name stands for a slash."""
    return Tree.of((name.replace("__", "/"), entry) for name, entry in entries.items())


def written(step: Copy, files: Tree, destination: Destination = INTO) -> dict[str, str]:
    """Where each path comes from."""
    return {p: i.source for p, i in manifest(step, files, destination, None).items.items()}


@pytest.mark.parametrize(
    ("step", "files", "destination", "expected"),
    [
        pytest.param(copy("f"), tree(f=FILE), INTO, {"/o/f": "f"}, id="a file into a directory"),
        pytest.param(copy("d/f"), tree(d__f=FILE), INTO, {"/o/f": "d/f"}, id="by its base name"),
        pytest.param(
            copy("f"), tree(f=FILE), ONTO, {"/p/o": "f"}, id="a file becomes what is named"
        ),
        pytest.param(
            copy("d"), tree(d__f=FILE), ONTO, {"/p/o/f": "d/f"}, id="contents of a directory"
        ),
        pytest.param(copy("e"), tree(e=DIR), ONTO, {}, id="an empty directory has none"),
        pytest.param(
            copy("l"), tree(l=LINK, f=FILE), INTO, {"/o/l": "f"}, id="a named link is followed"
        ),
        pytest.param(
            copy("d"),
            tree(d__l=LINK, d__f=FILE),
            INTO,
            {"/o/f": "d/f", "/o/l": "d/l"},
            id="a link below is not",
        ),
        pytest.param(copy("d"), tree(d__s=FIFO, d__f=FILE), INTO, {"/o/f": "d/f"}, id="no pipes"),
        pytest.param(
            copy("a", "b"), tree(a=FILE, b=FILE), ONTO, {"/p/o": "b"}, id="the last file wins"
        ),
        pytest.param(
            copy("d", "f"),
            tree(d=DIR, f=FILE),
            ONTO,
            {"/p/o/f": "f"},
            id="a directory source makes a directory",
        ),
        pytest.param(
            copy("*"), tree(d=DIR, f=FILE), ONTO, {"/p/o/f": "f"}, id="also by a wildcard"
        ),
        pytest.param(copy("n*"), tree(f=FILE), INTO, {}, id="a wildcard may find nothing"),
        pytest.param(
            copy("*/x"),
            Tree.of([("a!/x", FILE), ("a/x", FILE)]),
            INTO,
            {"/o/x": "a!/x"},
            id="wildcards go component by component",
        ),
        pytest.param(
            copy("*/x"),
            tree(l=Entry("link", 0o777, target="d"), d__x=FILE),
            INTO,
            {"/o/x": "d/x"},
            id="a wildcard goes through no link",
        ),
        pytest.param(
            copy("l/*"),
            tree(l=Entry("link", 0o777, target="d"), d__x=FILE),
            INTO,
            {"/o/x": "d/x"},
            id="what stands before it does",
        ),
    ],
)
def test_what_is_written(
    step: Copy, files: Tree, destination: Destination, expected: dict[str, str]
) -> None:
    assert written(step, files, destination) == expected


@pytest.mark.parametrize(
    ("step", "named"),
    [
        (copy("missing"), "missing"),
        (copy("missing/*"), "missing/*"),
        (copy("dangling"), "dangling"),
        (copy("dang*"), "dangling"),
    ],
)
def test_missing_sources(step: Copy, named: str) -> None:
    files = tree(dangling=Entry("link", 0o777, target="x"), f=FILE)
    with pytest.raises(MissingSource) as missing:
        manifest(step, files, INTO, None)
    assert str(missing.value) == named


@pytest.mark.parametrize(
    ("step", "destination", "path"),
    [
        pytest.param(copy("a", "b"), INTO, "/o/x", id="a directory over a file"),
        pytest.param(copy("b", "a"), INTO, "/o/x", id="a file over a directory"),
        pytest.param(copy("f", "b"), ONTO, "/p/o", id="contents into a file"),
        pytest.param(copy("f", "e"), ONTO, "/p/o", id="also of an empty directory"),
    ],
)
def test_conflicts(step: Copy, destination: Destination, path: str) -> None:
    files = tree(a__x=FILE, b__x=DIR, f=FILE, e=DIR)
    with pytest.raises(Conflict) as conflict:
        manifest(step, files, destination, None)
    assert str(conflict.value) == path


@pytest.mark.parametrize(
    ("destination", "sources", "made"),
    [
        (ONTO, ("f",), ("/p",)),
        (ONTO, ("d",), ("/p", "/p/o")),
        (Destination("/f", is_dir=False), ("f",), ()),
        (Destination("/", is_dir=True), ("f",), ()),
        (Destination("/p/q", is_dir=True), ("f",), ("/p", "/p/q")),
        (INTO, ("n*",), ()),  # what copies nothing makes nothing
    ],
)
def test_made_directories(
    destination: Destination, sources: tuple[str, ...], made: tuple[str, ...]
) -> None:
    assert manifest(copy(*sources), tree(f=FILE, d__f=FILE), destination, None).made == made


def test_metadata_is_the_source_s_unless_a_flag_says_otherwise() -> None:
    files = tree(d__f=FILE, d__e=DIR, d__l=LINK)
    plain = manifest(copy("d"), files, INTO, None)
    assert {path: item.entry for path, item in plain.items.items()} == {
        "/o/f": FILE,
        "/o/e": DIR,
        "/o/l": LINK,
    }
    assert plain.owner == (0, 0)
    changed = manifest(copy("d", chmod=0o4711), files, INTO, (11, 12))
    assert {(i.entry.uid, i.entry.gid) for i in changed.items.values()} == {(11, 12)}
    assert [changed.items[p].entry.mode for p in ("/o/f", "/o/e", "/o/l")] == [
        0o4711,
        0o4711,
        0o777,
    ]
    assert changed.owner == (11, 12)


def test_only_files_below_one_directory_keep_their_hard_links() -> None:
    files = tree(d__f=FILE, f=FILE)
    assert manifest(copy("d"), files, INTO, None).items["/o/f"].entry.inode == FILE.inode
    assert manifest(copy("f"), files, INTO, None).items["/o/f"].entry.inode is None


def test_inline_files() -> None:
    step = copy("f", inline=(("EOF", b"text\n"),))
    items = manifest(step, tree(f=FILE), INTO, (1, 2)).items
    assert items["/o/EOF"] == Item(Entry("file", 0o644, 1, 2, size=5, content=b"text\n"), "")
    alone = manifest(copy(inline=(("EOF", b""),)), Tree.of([]), ONTO, None)
    assert list(alone.items) == ["/p/o"]


SAVED = replace(FILE, digest=b"", stamp=(2,))
OTHER = replace(FILE, digest=b"2", stamp=(2,))
INLINE = Entry("file", 0o644, content=b"1")


@pytest.mark.parametrize(
    ("old", "new", "doubtful", "is_written"),
    [
        pytest.param(FILE, FILE, True, False, id="the same bytes"),
        pytest.param(FILE, replace(FILE, stamp=(2,)), True, False, id="saved as it was"),
        pytest.param(FILE, OTHER, False, True, id="other bytes"),
        pytest.param(FILE, SAVED, False, True, id="a stamp that moved"),
        pytest.param(FILE, replace(FILE, digest=b""), True, False, id="known bytes, no move"),
        pytest.param(
            replace(FILE, digest=b""), replace(FILE, digest=b""), True, True, id="doubted"
        ),
        pytest.param(
            replace(FILE, digest=b""), replace(FILE, digest=b""), False, False, id="believed"
        ),
        pytest.param(FILE, replace(FILE, mode=0o600), False, True, id="mode"),
        pytest.param(FILE, replace(FILE, uid=0), False, True, id="owner"),
        pytest.param(FILE, replace(FILE, gid=0), False, True, id="group"),
        pytest.param(FILE, DIR, False, True, id="kind"),
        pytest.param(LINK, replace(LINK, target="x"), False, True, id="target"),
        pytest.param(LINK, LINK, False, False, id="the same link"),
        pytest.param(LINK, LINK, True, True, id="a doubted link"),
        pytest.param(DIR, DIR, True, False, id="the same directory"),
        pytest.param(INLINE, INLINE, False, False, id="the same text"),
        pytest.param(INLINE, replace(INLINE, content=b"2"), False, True, id="other text"),
    ],
)
def test_delta(old: Entry, new: Entry, doubtful: bool, is_written: bool) -> None:
    doubted = frozenset({"s"} if doubtful else ())
    landed, wanted = (Manifest({"/o/s": Item(entry, "s")}) for entry in (old, new))
    found = delta(landed, wanted, doubted, full=False)
    assert found == Delta({"/o/s": wanted.items["/o/s"]} if is_written else {})
    assert bool(found) is is_written


def test_a_path_is_written_when_its_bytes_come_from_elsewhere() -> None:
    plain = replace(FILE, digest=b"")
    landed, wanted = (Manifest({"/o/f": Item(plain, source)}) for source in ("a", "b"))
    assert delta(landed, wanted, frozenset(), full=False).written


def test_delta_of_whole_manifests() -> None:
    landed = Manifest({"/o/a": Item(FILE, "a"), "/o/b": Item(FILE, "b")})
    wanted = Manifest({"/o/b": Item(FILE, "b"), "/o/c": Item(FILE, "c")})
    assert delta(landed, wanted, frozenset(), full=False) == Delta(
        {"/o/c": Item(FILE, "c")}, ("/o/a",)
    )
    assert delta(landed, wanted, frozenset(), full=True) == Delta(wanted.items, ("/o/a",))


@pytest.mark.parametrize(
    ("sources", "destination", "path", "expected"),
    [
        (("d",), INTO, "d/x/y", ["/o/x/y"]),
        (("",), INTO, "x", ["/o/x"]),
        (("*",), INTO, "d/x", ["/o/x"]),
        (("*.py",), INTO, "a.py", ["/o/a.py"]),
        (("*.py",), ONTO, "a.py", []),
        (("d",), INTO, "dx/y", []),
        (("d", "d/x"), INTO, "d/x/y", ["/o/x/y", "/o/y"]),
        (("f",), INTO, "f", []),  # a missing source fails the step, so nothing is cleared
    ],
)
def test_where_a_path_that_is_gone_can_have_been(
    sources: tuple[str, ...], destination: Destination, path: str, expected: list[str]
) -> None:
    assert list(gone(copy(*sources), destination, path)) == expected
