"""One stage's container on the fake engine: what copies write, and what they let go of."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO

import pytest

from livepush import stage_container
from livepush.engine import ImageConfig
from livepush.errors import EngineError, UnsupportedError
from livepush.image_files import ImageFiles
from livepush.live import Dockerfile
from livepush.manifest import Conflict
from livepush.model import Copy, Entry, MakeDir, Run
from livepush.stage_container import EntangledError, StageContainer
from livepush.testing import FakeEngine, FakeImage, FakeLayer, Files, Node
from livepush.tree import Tree
from tests.archives import Item, packed


@dataclass
class Context:
    """A build context in memory: text by path, and where links lead by theirs."""

    files: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    @property
    def tree(self) -> Tree:
        files = {
            path: Entry("file", 0o644, size=len(text), stamp=(hash(text),))
            for path, text in self.files.items()
        }
        links = {path: Entry("link", 0o777, target=to) for path, to in self.links.items()}
        return Tree.of({**files, **links}.items())

    def open_file(self, path: str) -> IO[bytes]:
        return BytesIO(self.files[path].encode())


class World:
    """An image that was built from a Dockerfile and a context, and a container of it."""

    def __init__(
        self,
        text: str,
        context: Mapping[str, str],
        *layers: tuple[str, bytes],
        shell: bool = True,
        workdir: str = "",
    ) -> None:
        self.engine = FakeEngine()
        self.context = Context(dict(context))
        self.stage = Dockerfile(text).graph().target
        base = FakeImage(Files(), ImageConfig("", workdir=workdir))
        base.files.place("/base/kept", Node("file", content=b"base"))
        if shell:
            base.files.place("/bin/sh", Node("file"))
        self.engine.add_image(base, tag="base")
        built = base.extended(*(FakeLayer(made_by, archive) for made_by, archive in layers))
        self.image = self.engine.add_image(built)
        self.id = self.engine.add_container(self.image, name="web")

    async def open(self, *, image: str | None = None, mounts: tuple[str, ...] = ()) -> World:
        self.container = StageContainer(
            self.engine,
            self.stage,
            self.id,
            ImageFiles(self.engine, "base", {}),
            image=self.image if image is None else image,
            mounts=mounts,
        )
        await self.container.open()
        for position in self.copies():
            self.container.believe(position, self.context.tree)
        self.engine.calls.clear()
        return self

    def copies(self) -> list[int]:
        return [i for i, step in enumerate(self.stage.steps) if isinstance(step, Copy)]

    async def land(self, *changed: str, full: bool = False, at: int | None = None) -> None:
        """Lands what a copy takes, the last one unless it is said, and what that uncovers."""
        last, takes = self.copies()[-1] if at is None else at, frozenset(changed)
        await self.container.land(last, self.context, takes=takes, full=full, on_behalf_of=last)
        while (uncovered := self.container.uncovered) is not None:
            await self.container.land(uncovered, self.context, on_behalf_of=last)

    async def delete(self, *paths: str) -> None:
        for path in paths:
            del self.context.files[path]
        await self.land(*paths)

    async def save(self, path: str, text: str, *, at: int | None = None) -> None:
        self.context.files[path] = text
        await self.land(path, at=at)

    async def run(self, position: int) -> None:
        step = self.stage.steps[position]
        assert isinstance(step, Run)
        assert await self.container.run(step, lambda *_: None, grace=1) == 0

    def node(self, path: str) -> Node | None:
        return self.engine.files(self.id).node(path)

    def holds(self, path: str) -> str | None:
        content = self.engine.files(self.id).read(path)
        return None if content is None else content.decode()

    def outdated(self) -> int | None:
        return self.container.outdated

    def verbs(self, verb: str) -> int:
        return [call.verb for call in self.engine.calls].count(verb)


def copied(dest: str, context: Mapping[str, str]) -> tuple[str, bytes]:
    """The layer of a `COPY . DEST`."""
    files = (Item(f"{dest}/{path}".strip("/"), content=t.encode()) for path, t in context.items())
    return f"COPY . /{dest} # buildkit", packed(*files)


def ran(command: str, *items: Item) -> tuple[str, bytes]:
    """The layer of a `RUN`."""
    return f"RUN /bin/sh -c {command} # buildkit", packed(*items)


MADE = ran(
    "echo built > /app/x",
    Item("app", "dir", mode=0o750, uid=5),
    Item("app/x", content=b"built", mode=0o600, uid=5),
    Item("app/l", "link", mode=0o777, target="x"),
    Item("app/d", "dir", mode=0o711),
    Item("app/d/other", content=b"made"),
)
TEXT = """\
FROM base
RUN echo built > /app/x
COPY . /app/
"""
CONTEXT = {"x": "mine", "l": "mine", "d/mine": "mine", "y": "mine"}


@pytest.fixture
async def world() -> World:
    return await World(TEXT, CONTEXT, MADE, copied("app", CONTEXT)).open()


# What commands wrote beneath a copy.


async def test_what_a_command_wrote_comes_back(world: World) -> None:
    await world.delete("x", "l", "y")
    assert world.node("/app/x") == Node("file", 0o600, 5, 0, b"built")
    assert world.node("/app/l") == Node("link", 0o777, target="x")
    assert world.node("/app/y") is None
    done = world.container.acknowledge(1)
    assert (done.written, done.deleted) == (2, 1)


async def test_a_directory_of_a_command_stays_with_what_it_wrote_there(world: World) -> None:
    await world.delete("d/mine")
    assert world.node("/app/d") == Node("dir", 0o711)
    assert world.holds("/app/d/other") == "made"
    assert world.node("/app/d/mine") is None


async def test_the_image_is_read_when_it_is_needed_and_once(world: World) -> None:
    await world.save("y", "changed")
    await world.save("new", "new")
    assert world.verbs("save") == 0
    await world.delete("y")
    await world.delete("new", "l")
    assert world.verbs("save") == 1
    await world.delete("x")  # its bytes are read then
    assert world.verbs("save") == 2


async def test_without_a_command_before_the_copy_nothing_is_read() -> None:
    text = "FROM base\nWORKDIR /app\nCOPY . /app/\nRUN make\n"
    layers = [("WORKDIR /app", packed()), copied("app", CONTEXT), ran("make")]
    world = await World(text, CONTEXT, *layers).open()
    await world.delete("x", "y")
    assert world.verbs("save") == 0
    assert world.node("/app/x") is None


async def test_what_a_command_removed_stays_removed() -> None:
    text = "FROM base\nRUN rm /base/kept\nCOPY . /base/\n"
    context = {"kept": "mine"}
    removed = ran("rm /base/kept", Item("base/.wh.kept"))
    world = await World(text, context, removed, copied("base", context)).open()
    await world.delete("kept")
    assert world.node("/base/kept") is None


async def test_what_no_command_touched_comes_back_from_the_base_image() -> None:
    text = "FROM base\nRUN make\nCOPY . /base/\n"
    context = {"kept": "mine"}
    world = await World(text, context, ran("make"), copied("base", context)).open()
    await world.delete("kept")
    assert world.holds("/base/kept") == "base"


TWICE = """\
FROM base
COPY under /app/
RUN echo built > /app/x
COPY over /app/
"""


async def test_the_last_step_before_the_copy_decides() -> None:
    context = {f"{side}/{name}": side for side in ("under", "over") for name in "wxyz"}
    under, over = (dict.fromkeys("wxyz", text) for text in ("under", "over"))
    made = ran("echo built > /app/x", Item("app/x", content=b"built"), Item("app/.wh.z"))
    layers = [copied("app", under), made, copied("app", over)]
    world = await World(TWICE, context, *layers).open()
    await world.delete("over/x", "over/y", "over/z")
    assert world.holds("/app/x") == "built"
    assert world.holds("/app/y") == "under"
    assert world.holds("/app/z") is None


async def test_the_directory_of_a_workdir_stays() -> None:
    text = "FROM base\nWORKDIR /app/d\nCOPY . /app/\n"
    layers = [("WORKDIR /app/d", packed(Item("app/d", "dir"))), copied("app", CONTEXT)]
    world = await World(text, CONTEXT, *layers).open()
    await world.delete("d/mine")
    assert world.node("/app/d") == Node("dir", 0o755)


@pytest.mark.parametrize("made", [True, False])
async def test_a_directory_that_was_made_for_the_copy_goes_if_no_command_made_it(
    made: bool,
) -> None:
    text = "FROM base\nRUN echo made\nCOPY *.txt /made/for/it/\n"
    context = {"a.txt": "a"}
    wrote = [Item("made", "dir", mode=0o755)] if made else []
    layers = [ran("echo made", *wrote), copied("made/for/it", context)]
    world = await World(text, context, *layers).open()
    await world.delete("a.txt")
    assert world.node("/made/for") is None
    assert (world.node("/made") is not None) == made


async def test_links_above_a_destination_are_followed() -> None:
    text = "FROM base\nRUN make\nCOPY . /alias/sub/\n"
    context = {"x": "mine"}
    link = Item("alias", "link", mode=0o777, target="/srv")
    made = ran("make", link, Item("srv/sub/x", content=b"built"))
    world = await World(text, context, made, copied("srv/sub", context)).open()
    await world.delete("x")
    assert world.holds("/srv/sub/x") == "built"


async def test_a_step_that_only_a_build_can_take_wrote_something_too() -> None:
    text = "FROM base\nRUN --mount=type=cache,target=/c make\nCOPY . /app/\n"
    made = ("RUN --mount=type=cache,target=/c make", packed(Item("app/x", content=b"built")))
    world = await World(text, CONTEXT, made, copied("app", CONTEXT)).open()
    await world.delete("x")
    assert world.holds("/app/x") == "built"


async def test_an_image_of_another_history_tells_nothing() -> None:
    world = World(TEXT, CONTEXT, copied("app", CONTEXT), MADE)
    await world.open()
    await world.delete("x")
    assert world.node("/app/x") is None


async def test_without_an_image_only_the_base_image_is_known(world: World) -> None:
    await world.open(image="")
    await world.delete("x")
    assert world.node("/app/x") is None
    assert world.verbs("save") == 0


async def test_of_an_image_that_is_gone_only_the_base_image_is_known(world: World) -> None:
    world.engine.fail_next("save", EngineError("No such image", status=404))
    await world.delete("x")
    assert world.node("/app/x") is None


async def test_a_reading_that_breaks_off_is_tried_again(world: World) -> None:
    for after in (0, 1):
        world.engine.fail_next("save", EngineError("broke off"), after=after)
    with pytest.raises(EngineError):
        await world.delete("x", "y")
    with pytest.raises(EngineError):
        await world.land("x", "y")
    await world.land("x", "y")
    assert world.holds("/app/x") == "built"
    assert world.node("/app/y") is None


async def test_a_command_that_ran_again_has_to_run_once_more(world: World) -> None:
    await world.run(0)
    await world.land(full=True)
    await world.delete("l", "x")
    assert world.outdated() == 0
    assert world.node("/app/x") is None
    await world.run(0)
    assert world.outdated() is None
    assert world.holds("/app/x") == "built\n"


async def test_a_directory_needs_no_command_to_run_again(world: World) -> None:
    await world.run(0)
    await world.land(full=True)
    await world.delete("d/mine", "y")
    assert world.outdated() is None
    assert world.holds("/app/d/other") == "made"


async def test_a_directory_of_a_copy_and_a_command_that_ran_again_is_the_copys() -> None:
    context = {"under/d/f": "under", "over/d/g": "over", "over/kept": "over"}
    made = ran("echo built > /app/x", Item("app/d", "dir", mode=0o711), Item("app/d/made"))
    layers = [copied("app", {"d/f": "under"}), made, copied("app", {"d/g": "over", "kept": ""})]
    world = await World(TWICE, context, *layers).open()
    await world.run(1)
    await world.delete("over/d/g")
    assert world.node("/app/d") == Node("dir", 0o755)
    assert world.holds("/app/d/f") == "under"


async def test_no_file_comes_in_place_of_what_is_none() -> None:
    raw = BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        info = tarfile.TarInfo("app/x")
        info.type = tarfile.FIFOTYPE
        tar.addfile(info)
    made = ("RUN /bin/sh -c echo built > /app/x # buildkit", raw.getvalue())
    world = await World(TEXT, CONTEXT, made, copied("app", CONTEXT)).open()
    await world.delete("x")
    assert world.node("/app/x") is None


# Containers without a shell.


async def bare(text: str = "FROM base\nCOPY . /\n") -> World:
    context = {"app/x": "x", "app/y": "y", "in-root": "x"}
    return await World(text, context, copied("", context), shell=False).open()


async def test_what_cannot_be_deleted_holds_nothing_else_up() -> None:
    world = await bare()
    del world.context.files["in-root"], world.context.files["app/x"]
    world.context.files["app/y"] = "changed"
    with pytest.raises(UnsupportedError, match="deletes what only a build can") as refused:
        await world.land("in-root", "app/x", "app/y")
    assert refused.value.line == 2
    assert world.holds("/in-root") == "x"
    assert world.node("/app/x") is None
    assert world.holds("/app/y") == "changed"
    assert (world.container.acknowledge(0).written, world.verbs("put")) == (1, 1)


async def test_one_refusal_leaves_the_container_as_good_as_before() -> None:
    world = await bare()
    with pytest.raises(UnsupportedError):
        await world.delete("in-root")
    world.engine.calls.clear()
    await world.delete("app/x")
    assert world.node("/app/x") is None
    await world.save("app/y", "changed")
    assert world.holds("/app/y") == "changed"
    await world.save("in-root", "again")
    assert world.holds("/in-root") == "again"


@pytest.mark.parametrize("live", [True, False])
async def test_the_working_directory_is_replaced_only_before_a_restart(live: bool) -> None:
    text = "FROM base\n#dev-cmd-live=serve\nCOPY . /app/\n" if live else TEXT
    context = {"x": "x", "y": "y"}
    layers = [copied("app", context)] if live else [MADE, copied("app", context)]
    world = await World(text, context, *layers, shell=False, workdir="/app").open()
    if live:
        with pytest.raises(UnsupportedError, match="only a build"):
            await world.delete("y")
    else:
        await world.delete("y")
    assert (world.node("/app/y") is not None) == live


# Mounts.


# Who is known in the container.

USERS = "root:x:0:0::/:\nbob:x:{}:7::/:\n"
OWNERS = """\
FROM base
COPY users /etc/passwd
RUN cp /new /etc/passwd
COPY --chown=bob x y /app/
"""


def owned(world: World, path: str) -> tuple[int, int]:
    node = world.node(path)
    assert node is not None
    return node.uid, node.gid


@pytest.fixture
async def owners() -> World:
    world = World(OWNERS, {"users": USERS.format(5), "x": "x", "y": "y"})
    world.engine.files(world.id).place(
        "/etc/passwd", Node("file", content=USERS.format(5).encode())
    )
    await world.open()
    await world.save("x", "changed")
    assert owned(world, "/app/x") == (5, 7)
    return world


async def test_who_is_known_to_later_copies_only_a_build_changes(owners: World) -> None:
    owners.context.files["users"] = USERS.format(6)
    takes = frozenset({"users"})
    with pytest.raises(EntangledError):
        await owners.container.land(0, owners.context, takes=takes, on_behalf_of=0)
    assert owned(owners, "/app/x") != (6, 7)


async def test_who_is_known_is_read_again_after_a_command(owners: World) -> None:
    new = Node("file", content=USERS.format(8).encode())
    owners.engine.files(owners.id).place("/new", new)
    await owners.run(1)
    await owners.save("y", "changed")
    assert owned(owners, "/app/y") == (8, 7)


async def test_who_is_known_is_read_once_where_nothing_changed(owners: World) -> None:
    owners.engine.calls.clear()
    await owners.save("y", "changed")
    await owners.save("x", "again")
    assert owners.verbs("get") == 0


@pytest.mark.parametrize(("theirs", "owner"), [((), (8, 7)), (("srv", "srv/w"), (5, 7))])
async def test_a_working_directory_is_whose_account_a_command_made_anew(
    theirs: tuple[str, ...], owner: tuple[int, int]
) -> None:
    text = "FROM base\nRUN cp /new /etc/passwd\nUSER bob\nWORKDIR /srv/w\n"
    made = ran("cp /new /etc/passwd", *(Item(path, "dir", uid=5, gid=7) for path in theirs))
    world = World(text, {}, made, ("WORKDIR /srv/w", packed(Item("srv/w", "dir", uid=5, gid=7))))
    for path, uid in (("/etc/passwd", 5), ("/new", 8)):
        content = USERS.format(uid).encode()
        world.engine.files(world.id).place(path, Node("file", content=content))
    await world.open()
    await world.run(0)
    step = world.stage.steps[1]
    assert isinstance(step, MakeDir)
    assert await world.container.make(step) == (not theirs)
    assert owned(world, "/srv/w") == owner
    assert not await world.container.make(step)


async def test_nothing_is_written_where_something_is_mounted(world: World) -> None:
    await world.open(mounts=("/app",))
    for change in (world.save("x", "changed"), world.save("new", "new"), world.delete("y")):
        with pytest.raises(UnsupportedError, match="changes what is mounted at /app") as refused:
            await change
        assert refused.value.line == 3
    assert {"put", "delete", "run"} & {call.verb for call in world.engine.calls} == set()


async def test_what_is_not_mounted_lands(world: World) -> None:
    await world.open(mounts=("/app/d", "/elsewhere"))
    world.context.files |= {"d/mine": "changed", "x": "changed"}
    with pytest.raises(UnsupportedError, match="mounted at /app/d"):
        await world.land("d/mine", "x")
    assert world.holds("/app/d/mine") == "mine"
    assert world.holds("/app/x") == "changed"
    await world.save("x", "again")
    assert world.holds("/app/x") == "again"


async def test_what_is_mounted_is_no_part_of_a_copy_in_full(world: World) -> None:
    await world.open(mounts=("/app/d",))
    world.engine.files(world.id).write("/app/d/mine", b"the host's")
    await world.land(full=True)
    assert world.holds("/app/d/mine") == "the host's"
    assert world.verbs("put") == 1


async def test_what_the_engine_itself_mounts_holds_nothing_else_up() -> None:
    context = {"etc/hosts": "mine", "etc/own": "mine"}
    world = World("FROM base\nCOPY etc /etc/\n", context, copied("", context))
    await world.open()
    world.context.files["etc/own"] = "changed"
    with pytest.raises(UnsupportedError, match="mounted at /etc/hosts"):
        await world.save("etc/hosts", "changed")
    assert world.holds("/etc/hosts") == "mine"
    await world.land("etc/own")
    assert world.holds("/etc/own") == "changed"


async def test_a_mount_is_found_behind_links() -> None:
    text = "FROM base\nRUN make\nCOPY . /alias/sub/\n"
    link = Item("alias", "link", mode=0o777, target="/srv")
    context = {"x": "mine"}
    world = World(text, context, ran("make", link), copied("srv/sub", context))
    await world.open(mounts=("/srv/sub",))
    with pytest.raises(UnsupportedError, match="mounted at /srv/sub"):
        await world.save("x", "changed")
    assert world.holds("/srv/sub/x") == "mine"


async def test_other_files_on_a_mount_are_no_difference(world: World) -> None:
    await world.open(mounts=("/app/d",))
    world.engine.files(world.id).write("/app/d/mine", b"the host's")
    await world.container.compare(1, world.context.tree)
    await world.save("x", "changed")
    assert world.holds("/app/d/mine") == "the host's"
    assert world.holds("/app/x") == "changed"


async def test_a_directory_where_a_later_copy_has_a_file_is_refused_as_a_build_does() -> None:
    text = "FROM base\nCOPY . /o/\nCOPY s/ /o/\n"
    world = World(text, {"a": "1", "s/a": "2"})
    await world.open()
    del world.context.files["a"]
    world.context.files["a/b"] = "1"
    with pytest.raises(Conflict, match="/o/a"):
        await world.container.land(0, world.context, takes=frozenset({"a", "a/b"}), on_behalf_of=0)
    del world.context.files["s/a"]
    world.context.files["s/a/b"] = "2"  # the later copy changes in the same way
    await world.container.land(0, world.context, takes=frozenset({"a", "a/b"}), on_behalf_of=0)


async def test_a_file_where_a_later_copy_needs_a_directory_is_refused_as_a_build_does() -> None:
    text = "FROM base\nCOPY s /o/in\nCOPY *.txt /o/in/\n"
    both = copied("o/in", {"a": "1", "b.txt": "2"})
    world = World(text, {"s/a": "1", "b.txt": "2"}, both)
    await world.open()
    del world.context.files["s/a"]
    world.context.files["s"] = "1"
    with pytest.raises(Conflict, match="/o/in"):
        await world.container.land(0, world.context, takes=frozenset({"s", "s/a"}), on_behalf_of=0)
    assert world.holds("/o/in/b.txt") == "2"
    del world.context.files["b.txt"]  # the later copy writes nothing there any more
    await world.container.land(0, world.context, takes=frozenset({"s", "s/a"}), on_behalf_of=0)


async def test_a_file_where_a_later_copy_of_a_stage_needs_a_directory_needs_a_build() -> None:
    text = "FROM base AS s\nFROM base\nCOPY * /o/\nCOPY --from=s /gen /o/in/\n"
    world = World(text, {"a": "1", "gen/x": "2"})
    await world.open()
    with pytest.raises(EntangledError):
        await world.save("lib/in", "1", at=0)


async def test_a_file_goes_into_what_an_earlier_copy_makes_a_directory_of() -> None:
    text = "FROM base\nCOPY a /o/in\nRUN true\nCOPY b /o/in\n"
    world = World(text, {"a": "1", "b": "2"}, copied("o", {"in": "2"}), ran("true"))
    await world.open()
    del world.context.files["a"]
    world.context.files["a/x"] = "1"
    await world.container.land(0, world.context, takes=frozenset({"a", "a/x"}), on_behalf_of=0)
    await world.run(1)
    await world.land(full=True)
    assert [world.holds(f"/o/in/{name}") for name in "xb"] == ["1", "2"]
    del world.context.files["a/x"]
    world.context.files["a"] = "1"
    await world.container.land(0, world.context, takes=frozenset({"a", "a/x"}), on_behalf_of=0)
    await world.run(1)
    await world.land(full=True)
    assert world.holds("/o/in") == "2"


@pytest.mark.parametrize("becomes", ["directory", "file"])
async def test_without_a_command_between_that_needs_a_build(becomes: str) -> None:
    text = "FROM base\nCOPY a /o/in\nCOPY b /o/in\n"
    file, directory = {"a": "1", "b": "2"}, {"a/x": "1", "b": "2"}
    before, after = (file, directory) if becomes == "directory" else (directory, file)
    there = {"in": "2"} if becomes == "directory" else {"in/x": "1", "in/b": "2"}
    world = await World(text, before, copied("o", there)).open()
    world.context.files = dict(after)
    with pytest.raises(EntangledError):
        await world.container.land(0, world.context, takes=frozenset({"a", "a/x"}), on_behalf_of=0)
    assert all(world.holds(f"/o/{path}") == content for path, content in there.items())


async def test_a_directory_that_a_command_took_away_is_no_destination() -> None:
    text = "FROM base\nCOPY s /o/in/\nRUN rm -rf /o/in\nCOPY t /o/in\n"
    world = World(text, {"s": "1", "t": "2"}, ran("rm -rf /o/in"), copied("o", {"in": "2"}))
    await world.open()
    await world.save("t", "3")
    await world.land(full=True)
    assert world.holds("/o/in") == "3"


@pytest.mark.parametrize(
    "command", ["RUN mv /o/in /p", "RUN --mount=type=cache,target=/c mv /o/in /p"]
)
async def test_a_command_of_any_kind_may_have_made_room(command: str) -> None:
    text = f"FROM base\nCOPY s /o/in\n{command}\nCOPY t /o/in/\n"
    world = World(text, {"s": "1", "t": "2"}, copied("p", {"": "1"}), copied("o/in", {"t": "2"}))
    await world.open()
    await world.save("t", "3")
    assert world.holds("/o/in/t") == "3"


async def test_a_file_where_a_later_workdir_is_is_refused_as_a_build_does() -> None:
    context = {"s/a": "1"}
    world = World("FROM base\nCOPY s /o\nWORKDIR /o/in\n", context, copied("o", {"a": "1"}))
    await world.open()
    del world.context.files["s/a"]
    world.context.files["s"] = "1"
    with pytest.raises(Conflict, match="/o"):
        await world.land("s", "s/a")
    assert world.holds("/o/a") == "1"


async def test_what_a_command_took_away_is_in_no_copy_s_way() -> None:
    text = "FROM base\nCOPY s /o/in\nRUN mv /o/in /o/out\nCOPY t /o/in/\n"
    moved = Item("o/out", content=b"1")
    world = World(text, {"s": "1", "t": "2"}, ran("mv /o/in /o/out", moved))
    await world.open()
    await world.save("t", "3")
    assert world.holds("/o/in/t") == "3"


async def test_a_saved_file_costs_no_look_at_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await bare()
    monkeypatch.setattr(stage_container, "manifest", None)  # of all that the copy writes
    await world.save("app/x", "1")
    await world.save("app/x", "2")
    monkeypatch.undo()
    await world.save("app/new", "3")
    assert [world.holds(f"/{path}") for path in ("app/x", "app/y", "app/new")] == ["2", "y", "3"]


# What a session that is told of changes takes to be there.


@pytest.mark.parametrize("named", ["d", "d/q"])
@pytest.mark.parametrize("there", [Node("file", content=b"1"), Node("link", target="/base"), None])
async def test_a_directory_on_the_way_to_a_change_is_made_if_it_is_none(
    named: str, there: Node | None
) -> None:
    context = {"d/q": "new", "d/r": "new", "x": "mine"}
    world = World("FROM base\nCOPY . /app/\n", context, copied("app", {"x": "mine"}))
    if there is not None:
        world.engine.files(world.id).place("/app/d", there)
    await world.open()
    await world.land(named)
    assert (world.holds("/app/d/q"), world.holds("/app/d/r")) == ("new", "new")
    assert world.node("/app/d") == Node("dir", 0o755)
    assert world.holds("/base/kept") == "base"


async def test_a_directory_on_the_way_to_a_change_gets_its_mode_and_is_looked_at_once() -> None:
    world = World("FROM base\nCOPY . /app/\n", {"d/q": "old"}, copied("app", {"d/q": "old"}))
    world.engine.files(world.id).place("/app/d", Node("dir", 0o700))
    await world.open()
    await world.save("d/q", "new")
    assert world.node("/app/d") == Node("dir", 0o755)
    world.engine.calls.clear()
    await world.save("d/q", "newer")
    assert world.verbs("stat") == 0


async def test_where_all_is_known_to_be_there_no_directory_is_looked_at() -> None:
    world = World("FROM base\nCOPY . /app/\n", {"d/q": "old"}, copied("app", {"d/q": "old"}))
    await world.open()
    world.container.trust()
    await world.save("d/q", "new")
    assert [call.verb for call in world.engine.calls] == ["put"]


# Copies that write to one place by several names of it.


async def linked(first: str, second: str) -> World:
    """Two copies, of `one` and then of `two`, in an image whose `/alias` leads to `/srv`."""
    context = {"one/x": "first", "two/x": "second", "two/y": "stays"}
    link = ran("make", Item("alias", "link", mode=0o777, target="/srv"))
    text = f"FROM base\nRUN make\nCOPY {first}\nCOPY {second}\n"
    wrote = packed(Item("srv/d/x", content=b"second"))
    return await World(text, context, link, ("COPY 1", packed()), ("COPY 2", wrote)).open()


@pytest.mark.parametrize(
    ("first", "second"), [("one /alias/d/", "two /srv/d/"), ("one/x /srv/d/x", "two/x /alias/d/x")]
)
async def test_what_a_later_copy_holds_by_another_name_stays(first: str, second: str) -> None:
    world = await linked(first, second)
    await world.save("one/x", "changed", at=1)
    assert world.holds("/srv/d/x") == "second"


@pytest.mark.parametrize(
    ("first", "second"), [("one /alias/d/", "two /srv/d/"), ("one /srv/d/", "two /alias/d/")]
)
async def test_what_an_earlier_copy_holds_by_another_name_comes_back(
    first: str, second: str
) -> None:
    world = await linked(first, second)
    await world.delete("two/x")
    assert world.holds("/srv/d/x") == "first"


async def test_what_becomes_a_link_above_a_later_destination_is_found_by_any_name() -> None:
    text = "FROM base\nRUN make\nCOPY one /alias/\nCOPY two /alias/current/x/\n"
    context = {"one/y": "first", "two/x": "second"}
    link = ran("make", Item("alias", "link", mode=0o777, target="/srv"))
    world = await World(text, context, link, ("COPY 1", packed()), ("COPY 2", packed())).open()
    world.context.links["one/current"] = "elsewhere"
    with pytest.raises(EntangledError):
        await world.land("one/current", at=1)


LINK = Item("app", "link", mode=0o777, target="/data")
LINKED = "FROM base\nRUN before\nCOPY one /app/\nRUN after\n"


@pytest.mark.parametrize(
    ("text", "before", "after", "follows"),
    [
        (LINKED, ran("before", LINK), ran("after"), True),
        (LINKED, ran("before"), ran("after", LINK), False),
        (LINKED, ran("before", LINK), ran("after", LINK), False),
        (LINKED, ran("before", LINK), ran("after", Item(".wh.app"), LINK), False),
        # The application has made it, or another session has.
        (
            LINKED,
            ran("before", Item("app", "link", mode=0o777, target="/other")),
            ran("after"),
            False,
        ),
        (LINKED.replace("RUN before", "COPY l /"), ("COPY l", packed(LINK)), ran("after"), True),
        (LINKED.replace("RUN after", "COPY l /"), ran("before"), ("COPY l", packed(LINK)), False),
        (LINKED.replace("RUN after", "WORKDIR /w"), ran("before"), ("WORKDIR /w", packed()), True),
        # The image was made by other steps.
        (LINKED, ran("before", LINK), ("RUN another", packed()), False),
    ],
)
async def test_a_copy_follows_only_links_that_were_there_before_it(
    text: str, before: tuple[str, bytes], after: tuple[str, bytes], follows: bool
) -> None:
    world = World(text, {"one/x": "first"}, before, ("COPY 1", packed()), after)
    world.context.links["l/app"] = "/data"
    world.engine.files(world.id).remove("/app")
    world.engine.files(world.id).place("/app", Node("link", target="/data"))
    await world.open()
    if not follows:
        with pytest.raises(EntangledError):
            await world.save("one/x", "changed", at=1)
    else:
        await world.save("one/x", "changed", at=1)
    assert world.holds("/data/x") == ("changed" if follows else None)


async def test_whether_a_copy_follows_a_link_is_unknown_without_its_image() -> None:
    world = World(
        LINKED, {"one/x": "first"}, ran("before", LINK), ("COPY 1", packed()), ran("after")
    )
    await world.open(image="")
    with pytest.raises(EntangledError):
        await world.save("one/x", "changed", at=1)


async def test_a_link_behind_an_earlier_one_is_looked_at_as_well() -> None:
    text = "FROM base\nRUN before\nCOPY one /app/s/\nRUN after\n"
    before = ran("before", Item("app", "link", mode=0o777, target="/data"))
    after = ran("after", Item("data", "link", mode=0o777, target="mnt"))
    world = await World(text, {"one/x": "1"}, before, ("COPY 1", packed()), after).open()
    with pytest.raises(EntangledError):
        await world.save("one/x", "changed", at=1)


async def test_a_base_image_that_only_the_builder_has_tells_nothing() -> None:
    world = World(LINKED, {"one/x": "1"}, ran("before", LINK), ("COPY 1", packed()), ran("after"))
    world.engine._tags.clear()
    await world.open()
    await world.save("one/x", "changed", at=1)
    assert world.holds("/data/x") == "changed"


async def test_layers_that_cannot_be_had_keep_no_session_from_opening() -> None:
    world = World(LINKED, {"one/x": "1"}, ran("before", LINK), ("COPY 1", packed()), ran("after"))
    world.engine.fail_next("save", EngineError("The engine could not.", status=500))
    await world.open()
    with pytest.raises(EntangledError):
        await world.save("one/x", "changed", at=1)


async def test_a_link_of_the_base_image_costs_no_look_at_layers() -> None:
    world = World(LINKED, {"one/x": "first"}, ran("before"), ("COPY 1", packed()), ran("after"))
    base = world.engine._image("base")
    assert base is not None
    for files in (base.files, world.engine.files(world.id)):
        files.place("/app", Node("link", target="/data"))
    await world.open(image="one that the engine does not have")
    await world.save("one/x", "changed", at=1)
    assert world.holds("/data/x") == "changed"


async def test_the_directory_of_a_workdir_below_a_link_stays() -> None:
    text = "FROM base\nRUN make\nWORKDIR /alias/d\nCOPY . /srv/\n"
    made = [ran("make", Item("alias", "link", mode=0o777, target="/srv"))]
    made.append(("WORKDIR /alias/d", packed(Item("srv/d", "dir", mode=0o755))))
    context = {"d/mine": "mine"}
    world = await World(text, context, *made, copied("srv", context)).open()
    await world.delete("d/mine")
    assert world.node("/srv/d") is not None
