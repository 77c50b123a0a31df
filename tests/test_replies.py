"""What the Engine API answers, in the forms that engines differ in."""

from __future__ import annotations

import base64
import json

import pytest

from livepush.engine import ContainerInfo, ImageConfig, PathStat
from livepush.replies import Build, Frames, container_info, image_config, path_stat


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


def test_the_last_image_of_a_legacy_build_counts() -> None:
    build = Build()
    lines = [
        {"stream": "Step 1/2 : FROM a"},
        {"aux": {"ID": "sha256:1"}},
        {"status": "Pulling"},
        {"stream": "\n"},
        {"aux": {"ID": "sha256:2"}},
    ]
    sent = b"\r\n".join(json.dumps(line).encode() for line in lines) + b"\r\n"
    told = [text for byte in sent for text in build.feed(bytes([byte]))]
    assert (b"".join(told), build.image, build.error) == (b"Step 1/2 : FROM a\n", "sha256:2", "")


def test_a_buildkit_build_tells_one_image_among_its_traces() -> None:
    build = Build()
    lines = [
        {"id": "moby.buildkit.trace", "aux": "Cm8KR3NoYTI1Njo="},
        {"id": "moby.image.id", "aux": {"ID": "sha256:1"}},
        {"id": "moby.buildkit.trace", "aux": "Cm8KR3NoYTI1Njo="},
    ]
    assert [*build.feed(b"\n".join(json.dumps(line).encode() for line in lines) + b"\n")] == []
    assert build.image == "sha256:1"


def test_a_failed_build_tells_why() -> None:
    build = Build()
    assert [*build.feed(b'{"errorDetail":{"code":1},"error":"returned 1"}\n')] == []
    assert (build.image, build.error) == ("", "returned 1")


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
    assert image_config({"Id": "sha256:1", "Config": None}) == ImageConfig("sha256:1")
    assert image_config({"Id": "sha256:1"}) == ImageConfig("sha256:1")
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
