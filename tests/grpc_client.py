"""The other side of a build session: what an engine does there, over a connection in memory."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, TrailersReceived
from h2.settings import SettingCodes, Settings

_PREFIX = struct.Struct(">BI")


class Wire:
    """One end's `Talk`, which waits with each write until the `gate` is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.said: asyncio.Queue[bytes] = asyncio.Queue()
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.is_closed = False

    async def tell(self, data: bytes) -> None:
        self.said.put_nowait(data)
        await self.gate.wait()

    async def hear(self) -> bytes:
        return await self.heard.get()

    async def aclose(self) -> None:
        self.is_closed = True


@dataclass(slots=True)
class Answer:
    """What came of a call so far; `status` is gRPC's, empty until the end."""

    received: bytearray = field(default_factory=bytearray)
    status: str = ""
    is_over: bool = False

    @property
    def messages(self) -> list[bytes]:
        found, here = [], 0
        while here < len(self.received):
            _, length = _PREFIX.unpack_from(self.received, here)
            here += _PREFIX.size + length
            found.append(bytes(self.received[here - length : here]))
        return found


class Client:
    """Calls over `wire`. A `window` is the bytes that it takes at once."""

    def __init__(self, wire: Wire, window: int = 65535) -> None:
        self.answers: dict[int, Answer] = {}
        self.wire = wire
        self._http = H2Connection(
            H2Configuration(
                client_side=True,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        initial = {SettingCodes.INITIAL_WINDOW_SIZE: window}
        self._http.local_settings = Settings(client=True, initial_values=initial)
        self._http.initiate_connection()
        self._flush()

    def call(self, path: str, metadata: Sequence[tuple[str, str]] = ()) -> int:
        stream = self._http.get_next_available_stream_id()
        heads = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", path)]
        self._http.send_headers(stream, [*heads, *metadata])
        self.answers[stream] = Answer()
        self._flush()
        return stream

    def say(self, stream: int, *messages: bytes) -> None:
        for message in messages:
            self._http.send_data(stream, _PREFIX.pack(0, len(message)) + message)
        self._flush()

    def end(self, stream: int) -> None:
        self._http.end_stream(stream)
        self._flush()

    def reset(self, stream: int) -> None:
        self._http.reset_stream(stream)
        self._flush()

    def say_goodbye(self) -> None:
        self._http.close_connection()
        self._flush()

    def hang_up(self) -> None:
        self.wire.heard.put_nowait(b"")

    async def hear(self) -> None:
        """Takes the next bytes that came."""
        async with asyncio.timeout(10):
            data = await self.wire.said.get()
        for event in self._http.receive_data(data):
            match event:
                case DataReceived(stream_id=stream, data=data, flow_controlled_length=length):
                    self.answers[stream].received += data
                    self._http.acknowledge_received_data(length, stream)
                case ResponseReceived(stream_id=stream, headers=headers):
                    assert dict(headers)[b":status"] == b"200"
                case TrailersReceived(stream_id=stream, headers=headers):
                    self.answers[stream].status = dict(headers)[b"grpc-status"].decode()
                case StreamEnded(stream_id=stream):
                    self.answers[stream].is_over = True
        self._flush()

    async def ended(self, stream: int) -> Answer:
        while not self.answers[stream].is_over:
            await self.hear()
        return self.answers[stream]

    def _flush(self) -> None:
        if data := self._http.data_to_send():
            self.wire.heard.put_nowait(data)
