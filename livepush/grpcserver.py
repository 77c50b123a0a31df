"""A server of gRPC over a connection that this side opened, as an engine wants one for a build.

HTTP/2 is h2's, which does no I/O; gRPC is five bytes before each message, and a status at the end.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import anyio
from anyio.abc import TaskGroup
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from livepush.calls import Talk
from livepush.cause import ungrouped
from livepush.errors import EngineError

_OK, _UNIMPLEMENTED = "0", "12"  # how a call ended
_PREFIX = struct.Struct(">BI")  # before a message: whether it is compressed, and its bytes
_HEADERS = 1 << 20  # bytes of a call's metadata, as many as docker takes
_BEGIN = ((":status", "200"), ("content-type", "application/grpc"))


class Server:
    """Answers what the other side of `talk` calls: `methods` by their path."""

    def __init__(self, talk: Talk, methods: Mapping[str, Method]) -> None:
        configuration = H2Configuration(
            client_side=False,
            header_encoding=None,
            validate_inbound_headers=False,  # which would refuse a blank at the end of a path
        )
        self.http = H2Connection(configuration)
        limit = {SettingCodes.MAX_HEADER_LIST_SIZE: _HEADERS}
        self.http.local_settings = Settings(client=False, initial_values=limit)
        self.http.decoder.max_header_list_size = _HEADERS
        self._talk = talk
        self._methods = methods
        self._calls: dict[int, Call] = {}
        self._room = asyncio.Event()
        self._is_over = False

    async def serve(self) -> None:
        """Until the other side ends the connection.

        Raises `EngineError` where it breaks off, and what a method raises.
        """
        with ungrouped():
            async with anyio.create_task_group() as running:
                self.http.initiate_connection()
                await self.flush()
                while data := await self._talk.hear():
                    try:
                        events = self.http.receive_data(data)
                    except ProtocolError as error:
                        raise EngineError(f"The engine and livepush lost touch: {error}") from error
                    for event in events:
                        self._take(event, running)
                    if self._is_over:
                        break
                    await self.flush()
                running.cancel_scope.cancel()

    async def flush(self) -> None:
        """Writes what was made ready to be sent."""
        if data := self.http.data_to_send():
            await self._talk.tell(data)

    async def room(self, stream: int) -> int:
        """The bytes that may be sent now, at least one."""
        while (room := self.http.local_flow_control_window(stream)) <= 0:
            self._room.clear()  # before anything is awaited, in which more may be given
            await self.flush()
            await self._room.wait()
        return min(room, self.http.max_outbound_frame_size)

    def _take(self, event: Event, running: TaskGroup) -> None:
        match event:
            case RequestReceived(stream_id=stream, headers=headers):
                call = self._calls[stream] = Call(self, stream, _texts(headers))
                running.start_soon(self._answer, call)
            case DataReceived(stream_id=stream, data=data, flow_controlled_length=length):
                self.http.acknowledge_received_data(length, stream)
                if stream in self._calls:
                    self._calls[stream].feed(data)
            case StreamEnded(stream_id=stream) if stream in self._calls:
                self._calls[stream].end()
            case StreamReset(stream_id=stream) if stream in self._calls:
                self._calls[stream].scope.cancel()
            case ConnectionTerminated():
                self._is_over = True
            case WindowUpdated() | RemoteSettingsChanged():
                self._room.set()

    async def _answer(self, call: Call) -> None:
        try:
            with call.scope:
                await call.answer(self._methods.get(call.path))
        except ProtocolError as error:
            if not (self._is_over or call.scope.cancel_called):  # else nobody waits for the rest
                raise EngineError(f"The engine and livepush lost touch: {error}") from error
        finally:
            del self._calls[call.stream]


class Call:
    """One call: its `metadata`, the messages that come with it, and those that answer it."""

    def __init__(self, server: Server, stream: int, headers: Mapping[str, list[str]]) -> None:
        self.metadata = headers
        self.path = headers.get(":path", [""])[0]
        self.stream = stream
        self.scope = anyio.CancelScope()
        self._server = server
        self._received = bytearray()
        self._messages: list[bytes] = []
        self._is_over = False
        self._more = asyncio.Event()
        self._saying = anyio.Lock()

    async def hear(self) -> list[bytes]:
        """The next messages, at least one; none where no more will come."""
        while not self._messages and not self._is_over:
            self._more.clear()
            await self._more.wait()
        heard, self._messages = self._messages, []
        return heard

    async def say(self, messages: Sequence[bytes]) -> None:
        """Sends messages, each whole although others are said at the same time."""
        data = memoryview(b"".join(_PREFIX.pack(0, len(one)) + one for one in messages))
        async with self._saying:
            while data:
                room = await self._server.room(self.stream)
                self._server.http.send_data(self.stream, bytes(data[:room]))
                data = data[room:]
            await self._server.flush()

    async def answer(self, method: Method | None) -> None:
        """Begins and ends the answer, which is that there is no such method where it is None."""
        http = self._server.http
        http.send_headers(self.stream, _BEGIN)
        if method is not None:
            await method(self)
        status = _UNIMPLEMENTED if method is None else _OK
        http.send_headers(self.stream, (("grpc-status", status),), end_stream=True)
        await self._server.flush()

    def feed(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= _PREFIX.size:
            _, length = _PREFIX.unpack_from(self._received)
            end = _PREFIX.size + length
            if len(self._received) < end:
                break
            self._messages.append(bytes(self._received[_PREFIX.size : end]))
            del self._received[:end]
        self._more.set()

    def end(self) -> None:
        self._is_over = True
        self._more.set()


Method = Callable[[Call], Awaitable[None]]
"""Answers a call."""


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.decode(errors="replace"), []).append(value.decode(errors="replace"))
    return found
