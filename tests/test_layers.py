"""The layers of saved images, in the formats of older and newer engines."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator, Sequence

import pytest

from livepush.layers import Layer, by_step, read_files, read_layers
from livepush.model import Copy, Fixed, MakeDir, Run, Step
from tests.archives import Item, packed

BASE = packed(Item("bin", "dir", mode=0o755), Item("bin/sh", content=b"shell"))
MADE = packed(
    Item("app", "dir", mode=0o750, uid=5),
    Item("app/x", content=b"built" * 300, mode=0o600),
    Item("app/l", "link", mode=0o777, target="x"),
    Item("app/.wh.gone"),
    Item("app/d", "dir", mode=0o755),
    Item("app/d/.wh..wh..opq"),
    Item(".wh..wh.plnk"),
    Item(".wh.etc"),
)
EMPTY = packed()
LAYERS = [
    ("Imported from -", BASE),
    ("ENV A=1", None),
    ("RUN /bin/sh -c make # buildkit", MADE),
    ("RUN /bin/sh -c true # buildkit", EMPTY),
    ("COPY . /app/ # buildkit", packed(Item("app/x", content=b"copied"))),
    ("RUN /bin/sh -c true # buildkit", EMPTY),
    ('CMD ["app"]', None),
]


def tar(*files: tuple[str, bytes | str]) -> bytes:
    """A tar of files, and of links where a text stands instead of bytes."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return raw.getvalue()


def config(layers: Sequence[tuple[str, bytes | None]]) -> bytes:
    history = [{"created_by": made_by, "empty_layer": raw is None} for made_by, raw in layers]
    return json.dumps({"history": history}).encode()


def older(layers: Sequence[tuple[str, bytes | None]]) -> bytes:
    """As engines before 25 save it: equal layers are links."""
    files: list[tuple[str, bytes | str]] = []
    names: list[str] = []
    known: dict[bytes, str] = {}
    for number, (_, raw) in enumerate(layers):
        if raw is None:
            continue
        names.append(f"{number:064x}/layer.tar")
        files.append((f"{number:064x}/VERSION", b"1.0"))
        files.append((names[-1], f"../{known[raw]}" if raw in known else raw))
        known.setdefault(raw, names[-1])
    manifest = [{"Config": "config.json", "Layers": names}]
    return tar(
        *files, ("config.json", config(layers)), ("manifest.json", json.dumps(manifest).encode())
    )


def newer(layers: Sequence[tuple[str, bytes | None]], *, zipped: bool = False) -> bytes:
    """As later engines save it: blobs by digest, in the order of their names."""
    blobs: dict[str, bytes] = {}

    def blob(raw: bytes) -> str:
        name = f"blobs/sha256/{hashlib.sha256(raw).hexdigest()}"
        blobs[name] = raw
        return name

    names = [blob(gzip.compress(raw) if zipped else raw) for _, raw in layers if raw is not None]
    manifest = [{"Config": blob(config(layers)), "Layers": names}]
    blob(b"{}")
    return tar(
        *sorted(blobs.items()),
        ("index.json", b"{}"),
        ("manifest.json", json.dumps(manifest).encode()),
    )


async def pieces(raw: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


async def read(raw: bytes, prefix: str = "") -> tuple[Layer, ...] | None:
    return await read_layers(pieces(raw), lambda path: path.startswith(prefix))


FORMATS = {
    "older": older(LAYERS),
    "newer": newer(LAYERS),
    "zipped": newer(LAYERS, zipped=True),
}


@pytest.fixture(params=FORMATS)
def saved(request: pytest.FixtureRequest) -> bytes:
    return FORMATS[str(request.param)]


async def test_every_line_of_the_history_has_its_layer(saved: bytes) -> None:
    layers = await read(saved)
    assert layers is not None
    assert [layer.created_by for layer in layers] == [made_by for made_by, _ in LAYERS]
    assert [sorted(layer.entries) for layer in layers] == [
        ["bin", "bin/sh"],
        [],
        ["app", "app/d", "app/l", "app/x"],
        [],
        ["app/x"],
        [],
        [],
    ]
    made = layers[2]
    entry = made.entries["app/x"]
    assert (entry.kind, entry.mode, entry.uid, entry.size) == ("file", 0o600, 0, 1500)
    assert (made.entries["app"].kind, made.entries["app"].mode) == ("dir", 0o750)
    assert made.entries["app"].uid == 5
    assert (made.entries["app/l"].kind, made.entries["app/l"].target) == ("link", "x")


async def test_only_what_is_wanted_is_kept(saved: bytes) -> None:
    layers = await read(saved, "app/d")
    assert layers is not None
    assert [path for layer in layers for path in layer.entries] == ["app/d"]


async def test_what_a_layer_removes(saved: bytes) -> None:
    layers = await read(saved)
    assert layers is not None
    removes = layers[2].removes
    assert [p for p in ("app/gone", "app/gone/below", "app/d/x", "etc", "etc/x") if removes(p)] == [
        "app/gone",
        "app/gone/below",
        "app/d/x",
        "etc",
        "etc/x",
    ]
    assert [p for p in ("app", "app/d", "app/x", "app/other", "bin/sh") if removes(p)] == []
    assert removes("app/x/below"), "a file stands where its directory was"


async def test_the_bytes_of_files_come_in_a_second_reading(saved: bytes) -> None:
    layers = await read(saved)
    assert layers is not None
    wanted = {"one": (layers[2], "app/x"), "two": (layers[4], "app/x"), "sh": (layers[0], "bin/sh")}
    files = await read_files(pieces(saved), wanted)
    content = {}
    for name in wanted:
        with files.open_file(name) as file:
            content[name] = file.read()
    files.close()
    assert content == {"one": b"built" * 300, "two": b"copied", "sh": b"shell"}


async def test_another_name_of_a_file_has_its_bytes() -> None:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        info = tarfile.TarInfo("store/file")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"bytes"))
        for name, first in (("app/one", "store/file"), ("app/two", "app/one")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mode = tarfile.LNKTYPE, first, 0o600
            archive.addfile(info)
    saved = older([("RUN x", raw.getvalue())])
    layers = await read(saved, "app")
    assert layers is not None
    assert {path: (e.kind, e.mode) for path, e in layers[0].entries.items()} == {
        "app/one": ("file", 0o600),
        "app/two": ("file", 0o600),
    }
    files = await read_files(pieces(saved), {"two": (layers[0], "app/two")})
    with files.open_file("two") as file:
        assert file.read() == b"bytes"
    files.close()


@pytest.mark.parametrize(
    "saved",
    [
        b"",
        tar(("manifest.json", b"[]")),
        tar(("manifest.json", json.dumps([{"Config": "none", "Layers": ["none"]}]).encode())),
        tar(("manifest.json", json.dumps([{"Config": "c", "Layers": None}] * 2).encode())),
        older([("RUN x", BASE), ("RUN y", None)]).replace(b"true", b"null"),
        older([("RUN x", b"\x28\xb5\x2f\xfd" * 1000)]),
        newer([("RUN x", BASE)], zipped=True).replace(gzip.compress(BASE)[20:30], b"0123456789"),
        b"no tar" * 200,
    ],
    ids=["nothing", "no image", "no config", "two", "squashed", "zstd", "broken gzip", "no tar"],
)
async def test_what_cannot_be_read_is_none(saved: bytes) -> None:
    assert await read(saved) is None


RUN = Run(1, "RUN make", "make", ("/bin/sh", "-c", "make  it"), (), "", "/")
COPY = Copy(2, "COPY . /app", (".",), "/app", dest_is_dir=False)
ADD = Copy(2, "ADD . /app", (".",), "/app", dest_is_dir=False, is_add=True)
MAKE = MakeDir(3, "WORKDIR /w", "/w", "")
FIXED = Fixed(4, "run --mount=type=cache,target=/c make", "")


@pytest.mark.parametrize(
    ("history", "steps"),
    [
        (["RUN |1 V=1 /bin/sh -c make it # buildkit", "COPY . /app # buildkit"], [RUN, COPY]),
        (["RUN base", "COPY base", "WORKDIR /w", "ADD x", "CMD []"], [MAKE, ADD]),
        (["|1 V=1 /bin/sh -c make  it", "/bin/sh -c #(nop) COPY dir:1 in /app "], [RUN, COPY]),
        (
            ["/bin/bash -e -c #(nop) WORKDIR /w", "/bin/bash -e -c #(nop) ADD dir:1 in /a "],
            [MAKE, ADD],
        ),
        (["RUN --mount make # buildkit", "ENV A=1", "WORKDIR /w"], [FIXED, MAKE]),
    ],
)
def test_steps_find_their_layers(history: Sequence[str], steps: Sequence[Step]) -> None:
    found = by_step([Layer(made_by) for made_by in history], steps)
    assert found is not None
    assert [found[position].created_by for position in range(len(steps))] == [
        made_by for made_by in history if "CMD" not in made_by and "ENV" not in made_by
    ][-len(steps) :]


@pytest.mark.parametrize(
    ("history", "steps"),
    [
        ([], [RUN]),
        (["RUN /bin/sh -c other # buildkit"], [RUN]),
        (["COPY . /app # buildkit"], [ADD]),
        (["RUN /bin/sh -c make it", "COPY . /app", "RUN more"], [RUN, COPY]),
        (["RUN /bin/sh -c make it", "COPY . /app", "merge sha256:1 to sha256:2"], [RUN, COPY]),
    ],
)
def test_another_history_gives_no_layers(history: Sequence[str], steps: Sequence[Step]) -> None:
    assert by_step([Layer(made_by) for made_by in history], steps) is None
