"""What the Engine API answers, in the forms that engines differ in."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from livepush.engine import ContainerInfo, ImageConfig, PathStat
from livepush.errors import EngineError
from livepush.replies import (
    Frames,
    Json,
    container_info,
    image_config,
    name,
    owned,
    path_stat,
    removable,
    understood,
)


def frame(stream: int, payload: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4) + payload


@pytest.mark.parametrize("size", [1, 3, 8, 9, 100])
def test_frames_are_whole_however_they_come(size: int) -> None:
    sent = frame(1, b"out") + frame(2, b"") + frame(2, b"err\n") + frame(1, b"cut short")[:-1]
    frames = Frames()
    got: list[tuple[bytes, bool]] = []
    for start in range(0, len(sent), size):
        got += frames.feed(sent[start : start + size])
    assert got == [(b"out", False), (b"", True), (b"err\n", True)]


@pytest.mark.parametrize(
    ("go_mode", "link", "expected"),
    [
        (0o644, "", PathStat("file", 0o644, 4)),
        (0o755 | 1 << 23, "", PathStat("file", 0o4755, 4)),
        (0o777 | 1 << 31 | 1 << 20, "", PathStat("dir", 0o1777, 4)),
        (0o755 | 1 << 31 | 1 << 22, "", PathStat("dir", 0o2755, 4)),
        (0o777 | 1 << 27, "/x", PathStat("link", 0o777, 4, "/x")),
        (0o644 | 1 << 25, "", PathStat("other", 0o644, 4)),
        (0o666 | 1 << 26 | 1 << 21, "", PathStat("other", 0o666, 4)),
        (0o755 | 1 << 24, "", PathStat("other", 0o755, 4)),
    ],
)
def test_go_modes(go_mode: int, link: str, expected: PathStat) -> None:
    reply = {"name": "x", "size": 4, "mode": go_mode, "mtime": "", "linkTarget": link}
    assert path_stat(base64.b64encode(json.dumps(reply).encode()).decode()) == expected


def test_what_is_left_out_is_empty() -> None:
    assert image_config({"Id": "sha256:1", "Config": None}, "1.50") == ImageConfig("sha256:1")
    assert image_config({"Id": "sha256:1"}, "1.50") == ImageConfig("sha256:1")


@pytest.mark.parametrize(("version", "old"), [("1.41", True), ("1.44", True), ("1.45", False)])
def test_the_age_of_buildkit_is_that_of_the_engine(version: str, old: bool) -> None:
    assert image_config({"Id": "sha256:1"}, version).old_buildkit is old
    reply = {
        "Id": "1",
        "Name": "/n",
        "Image": "sha256:1",
        "State": {"Running": False},
        "Config": {"Env": None},
        "HostConfig": {"Tmpfs": None},
        "Mounts": None,
    }
    assert container_info(reply) == ContainerInfo("1", "n", "sha256:1", running=False)
    for restarting in (False, True):  # between two crashes an engine says both
        reply["State"] = {"Running": True, "Restarting": restarting}
        assert container_info(reply).running is not restarting


def test_mounts_are_told_once() -> None:
    reply = {
        "Id": "1",
        "Name": "/n",
        "Image": "sha256:1",
        "State": {"Running": True},
        "Config": {"Env": ["A=1"], "WorkingDir": "/w", "StopTimeout": 3},
        "HostConfig": {"Tmpfs": {"/t": "", "/both": ""}},
        "Mounts": [{"Destination": "/v"}, {"Destination": "/both"}],
    }
    info = container_info(reply)
    assert (info.mounts, info.stop_timeout) == (("/v", "/both", "/t"), 3)
    assert (info.env, info.workdir) == (("A=1",), "/w")


NONSENSE: list[Json] = [None, 7, "text", [], [7], {}, {"mode": "x"}, {"State": []}]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_nonsense_is_told_as_the_engine_s_fault(nonsense: Json) -> None:
    encoded = base64.b64encode(json.dumps(nonsense).encode()).decode()
    reads: list[Callable[[], object]] = [
        lambda: container_info(nonsense),
        lambda: image_config(nonsense, "1.41"),
        lambda: path_stat(encoded),
        lambda: name(nonsense, "1.41"),
        lambda: removable(nonsense),
        lambda: tuple(owned("image", nonsense["none"])),
    ]
    for read in reads:
        with pytest.raises(EngineError, match="The engine was to look, and its answer"):  # noqa: SIM117
            with understood("look"):
                read()
