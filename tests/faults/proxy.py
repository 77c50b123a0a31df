"""Stands between a client and a real engine, and breaks one request in a way that was asked for.

Every request goes to the engine on a connection of its own, which is closed behind the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal, get_args

Fault = Literal[
    "lost before",  # the engine never hears of it
    "lost amid",  # it has begun, and there is no answer
    "lost after",  # it is done, and there is no answer
    "cut short",  # half of the answer comes
    "hangs before",
    "hangs after",
    "hangs amid",
    "409",
    "500",
    "garbage",  # no HTTP
    "nonsense",  # it is done, and the answer is not what was asked for
]
FAULTS: tuple[Fault, ...] = get_args(Fault)

_PIECE = 65536
_SAID = {
    "409": b"HTTP/1.1 409 Conflict\r\n",
    "500": b"HTTP/1.1 500 Internal Server Error\r\n",
    "nonsense": b"HTTP/1.1 200 OK\r\n",
}
_BODY = {"nonsense": b"[1, 2, 3"}


class FaultyEngine:
    """A socket at `socket` that leads to the engine at `engine`."""

    def __init__(self, engine: str, socket: Path) -> None:
        self._engine = engine
        self._socket = socket
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._fault: Fault | None = None
        self.tripped = ""
        self.requests: list[str] = []
        self._number = 0
        self._thawed = asyncio.Event()
        self._thawed.set()

    @property
    def host(self) -> str:
        return f"unix://{self._socket}"

    def break_request(self, number: int, fault: Fault) -> None:
        """The request of that number from now on, counted from 1, meets the fault, once.

        Whether the engine is there may be asked at any time, and does not count.
        """
        self.requests, self.tripped = [], ""
        self._number, self._fault = number, fault

    def count(self) -> None:
        """Begins to note the requests from now on, of which none is broken."""
        self.requests, self.tripped, self._fault = [], "", None

    async def up(self) -> None:
        """Lets clients in from now on."""
        self._server = await asyncio.start_unix_server(self._accept, self._socket)

    async def down(self) -> None:
        """Nobody answers any more; what is under way is cut off."""
        assert self._server is not None
        self._server.close()
        self._socket.unlink(missing_ok=True)
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def freeze(self) -> None:
        """Takes requests, and answers none, until `thaw`; what was asked before goes on."""
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[FaultyEngine]:
        await self.up()
        try:
            yield self
        finally:
            await self.down()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._connections.add(connection)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        except asyncio.CancelledError:
            pass  # by `down`; the server's own task is nobody's to cancel
        finally:
            self._connections.discard(connection)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await self._thawed.wait()
        fault = self._met(head)
        if fault in ("lost before", "hangs before"):
            if fault == "hangs before":
                await reader.read()
            return
        body = await _body(reader, head)
        if fault == "garbage":
            writer.write(b"\x00\x01 garbage\r\n\r\n")
        elif fault in ("409", "500"):
            writer.write(_whole(fault))
        else:
            await self._led(head, body, reader, writer, fault)
        with contextlib.suppress(ConnectionError):
            await writer.drain()

    async def _led(
        self,
        head: bytes,
        body: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        fault: Fault | None,
    ) -> None:
        there, back = await asyncio.open_unix_connection(self._engine)
        is_talk = b"upgrade" in _fields(head)
        gone: asyncio.Future[object]
        gone = asyncio.ensure_future(_passed(reader, back) if is_talk else reader.read())
        try:
            back.write((head if is_talk else _for_one(head)) + body)
            if fault is None:
                passing = asyncio.ensure_future(_passed(there, writer))
                # A client that goes away takes its request with it.
                await asyncio.wait({passing, gone}, return_when=asyncio.FIRST_COMPLETED)
                passing.cancel()
                return
            if fault == "lost amid":
                await there.read(1)
                return
            answer = await (there.read(_PIECE) if is_talk else there.read())
            if fault == "nonsense":
                writer.write(_whole(fault))
            elif fault == "cut short":
                writer.write(answer[: len(answer) // 2])
            elif fault == "hangs amid":
                head_end = answer.index(b"\r\n\r\n") + 4
                writer.write(answer[: (head_end + len(answer)) // 2])
            await writer.drain()
            if fault in ("hangs after", "hangs amid"):
                await gone
        finally:
            gone.cancel()
            back.close()

    def _met(self, head: bytes) -> Fault | None:
        request = head.split(b"\r\n")[0].decode()
        if "/_ping " in request or "/events?" in request:
            return None  # when that is asked is the clock's business
        self.requests.append(request)
        if self._fault is None or len(self.requests) != self._number:
            return None
        self.tripped = self.requests[-1]
        return self._fault


async def _passed(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(_PIECE):
            sink.write(piece)
            await sink.drain()


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    fields = _fields(head)
    if fields.get(b"transfer-encoding") != b"chunked":
        return await reader.readexactly(int(fields.get(b"content-length", b"0")))
    chunks = bytearray()
    while True:
        line = await reader.readuntil(b"\r\n")
        chunks += line + await reader.readexactly(int(line, 16) + 2)
        if not int(line, 16):
            return bytes(chunks)


def _fields(head: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _for_one(head: bytes) -> bytes:
    """The head of a request behind whose answer the connection is closed."""
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([lines[0], b"Connection: close", *lines[1:]])


def _whole(fault: Fault) -> bytes:
    body = _BODY.get(fault) or json.dumps({"message": f"a fault of the kind {fault}"}).encode()
    fields = (
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    )
    return _SAID[fault] + fields.encode() + b"\r\n" + body
