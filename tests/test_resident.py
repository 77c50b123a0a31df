"""The shell that stays in a container: here in none, so that it can be stopped at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from livepush import perl, shell
from livepush import resident as resident_module
from livepush.errors import ContainerNotRunningError, EngineError
from livepush.parcels import Parcels
from livepush.replies import Json
from livepush.resident import Resident
from tests.archives import Item, packed, pieces

# What a test makes of the program: with a Perl in the container, and without.
RENAMES = {"perl": "rename $places", "sh": "mv -f"}
SLOW = {"perl": "select(undef, undef, undef, 0.2) || rename $places", "sh": "sleep 0.2; mv -f"}
FAILING = {"perl": "$_ && rename $places", "sh": "[ $number != 0 ] && mv -f"}
DYING = {"perl": "kill(KILL => $$) && rename $places", "sh": "kill -KILL $$; mv -f"}
# Of one file among many; without a Perl it is `tar` that writes these.
REPLACES = "!rename $place, $path"
PLACES = {"perl": "sub placed {", "sh": "place() {"}
ASLEEP = {"perl": "sub placed { sleep 1000;", "sh": "place() { exec sleep 1000;"}


class Local:
    """`calls.Connection`, as far as a resident needs one, to a shell of this machine."""

    def __init__(self, program: str, tool: str = "") -> None:
        self.program, self.tool = program, tool
        self.paused = self.is_lost = self.is_slow = False
        self.opened = self.ended = 0
        self.process: asyncio.subprocess.Process | None = None

    def change(self, old: dict[str, str], new: dict[str, str]) -> None:
        assert old[self.tool] in self.program
        self.program = self.program.replace(old[self.tool], new[self.tool])

    async def json(self, method: str, path: str, what: str, *, body: Json = None) -> Json:
        if path.endswith("/exec"):
            return {"Id": "command"}
        if path.startswith("exec/"):
            assert self.process is not None
            return {"Running": self.process.returncode is None, "ExitCode": 0}
        state = {"Running": True, "Paused": self.paused}
        config: Json = {"Env": ["A=1"]}
        return {"Id": "c", "Name": "/c", "Image": "i", "Config": config, "HostConfig": {}} | {
            "State": state
        }

    async def pieces(self, *_: object, **__: object) -> AsyncIterator[bytes]:
        """Carries out the only command that there is: the one that ends the shell."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()
        self.ended += 1
        yield b""

    async def talk(self, command: str, what: str) -> LocalTalk:
        self.opened += 1
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            shell.SHELL, "-c", self.program, stdin=pipe, stdout=pipe, cwd="/"
        )
        return LocalTalk(self)


class LocalTalk:
    def __init__(self, connection: Local) -> None:
        assert connection.process is not None
        self._connection, self._process = connection, connection.process

    async def tell(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)

    async def hear(self) -> bytes:
        assert self._process.stdout is not None
        if self._connection.is_lost:
            raise EngineError("broken off")
        if self._connection.is_slow:
            await asyncio.sleep(0.2)
        return await self._process.stdout.read(100)

    async def aclose(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()


@contextlib.asynccontextmanager
async def opened(connection: Local) -> AsyncIterator[Resident]:
    resident = Resident(connection, "c")  # type: ignore[arg-type]  # it uploads nothing
    await resident.open()
    try:
        yield resident
    finally:
        await resident.aclose()
        if connection.process is not None:
            await connection.process.wait()


@pytest.fixture(params=["perl", "sh"])
def connection(request: pytest.FixtureRequest) -> Local:
    # Whatever this test may do here, the shell is to take for enough.
    program = shell.resident("name")[2].replace('echo "$value"', "echo ffffffff")
    assert perl.ABLE in program
    return Local(program.replace(perl.ABLE, str(request.param == "perl").lower()), request.param)


@pytest.fixture
async def resident(connection: Local) -> AsyncIterator[Resident]:
    async with opened(connection) as resident:
        yield resident


def names(directory: Path) -> set[str]:
    return {each.name for each in directory.iterdir()}


def file(path: Path, content: bytes = b"new", mode: int = 0o640) -> bytes:
    return packed(_item(path, content, mode))


def _item(path: Path, content: bytes = b"new", mode: int = 0o640) -> Item:
    name = str(path).lstrip("/")
    return Item(name, content=content, mode=mode, uid=os.getuid(), gid=os.getgid())


async def test_files_come_with_mode_and_time(resident: Resident, tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"before")
    (tmp_path / "to old").symlink_to("old")
    archive = packed(
        _item(tmp_path / "old", bytes(range(256)) * 100, 0o751),
        _item(tmp_path / "it's new"),
        _item(tmp_path / ("x" * 120), mode=0o4755),
        _item(tmp_path / "to old"),
        Item(str(tmp_path / "link").lstrip("/"), "link", target="old"),
    )
    assert await resident.place(archive)
    assert (tmp_path / "old").read_bytes() == bytes(range(256)) * 100
    assert (tmp_path / "old").stat().st_mode & 0o7777 == 0o751
    assert (tmp_path / "old").stat().st_mtime == 0
    assert not (tmp_path / "to old").is_symlink()
    assert (tmp_path / "link").readlink() == Path("old")
    assert (tmp_path / ("x" * 120)).stat().st_mode & 0o7777 == 0o4755
    assert names(tmp_path) == {"old", "it's new", "to old", "link", "x" * 120}
    assert resident.litter == []


async def test_with_a_perl_no_tool_is_started(connection: Local, tmp_path: Path) -> None:
    connection.program = connection.program.replace("tar -xpf -", "false")
    async with opened(connection) as resident:
        assert await resident.place(file(tmp_path / "a")) == (connection.tool == "perl")
        link = Item(str(tmp_path / "b").lstrip("/"), "link", target="a")
        assert not await resident.place(packed(link)), "which is for `tar`"
    assert names(tmp_path) == ({"a"} if connection.tool == "perl" else set())


@pytest.mark.parametrize("stub", ["exit 0", "exit 1", "exec cat"])
async def test_what_is_only_called_perl_takes_nobodys_place(tmp_path: Path, stub: str) -> None:
    (tmp_path / "perl").write_text(f"#!/bin/sh\n{stub}\n")
    (tmp_path / "perl").chmod(0o755)
    able = shell.resident("name")[2].replace('echo "$value"', "echo ffffffff")
    async with opened(Local(f"PATH={tmp_path}:$PATH\n{able}")) as resident:
        assert await resident.place(file(tmp_path / "a"))


async def test_many_requests_one_after_another(
    resident: Resident, connection: Local, tmp_path: Path
) -> None:
    for number in range(20):
        content = b"%d\0\n" % number * 1000
        assert await resident.place(file(tmp_path / "a", content))
        assert (tmp_path / "a").read_bytes() == content
        assert await resident.remove([str(tmp_path / "a")], [])
        assert not (tmp_path / "a").exists()
    assert connection.opened == 1


async def test_with_a_perl_no_tool_is_started_for_files_to_remove(tmp_path: Path) -> None:
    program = shell.resident("name")[2].replace('echo "$value"', "echo ffffffff")
    started = "open my $input"
    assert started in program
    program = program.replace(started, f"$line !~ /^rm/ && {started}")
    (tmp_path / "it's").touch()
    (tmp_path / "link").symlink_to("directory")
    (tmp_path / "directory").mkdir()
    async with opened(Local(program)) as resident:
        files = [str(tmp_path / name) for name in ("it's", "link", "never there")]
        assert await resident.remove(files, [])
        assert names(tmp_path) == {"directory"}
        assert await resident.remove([str(tmp_path / "directory")], []), "which is for `rm`"


async def test_a_long_request_is_no_other(
    resident: Resident, connection: Local, tmp_path: Path
) -> None:
    name = "it's $HOME " * 5
    paths = [tmp_path / f"{name}{number}" for number in range(1000)]
    for path in paths:
        path.touch()
    assert await resident.remove([str(path) for path in paths], [])
    assert names(tmp_path) == set()

    few = [tmp_path / f"{name}{number:0>100}" for number in range(30)]
    assert await resident.place(packed(*(_item(path) for path in few)))
    assert names(tmp_path) == {path.name for path in few}
    assert not await resident.remove(["/" + 600_000 * "a"], [])
    assert connection.opened == 1


@pytest.mark.parametrize("there", ["directory", "link to a directory", "no parent"])
async def test_what_mv_would_misunderstand_is_declined(
    resident: Resident, tmp_path: Path, there: str
) -> None:
    path = tmp_path / "a"
    (tmp_path / "real").mkdir()
    if there == "directory":
        path.mkdir()
    elif there == "no parent":
        path = path / "b"
    else:
        path.symlink_to("real")
    assert not await resident.place(file(path))
    assert names(tmp_path) <= {"a", "real"}
    assert await resident.place(file(tmp_path / "other")), "it is still in step"


@pytest.mark.parametrize(
    "item",
    [
        Item("d", "dir"),
        Item("two\nlines"),
        Item("x" * 20, content=b"1" * 10),
    ],
    ids=["a directory", "a line end", "long names"],
)
async def test_what_is_not_for_it_is_not_tried(
    resident: Resident, connection: Local, tmp_path: Path, item: Item
) -> None:
    many = 900 if item.name.startswith("x") else 1
    place = str(tmp_path).lstrip("/")
    items = [Item(f"{place}/{item.name}{n}", item.kind) for n in range(many)]
    assert not await resident.place(packed(*items))
    assert names(tmp_path) == set()


async def test_what_is_no_archive_is_for_others_to_tell(
    resident: Resident, connection: Local, tmp_path: Path
) -> None:
    whole = file(tmp_path / "a")
    for archive in (b"", b"no archive", whole[:700]):
        assert not await resident.place(archive)
    assert names(tmp_path) == set()
    assert await resident.place(whole)


async def test_what_fails_leaves_nothing(connection: Local, tmp_path: Path) -> None:
    connection.change(RENAMES, FAILING)
    async with opened(connection) as resident:
        assert not await resident.place(packed(_item(tmp_path / "a"), _item(tmp_path / "b")))
    assert names(tmp_path) == set()


async def test_a_shell_without_the_rights_is_not_used(tmp_path: Path) -> None:
    able = shell.resident("name")[2]
    for program in (able.replace('"$value"', "0"), able.replace("echo abc", "echo"), "exit 1"):
        connection = Local(program)
        async with opened(connection) as resident:
            assert not await resident.place(file(tmp_path / "a"))
    assert names(tmp_path) == set()


async def test_one_that_was_lost_is_opened_again(
    resident: Resident, connection: Local, tmp_path: Path
) -> None:
    assert connection.process is not None
    connection.process.kill()
    await connection.process.wait()
    assert not await resident.place(file(tmp_path / "a"))
    await resident.open()
    assert await resident.place(file(tmp_path / "a"))
    assert connection.opened == 2


async def test_one_that_dies_amid_a_request_tells_its_litter(
    connection: Local, tmp_path: Path
) -> None:
    connection.change(RENAMES, DYING)
    async with opened(connection) as resident:
        assert not await resident.place(file(tmp_path / "a"))
        assert resident.litter == [str(tmp_path / name) for name in names(tmp_path)]


@pytest.mark.parametrize(
    ("function", "failing"),
    [
        ("unpack() {", "unpack() { exit 2;"),
        ("take() {", 'take() { [ "$1" = 2 ] &&'),
        ('take "$1" | tar', ": | tar"),
    ],
    ids=["no process can be started", "dd fails", "dd is not started"],
)
async def test_what_is_extracted_is_never_taken_for_requests(
    connection: Local, tmp_path: Path, function: str, failing: str
) -> None:
    connection.program = connection.program.replace(function, failing)
    lines = b"\necho >%b\n" % bytes(tmp_path / "asked")
    link = Item(str(tmp_path / "link").lstrip("/"), "link", target="0")  # which is for `tar`
    items = [link, *(_item(tmp_path / f"{number}", lines) for number in range(40))]
    async with opened(connection) as resident:
        assert not await extracted(resident, *items)
        await resident.settle()
        await resident.open()
        assert await resident.place(file(tmp_path / "a")) == (connection.tool == "perl")
    assert names(tmp_path) <= {"a"}


async def test_what_was_asked_before_a_restart_has_no_say_after_it(
    resident: Resident, connection: Local, tmp_path: Path
) -> None:
    connection.is_slow = True  # to tell that the connection is over
    asking = asyncio.ensure_future(resident.absent([str(tmp_path / "nope")]))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    assert connection.process is not None
    connection.process.kill()
    await resident.forget()
    connection.is_slow = False
    await resident.open()
    await asyncio.sleep(0.3)
    assert await resident.absent([str(tmp_path / "nope")])
    assert connection.opened == 2


async def test_no_other_road_while_it_may_be_at_work(connection: Local, tmp_path: Path) -> None:
    connection.change(RENAMES, SLOW)
    async with opened(connection) as resident:
        placing = asyncio.ensure_future(resident.place(file(tmp_path / "a")))
        while names(tmp_path) == set():  # noqa: ASYNC110  # no event tells
            await asyncio.sleep(0.001)
        placing.cancel()
        await asyncio.wait({placing})
        assert not (tmp_path / "a").exists()
        await resident.settle()
        assert (tmp_path / "a").exists()


async def test_a_shell_whose_connection_is_lost_has_to_end(
    connection: Local, tmp_path: Path
) -> None:
    connection.change(RENAMES, SLOW)
    async with opened(connection) as resident:
        connection.is_lost = True
        assert not await resident.place(file(tmp_path / "a"))
        assert connection.process is not None
        assert connection.process.returncode is not None
        assert (tmp_path / "a").exists()


async def test_a_paused_container_is_told(
    resident: Resident, connection: Local, tmp_path: Path
) -> None:
    assert connection.process is not None
    connection.process.send_signal(signal.SIGSTOP)
    connection.paused = True
    try:
        for _ in range(2):
            with pytest.raises(ContainerNotRunningError, match="paused"):
                await resident.place(file(tmp_path / "a"))
    finally:
        connection.process.send_signal(signal.SIGCONT)
    await resident.settle()
    assert (tmp_path / "a").exists()


async def test_one_that_does_not_answer_is_ended(
    connection: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident_module, "_QUIET", 0.01)
    monkeypatch.setattr(resident_module, "_PATIENCE", 0.0)
    monkeypatch.setattr(resident_module, "_GONE", 0.0)
    connection.change(PLACES, ASLEEP)
    async with opened(connection) as resident:
        assert not await resident.place(file(tmp_path / "a"))
        assert connection.ended == 1
        assert resident.litter
        await resident.settle()


async def test_one_that_hears_nothing_is_not_used(
    connection: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a proxy that passes on the answers only."""
    monkeypatch.setattr(resident_module, "_OPENING", 0.2)
    connection.program = connection.program.replace("\nplace=", "\nexec sleep 1\nplace=")
    async with opened(connection) as resident:
        assert not await resident.place(file(tmp_path / "a"))


async def extracted(resident: Resident, *items: Item) -> bool:
    """Whether the resident took them in as many parcels as it takes."""
    parcels = Parcels(pieces(packed(*items), 1000))
    while parcel := await parcels.take():
        if not await resident.deliver(parcel):
            return False
    return parcels.is_over


async def test_many_files_come_one_after_another(
    resident: Resident, connection: Local, tmp_path: Path
) -> None:
    place = str(tmp_path / "it's new").lstrip("/")
    name = f"{place}/{'x' * 120}"
    many = [Item(f"{name}{n}", content=b"%d" % n * 999, mode=0o640) for n in range(999)]
    many.append(Item(f"{place}/\n", mode=0o640))
    (tmp_path / "old").write_bytes(b"before")
    (tmp_path / "to old").symlink_to("old")
    assert await extracted(
        resident, Item(place, "dir", mode=0o711), *many, _item(tmp_path / "to old")
    )
    assert (tmp_path / "it's new").stat().st_mode & 0o7777 == 0o711
    there = {each.name: each.read_bytes() for each in (tmp_path / "it's new").iterdir()}
    assert there == {item.name.rpartition("/")[2]: item.content for item in many}
    assert (tmp_path / "old").read_bytes() == b"before"
    assert not (tmp_path / "to old").is_symlink()
    assert connection.opened == 1


async def test_with_a_perl_no_tool_is_started_for_many_either(
    connection: Local, tmp_path: Path
) -> None:
    connection.program = connection.program.replace("tar -xpf -", "false")
    directory = Item(str(tmp_path / "d").lstrip("/"), "dir", mode=0o1750)
    many = [_item(tmp_path / f"d/{number}", b"%d" % number, 0o4711) for number in range(40)]
    async with opened(connection) as resident:
        assert await extracted(resident, directory, *many) == (connection.tool == "perl")
    if connection.tool == "perl":
        assert names(tmp_path / "d") == {str(number) for number in range(40)}
        assert {each.stat().st_mode & 0o7777 for each in (tmp_path / "d").iterdir()} == {0o4711}
        assert (tmp_path / "d").stat().st_mode & 0o7777 == 0o1750
        assert {each.stat().st_mtime for each in (tmp_path / "d", tmp_path / "d/0")} == {0}


async def test_what_stands_in_the_way_of_many_is_for_others(
    resident: Resident, tmp_path: Path
) -> None:
    (tmp_path / "7/below").mkdir(parents=True)
    many = [_item(tmp_path / f"{number}") for number in range(40)]
    assert not await extracted(resident, *many)
    assert names(tmp_path) <= {str(number) for number in range(40)}
    assert (tmp_path / "7/below").is_dir()


async def test_a_perl_that_dies_among_many_tells_its_litter(tmp_path: Path) -> None:
    program = shell.resident("name")[2].replace('echo "$value"', "echo ffffffff")
    assert REPLACES in program
    dying = f"$number == 9 && kill(KILL => $$) || {REPLACES}"
    many = [_item(tmp_path / f"{number}") for number in range(40)]
    async with opened(Local(program.replace(REPLACES, dying))) as resident:
        assert not await extracted(resident, *many)
        left = names(tmp_path) - {str(number) for number in range(40)}
        assert len(left) == 1
        assert left <= {Path(path).name for path in resident.litter}


@pytest.mark.parametrize("there", ["file", "link to a directory", "link to nowhere"])
async def test_what_is_in_the_way_of_a_directory_is_for_others(
    resident: Resident, tmp_path: Path, there: str
) -> None:
    (tmp_path / "real").mkdir()
    if there == "file":
        (tmp_path / "a").touch()
    else:
        (tmp_path / "a").symlink_to("real" if there == "link to a directory" else "nowhere")
    before = names(tmp_path)
    assert not await extracted(resident, Item(str(tmp_path / "a").lstrip("/"), "dir"))
    assert names(tmp_path) == before
    assert await resident.place(file(tmp_path / "other")), "it is still in step"


async def test_names_of_any_kind_are_removed(resident: Resident, tmp_path: Path) -> None:
    """Together, where that can be, and else one by one."""
    below = tmp_path / "f" / "below"
    for odd in ("two\nlines", "caf\udce9", "plain"):
        (tmp_path / "f").touch()
        (tmp_path / odd).touch()
        (tmp_path / "d").mkdir()
        paths = [str(below), str(tmp_path / odd), str(tmp_path / "f")]
        assert await resident.remove(paths, [str(tmp_path / "d")])
        assert names(tmp_path) == set()


async def test_what_cannot_be_asked_for_is_not_told_to_be_absent(
    resident: Resident, connection: Local, tmp_path: Path
) -> None:
    assert await resident.absent([str(tmp_path / "nope"), str(tmp_path / "it's")])
    for odd in ("two\nlines", "caf\udce9"):
        assert not await resident.absent([str(tmp_path / "nope"), str(tmp_path / odd)])
    assert connection.opened == 1


async def test_more_than_one_request_can_name_is_removed(
    resident: Resident, connection: Local, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{n:0>200}" for n in range(3000)]
    for path in paths:
        path.touch()
    assert await resident.remove([str(path) for path in paths], [])
    assert names(tmp_path) == set()
    assert connection.opened == 1
