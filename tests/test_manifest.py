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
    delta,
    gone,
    manifest,
    passed,
    saved_again,
)
from livepush.model import Copy, Entry
from livepush.selection import MissingSource
from livepush.tree import Tree

FILE = Entry("file", 0o640, 3, 4, size=1, digest=b"1", stamp=(1,), inode=(0, 7))
DIR = Entry("dir", 0o700, 5, 6)
LINK = Entry("link", 0o777, 7, 8, target="f")
FIFO = Entry("other", 0o600)
INTO, ONTO = Destination("/o", is_dir=True), Destination("/p/o", is_dir=False)


def copy(*sources: str, **said: object) -> Copy:
    return replace(Copy(1, "COPY", sources, "/o", False), **said)  # type: ignore[arg-type]


def parents(source: str, pattern: str, **said: object) -> Copy:
    """`COPY --parents`, of one source."""
    return copy(source, parents=(pattern,), **said)


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
        (ONTO, ("f",), ["/p"]),
        (ONTO, ("d",), ["/p", "/p/o"]),
        (Destination("/f", is_dir=False), ("f",), []),
        (Destination("/", is_dir=True), ("f",), []),
        (Destination("/p/q", is_dir=True), ("f",), ["/p", "/p/q"]),
        (INTO, ("n*",), []),  # what copies nothing makes nothing
    ],
)
def test_made_directories(
    destination: Destination, sources: tuple[str, ...], made: list[str]
) -> None:
    found = manifest(copy(*sources), tree(f=FILE, d__f=FILE), destination, None).made
    assert list(found) == made
    assert set(found.values()) <= {Entry("dir", 0o755)}


OWNED, ROOTS = Entry("dir", 0o755, 11, 12), Entry("dir", 0o755)


@pytest.mark.parametrize(
    ("step", "made"),
    [
        (copy("f", dest_is_dir=True), [OWNED, OWNED]),
        (copy("d", dest_is_dir=True), [OWNED, OWNED]),
        (copy("f", dest_is_dir=True, legacy=True), [OWNED, OWNED]),
        (copy("d", dest_is_dir=True, legacy=True), [ROOTS, OWNED]),
        (copy("d", "f", dest_is_dir=True, legacy=True), [ROOTS, OWNED]),
        (copy("f", "d", dest_is_dir=True, legacy=True), [OWNED, OWNED]),
    ],
)
def test_the_owner_of_made_directories(step: Copy, made: list[Entry]) -> None:
    files = tree(f=FILE, d__f=FILE)
    found = manifest(step, files, Destination("/p/o", is_dir=True), (11, 12)).made
    assert list(found.values()) == made


def test_metadata_is_the_source_s_unless_a_flag_says_otherwise() -> None:
    one = replace(FILE, inode=None)
    files = tree(d__f=one, d__e=DIR, d__l=LINK)
    plain = manifest(copy("d"), files, INTO, None)
    assert {path: item.entry for path, item in plain.items.items()} == {
        "/o/f": one,
        "/o/e": DIR,
        "/o/l": LINK,
    }
    changed = manifest(copy("d", chmod=0o4711), files, INTO, (11, 12))
    assert {(i.entry.uid, i.entry.gid) for i in changed.items.values()} == {(11, 12)}
    assert [changed.items[p].entry.mode for p in ("/o/f", "/o/e", "/o/l")] == [
        0o4711,
        0o4711,
        0o777,
    ]


def test_only_files_below_one_directory_keep_their_hard_links() -> None:
    files = tree(d__f=FILE, d__g=FILE, e__h=FILE, f=FILE)
    items = manifest(copy("d", "e", "f"), files, INTO, None).items
    first, second, other, alone = (items[f"/o/{n}"].entry.inode for n in ("g", "g", "h", "f"))
    assert first == second is not None
    assert other not in (None, first)  # a directory of its own, also one that a wildcard finds
    assert alone is None


@pytest.mark.parametrize(("keeps", "after"), [(0, 0o640), (0o7000, 0o4640)])
def test_what_a_mode_leaves_of_the_source_s(keeps: int, after: int) -> None:
    files = tree(f=replace(FILE, mode=0o4755), d__d=replace(DIR, mode=0o4711), d__l=LINK)
    step = copy("f", "d", chmod=0o640, chmod_keeps=keeps)
    modes = {p: i.entry.mode for p, i in manifest(step, files, INTO, None).items.items()}
    assert modes == {"/o/f": after, "/o/d": after, "/o/l": LINK.mode}


@pytest.mark.parametrize(
    ("mode", "after"),
    [
        (0o4755, 0o755),
        (0o4644, 0o644),
        (0o2755, 0o755),
        (0o2744, 0o2744),  # nobody of the group may run it
        (0o6611, 0o611),
        (0o1644, 0o1644),
    ],
)
def test_the_engine_s_own_builder_changes_owners_last(mode: int, after: int) -> None:
    files = tree(f=replace(FILE, mode=mode), d__d=replace(DIR, mode=mode))

    def modes(step: Copy, owner: tuple[int, int] | None = None) -> list[int]:
        return [i.entry.mode for i in manifest(step, files, INTO, owner).items.values()]

    assert modes(copy("f", legacy=True)) == [after]
    assert modes(copy("d", legacy=True)) == [mode]  # which a directory does not mind
    assert modes(copy("f")) == [mode]
    assert modes(copy("f", legacy=True, origin=0)) == [mode]
    assert modes(copy("f", legacy=True, origin=0, chown="1"), (1, 1)) == [after]


CAPABLE = replace(FILE, xattrs=(("security.capability", b"1"),))


@pytest.mark.parametrize(
    ("step", "entry", "expected"),
    [
        (copy("d"), FILE, None),  # as the file has them when it is read
        (copy("d/f"), FILE, None),
        (copy("d", legacy=True), FILE, ()),
        (copy("d/f", legacy=True), FILE, ()),
        (copy("d", origin=0), CAPABLE, CAPABLE.xattrs),
        (copy("d/f", origin=0, chown="1"), CAPABLE, CAPABLE.xattrs),
        (copy("d", origin=0, legacy=True), CAPABLE, CAPABLE.xattrs),
        (copy("d/f", origin=0, legacy=True), CAPABLE, ()),
        (copy("d", origin=0, legacy=True, chown="1"), CAPABLE, ()),
    ],
)
def test_extended_attributes(
    step: Copy, entry: Entry, expected: tuple[tuple[str, bytes], ...] | None
) -> None:
    owner = (1, 1) if step.chown else None
    assert manifest(step, tree(d__f=entry), INTO, owner).items["/o/f"].entry.xattrs == expected


def test_what_a_layer_would_take_for_a_mark_is_no_file_of_the_engine_s_own_builder() -> None:
    files = Tree.of([("d/.wh.f", FILE), ("d/f", FILE)])
    assert list(manifest(copy("d"), files, INTO, None).items) == ["/o/.wh.f", "/o/f"]
    assert list(manifest(copy("d", legacy=True), files, INTO, None).items) == ["/o/f"]


WAY = replace(DIR, mode=0o711)
DEEP = tree(d=DIR, d__s=WAY, d__s__y=FILE, d__x=FILE, e__s=replace(DIR, mode=0o770), e__s__z=FILE)


@pytest.mark.parametrize(
    ("step", "written", "ways"),
    [
        (parents("", "d/s/y"), ["/o/d/s/y"], {"/o/d": 0o700, "/o/d/s": 0o711}),
        (parents("d", "s/y"), ["/o/s/y"], {"/o/s": 0o711}),
        (parents("", "d/s"), ["/o/d/s", "/o/d/s/y"], {"/o/d": 0o700}),
        (parents("", "d/s/y", chmod=0o750), ["/o/d/s/y"], {"/o/d": 0o750, "/o/d/s": 0o750}),
        # A second source finds the directories there, and only sets their modes.
        (
            copy("", "", parents=("d/s/y", "d/x"), chmod=0o750),
            ["/o/d/s/y", "/o/d/x"],
            {"/o/d": 0o700, "/o/d/s": 0o750},
        ),
        (
            copy("d", "e", parents=("s/y", "s/z")),
            ["/o/s/y", "/o/s/z"],
            {"/o/s": 0o770},
        ),
        # What was a directory on the way is taken itself, and the other way round.
        (
            copy("d", "e", parents=("s/y", "s")),
            ["/o/s", "/o/s/y", "/o/s/z"],
            {},
        ),
        (copy("e", "d", parents=("s", "s/y")), ["/o/s", "/o/s/y", "/o/s/z"], {}),
        (copy("d", exclude=("s", "!s/y", "x")), ["/o/s/y"], {"/o/s": 0o711}),
    ],
)
def test_directories_on_the_way(step: Copy, written: list[str], ways: dict[str, int]) -> None:
    found = manifest(step, DEEP, INTO, (11, 12))
    assert sorted(found.items) == written
    assert {path: found.made[path].mode for path in found.on_the_way} == ways
    assert {path for path in found.made if path != "/o"} == ways.keys()
    assert {(entry.uid, entry.gid) for entry in found.made.values()} == {(11, 12)}


def test_a_directory_that_is_taken_and_then_passed_has_the_mode_of_the_last() -> None:
    found = manifest(copy("e", "d", parents=("s", "s/y")), DEEP, INTO, None)
    assert found.items["/o/s"].entry.mode == 0o711


@pytest.mark.parametrize(
    "step",
    [copy("e", "d", parents=("s", "s/y")), copy("d", "e", parents=("s/y", "s"))],
)
def test_a_file_in_the_place_of_a_directory_on_the_way(step: Copy) -> None:
    files = tree(e__s=FILE, d__s__y=FILE)
    with pytest.raises(Conflict, match="/o/s"):
        manifest(step, files, INTO, None)


def test_inline_files() -> None:
    step = copy("f", inline=(("EOF", b"text\n"),))
    items = manifest(step, tree(f=FILE), INTO, (1, 2)).items
    assert items["/o/EOF"] == Item(Entry("file", 0o644, 1, 2, size=5, content=b"text\n"), "")
    alone = manifest(copy(inline=(("EOF", b""),)), Tree.of([]), ONTO, None)
    assert list(alone.items) == ["/p/o"]


def test_inline_files_of_one_name_are_all_written_in_order() -> None:
    step = copy(inline=(("A", b"1"), ("B", b"2"), ("A", b"3")))
    assert manifest(step, Tree.of([]), ONTO, None).items["/p/o"].entry.content == b"3"


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
        pytest.param(
            replace(FILE, xattrs=()), replace(FILE, xattrs=()), True, False, id="same attributes"
        ),
        pytest.param(
            replace(FILE, xattrs=()),
            replace(FILE, xattrs=(("user.a", b""),)),
            True,
            True,
            id="other attributes",
        ),
        pytest.param(FILE, replace(FILE, xattrs=(("user.a", b""),)), True, False, id="never known"),
        pytest.param(INLINE, INLINE, False, False, id="the same text"),
        pytest.param(INLINE, replace(INLINE, content=b"2"), False, True, id="other text"),
    ],
)
def test_delta(old: Entry, new: Entry, doubtful: bool, is_written: bool) -> None:
    doubted = frozenset({"s"} if doubtful else ())
    landed, wanted = (Manifest({"/o/s": Item(entry, "s")}) for entry in (old, new))
    found = delta(landed, wanted, doubted)
    assert found == Delta({"/o/s": wanted.items["/o/s"]} if is_written else {})
    assert bool(found) is is_written


def test_a_path_is_written_when_its_bytes_come_from_elsewhere() -> None:
    plain = replace(FILE, digest=b"")
    landed, wanted = (Manifest({"/o/f": Item(plain, source)}) for source in ("a", "b"))
    assert delta(landed, wanted, frozenset()).written


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ({"a": 1, "b": 1}, {"a": 1, "b": 1}, []),
        ({"a": 1, "b": 1}, {"a": 2, "b": 2}, []),
        ({"a": 1, "b": None}, {"a": 1, "b": None}, []),
        ({"a": None, "b": None}, {"a": 1, "b": 1}, ["a", "b"]),
        ({"a": 1, "b": 1}, {"a": None, "b": None}, ["a", "b"]),
        ({"a": 1, "b": 1, "c": 2, "d": 2}, {"a": 1, "b": 2, "c": 2, "d": 1}, list("abcd")),
        ({"a": 1, "b": 1, "c": None}, {"a": 1, "b": 1, "c": 1}, ["a", "b", "c"]),
    ],
)
def test_files_are_written_together_where_their_links_changed(
    before: dict[str, int | None], after: dict[str, int | None], written: list[str]
) -> None:
    def linked(inodes: dict[str, int | None]) -> Manifest:
        return Manifest(
            {
                name: Item(replace(FILE, inode=None if inode is None else (inode,)), name)
                for name, inode in inodes.items()
            }
        )

    assert list(delta(linked(before), linked(after), frozenset()).written) == written


def test_delta_of_whole_manifests() -> None:
    one = replace(FILE, inode=None)
    landed = Manifest({"/o/a": Item(one, "a"), "/o/b": Item(one, "b")})
    wanted = Manifest({"/o/b": Item(one, "b"), "/o/c": Item(one, "c")})
    assert delta(landed, wanted, frozenset()) == Delta({"/o/c": Item(one, "c")}, ("/o/a",))


@pytest.mark.parametrize(
    ("step", "destination", "path", "expected"),
    [
        (copy("d"), INTO, "d/x/y", ["/o/x/y"]),
        (copy(""), INTO, "x", ["/o/x"]),
        (copy("*"), INTO, "d/x", ["/o/x"]),
        (copy("*.py"), INTO, "a.py", ["/o/a.py"]),
        (copy("*.py"), ONTO, "a.py", []),
        (copy("d"), INTO, "dx/y", []),
        (copy("d", "d/x"), INTO, "d/x/y", ["/o/x/y", "/o/y"]),
        (copy("f"), INTO, "f", []),  # a missing source fails the step, so nothing is cleared
        (copy("d", exclude=("x",)), INTO, "d/x", []),
        (copy("d", exclude=("x",)), INTO, "d/x/y", []),
        (copy("d", exclude=("x", "!x/y")), INTO, "d/x/y", ["/o/x/y"]),
        (copy("d", exclude=("d/x",)), INTO, "d/x", ["/o/x"]),
        (copy("*.py", exclude=("*",)), INTO, "a.py", ["/o/a.py"]),
        (parents("", "d/*/x"), INTO, "d/s/x", ["/o/d/s/x"]),
        (parents("", "d/*/x"), INTO, "d/s/x/y", ["/o/d/s/x/y"]),
        (parents("d", "**/x"), INTO, "d/s/t/x", ["/o/s/t/x"]),
        (parents("", "d/*/x"), INTO, "d/s/y", []),
        (parents("", "d/*/x"), INTO, "d/s", []),
    ],
)
def test_where_a_path_that_is_gone_can_have_been(
    step: Copy, destination: Destination, path: str, expected: list[str]
) -> None:
    assert list(gone(step, destination, path)) == expected


@pytest.mark.parametrize(
    ("step", "path", "place", "taken"),
    [
        (parents("", "d/*/x"), "d/s", "/o/d/s", {"x", "x/x", "x/y"}),
        (parents("", "d/*/x"), "d", "/o/d", {"s/x", "x/x"}),
        (parents("d", "**/x"), "d/s/t", "/o/s/t", {"x", "s/x", "x/x", "x/y"}),
        (copy("d", exclude=("s", "!s/x")), "d/s", "/o/s", {"x", "x/x", "x/y"}),
        (parents("", "d/*/x"), "d/s/x", "", set()),  # taken itself
        (parents("", "d/*/x"), "d/s/y", "", set()),  # nothing below it can be
        (parents("", "d/*/x"), "e", "", set()),
        (copy("d"), "d/s", "", set()),
    ],
)
def test_where_a_directory_that_is_gone_was_passed(
    step: Copy, path: str, place: str, taken: set[str]
) -> None:
    found = list(passed(step, INTO, path))
    assert [where for where, _ in found] == ([place] if place else [])
    below = ("x", "y", "x/x", "x/y", "s/x", "s/y")
    assert {each for each in below for _, takes in found if takes(each)} == taken


# saved_again


PLAIN = replace(FILE, inode=None, mode=0o6755)
SAVED = replace(PLAIN, mode=0o2640, size=9, digest=b"2", stamp=(2,), xattrs=(("user.a", b"1"),))


@pytest.mark.parametrize("owner", [None, (11, 12)])
@pytest.mark.parametrize("destination", [INTO, ONTO])
@pytest.mark.parametrize(
    "step",
    [
        copy("d"),
        copy("d/f"),
        copy("d/[f]*"),
        copy("d", "d/f"),
        copy("d/f", legacy=True),
        copy("d", legacy=True, chown="a"),
        copy("d", chmod=0o751),
        parents("d", "f"),
        copy("l"),
    ],
    ids=str,
)
def test_a_saved_file_is_written_as_it_would_be_with_all_others(
    step: Copy, destination: Destination, owner: tuple[int, int] | None
) -> None:
    before = tree(d=DIR, d__f=PLAIN, d__g=PLAIN, l=replace(LINK, target="d/f"))
    after = tree(d=DIR, d__f=SAVED, d__g=PLAIN, l=replace(LINK, target="d/f"))
    landed = manifest(step, before, destination, owner).items
    of_it = {path: item for path, item in landed.items() if item.source == "d/f"}
    again = saved_again(step, after, of_it, owner)
    assert again
    assert {**landed, **again} == manifest(step, after, destination, owner).items


@pytest.mark.parametrize("now", [None, FILE, DIR, LINK, FIFO])
def test_what_is_no_plain_file_may_concern_more_than_itself(now: Entry | None) -> None:
    step, others = copy("d"), {"d__g": PLAIN}
    landed = manifest(step, tree(d__f=PLAIN, **others), INTO, None).items
    changed = tree(d__f=now, **others) if now is not None else tree(**others)
    assert saved_again(step, changed, {"/o/f": landed["/o/f"]}, None) is None
    if now is not None:
        landed = {"/o/f": Item(now, "d/f")}
        assert saved_again(step, tree(d__f=PLAIN), landed, None) is None
