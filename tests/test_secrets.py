"""The values of build arguments, which may be secrets: in no event, result, error, line or log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import traceback
from pathlib import Path

import pytest
from click.testing import CliRunner

from livepush.bus import EventStream
from livepush.cli import cli
from livepush.docker import DockerEngine
from livepush.engine import BuildProgress, BuildStep
from livepush.errors import BuildFailedError, EngineError, InvalidArgumentError, LivepushError
from livepush.events import to_wire
from livepush.narration import Narrator, Subject
from livepush.session import Livepush
from livepush.testing import FakeEngine
from tests.archives import Item, sources
from tests.conftest import BUSYBOX

SECRET = "s3cret"  # noqa: S105  # of nobody

STEPS = [
    "RUN echo $T; exit 3",
    "ENV X=$T\nRUN echo $X; exit 3",
    "ENV X=$T\nRUN cat /etc/$X >> /log",
    'RUN ["$T"]',
    'SHELL ["$T"]\nRUN x',
    "USER $T\nRUN exit 3",
    "WORKDIR /$T\nCOPY a .",
    "COPY $T /x",
    "COPY --chown=$T a /x",
    "COPY a a/../a /$T",
    "COPY --from=$T a /x",
    "ADD https://example.org/$T /x",
    "RUN --mount=type=bind,source=$T,target=/x true",
    "COPY <<E /x\n$T\nE",
    "ENV X=${Y:?$T is no secret}",
]


@pytest.mark.parametrize("step", STEPS)
async def test_no_step_tells_a_value_however_it_ends(
    step: str, tmp_path: Path, fake_engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "a").write_text("one")
    fake_engine.add_container(BUSYBOX, name="web")
    told: list[str] = []
    try:
        session = await Livepush.init(
            context=tmp_path,
            container_id="web",
            dockerfile_content=f"FROM {BUSYBOX}\nARG T\nCOPY a /a\n{step}\n",
            engine=fake_engine,
            build_args={"T": SECRET},
        )
        events = session.events()
        async with session:
            narrator = Narrator(Subject(".", "web", "Dockerfile"), session.pushes.graph)
            (tmp_path / "a").write_text("two")
            told.append(repr(await session.perform_livepush(["a"])))
            with contextlib.suppress(InvalidArgumentError):
                session.set_build_args({"T": f"{SECRET} too"})
            told.append(repr(await session.perform_livepush(["a"])))
        told += await shown(events, narrator)
    except LivepushError as error:
        told += [*traceback.format_exception(error), error.hint]
    assert told
    assert [each for each in (*told, caplog.text) if SECRET in each] == []


async def shown(events: EventStream, narrator: Narrator) -> list[str]:
    """All events, as programs and as people read them."""
    return [
        text
        async for event in events
        for text in (to_wire(event), *(line.text for line in narrator.tell(event)))
    ]


async def test_no_base_image_is_told_that_a_value_names(
    tmp_path: Path, fake_engine: FakeEngine
) -> None:
    (tmp_path / "a").write_text("one")
    fake_engine.add_container(BUSYBOX, name="web")
    fake_engine.fail_next("build", EngineError(f"There is no {SECRET}."))
    text = "ARG T\nFROM $T\nCOPY a /a\n"
    session = await Livepush.init(
        context=tmp_path,
        container_id="web",
        dockerfile_content=text,
        engine=fake_engine,
        build_args={"T": SECRET},
    )
    events = session.events()
    async with session:
        narrator = Narrator(Subject(".", "web", "Dockerfile"), session.pushes.graph)
    told = await shown(events, narrator)
    assert any("Dockerfile:2: the base image cannot be had" in each for each in told)
    assert [each for each in told if SECRET in each] == []


@pytest.mark.parametrize("reply", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 500 X\r\n\r\n"])
async def test_an_engine_that_talks_nonsense_gets_no_value_told(
    reply: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """They are in the address of a request for a build, which aiohttp likes to cite."""
    caplog.set_level(logging.DEBUG)
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        about = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nConnection: close\r\n\r\n"
        writer.write(about if b"_ping" in asked[-1] else reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(answer, tmp_path / "socket")
    engine = DockerEngine.connect(host=f"unix://{tmp_path}/socket")
    async with server, contextlib.aclosing(engine):
        with pytest.raises(EngineError) as failed:
            await engine.build(sources(Item("Dockerfile")), build_args={"T": SECRET})
    assert SECRET.encode() in asked[-1]
    told = [*traceback.format_exception(failed.value), failed.value.hint, caplog.text]
    assert [each for each in told if SECRET in each] == []


async def test_a_builder_s_words_have_no_value(tmp_path: Path) -> None:
    """BuildKit expands the variables of a step in what it tells of it."""
    reply = [{"stream": f"Step 1/1 : RUN echo {SECRET}"}, {"error": f'"/{SECRET}": not found'}]
    lines = "".join(f"{json.dumps(line)}\n" for line in reply)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nConnection: close\r\n\r\n")
        if b"_ping" not in asked:
            writer.write(lines.encode())
        await writer.drain()
        writer.close()

    told: list[BuildProgress] = []
    server = await asyncio.start_unix_server(answer, tmp_path / "socket")
    engine = DockerEngine.connect(host=f"unix://{tmp_path}/socket")
    async with server, contextlib.aclosing(engine):
        with pytest.raises(BuildFailedError) as failed:
            await engine.build(
                sources(Item("Dockerfile")),
                build_args={"T": SECRET, "SHORT": "e"},
                tell=told.append,
                legacy=True,
            )
    assert [each.text for each in told if isinstance(each, BuildStep)] == ["RUN echo $T"]
    assert (SECRET in failed.value.message, "$T" in failed.value.message) == (False, True)


@pytest.mark.parametrize("options", [("--progress", "json"), ("-v",), ("-v", "--dry-run")])
def test_the_command_line_tells_no_value(
    options: tuple[str, ...],
    tmp_path: Path,
    fake_engine: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_engine.add_container(BUSYBOX, name="web")
    monkeypatch.setattr("livepush.commands.opened.connect", lambda _: fake_engine)
    (tmp_path / "a").write_text("one")
    (tmp_path / "Dockerfile").write_text(f"FROM {BUSYBOX}\nARG T\nCOPY a /a\nRUN exit 3\n")
    words = ["push", str(tmp_path), "--container", "web", f"--build-arg=T={SECRET}", *options]
    result = CliRunner().invoke(cli, [*words, "--changed", "a"])
    assert "RUN exit 3" in result.output
    assert SECRET not in result.output


def test_a_build_argument_without_a_name_keeps_its_value(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["plan", f"--build-arg=={SECRET}", "--changed", "a"])
    assert result.exit_code == 2
    assert SECRET not in result.output
