"""Deletions without a shell, by the verbs of an engine: also where they break off."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from dataclasses import replace

import pytest

from livepush.engine import ContainerInfo
from livepush.errors import EngineError, NoShellError
from livepush.replacement import ASIDE, delete, refusal
from livepush.span import Piece, whole
from livepush.testing import FakeEngine, FakeImage, Files, Node
from tests.archives import Item, stream

TREE = [
    Item("app", "dir", mode=0o750, uid=5),
    Item("app/x", content=b"1"),
    Item("app/kept", content=b"2", mode=0o4711, uid=5, gid=6),
    Item("app/link", "link", mode=0o777, target="x"),
    Item("app/sub", "dir", mode=0o700),
    Item("app/sub/y", content=b"3"),
    Item("app/sub/empty", "dir", mode=0o711),
    Item("app/other/z", content=b"4"),
    Item("alias", "link", mode=0o777, target="/app"),
]
INFO = ContainerInfo("id", "web", "image", running=True, workdir="/app/sub", mounts=("/m/data",))


@pytest.fixture
async def bare(fake_engine: FakeEngine) -> ContainerInfo:
    """A container without a shell that does not run."""
    container = fake_engine.add_container(fake_engine.add_image(FakeImage()), running=False)
    await fake_engine.put(container, stream(*TREE))
    info = await fake_engine.container(container)
    assert info is not None
    return info


def tree(files: Files) -> dict[str, Node]:
    """All nodes but what is left aside."""
    paths = [path for path in files if not f"{path}/".startswith(("/dev/", "/tmp/"))]
    return {path: node for path in paths if (node := files.node(path)) is not None}


async def deleted(
    engine: FakeEngine,
    info: ContainerInfo,
    paths: Sequence[str],
    directories: Sequence[str] = (),
    *,
    restarts: bool = False,
) -> set[str]:
    """Deletes, and says what is gone; all else is the very same as before."""
    before = tree(engine.files(info.id))
    await delete(engine, info, paths, directories, restarts=restarts)
    after = tree(engine.files(info.id))
    for path, node in after.items():
        assert node.kind == "dir" or node is before[path], "another file"
        assert node == before[path]
    return before.keys() - after.keys()


async def test_only_what_was_asked_for_goes(fake_engine: FakeEngine, bare: ContainerInfo) -> None:
    assert await deleted(fake_engine, bare, ["/app/x", "/app/not-there", "/no/where"]) == {"/app/x"}
    assert await deleted(fake_engine, bare, ["/app/sub", "/app/link"]) == {
        *("/app/sub", "/app/sub/y", "/app/sub/empty", "/app/link"),
    }
    aside = fake_engine.files(bare.id).stat(ASIDE)
    assert aside is not None
    assert (aside.kind, aside.size) == ("file", 0)


async def test_only_the_nearest_directory_is_replaced(
    fake_engine: FakeEngine, bare: ContainerInfo
) -> None:
    app, sub = (fake_engine.files(bare.id).node(path) for path in ("/app", "/app/sub"))
    assert await deleted(fake_engine, bare, ["/app/sub/y"]) == {"/app/sub/y"}
    assert fake_engine.files(bare.id).node("/app") is app
    assert fake_engine.files(bare.id).node("/app/sub") is not sub


async def test_directories_go_when_they_are_empty(
    fake_engine: FakeEngine, bare: ContainerInfo
) -> None:
    directories = ["/app/sub/empty", "/app/sub", "/app/other", "/nowhere", "/app/kept"]
    assert await deleted(fake_engine, bare, ["/app/sub/y"], directories) == {
        *("/app/sub/y", "/app/sub/empty", "/app/sub"),
    }


async def test_links_above_are_followed(fake_engine: FakeEngine, bare: ContainerInfo) -> None:
    assert await deleted(fake_engine, bare, ["/alias/x"], ["/alias/sub/empty"]) == {
        *("/app/x", "/app/sub/empty"),
    }


async def test_a_file_keeps_its_names(fake_engine: FakeEngine, bare: ContainerInfo) -> None:
    files = fake_engine.files(bare.id)
    kept = files.node("/app/kept")
    assert kept is not None
    files.place("/app/other/name", kept)
    assert await deleted(fake_engine, bare, ["/app/kept"]) == {"/app/kept"}
    assert files.node("/app/other/name") is kept


async def test_what_cannot_go_stays_and_the_rest_goes(
    fake_engine: FakeEngine, bare: ContainerInfo
) -> None:
    with pytest.raises(NoShellError, match=r"/alias in the container .* is in the root"):
        await delete(fake_engine, bare, ["/alias", "/app/x"], ["/app"], restarts=False)
    files = fake_engine.files(bare.id)
    assert files.node("/alias") is not None
    assert files.node("/app/x") is None


async def test_an_emptied_directory_in_the_root_stays(
    fake_engine: FakeEngine, bare: ContainerInfo
) -> None:
    await fake_engine.put(bare.id, stream(Item("made/for/it")))
    with pytest.raises(NoShellError, match="/made in the container"):
        await delete(fake_engine, bare, ["/made/for/it"], ["/made/for", "/made"], restarts=False)
    files = fake_engine.files(bare.id)
    assert files.node("/made/for") is None
    assert files.node("/made") is not None


async def test_nothing_is_done_where_nothing_is_there(
    fake_engine: FakeEngine, bare: ContainerInfo
) -> None:
    fake_engine.calls.clear()
    await delete(fake_engine, bare, ["/not-there", "/app/nope"], ["/x"], restarts=False)
    assert "put" not in {call.verb for call in fake_engine.calls}


class Cut(FakeEngine):
    """Breaks off an upload before its last `lacking` members."""

    lacking = 0
    uploaded = 0  # members of the last upload

    async def put(self, container: str, archive: AsyncIterable[Piece]) -> None:
        raw = await whole(archive)
        with tarfile.open(fileobj=io.BytesIO(raw), encoding="utf-8") as tar:
            offsets = [member.offset for member in tar]
        self.uploaded = len(offsets)
        if not self.lacking:
            self.files(container).extract(raw)
            return
        lacking, self.lacking = self.lacking, 0
        end = offsets[-lacking] if lacking <= len(offsets) else 0
        self.files(container).extract(raw[:end] + bytes(1024))
        raise EngineError("broke off")


async def test_the_same_call_again_ends_what_broke_off() -> None:
    lacking, uploaded = 0, 1
    while lacking < uploaded:
        lacking += 1
        engine = Cut()
        container = engine.add_container(engine.add_image(FakeImage()), running=False)
        await engine.put(container, stream(*TREE))
        before = tree(engine.files(container))
        info = await engine.container(container)
        assert info is not None
        engine.lacking = lacking
        with pytest.raises(EngineError, match="broke off"):
            await delete(engine, info, ["/app/x"], [], restarts=False)
        uploaded = engine.uploaded
        await delete(engine, info, ["/app/x"], [], restarts=False)
        after = tree(engine.files(container))
        assert after == {path: node for path, node in before.items() if path != "/app/x"}
        assert all(node is before[path] for path, node in after.items() if node.kind != "dir")
        assert not engine.files(container).below(ASIDE)
    assert uploaded > 2 * len(TREE)


async def test_what_broke_off_last_is_ended_too(
    fake_engine: FakeEngine, bare: ContainerInfo
) -> None:
    fake_engine.fail_next("put", EngineError("broke off"), after=1)
    with pytest.raises(EngineError, match="broke off"):
        await delete(fake_engine, bare, ["/app/x"], [], restarts=False)
    assert fake_engine.files(bare.id).below(ASIDE)
    assert await deleted(fake_engine, bare, ["/app/x"]) == set()
    assert not fake_engine.files(bare.id).below(ASIDE)


@pytest.mark.parametrize(
    ("directory", "restarts", "reason"),
    [
        ("/", True, "in the root"),
        ("/app", False, "runs in"),
        ("/app/sub", False, "runs in"),
        ("/app/sub/below", False, ""),
        ("/app/other", False, ""),
        ("/app", True, ""),
        ("/m", True, "beside /m/data"),
        ("/m/data", True, "beside /m/data"),
        ("/m/data/below", True, "beside /m/data"),
        ("/m/database", True, ""),
        ("/etc", True, "beside /etc/hosts"),
        ("/etc/app", True, ""),
        ("/dev/shm", True, "beside /dev"),
    ],
)
def test_what_cannot_be_replaced(directory: str, restarts: bool, reason: str) -> None:
    refused = refusal(directory, INFO, restarts=restarts)
    assert reason in refused
    assert bool(refused) == bool(reason)


def test_a_directory_in_which_nothing_runs_can_be_replaced() -> None:
    assert refusal("/app", replace(INFO, running=False), restarts=False) == ""


@pytest.mark.parametrize("left", [0, 8, 600, 1024])
async def test_a_look_that_is_cut_short_deletes_nothing(
    fake_engine: FakeEngine, bare: ContainerInfo, monkeypatch: pytest.MonkeyPatch, left: int
) -> None:
    real, before = fake_engine.get, tree(fake_engine.files(bare.id))

    async def get(container: str, path: str) -> AsyncGenerator[bytes, None]:
        async for piece in real(container, path):
            yield piece[:left]

    monkeypatch.setattr(fake_engine, "get", get)
    with pytest.raises(EngineError, match="broken archive of /app"):
        await delete(fake_engine, bare, ["/app/x"], [], restarts=True)
    assert tree(fake_engine.files(bare.id)) == before
