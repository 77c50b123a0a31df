"""Calls that come over a connection of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from livepush.errors import EngineError
from livepush.grpcserver import Call, Method, Server
from tests.grpc_client import Client, Wire


@asynccontextmanager
async def served(window: int = 65535, **methods: Method) -> AsyncIterator[Client]:
    wire = Wire()
    client = Client(wire, window)
    server = Server(wire, {f"/{name}": method for name, method in methods.items()})
    serving = asyncio.ensure_future(server.serve())
    try:
        yield client
        client.hang_up()
        async with asyncio.timeout(10):
            await serving
    finally:
        serving.cancel()
        await asyncio.wait({serving})


async def echo(call: Call) -> None:
    while messages := await call.hear():
        await call.say(messages)


async def test_messages_come_and_go_whole() -> None:
    async with served(echo=echo) as client:
        stream = client.call("/echo")
        client.say(stream, b"one", b"")
        while len(client.answers[stream].messages) < 2:
            await client.hear()
        client.say(stream, b"two")
        client.end(stream)
        answer = await client.ended(stream)
    assert (answer.messages, answer.status) == ([b"one", b"", b"two"], "0")


@pytest.mark.parametrize("window", [1, 100, 65535])
async def test_no_more_is_sent_than_is_taken(window: int) -> None:
    said = [bytes([number]) * 300 for number in range(5)]

    async def speak(call: Call) -> None:
        await call.say(said)

    async with served(window, speak=speak) as client:
        answer = await client.ended(client.call("/speak"))
    assert answer.messages == said


async def test_more_than_a_frame_goes_out_in_several() -> None:
    large = bytes(range(256)) * 1000

    async def speak(call: Call) -> None:
        await call.say([large])

    async with served(speak=speak) as client:
        answer = await client.ended(client.call("/speak"))
    assert answer.messages == [large]


async def test_what_two_say_at_once_is_not_mixed() -> None:
    async def speak(call: Call) -> None:
        await asyncio.gather(*(call.say([bytes([number]) * 999] * 3) for number in range(5)))

    async with served(100, speak=speak) as client:
        answer = await client.ended(client.call("/speak"))
    assert sorted(answer.messages) == [bytes([number]) * 999 for number in range(5) for _ in "123"]


async def test_calls_are_answered_side_by_side() -> None:
    async with served(echo=echo) as client:
        first, second = client.call("/echo"), client.call("/echo")
        client.say(second, b"2")
        client.end(second)
        assert (await client.ended(second)).messages == [b"2"]
        client.say(first, b"1")
        client.end(first)
        assert (await client.ended(first)).messages == [b"1"]


async def test_a_method_that_there_is_not_is_said_to_be_none() -> None:
    async with served() as client:
        answer = await client.ended(client.call("/nothing"))
    assert (answer.messages, answer.status) == ([], "12")


async def test_metadata_are_all_there() -> None:
    found = []

    async def look(call: Call) -> None:
        found.append(call.metadata["kind"])

    async with served(look=look) as client:
        await client.ended(client.call("/look", [("kind", "a"), ("kind", "b")]))
    assert found == [["a", "b"]]


async def test_a_call_that_is_given_up_ends_alone() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def wait(call: Call) -> None:
        began.set()
        try:
            await call.hear()
        finally:
            ended.set()

    async with served(wait=wait, echo=echo) as client:
        given_up, stream = client.call("/wait"), client.call("/echo")
        async with asyncio.timeout(10):
            await began.wait()
            client.reset(given_up)
            await ended.wait()
        client.end(stream)
        assert (await client.ended(stream)).status == "0"


async def test_room_that_is_given_while_all_before_is_written_is_seen() -> None:
    """Nothing more may come: what waits for it then waits for ever."""
    said = bytes(200)

    async def speak(call: Call) -> None:
        await call.say([said])

    async with served(100, speak=speak) as client:
        await client.ended(client.call("/speak"))  # all settings are exchanged
        client.wire.gate.clear()
        stream = client.call("/speak")
        while len(client.answers[stream].received) < 100:
            await client.hear()
        # The window was full; who filled it still writes as the server sees that there is room.
        while not client.wire.heard.empty():  # noqa: ASYNC110  # the server's state, no event
            await asyncio.sleep(0)
        client.wire.gate.set()
        assert (await client.ended(stream)).messages == [said]


async def test_the_end_of_the_connection_ends_what_goes_on() -> None:
    async def speak(call: Call) -> None:
        await call.say([bytes(1000)])

    async with served(10, speak=speak) as client:
        client.call("/speak")
        await client.hear()
        client.say_goodbye()


async def test_many_and_odd_metadata_are_taken() -> None:
    found = []

    async def look(call: Call) -> None:
        found.extend(call.metadata["path"])

    paths = [f"a path of some length, the {number}th " for number in range(5000)]
    async with served(look=look) as client:
        await client.hear()
        await client.ended(client.call("/look", [("path", path) for path in paths]))
    assert found == paths


async def test_what_a_method_raises_ends_it_all() -> None:
    async def fail(call: Call) -> None:
        raise PermissionError("secret")

    with pytest.raises(PermissionError, match="secret"):
        async with served(fail=fail) as client:
            client.call("/fail")


async def test_noise_is_an_error_of_the_engine_s() -> None:
    wire = Wire()
    wire.heard.put_nowait(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(EngineError, match="lost touch"):
        await Server(wire, {}).serve()
