"""What a `COPY --from` copies from, with the links on the way to it."""

from __future__ import annotations

import io
import tarfile

import pytest

from livepush.engine import ImageConfig
from livepush.manifest import Destination, manifest
from livepush.model import Copy
from livepush.origin import fetch_copied, fetch_sources, fetch_text
from livepush.selection import MissingSource
from livepush.testing import FakeEngine, FakeImage, Files

ENTRIES = {
    "lib": None,
    "lib/a.so": "b.so.1",
    "lib/b.so.1": b"b",
    "lib/c.so": "/other/first",
    "lib/d.so": "d.so",
    "other": None,
    "other/first": "second",
    "other/second": b"c",
    "other/passwd": b"bob:x:7:8::/:/bin/sh\n",
    "etc": None,
    "etc/passwd": "../other/passwd",
    "l": "lib",
    "deep": None,
    "deep/er": None,
    "deep/er/x": b"x",
    "deep/er/y": b"y",
    "dl": "deep",
}


@pytest.fixture
async def container() -> tuple[FakeEngine, str]:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, said in ENTRIES.items():
            info = tarfile.TarInfo(name)
            info.uid = 7
            if said is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(said, str):
                info.type, info.linkname = tarfile.SYMTYPE, said
            content = said if isinstance(said, bytes) else b""
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    files = Files()
    files.extract(raw.getvalue())
    engine = FakeEngine()
    engine.add_image(FakeImage(files, ImageConfig("")), tag="image")
    return engine, await engine.create("image", labels={}, start=False)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["lib/b.so.1"], {"b.so.1": b"b"}),
        (["lib/c.so"], {"c.so": b"c"}),
        (["lib/[abc].so"], {"a.so": b"b", "c.so": b"c"}),
        (["l/c*"], {"c.so": b"c"}),
        (["l/c.so", "other/second"], {"c.so": b"c", "second": b"c"}),
        (["lib/n*"], {}),
    ],
)
async def test_named_links_are_followed_wherever_they_lead(
    container: tuple[FakeEngine, str], sources: list[str], expected: dict[str, bytes]
) -> None:
    bundle = await fetch_sources(*container, sources)
    step = Copy(1, "COPY", tuple(sources), "/o", True, origin=0)
    written = manifest(step, bundle.tree, Destination("/o", is_dir=True), None)
    found = {}
    for path, item in written.items.items():
        with bundle.open_file(item.source) as file:
            found[path.removeprefix("/o/")] = file.read()
    bundle.close()
    assert found == expected


@pytest.mark.parametrize("source", ["missing", "missing/*", "lib/d.so", "lib/d*"])
async def test_what_leads_nowhere_is_missing(
    container: tuple[FakeEngine, str], source: str
) -> None:
    with pytest.raises(MissingSource):
        await fetch_sources(*container, [source])


@pytest.mark.parametrize(
    ("source", "pattern", "expected", "fetched"),
    [
        ("", "deep/er/x", {"deep/er/x"}, {"deep", "deep/er", "deep/er/x"}),
        ("", "deep/er", {"deep/er/x", "deep/er/y"}, {"deep", "deep/er", "deep/er/x", "deep/er/y"}),
        ("deep", "er/x", {"er/x"}, {"deep", "deep/er", "deep/er/x"}),
        ("deep", "*/x", {"er/x"}, {"deep", "deep/er", "deep/er/x", "deep/er/y"}),
        ("dl", "er/x", {"er/x"}, {"dl", "deep", "deep/er", "deep/er/x"}),
        ("d[e]ep", "er/y", {"er/y"}, set(ENTRIES)),
        ("", "dl/er/x", set(), {"dl"}),  # a pattern goes through no link
        ("", "nope/*", set(), set()),
        ("", "deep/nope/more/*", set(), {"deep"}),
    ],
)
async def test_only_what_a_pattern_can_find_is_fetched_with_the_directories_above(
    container: tuple[FakeEngine, str],
    source: str,
    pattern: str,
    expected: set[str],
    fetched: set[str],
) -> None:
    step = Copy(1, "COPY", (source,), "/o", True, parents=(pattern,))
    bundle = await fetch_copied(*container, step)
    bundle.close()
    assert {path for path, _ in bundle.tree.walk()} == fetched
    try:
        written = manifest(step, bundle.tree, Destination("/o", is_dir=True), None)
    except MissingSource:
        assert not expected
        return
    assert {path.removeprefix("/o/") for path in written.items} - {"er", "deep/er"} == expected
    ways = {path: entry.uid for path, entry in written.made.items() if path != "/o"}
    assert set(ways.values()) <= {7}


async def test_a_directory_to_start_from_must_be_there(container: tuple[FakeEngine, str]) -> None:
    with pytest.raises(MissingSource, match="nope"):
        await fetch_copied(*container, Copy(1, "COPY", ("nope",), "/o", True, parents=("lib/*",)))


async def test_the_root_can_be_a_source(container: tuple[FakeEngine, str]) -> None:
    bundle = await fetch_sources(*container, [""])
    assert {path for path, _ in bundle.tree.walk()} == set(ENTRIES)
    bundle.close()


async def test_text_is_read_through_links(container: tuple[FakeEngine, str]) -> None:
    assert await fetch_text(*container, "/etc/passwd") == "bob:x:7:8::/:/bin/sh\n"
    assert await fetch_text(*container, "/etc/group") == ""
