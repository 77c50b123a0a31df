"""The context on disk: what is in it, how it is kept up to date, and what a path is called."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livepush.context import Context
from livepush.droppings import is_dropping, triggers
from livepush.errors import DockerfileParseError, InvalidArgumentError
from livepush.model import Changes, Entry
from livepush.tree import Tree


def write(root: Path, *paths: str, text: str = "x") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def paths(tree: Tree) -> list[str]:
    return [path for path, _ in tree.walk()]


def entry(tree: Tree, path: str) -> Entry:
    found = tree.get(path)
    assert found is not None
    return found


# What is in the context


def test_a_scan_has_everything_with_its_metadata(tmp_path: Path) -> None:
    write(tmp_path, "Dockerfile", "src/x.js", text="hello")
    (tmp_path / "src/x.js").chmod(0o4751)
    os.utime(tmp_path / "src/x.js", ns=(0, 1_234_567_890_999_999_999))
    (tmp_path / "src").chmod(0o2775)
    (tmp_path / "empty").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("../out/of/it")
    tree = Context.open(tmp_path).scan()
    assert paths(tree) == ["Dockerfile", "empty", "link", "src", "src/x.js"]
    file = entry(tree, "src/x.js")
    assert (file.kind, file.mode, file.size, file.mtime) == ("file", 0o4751, 5, 1_234_567_890)
    assert (file.uid, file.gid, file.inode) == (0, 0, None)
    status = (tmp_path / "src/x.js").stat()
    assert file.stamp == (5, 1_234_567_890_999_999_999, status.st_ctime_ns, status.st_ino)
    assert (entry(tree, "src").kind, entry(tree, "src").mode) == ("dir", 0o2775)
    assert entry(tree, "empty").mode == 0o700
    assert tree.children("empty") == {}
    assert (entry(tree, "link").kind, entry(tree, "link").target) == ("link", "../out/of/it")


def test_names_of_one_file_share_an_inode(tmp_path: Path) -> None:
    write(tmp_path, "a", "c")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    tree = Context.open(tmp_path).scan()
    assert entry(tree, "a").inode == entry(tree, "b").inode is not None
    assert entry(tree, "c").inode is None


def test_what_is_neither_file_nor_directory_nor_link_is_other(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
        tree = Context.open(tmp_path).scan()
    assert [entry(tree, name).kind for name in ("fifo", "socket")] == ["other", "other"]


def test_a_name_that_is_not_utf8_is_kept(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff")
    (tmp_path / name).mkdir()
    write(tmp_path, f"{name}/\udcfe")
    assert paths(Context.open(tmp_path).scan()) == ["\udcff", "\udcff/\udcfe"]


def test_a_linked_directory_is_not_entered(tmp_path: Path) -> None:
    write(tmp_path, "out/x", "root/in/y")
    (tmp_path / "root/out").symlink_to("../out")
    (tmp_path / "root/loop").symlink_to(".")
    assert paths(Context.open(tmp_path / "root").scan()) == ["in", "loop", "out", "in/y"]


IGNORED = [
    ("node_modules\n", ["a", "src", "src/node_modules", "src/node_modules/i"]),
    (
        "**/node_modules\n!src/node_modules/i\n",
        ["a", "src", "src/node_modules", "src/node_modules/i"],
    ),
    (
        "*\n!node_modules/p/q/r\n",
        [*"", "node_modules", "node_modules/p", "node_modules/p/q", "node_modules/p/q/r"],
    ),
    ("*\n!nope\n", []),
    ("**\n!**/empty\n", ["node_modules", "node_modules/empty"]),
]


@pytest.mark.parametrize(("rules", "kept"), IGNORED)
def test_an_ignored_directory_is_there_while_something_in_it_is_kept(
    tmp_path: Path, rules: str, kept: list[str]
) -> None:
    write(tmp_path, "a", "src/node_modules/i", "node_modules/p/q/r", "node_modules/p/i")
    (tmp_path / "node_modules/empty").mkdir()
    (tmp_path / "node_modules").chmod(0o711)
    write(tmp_path, ".dockerignore", text=f"{rules}.dockerignore\n")
    tree = Context.open(tmp_path).scan()
    assert sorted(paths(tree)) == sorted(kept)
    if "node_modules" in kept:
        assert entry(tree, "node_modules").mode == 0o711


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ("*\n!a/b/x\n", {"a": 0o755, "a/b": 0o755, "a/b/x": 0o644}),
        ("*\n!a/b\n", {"a": 0o755, "a/b": 0o700, "a/b/x": 0o644}),
        ("*\n!a\n", {"a": 0o711, "a/b": 0o700, "a/b/x": 0o644}),
        ("*\n!**/x\n", {}),
        ("*\n!a/*/x\n", {}),
        ("*\n!a/nope\n", {}),
    ],
)
def test_what_the_engine_s_own_builder_is_sent(
    tmp_path: Path, rules: str, kept: dict[str, int]
) -> None:
    write(tmp_path, "a/b/x")
    (tmp_path / "a/b").chmod(0o700)
    (tmp_path / "a").chmod(0o711)
    write(tmp_path, "Dockerfile.dockerignore", text="nothing\n")  # which it does not know
    write(tmp_path, ".dockerignore", text=rules)
    context = Context.open(tmp_path, legacy=True)
    tree = context.scan()
    assert {path: entry.mode for path, entry in tree.walk()} == kept
    for hints in ({"a/b/x"}, {"a/b"}, {"a"}):
        fresh, changes = context.rescan(tree, hints)
        assert (fresh.directories(), changes) == (tree.directories(), Changes())
    assert context.control_files == ("Dockerfile", ".dockerignore")


def test_the_control_files_are_in_the_context_unless_ignored(tmp_path: Path) -> None:
    write(tmp_path, "Dockerfile", "a")
    write(tmp_path, ".dockerignore", text="nope\n")
    assert paths(Context.open(tmp_path).scan()) == [".dockerignore", "Dockerfile", "a"]
    write(tmp_path, ".dockerignore", text="Dockerfile\n.dockerignore\n")
    context = Context.open(tmp_path)
    assert paths(context.scan()) == ["a"]
    assert context.ignored("Dockerfile")
    assert not context.ignored("a")


def test_directories_without_anything_kept_are_skipped(tmp_path: Path) -> None:
    write(tmp_path, ".dockerignore", text="a\nb\n!b/c\n")
    context = Context.open(tmp_path)
    assert [context.skips(path) for path in ("a", "a/x", "b", "b/c", "d")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_an_unreadable_directory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a/b/x")
    real_open = os.open

    # The superuser may read everything.
    def deny(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path == "b":
            raise PermissionError(13, "Permission denied", path)
        return real_open(path, flags, dir_fd=dir_fd)

    context = Context.open(tmp_path)
    monkeypatch.setattr(os, "open", deny)
    with pytest.raises(InvalidArgumentError, match="a/b of the build context cannot be read"):
        context.scan()
    write(tmp_path, ".dockerignore", text="a/b\n")
    context = Context.open(tmp_path)
    tree = context.scan()
    assert paths(tree) == [".dockerignore", "a"]
    assert context.rescan(tree, {"a/b", "a/b/x"})[1] == Changes()


def test_what_vanishes_during_a_scan_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a/x", "b/x", "c")
    real_open = os.open

    def swap(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path == "a":
            os.rename(tmp_path / path, tmp_path / "b/moved")
        if path == "b":
            os.rename(tmp_path / path, tmp_path.with_name("elsewhere"))
            os.symlink("/", tmp_path / path)
        return real_open(path, flags, dir_fd=dir_fd)

    context = Context.open(tmp_path)
    monkeypatch.setattr(os, "open", swap)
    assert paths(context.scan()) == ["c"]


@pytest.mark.parametrize("after", range(7))
def test_a_directory_that_is_swapped_for_a_link_shows_nothing_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Whenever it is: after so many openings of directories and files."""
    write(tmp_path, "outside/deep/below/secret", "outside/deep/secret", "root/a/deep/below/x")
    context = Context.open(tmp_path / "root")
    tree = context.scan()
    real_open, times = os.open, 0

    def swap(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        nonlocal times
        if times == after:
            os.rename(tmp_path / "root/a", tmp_path / "away")
            os.symlink(tmp_path / "outside", tmp_path / "root/a")
        times += 1
        return real_open(path, flags, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", swap)
        found = context.rescan(tree, {"a/deep/below", "a/deep"})[0] if after % 2 else context.scan()
        for path in ("a/deep/secret", "a/deep/below/secret"):
            with pytest.raises(FileNotFoundError):
                context.open_file(path)
    assert times > after
    assert [path for path in paths(found) if "secret" in path] == []


def test_a_root_that_is_gone_is_no_empty_context(tmp_path: Path) -> None:
    write(tmp_path, "root/a")
    context = Context.open(tmp_path / "root")
    tree = context.scan()
    shutil.rmtree(tmp_path / "root")
    with pytest.raises(InvalidArgumentError, match="root is gone"):
        context.scan()
    with pytest.raises(InvalidArgumentError, match="root is gone"):
        context.rescan(tree, {""})


# Opening it


def test_open_refuses_what_is_no_directory(tmp_path: Path) -> None:
    write(tmp_path, "file")
    with pytest.raises(InvalidArgumentError, match="nope does not exist"):
        Context.open(tmp_path / "nope")
    with pytest.raises(InvalidArgumentError, match="file is not a directory"):
        Context.open(tmp_path / "file")


def test_open_resolves_the_root(tmp_path: Path) -> None:
    write(tmp_path, "real/a")
    (tmp_path / "alias").symlink_to("real")
    context = Context.open(tmp_path / "alias")
    assert context.root == tmp_path / "real"
    assert paths(context.scan()) == ["a"]
    assert context.relative(tmp_path / "alias/a") == "a"


def test_the_dockerfiles_own_ignore_file_wins(tmp_path: Path) -> None:
    write(tmp_path, ".dockerignore", text="a\n")
    write(tmp_path, "docker/Dockerfile.dockerignore", text="b\n")
    own = Context.open(tmp_path, dockerfile="docker/Dockerfile")
    assert (own.dockerfile, own.ignore_file) == (
        "docker/Dockerfile",
        "docker/Dockerfile.dockerignore",
    )
    assert (own.ignored("a"), own.ignored("b")) == (False, True)
    common = Context.open(tmp_path, dockerfile=Path("Dockerfile"))
    assert (common.dockerfile, common.ignore_file) == ("Dockerfile", ".dockerignore")
    assert (common.ignored("a"), common.ignored("b")) == (True, False)
    assert common.control_files == ("Dockerfile", "Dockerfile.dockerignore", ".dockerignore")


def test_without_an_ignore_file_nothing_is_ignored(tmp_path: Path) -> None:
    context = Context.open(tmp_path)
    assert context.ignore_file is None
    assert not context.ignored("a")


def test_a_dockerfile_may_be_outside(tmp_path: Path) -> None:
    write(tmp_path, "Dockerfile", "root/a", "root/b")
    write(tmp_path, "Dockerfile.dockerignore", text="a\n")
    context = Context.open(tmp_path / "root", dockerfile=tmp_path / "Dockerfile")
    outside = str(tmp_path / "Dockerfile")
    assert context.control_files == (outside, f"{outside}.dockerignore", ".dockerignore")
    assert context.ignore_file == f"{outside}.dockerignore"
    assert paths(context.scan()) == ["b"]
    assert Context.open(tmp_path / "root", dockerfile="../Dockerfile") == context


def test_a_broken_ignore_file_is_refused_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, ".dockerignore", text="a\n[b\n")
    with pytest.raises(DockerfileParseError, match=r"^\.dockerignore:2: ") as caught:
        Context.open(tmp_path)
    assert caught.value.line == 2


# Names and bytes


@pytest.mark.parametrize(
    ("given_path", "spelled"),
    [
        ("src/x.js", "src/x.js"),
        ("./src/x.js", "src/x.js"),
        ("src//x", "src/x"),
        ("src/../src/x", "src/x"),
        ("src/", "src"),
        (".", ""),
        ("a/..", ""),
        ("..a", "..a"),
        (Path("src/x.js"), "src/x.js"),
    ],
)
def test_a_path_is_spelled_as_in_the_tree(
    tmp_path: Path, given_path: str | Path, spelled: str
) -> None:
    context = Context.open(tmp_path)
    assert context.relative(given_path) == spelled
    assert context.relative(f"{tmp_path}/{given_path}") == spelled
    assert context.relative(f"/{tmp_path}/{given_path}") == spelled


@pytest.mark.parametrize("path", ["..", "../x", "src/../../x", "/etc/passwd", "/"])
def test_a_path_outside_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        Context.open(tmp_path).relative(path)
    assert caught.value.message == f"{path} is outside the build context {tmp_path}"


def test_a_sibling_with_the_roots_name_in_front_is_outside(tmp_path: Path) -> None:
    write(tmp_path, "root/a", "rooted/a")
    with pytest.raises(InvalidArgumentError, match="outside the build context"):
        Context.open(tmp_path / "root").relative(tmp_path / "rooted/a")


def test_a_file_is_read(tmp_path: Path) -> None:
    write(tmp_path, "a/b/\udcff", text="hello")
    with Context.open(tmp_path).open_file("a/b/\udcff") as file:
        assert file.read() == b"hello"


def test_reading_follows_no_link_and_needs_a_regular_file(tmp_path: Path) -> None:
    write(tmp_path, "secret/x", "root/in/x")
    (tmp_path / "root/file").symlink_to("../secret/x")
    (tmp_path / "root/dir").symlink_to("../secret")
    os.mkfifo(tmp_path / "root/fifo")
    context = Context.open(tmp_path / "root")
    for path in ("file", "dir/x", "fifo", "in", "nope", "in/x/y", "nope/x"):
        with pytest.raises(FileNotFoundError):
            context.open_file(path)


# Keeping it up to date


def test_a_rescan_looks_only_where_hints_point(tmp_path: Path) -> None:
    write(tmp_path, "a/x", "b/x", "c/x")
    context = Context.open(tmp_path)
    before = context.scan()
    write(tmp_path, "a/x", "b/x", text="new")
    after, changes = context.rescan(before, {"a/x"})
    assert changes == Changes(frozenset({"a/x"}))
    assert entry(before, "a/x").size == entry(after, "b/x").size == 1
    assert after.children("c") is before.children("c")
    assert context.rescan(after, {str(tmp_path / "b/x"), "c"})[1] == Changes()
    assert context.rescan(after, {""})[1] == Changes(frozenset({"b/x"}))


def test_a_directory_does_not_change_with_what_it_holds(tmp_path: Path) -> None:
    write(tmp_path, "a/x")
    context = Context.open(tmp_path)
    tree = context.scan()
    write(tmp_path, "a/y")
    tree, changes = context.rescan(tree, {"a"})
    assert changes.changed == {"a/y"}
    (tmp_path / "a").chmod(0o700)
    assert context.rescan(tree, {"a"})[1].changed == {"a"}


def test_a_hint_below_something_new_or_gone_covers_it(tmp_path: Path) -> None:
    write(tmp_path, "old/p/x")
    context = Context.open(tmp_path)
    tree = context.scan()
    write(tmp_path, "new/p/x", "new/y")
    shutil.rmtree(tmp_path / "old")
    tree, changes = context.rescan(tree, {"new/p/x", "old/p/x"})
    assert changes == Changes(
        frozenset({"new", "new/p", "new/p/x", "new/y"}), frozenset({"old", "old/p", "old/p/x"})
    )
    shutil.rmtree(tmp_path / "new")
    (tmp_path / "new").symlink_to(".")
    tree, changes = context.rescan(tree, {"new/p/x"})
    assert changes.changed == {"new"}
    assert changes.deleted == {"new/p", "new/p/x", "new/y"}
    assert paths(tree) == ["new"]


def test_a_write_reaches_a_files_other_names(tmp_path: Path) -> None:
    write(tmp_path, "a/x", "y")
    (tmp_path / "b").hardlink_to(tmp_path / "a/x")
    context = Context.open(tmp_path)
    tree = context.scan()
    write(tmp_path, "b", text="new")
    tree, changes = context.rescan(tree, {"b"})
    assert changes.changed == {"a/x", "b"}
    assert entry(tree, "a/x").size == 3
    (tmp_path / "b").unlink()
    tree, changes = context.rescan(tree, {"b"})
    assert changes == Changes(frozenset({"a/x"}), frozenset({"b"}))
    assert entry(tree, "a/x").inode is None


def test_an_ignored_directory_comes_and_goes_with_what_is_kept_in_it(tmp_path: Path) -> None:
    write(tmp_path, "a/b/ignored", "c")
    write(tmp_path, ".dockerignore", text="**\n!**/kept\n")
    context = Context.open(tmp_path)
    tree = context.scan()
    assert paths(tree) == []
    write(tmp_path, "a/b/kept")
    tree, changes = context.rescan(tree, {"a/b/kept"})
    assert changes.changed == {"a", "a/b", "a/b/kept"}
    (tmp_path / "a/b/kept").unlink()
    tree, changes = context.rescan(tree, {"a/b/kept"})
    assert changes.deleted == {"a", "a/b", "a/b/kept"}
    assert tree.directories() == context.scan().directories()


NAMES = st.sampled_from("abc")
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
Edit = tuple[str, str, str]
EDITS: dict[str, Callable[[Path, Path], object]] = {
    "write": lambda one, other: one.is_fifo() or one.write_text(str(other)),
    "mkdir": lambda one, _: one.mkdir(),
    "nest": lambda one, _: (one / "a/b").mkdir(parents=True),
    "remove": lambda one, _: one.unlink() if not one.is_dir() else shutil.rmtree(one),
    "rename": lambda one, other: one.rename(other),
    "link": lambda one, other: other.symlink_to(one.name),
    "hardlink": lambda one, other: other.hardlink_to(one),
    "chmod": lambda one, _: one.chmod(one.stat().st_mode ^ 0o022),
    "fifo": lambda one, _: os.mkfifo(one),
}
EDIT = st.tuples(st.sampled_from(sorted(EDITS)), PATHS, PATHS)
RULES = st.sampled_from(["", "a\n", "a\n!a/b\n", "*\n!**/c\n", "**/b\n!a/b/c\n", "*\n!a\na/b\n"])


def context_path(root: Path, path: Path) -> str:
    return "" if path == root else str(path.relative_to(root))


def edit(root: Path, wanted: Edit) -> Iterator[str]:
    """Make an edit as far as it can be made; yields the paths that it touches, links resolved."""
    verb, *names = wanted
    one, other = (Path(os.path.realpath((root / name).parent), Path(name).name) for name in names)
    try:
        EDITS[verb](one, other)
    except (OSError, RuntimeError):
        return
    finally:
        for path in (one, other, Path(os.path.realpath(one))):
            if path.is_relative_to(root):
                yield context_path(root, path)


def differences(old: Tree, new: Tree) -> Changes:
    def verdicts(tree: Tree) -> dict[str, tuple[object, ...]]:
        return {path: (e.kind, e.mode, e.target, e.stamp) for path, e in tree.walk()}

    before, after = verdicts(old), verdicts(new)
    return Changes(
        frozenset(path for path in after if after[path] != before.get(path)),
        frozenset(before.keys() - after.keys()),
    )


@settings(max_examples=150, deadline=None)
@given(
    rules=RULES,
    pushes=st.lists(st.lists(EDIT, min_size=1, max_size=6), max_size=5),
    legacy=st.booleans(),
)
def test_rescans_of_what_was_touched_equal_a_full_scan(
    rules: str, pushes: list[list[Edit]], legacy: bool
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory).resolve()
        write(root, ".dockerignore", text=rules)
        context = Context.open(root, legacy=legacy)
        tree = context.scan()
        for edits in pushes:
            hints = {path for wanted in edits for path in edit(root, wanted)}
            # An ignored name of a file is not in the tree, which so cannot tell its other names.
            hints |= {path for path, entry in tree.walk() if entry.inode is not None}
            frozen = dict(tree.directories())
            fresh, changes = context.rescan(tree, hints)
            expected = context.scan()
            assert fresh.directories() == expected.directories()
            assert changes == differences(tree, expected)
            assert tree.directories() == frozen
            tree = fresh


# Changes


def test_of_changes_in_a_row_the_later_verdict_holds() -> None:
    first = Changes(frozenset("ab"), frozenset("cd"))
    second = Changes(frozenset("c"), frozenset("a"))
    assert first.then(second) == Changes(frozenset("bc"), frozenset("ad"))
    assert first.then(Changes()) == Changes().then(first) == first
    assert first
    assert not Changes()


@pytest.mark.parametrize(
    "path",
    [
        "src/4913",
        "5036",
        "src/main.py~",
        "src/.main.py.swp",
        ".main.py.swx",
        "src/.#main.py",
        "src/#main.py#",
        "a/.goutputstream-XY12Z0",
        "a/main.py___jb_tmp___",
        "a/main.py___jb_old___",
    ],
)
def test_droppings_alone_trigger_nothing(path: str) -> None:
    assert is_dropping(path)
    assert not triggers(Changes(changed=frozenset({path})))
    assert not triggers(Changes(deleted=frozenset({path, "4913"})))
    assert triggers(Changes(changed=frozenset({path, "src/main.py"})))
    assert triggers(Changes(changed=frozenset({path}), deleted=frozenset({"src/main.py"})))


@pytest.mark.parametrize(
    "path", ["~", "a~/b", "4913/x", "4914", ".swp", "#", "##", "x.swp", ".#", "src/main.py", "a#b#"]
)
def test_other_files_trigger_a_push(path: str) -> None:
    assert not is_dropping(path)
    assert triggers(Changes(changed=frozenset({path})))


def test_no_changes_trigger_nothing() -> None:
    assert not triggers(Changes())


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE, errno.EACCES])
@pytest.mark.parametrize("function", ["open", "scandir", "lstat"])
def test_whatever_the_system_refuses_to_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, number: int
) -> None:
    (tmp_path / "a").mkdir()
    context = Context.open(tmp_path)
    tree = context.scan()

    def refusing(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, function, refusing)
    with pytest.raises(InvalidArgumentError, match=f"cannot be read: {os.strerror(number)}"):
        context.rescan(tree, {"a"})


def test_a_file_that_may_not_be_read_is_named_by_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests may be root's, who may read everything."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_text("c")
    context, plainly = Context.open(tmp_path), os.open

    def refusing(name: str, flags: int, *, dir_fd: int | None = None) -> int:
        if name == "b":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        return plainly(name, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(PermissionError) as refused:
        context.open_file("a/b")
    assert refused.value.filename == "a/b"
