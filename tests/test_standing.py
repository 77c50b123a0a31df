"""What stands where a copy writes, on the fake engine: what gives way, and what fails the push."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import IO

import pytest

from livepush.engine import ImageConfig
from livepush.image_files import ImageFiles
from livepush.live import Dockerfile
from livepush.manifest import Conflict
from livepush.model import Copy, Entry, MakeDir, Run
from livepush.stage_container import StageContainer
from livepush.testing import FakeEngine, FakeImage, FakeLayer, Files, Node
from livepush.tree import Tree
from tests.archives import Item, packed

DIR = Node("dir", 0o755)
Tells = Mapping[str, str | int | None]
"""A build context: text of files, modes of directories, None for an empty directory."""


class Context:
    """A build context in memory."""

    def __init__(self, said: Tells) -> None:
        self.said = dict(said)

    @property
    def tree(self) -> Tree:
        return Tree.of((path, self._entry(path)) for path in sorted(self.said))

    def open_file(self, path: str) -> IO[bytes]:
        return BytesIO(str(self.said[path]).encode())

    def _entry(self, path: str) -> Entry:
        said = self.said[path]
        if isinstance(said, str):
            return Entry("file", 0o644, size=len(said), stamp=(hash(said),))
        return Entry("dir", 0o755 if said is None else said)


class World:
    """A container of an image with the nodes `base`, where the last copy has written `context`."""

    def __init__(
        self,
        text: str,
        base: Mapping[str, Node],
        context: Tells,
        *,
        legacy: bool = False,
        layers: tuple[FakeLayer, ...] = (),
    ) -> None:
        self.engine = FakeEngine()
        self.context = Context(context)
        self.stage = Dockerfile(text).graph(legacy=legacy).target
        image = FakeImage(Files(), ImageConfig(""))
        for path, node in {"/bin/sh": Node("file"), **base}.items():
            image.files.place(path, node)
        self.engine.add_image(image, tag="base")
        built = self.engine.add_image(image.extended(*layers))
        self.id = self.engine.add_container(built)
        self.container = StageContainer(
            self.engine, self.stage, self.id, ImageFiles(self.engine, "base", {}), image=built
        )
        self.position = next(
            i for i, s in reversed(list(enumerate(self.stage.steps))) if isinstance(s, Copy)
        )

    async def open(self) -> World:
        await self.container.open()
        await self.land(full=True)
        self.container.acknowledge(self.position)
        self.engine.calls.clear()
        return self

    async def change(self, said: Tells, *gone: str) -> None:
        for path in gone:
            del self.context.said[path]
        self.context.said.update(said)
        await self.land(*said, *gone)

    async def land(self, *changed: str, full: bool = False) -> None:
        takes = frozenset(changed)
        await self.container.land(
            self.position, self.context, takes=takes, full=full, on_behalf_of=self.position
        )

    async def run(self, position: int) -> None:
        step = self.stage.steps[position]
        assert isinstance(step, Run)
        await self.container.run(step, lambda *_: None, grace=1)

    def node(self, path: str) -> Node | None:
        return self.engine.files(self.id).node(path)

    def place(self, path: str, node: Node) -> None:
        """The application, or a command, makes something."""
        self.engine.files(self.id).place(path, node)

    def kinds(self, *paths: str) -> list[str]:
        return [node.kind if (node := self.node(path)) else "" for path in paths]


COPIES = "FROM base\nCOPY . /o/\n"
FILE, LINK = Node("file"), Node("link", 0o777, target="/elsewhere")


@pytest.mark.parametrize(
    ("there", "comes"),
    [
        pytest.param({"/o/x": DIR}, {"x": "file"}, id="a file over a directory"),
        pytest.param({"/o/x": DIR, "/o/x/k": FILE}, {"x": "file"}, id="also over a full one"),
        pytest.param({"/o/x": FILE}, {"x/y": "file"}, id="a directory over a file"),
        pytest.param({"/o/x": LINK}, {"x/y": "file"}, id="a directory over a link"),
        pytest.param({"/o/x": FILE}, {"x": None}, id="an empty directory over a file"),
    ],
)
async def test_what_the_base_image_has_is_in_the_way_for_buildkit_alone(
    there: Mapping[str, Node], comes: Tells
) -> None:
    world = await World(COPIES, there, {"a": "a"}).open()
    with pytest.raises(Conflict, match="/o/x"):
        await world.change({**comes, "b": "b"})
    assert world.node("/o/x") == there["/o/x"]
    assert world.node("/o/b") is None  # it fails before anything is written
    world = await World(COPIES, there, {"a": "a"}, legacy=True).open()
    await world.change({**comes, "b": "b"})
    assert world.kinds("/o/x", "/o/b") == [
        "dir" if comes.get("x", None) is None else "file",
        "file",
    ]


@pytest.mark.parametrize("there", [DIR, FILE, LINK])
async def test_a_file_replaces_a_file_or_a_link_and_a_directory_joins_one(there: Node) -> None:
    world = await World(COPIES, {"/o/x": there}, {"a": "a"}).open()
    await world.change({"x/y" if there.kind == "dir" else "x": "new"})
    assert world.node("/o/x/y" if there.kind == "dir" else "/o/x") is not None


async def test_what_the_copy_has_written_gives_way_to_what_it_writes_now() -> None:
    world = await World(COPIES, {}, {"x": "file", "d/y": "file"}).open()
    await world.change({"x/y": "file", "d": "file"}, "x", "d/y")
    assert world.kinds("/o/x", "/o/x/y", "/o/d") == ["dir", "file", "file"]


async def test_what_is_beneath_what_the_copy_has_written_does_not() -> None:
    world = await World(COPIES, {"/o/x": FILE}, {"x": "file"}).open()
    with pytest.raises(Conflict, match="/o/x"):
        await world.change({"x/y": "file"}, "x")
    assert world.kinds("/o/x") == ["file"]


async def test_what_the_application_made_gives_way() -> None:
    world = await World(COPIES, {}, {"a": "a"}).open()
    world.place("/o/x", DIR)
    world.place("/o/d", FILE)
    await world.change({"x": "file", "d/y": "file"})
    assert world.kinds("/o/x", "/o/d", "/o/d/y") == ["file", "dir", "file"]


LAYERS = (
    FakeLayer("RUN /bin/sh -c make # buildkit", packed(Item("o/x", "dir"), Item("o/f"))),
    FakeLayer("COPY . /o/ # buildkit", packed(Item("o/a", content=b"a"))),
    FakeLayer("RUN /bin/sh -c true # buildkit", packed()),
)
COMMANDED = "FROM base\nRUN make\nCOPY . /o/\nRUN true\n"


async def test_what_a_command_made_is_in_the_way() -> None:
    world = await World(COMMANDED, {}, {"a": "a"}, layers=LAYERS).open()
    await world.change({"new": "file", "f": "file"})
    with pytest.raises(Conflict, match="/o/x"):
        await world.change({"x": "file"})


async def test_what_a_command_made_is_in_the_way_when_it_has_run_again() -> None:
    world = await World(COMMANDED, {}, {"a": "a"}, layers=LAYERS).open()
    await world.run(0)
    with pytest.raises(Conflict, match="/o/f"):
        await world.change({"f/y": "file"})


async def test_what_the_application_made_of_a_directory_gives_way_to_a_directory() -> None:
    world = await World(COPIES, {"/o/d": DIR}, {"a": "a"}).open()
    world.engine.files(world.id).remove("/o/d")
    world.place("/o/d", FILE)
    await world.change({"d/y": "file"})
    assert world.kinds("/o/d", "/o/d/y") == ["dir", "file"]


async def test_an_earlier_copy_is_in_the_way() -> None:
    text = "FROM base\nCOPY one /o/\nCOPY two /o/\n"
    world = World(text, {}, {"one/x/y": "1", "two/a": "a"})
    await world.container.open()
    for position in (0, 1):
        world.container.believe(position, world.context.tree)
        await world.container.land(position, world.context, full=True, on_behalf_of=position)
    with pytest.raises(Conflict, match="/o/x"):
        await world.change({"two/x": "file"})


async def test_what_a_later_copy_has_put_a_file_over_waits_beneath_it() -> None:
    text = "FROM base\nCOPY one /o/\nCOPY two /o/\n"
    world = World(text, {}, {"one/x/y": "1", "one/z": "1", "two": None, "two/x": "t"}, legacy=True)
    await world.container.open()
    for position in (0, 1):
        await world.container.land(position, world.context, full=True, on_behalf_of=position)
    assert world.kinds("/o/x") == ["file"]
    world.context.said |= {"one/x/y": "changed", "one/z": "changed"}
    takes = frozenset({"one/x/y", "one/z"})
    await world.container.land(0, world.context, takes=takes, on_behalf_of=0)
    assert world.kinds("/o/x", "/o/z") == ["file", "file"]
    assert world.engine.files(world.id).read("/o/z") == b"changed"
    await world.change({}, "two/x")
    assert world.container.uncovered == 0
    await world.container.land(0, world.context, on_behalf_of=1)
    assert world.engine.files(world.id).read("/o/x/y") == b"changed"


@pytest.mark.parametrize("legacy", [True, False])
async def test_a_destination_that_is_a_file_is_in_the_way_for_both(legacy: bool) -> None:
    world = World("FROM base\nCOPY *.txt /o/p/\n", {"/o": FILE}, {}, legacy=legacy)
    await world.container.open()
    with pytest.raises(Conflict, match="/o"):
        await world.change({"a.txt": "a"})
    assert world.node("/o") == FILE


async def test_the_directory_of_a_step_cannot_be_made_in_a_file_s_place() -> None:
    world = await World("FROM base\nCOPY a /w\nRUN true\nWORKDIR /w/v\n", {}, {"a": "a"}).open()
    step = world.stage.steps[2]
    assert isinstance(step, MakeDir)
    with pytest.raises(Conflict, match="/w"):
        await world.container.make(step)


async def test_directories_are_made_through_links() -> None:
    base = {"/real": DIR, "/l": Node("link", 0o777, target="/real"), "/m": LINK}
    world = await World("FROM base\nCOPY . /l/sub/\n", base, {"a": "a"}).open()
    assert world.kinds("/l", "/real/sub", "/real/sub/a") == ["link", "dir", "file"]
    text = "FROM base\nWORKDIR /m\nCOPY . .\nRUN true\n"
    world = await World(text, base, {"a": "a"}).open()
    assert world.kinds("/m", "/elsewhere/a") == ["link", "file"]
    world.engine.files(world.id).remove("/elsewhere")
    step = world.stage.steps[0]
    assert isinstance(step, MakeDir)
    await world.run(2)  # which may have done so
    assert await world.container.make(step)
    assert world.kinds("/m", "/elsewhere") == ["link", "dir"]


PARENTS = "FROM base\nCOPY --parents --chown=5:6 m/*/p /o/\n"
OWNED = Node("dir", 0o700, 7, 8)


async def test_a_directory_on_the_way_is_made_like_the_source_and_else_only_has_its_mode() -> None:
    context: Tells = {"m": 0o750, "m/a": 0o711, "m/a/p": "p"}
    world = await World(PARENTS, {"/o/m": OWNED}, context).open()
    assert world.node("/o/m") == Node("dir", 0o750, 7, 8)
    assert world.node("/o/m/a") == Node("dir", 0o711, 5, 6)
    await world.change({"m/a": 0o770})
    assert world.node("/o/m/a") == Node("dir", 0o770, 5, 6)
    assert world.container.acknowledge(world.position)
    world.engine.calls.clear()
    await world.land("m/a")
    assert not [call for call in world.engine.calls if call.verb == "put"]


async def test_of_a_directory_that_was_there_only_the_mode_follows_the_source() -> None:
    context: Tells = {"m": 0o700, "m/a": 0o711, "m/a/p": "p"}
    world = await World(PARENTS, {"/o/m": OWNED, "/o/m/b": OWNED}, context).open()
    await world.change({"m": 0o770})
    assert world.node("/o/m") == Node("dir", 0o770, 7, 8)
    await world.change({"m/b": 0o751, "m/b/p": "p"})
    assert world.node("/o/m/b") == Node("dir", 0o751, 7, 8)


@pytest.mark.parametrize(("before", "after"), [("file", "dir"), ("dir", "file")])
async def test_made_directories_follow_the_kind_of_the_source(before: str, after: str) -> None:
    def context(kind: str) -> Tells:
        return {"a": "a"} if kind == "file" else {"a/b": "b"}

    owner = {"file": 5, "dir": 0}  # of what is above, by the engine's own builder
    text = "FROM base\nCOPY --chown=5:5 a /base/p/q/\n"
    world = await World(text, {"/base": DIR}, context(before), legacy=True).open()
    assert world.node("/base/p") == Node("dir", 0o755, owner[before], owner[before])
    await world.change(context(after), *context(before))
    assert world.node("/base/p") == Node("dir", 0o755, owner[after], owner[after])
    assert world.node("/base/p/q") == Node("dir", 0o755, 5, 5)
    assert world.node("/base") == DIR


async def test_what_a_later_command_removed_is_not_made_where_nothing_is_written() -> None:
    world = await World(COMMANDED, {}, {"a": "a"}).open()
    await world.run(2)
    world.engine.files(world.id).remove("/o")
    await world.land("a")
    assert world.kinds("/o") == [""]
    assert not world.container.acknowledge(world.position)


async def test_a_directory_that_is_made_alone_is_a_change() -> None:
    world = await World("FROM base\nCOPY e* /o/\n", {}, {"a": "a"}).open()
    assert world.kinds("/o") == [""]
    await world.change({"e": None})
    assert world.kinds("/o") == ["dir"]
    assert world.container.acknowledge(world.position).written == 1


async def test_a_directory_on_the_way_goes_with_what_it_was_made_for() -> None:
    world = await World(PARENTS, {}, {"m/a/p": "p", "m/b/p": "p", "m/b/q": "q"}).open()
    await world.change({}, "m/b/p")
    assert world.kinds("/o/m", "/o/m/a", "/o/m/b") == ["dir", "dir", ""]
    await world.change({}, "m/a/p")
    assert world.kinds("/o", "/o/m") == ["dir", ""]


async def test_a_directory_that_went_before_the_session_goes_if_it_held_something_taken() -> None:
    there = {"/o/m/gone/p": FILE, "/o/m/gone/q": FILE, "/o/m/other/q": FILE, "/o/m/f": FILE}
    world = await World(PARENTS, {}, {"m/a/p": "p"}).open()
    for path, node in there.items():
        world.place(path, node)
    await world.land("m/gone", "m/other", "m/f", "m/never")
    assert world.kinds("/o/m/gone", "/o/m/other/q", "/o/m/f") == ["", "file", "file"]


async def test_a_directory_on_the_way_is_in_a_file_s_way() -> None:
    world = await World(PARENTS, {"/o/m/b": FILE}, {"m/a/p": "p"}).open()
    with pytest.raises(Conflict, match="/o/m/b"):
        await world.change({"m/b/p": "p"})


async def test_nothing_is_asked_where_files_only_changed() -> None:
    world = await World(COPIES, {}, {"d/a": "a", "d/b": "b"}).open()
    world.container.trust()
    await world.change({"d/a": "changed", "d/b": "changed"})
    assert [call.verb for call in world.engine.calls] == ["put"]


async def test_below_a_directory_that_is_missing_nothing_is_asked() -> None:
    # In the way of `a`, a directory that came later gives way: each place is looked at.
    world = await World(COPIES, {}, {"b": "b"}).open()
    world.place("/o/a", DIR)
    await world.change({"a": "a", **{f"new/{name}": name for name in "abcdef"}})
    asked = [str(call.given) for call in world.engine.calls if call.verb == "stat"]
    assert "/o/new" in asked
    assert not any(path.startswith("/o/new/") for path in asked)


async def test_many_new_files_are_asked_for_together() -> None:
    world = await World(COPIES, {}, {"d/a": "a"}).open()
    world.container.trust()
    await world.change({f"d/{number}": "new" for number in range(1000)})
    assert [call.verb for call in world.engine.calls] == ["absent", "put"]


GIVEN_AWAY = ("/app", "/app/x", "/app/x/conf")


async def _given_away(*layers: FakeLayer) -> World:
    """A copy has made directories, and a command before it has come to them again."""
    text = "FROM base\nCOPY . /app\nRUN chown -R 7:8 /app\nCOPY . /app/x/conf/\n"
    world = World(text, {}, {"a": "a"}, layers=layers)
    for path in GIVEN_AWAY:
        world.place(path, DIR)
    await world.open()
    await world.container.land(0, world.context, full=True, on_behalf_of=0)
    await world.run(1)
    for path in GIVEN_AWAY:
        world.place(path, OWNED)
    await world.land(full=True)
    return world


def given_away(*made: str) -> tuple[FakeLayer, ...]:
    """The layers of that image, where the command itself has made those directories."""
    return (
        FakeLayer("COPY . /app # buildkit", packed(Item("app/a", content=b"a"))),
        FakeLayer(
            "RUN /bin/sh -c chown -R 7:8 /app # buildkit", packed(*(Item(p, "dir") for p in made))
        ),
        FakeLayer("COPY . /app/x/conf/ # buildkit", packed(Item("app/x/conf/a", content=b"a"))),
    )


async def test_what_a_repeated_command_did_to_directories_of_a_later_copy_is_undone() -> None:
    world = await _given_away(*given_away())
    assert [world.node(path) for path in GIVEN_AWAY] == [OWNED, DIR, DIR]


async def test_what_it_did_to_directories_that_a_command_had_made_stays() -> None:
    world = await _given_away(*given_away("app/x"))
    assert [world.node(path) for path in GIVEN_AWAY] == [OWNED, OWNED, DIR]


async def test_where_nothing_tells_who_made_a_directory_what_a_command_did_to_it_stays() -> None:
    world = await _given_away()
    assert [world.node(path) for path in GIVEN_AWAY] == [OWNED, OWNED, OWNED]


async def test_what_it_did_to_the_directory_of_a_later_workdir_is_undone() -> None:
    text = "FROM base\nCOPY . /app\nRUN chown -R 7:8 /app\nWORKDIR /app/run\n"
    layers = (*given_away()[:2], FakeLayer("WORKDIR /app/run", packed(Item("app/run", "dir"))))
    world = await World(text, {"/app": DIR}, {"a": "a"}, layers=layers).open()
    step = world.stage.steps[2]
    assert isinstance(step, MakeDir)
    await world.run(1)
    world.place("/app/run", OWNED)
    assert await world.container.make(step)
    assert world.node("/app/run") == DIR
    assert not await world.container.make(step)


async def test_what_a_link_leads_to_is_no_directory_of_a_step_s() -> None:
    text = "FROM base\nCOPY a /b\nRUN ln -sfn /real /l\nWORKDIR /l/sub\n"
    layers = (
        FakeLayer("COPY a /b # buildkit", packed(Item("b", content=b"a"))),
        FakeLayer("RUN /bin/sh -c ln -sfn /real /l # buildkit", packed()),
        FakeLayer("WORKDIR /l/sub", packed(Item("real/sub", "dir"))),
    )
    world = await World(text, {"/real": OWNED}, {"a": "a"}, layers=layers).open()
    step = world.stage.steps[2]
    assert isinstance(step, MakeDir)
    world.place("/l", Node("link", 0o777, target="/real"))
    await world.run(1)
    await world.container.make(step)
    assert world.node("/real") == OWNED


async def test_a_base_image_that_the_engine_does_not_have_keeps_no_copy_from_landing() -> None:
    world = World(
        "FROM base\nCOPY a /b\nRUN chown 7:8 /x\nCOPY . /x/in/\n", {"/x": DIR}, {"a": "a"}
    )
    world.engine._tags.clear()
    world.place("/x", OWNED)
    await world.container.open()
    await world.run(1)
    await world.land(full=True)
    assert world.node("/x") == OWNED


async def test_for_directories_of_the_base_image_no_layers_are_read() -> None:
    text = "FROM base\nCOPY a /b\nRUN chown 7:8 /home\nCOPY . /home/in/\n"
    world = await World(text, {"/home": DIR, "/home/in": DIR}, {"a": "a"}).open()
    await world.run(1)
    world.place("/home", OWNED)
    world.place("/home/in", OWNED)
    await world.land(full=True)
    assert [world.node(p) for p in ("/home", "/home/in")] == [OWNED, OWNED]
    assert "save" not in [call.verb for call in world.engine.calls]
