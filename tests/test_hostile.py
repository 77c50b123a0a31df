"""A build context, a stage and an application that want to harm: sessions on the fake engine."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import AsyncGenerator, AsyncIterable
from pathlib import Path

import pytest

from livepush.session import Livepush
from livepush.testing import FakeEngine
from tests.conftest import BUSYBOX

NAMES = [
    *(
        "-rf",
        "--",
        "--help",
        "-",
        "$(touch pwned)",
        "`id`",
        "a;b",
        "a b",
        "'",
        '"',
        "\\",
        "*",
        "[a]",
    ),
    *(
        "~",
        "#a",
        "!a",
        "a\nb",
        "\x1b]0;title\x07",
        "%2e%2e",
        "..a",
        "...",
        "C:",
        "caf\u00e9",
        "\udcff",
    ),
    *("\u202egpj.exe", "<<EOF", "$HOME", "${HOME}", "a=b", "@", " ", "\t"),
]


@pytest.fixture
async def root(tmp_path: Path) -> Path:
    root = tmp_path / "context"
    root.mkdir()
    return root


async def opened(root: Path, engine: FakeEngine, dockerfile: str) -> Livepush:
    engine.add_container(BUSYBOX, name="web")
    return await Livepush.init(
        context=root,
        container_id="web",
        dockerfile_content=dockerfile,
        engine=engine,
        stage_images=[BUSYBOX] * (dockerfile.count("FROM ") - 1),
    )


async def test_names_that_look_like_something_else_land_and_go(
    root: Path, fake_engine: FakeEngine
) -> None:
    async with await opened(root, fake_engine, f"FROM {BUSYBOX}\nCOPY . /app\n") as session:
        (root / "-d").mkdir()
        paths = [*NAMES, *(f"-d/{name}" for name in NAMES)]
        for path in paths:
            (root / path).write_text(path.encode(errors="replace").decode())
        result = await session.perform_livepush(paths)
        assert (result.status, result.owed) == ("succeeded", ())
        files = fake_engine.files("web")
        assert [path for path in paths if files.read(f"/app/{path}") is None] == []
        for path in paths:
            (root / path).unlink()
        assert (await session.perform_livepush([], paths)).status == "succeeded"
        assert [path for path in paths if files.node(f"/app/{path}") is not None] == []
        assert files.node("/app/-d") is not None


HOSTILE = [
    ("/etc/passwd", tarfile.REGTYPE, ""),
    ("../etc/passwd", tarfile.REGTYPE, ""),
    ("out/../../etc/passwd", tarfile.REGTYPE, ""),
    ("out/sda", tarfile.BLKTYPE, ""),
    ("out/null", tarfile.CHRTYPE, ""),
    ("out/pipe", tarfile.FIFOTYPE, ""),
    ("out/way", tarfile.SYMTYPE, "/etc"),
    ("out/way/passwd", tarfile.REGTYPE, ""),
    ("out/file/passwd", tarfile.REGTYPE, ""),
    ("out/file", tarfile.SYMTYPE, "../../etc"),
]


async def test_an_archive_of_a_stage_writes_nothing_but_below_its_destination(
    root: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        directory = tarfile.TarInfo("out")
        directory.type = tarfile.DIRTYPE
        tar.addfile(directory)
        for name, kind, target in HOSTILE:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.devmajor = kind, target, 8
            info.size = len(b"mine") if kind == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(b"mine"))
    (root / "a").write_text("one")
    dockerfile = f"FROM {BUSYBOX} AS s\nCOPY a /out/a\nFROM {BUSYBOX}\nCOPY --from=s /out /dest\n"
    session = await opened(root, fake_engine, dockerfile)
    real = fake_engine.get

    async def get(container: str, path: str) -> AsyncGenerator[bytes, None]:
        if path == "/out":
            yield raw.getvalue()
            return
        async for piece in real(container, path):
            yield piece

    monkeypatch.setattr(fake_engine, "get", get)
    async with session:
        (root / "a").write_text("two")
        assert (await session.perform_livepush(["a"])).owed == ()
    (web,) = {call.on for call in fake_engine.calls if call.verb == "restart"}
    sent = [
        member
        for call in fake_engine.calls
        if (call.verb, call.on) == ("put", web) and isinstance(call.given, bytes)
        for member in members(call.given)
    ]
    assert {each.name.split("/")[0] for each in sent} == {"dest"}
    assert {each.type for each in sent} <= {tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE}
    # What is below a link in one archive is below a directory by the end of it, or not there.
    links = {each.name for each in sent if each.issym()}
    assert not any(os.path.dirname(each.name) in links for each in sent)


def members(archive: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.getmembers()


async def test_a_directory_that_becomes_a_link_in_mid_push_is_not_read_through(
    root: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = root.parent / "outside"
    for directory in (outside, root / "src"):
        directory.mkdir()
        (directory / "key").write_text("one")
    (outside / "key").write_text("private")
    session = await opened(root, fake_engine, f"FROM {BUSYBOX}\nCOPY src /app\n")
    real, sent = fake_engine.put, list[bytes]()

    async def put(container: str, archive: AsyncIterable[bytes]) -> None:
        (root / "src").rename(root.parent / "away")
        (root / "src").symlink_to(outside)

        async def noted() -> AsyncGenerator[bytes, None]:
            async for piece in archive:
                sent.append(piece)
                yield piece

        monkeypatch.setattr(fake_engine, "put", real)
        await real(container, noted())

    monkeypatch.setattr(fake_engine, "put", put)
    async with session:
        (root / "src/key").write_text("two")
        await session.perform_livepush(["src/key"])
        await session.perform_livepush(["src", "src/key"])
    assert sent
    assert b"private" not in b"".join(sent)
    assert fake_engine.files("web").read("/app/key") != b"private"
