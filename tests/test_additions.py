"""What a build was sent instead of the context's own files is no difference."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from livepush import manifest
from livepush.additions import as_theirs, corrected, without_dockers_line
from livepush.archive import pack
from livepush.buildcontext import DOCKERFILE, BuildContext, build_context
from livepush.context import Context
from livepush.difference import compare
from livepush.fetched import fetch
from livepush.session import Livepush
from livepush.snapshot import Snapshot
from livepush.span import whole
from livepush.testing import FakeEngine
from livepush.testing.builder import DockerfileBuilder
from livepush.tree import Tree
from tests.archives import Item, pieces, stream

from .conftest import BUSYBOX

LIVE = "FROM a\nCOPY . /app\n"
IGNORE = b"node_modules\n"


def context(root: Path) -> Snapshot:
    found = Context.open(root)
    return Snapshot(found, found.scan())


async def below_app(sent: BuildContext) -> Tree:
    """What a `COPY . /app` writes of what was `sent`: not what its ignore file names by itself."""
    rules = sent.items.get(".dockerignore")
    named = set((rules.entry.content or b"").decode().split()) if rules else set()
    items = [(f"/app/{path}", item) for path, item in sent.items.items() if path not in named]
    raw = await whole(pack(items, sent.files, lambda _: None))
    with closing(await fetch(pieces(raw, len(raw)), prefix="")) as fetched:
        return fetched.tree


def plain(files: Snapshot) -> BuildContext:
    return BuildContext(
        {path: manifest.Item(entry, path) for path, entry in files.tree.walk()}, files, "", b""
    )


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("has_dockerfile", [True, False])
@pytest.mark.parametrize("has_ignore", [True, False])
async def test_a_build_is_as_of_the_context_itself(
    legacy: bool, has_dockerfile: bool, has_ignore: bool, tmp_path: Path
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/.dockerignore").write_bytes(IGNORE)
    (tmp_path / "Dockerfile.live").write_text(LIVE)
    if has_dockerfile:
        (tmp_path / "Dockerfile").write_text("FROM a\n#dev-copy=. /app\n")
        (tmp_path / "Dockerfile").chmod(0o600)
    if has_ignore:
        (tmp_path / ".dockerignore").write_bytes(IGNORE)
    files = context(tmp_path)
    sent = build_context(LIVE, files, "Dockerfile", legacy=legacy)
    assert sent.own == ({".dockerignore", DOCKERFILE} if legacy else set())
    assert sent.text == LIVE.encode()
    built = as_theirs(await below_app(sent), sent, files)
    found = compare(built, await below_app(plain(files)), Tree({}))
    assert (found.differences, found.not_built) == ((), ())


@pytest.mark.parametrize("legacy", [True, False])
async def test_of_special_files_pipes_are_sent_and_sockets_where_docker_sends_them(
    tmp_path: Path, legacy: bool
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(tmp_path / "socket"))
        sent = build_context(LIVE, context(tmp_path), "Dockerfile", legacy=legacy)
    assert ("socket" in sent.items) == (not legacy)
    assert sent.items["pipe"].entry.pipe


async def test_links_come_back_as_links(tmp_path: Path) -> None:
    (tmp_path / "rules").write_bytes(IGNORE)
    (tmp_path / ".dockerignore").symlink_to("rules")
    files = context(tmp_path)
    sent = build_context(LIVE, files, "Dockerfile", legacy=True)
    built = as_theirs(await below_app(sent), sent, files)
    entry = built.get("app/.dockerignore")
    assert entry is not None
    assert (entry.kind, entry.target) == ("link", "rules")


async def test_a_container_s_files_are_theirs_again_wherever_commands_took_them(
    tmp_path: Path, fake_engine: FakeEngine
) -> None:
    (tmp_path / ".dockerignore").write_bytes(IGNORE)
    sent = build_context(LIVE, context(tmp_path), "Dockerfile", legacy=True)
    stage = fake_engine.add_container(BUSYBOX)
    files = fake_engine.files(stage)
    files.write("/taken/.dockerignore", sent.items[".dockerignore"].entry.content or b"")
    files.write("/own/.dockerignore", b"own\n")
    await corrected(fake_engine, stage, sent)
    assert files.read("/taken/.dockerignore") == IGNORE
    assert files.read("/own/.dockerignore") == b"own\n"


@pytest.mark.parametrize("source", [".", "l"])
async def test_a_stage_that_has_them_from_another_one_is_corrected_as_well(
    tmp_path: Path, fake_engine: FakeEngine, source: str
) -> None:
    text = (
        f"FROM {BUSYBOX} AS one\nCOPY {source} /in/.dockerignore\n"
        f"FROM {BUSYBOX} AS two\nCOPY --from=one /in /in\nRUN cp /in/.dockerignore /rules\n"
        f"FROM {BUSYBOX}\n#dev-cmd-live=sh\nCOPY --from=two /rules /\n"
    ).replace("COPY . /in/.dockerignore", "COPY . /in")
    (tmp_path / "Dockerfile").write_text(text)
    (tmp_path / ".dockerignore").write_bytes(IGNORE)
    if source == "l":
        (tmp_path / "l").symlink_to(".dockerignore")
    (image,) = fake_engine._images.values()
    image.config = replace(image.config, legacy=True)
    fake_engine._builder = DockerfileBuilder(lambda _: image)
    fake_engine.add_container(BUSYBOX, name="web")
    async with await Livepush.init(
        context=tmp_path, container_id="web", dockerfile_content=text, engine=fake_engine
    ):
        stages = [each.id for each in await fake_engine.owned() if each.kind == "container"]
        said = [fake_engine.files(each).read("/in/.dockerignore") for each in stages]
        assert [*said, fake_engine.files(stages[1]).read("/rules")] == [IGNORE] * 3


@pytest.mark.parametrize(
    ("content", "is_same"),
    [
        (IGNORE, True),
        (IGNORE + b"\n.dockerfile.0a1b2c\n", True),
        (IGNORE + b".dockerfile.0a1b2c\n", False),
        (IGNORE + b"\n.dockerfile.0a1b2c\nmore\n", False),
        (b"other\n.dockerfile.0a1b2c\n", False),
        (b"", False),
    ],
)
async def test_the_line_that_docker_adds_is_no_difference(
    content: bytes, is_same: bool, tmp_path: Path
) -> None:
    (tmp_path / ".dockerignore").write_bytes(IGNORE)
    files = context(tmp_path)
    wanted = await below_app(plain(files))
    there = stream(Item("app", "dir", 0o755), Item("app/.dockerignore", content=content))
    with closing(await fetch(there, prefix="")) as here:
        found = without_dockers_line(here, wanted, files)
    assert (compare(found, wanted, wanted).differences == ()) is is_same


async def test_without_an_ignore_file_nothing_is_docker_s(tmp_path: Path) -> None:
    with closing(await fetch(stream(Item("a")), prefix="")) as here:
        assert without_dockers_line(here, Tree({}), context(tmp_path)) is here.tree
