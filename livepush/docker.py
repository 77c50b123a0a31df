"""The only door to a daemon: connections to a Docker Engine, through aiodocker.

All requests are made in one function, `_requested`, and close their response in the end; what
aiohttp and the network raise becomes livepush's errors in one other, `_translated`. The verbs
are in `livepush.engineapi`, over what is here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import (
    AbstractContextManager,
    aclosing,
    asynccontextmanager,
    contextmanager,
    suppress,
)

import aiodocker
import aiohttp
from aiodocker.execs import Exec
from aiodocker.stream import Stream
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import StreamWriter

from livepush import endpoint, vigil
from livepush.calls import GoesOn
from livepush.engineapi import ApiEngine
from livepush.errors import EngineError, EngineUnreachableError
from livepush.replies import Json, understood
from livepush.span import Piece, Span

_NEWEST_API = (1, 50)  # the newest whose answers are known to be read right
_CHUNK = 256 * 1024  # bytes of an upload at a time
_SPAN = 4 * 1024 * 1024  # bytes that the kernel sends at a time
_PATIENCE = 60  # seconds for an answer
_ANSWER = 20  # seconds for one that costs the engine nothing
_LONG = 60  # seconds without a byte, where there may be many
_THERE = 30  # seconds in which an engine, however busy, says that it is there
_CONNECT = aiohttp.ClientTimeout(connect=10, sock_connect=10)  # seconds
_STDOUT = 1  # of what a command says
_REFUSED = 400  # and every HTTP status above


Client = aiodocker.Docker
"""What an embedder may hand in instead of an address."""


class DockerEngine(ApiEngine):
    """A Docker Engine, or what speaks its API from version 1.24 on."""

    def __init__(self, docker: aiodocker.Docker, *, address: str = "") -> None:
        """On a client that the caller made and closes; `address` is for messages."""
        super().__init__(_Connection(docker, address or docker.docker_host))
        self._own: tuple[aiodocker.Docker, aiohttp.ClientSession] | None = None

    @classmethod
    def connect(
        cls, *, host: str = "", context: str = "", tls: endpoint.TlsOptions | None = None
    ) -> DockerEngine:
        """On a client of its own for the engine that the docker command line would use.

        Needs a running event loop and asks nothing yet. Raises `InvalidArgumentError` for an
        address, context or certificate that does not serve.
        """
        place = endpoint.resolve(host=host, context=context, tls=tls)
        connector: aiohttp.BaseConnector
        if place.socket:
            url, connector = "http://docker", aiohttp.UnixConnector(place.socket)
        else:
            secure = endpoint.ssl_context(place.tls) if place.tls else None
            url = f"{'https' if secure else 'http'}://{place.host}:{place.port}"
            connector = aiohttp.TCPConnector(ssl=secure or True)
        session = aiohttp.ClientSession(connector=connector)
        docker = aiodocker.Docker(url, connector=connector, session=session)
        engine = cls(docker, address=str(place))
        engine._own = docker, session
        return engine

    async def aclose(self) -> None:
        await self.close_residents()
        if self._own is not None:
            docker, session = self._own
            await docker.close()
            await session.close()


class _Connection:
    """`engineapi.Connection`, on an aiodocker client whoever made it."""

    def __init__(self, docker: aiodocker.Docker, address: str) -> None:
        self._docker = docker
        self._address = address
        self._versions: tuple[str, str] | None = None

    async def negotiated(self) -> tuple[str, str]:
        if self._versions is None:
            what = "say that it is there"
            headers, _ = await self.answer("GET", "_ping", what)
            with understood(what):
                major, minor = headers.get("Api-Version", "1.24").split(".")
                api = min((int(major), int(minor)), _NEWEST_API)
            self._versions = f"{api[0]}.{api[1]}", headers.get("Builder-Version") or "1"
        return self._versions

    async def json(self, method: str, path: str, what: str, *, body: Json = None) -> Json:
        _, reply = await self.answer(method, path, what, body=body)
        with understood(what):
            return json.loads(reply) if reply else None

    async def answer(
        self,
        method: str,
        path: str,
        what: str,
        *,
        body: Json = None,
        patience: float | None = None,
    ) -> tuple[Mapping[str, str], bytes]:
        patience = patience or (_ANSWER if method in ("GET", "HEAD") else _PATIENCE)
        watched = vigil.Vigil(patience, self._is_there)
        with self._translated(what):
            async with asyncio.timeout(patience):
                async with self._requested(method, path, body, watched) as response:
                    return response.headers, await response.read()

    async def pieces(
        self,
        method: str,
        path: str,
        what: str,
        *,
        body: Json = None,
        patience: float | None = None,
        quiet: float | None = None,
        goes_on: GoesOn | None = None,
    ) -> AsyncGenerator[bytes, None]:
        async def look() -> bool:
            return await self._is_there() and (goes_on is None or await goes_on())

        watched = vigil.Vigil(patience or _LONG, look, quiet=quiet)
        with self._translated(what):
            async with self._requested(method, path, body, watched) as response:
                while piece := await _next(response, watched):
                    yield piece

    async def send(
        self,
        method: str,
        path: str,
        what: str,
        archive: AsyncIterable[Piece],
        *,
        patience: float | None = None,
    ) -> AsyncGenerator[bytes, None]:
        upload = _Upload(archive)
        try:
            # Closed here and now: the engine ends a build when its connection closes.
            sending = self.pieces(method, path, what, body=upload, patience=patience)
            async with aclosing(sending) as pieces:
                async for piece in pieces:
                    yield piece
        except EngineError:
            if upload.error is None:
                raise
        if upload.error is not None:
            raise upload.error

    async def talk(self, command: str, what: str) -> _Talk:
        stream = Exec(self._docker, command, tty=False).start(detach=False)
        talk = _Talk(stream, lambda: self._translated_all(what))
        try:
            await talk.tell(b"")  # by which it begins
        except BaseException:  # a cancel as well: nobody else has it yet
            await talk.aclose()
            raise
        return talk

    @asynccontextmanager
    async def upgraded(
        self, path: str, what: str, protocol: str, headers: Sequence[tuple[str, str]]
    ) -> AsyncIterator[_Upgraded]:
        watched = vigil.Vigil(_PATIENCE, self._is_there)
        asked = (("Connection", "Upgrade"), ("Upgrade", protocol), *headers)
        with self._translated(what):
            async with self._requested("POST", path, None, watched, asked) as response:
                yield _Upgraded(response, lambda: self._translated(what))

    async def _is_there(self) -> bool:
        """True; raises what aiohttp does, and `TimeoutError`, where the engine does not answer."""
        async with asyncio.timeout(_THERE):
            url = f"{self._docker.docker_host}/_ping"
            async with self._docker.session.get(url, timeout=_CONNECT) as response:
                await response.read()
        return True

    @asynccontextmanager
    async def _requested(
        self,
        method: str,
        path: str,
        body: Json,
        watched: vigil.Vigil,
        headers: Sequence[tuple[str, str]] = (),
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        version = "" if path == "_ping" else f"v{(await self.negotiated())[0]}/"
        upload = isinstance(body, _Upload)
        if isinstance(body, _Upload):
            body.moved = watched.moved
        # Not by aiodocker's own request function: it leaves what is cancelled open, and fails on
        # the answer to a HEAD.
        request = self._docker.session.request(
            method,
            f"{self._docker.docker_host}/{version}{path}",
            data=body if upload else json.dumps(body) if body else None,
            headers=[
                ("Content-Type", "application/x-tar" if upload else "application/json"),
                *headers,
            ],
            timeout=_CONNECT,
            read_until_eof=not headers,
        )
        requested = asyncio.ensure_future(request)
        try:
            response = await watched.over(requested)
            if response.status >= _REFUSED:
                async with asyncio.timeout(_PATIENCE):
                    raise await _refusal(response)
            yield response
        finally:
            if not requested.cancelled() and not requested.exception():
                requested.result().close()

    @contextmanager
    def _translated_all(self, what: str) -> Iterator[None]:
        """Where aiodocker itself reads an answer, which it takes to be what it should be."""
        with self._translated(what), understood(what):
            yield

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except _RefusedError as error:
            message = f"The engine could not {what}: {error}"
            raise EngineError(message, status=error.status) from error
        except aiohttp.ClientSSLError as error:
            raise EngineUnreachableError(
                f"There is no safe connection to the engine at {self._address}: {error}",
                hint="Check the TLS options, or DOCKER_TLS_VERIFY and DOCKER_CERT_PATH.",
            ) from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise EngineUnreachableError(
                f"No engine answers at {self._address}.",
                hint="Start it, or say where it is with DOCKER_HOST or a docker context.",
            ) from error
        except TimeoutError as error:
            raise EngineError(f"The engine was to {what}, and did not in time.") from error
        except (aiohttp.ClientResponseError, aiohttp.InvalidURL) as error:
            # Their texts have the whole address, and that the build arguments of a build.
            said = getattr(error, "message", "") or type(error).__name__
            raise EngineError(f"The engine was to {what}, and broke off: {said}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise EngineError(f"The engine was to {what}, and broke off: {error}") from error


async def _next(response: aiohttp.ClientResponse, watched: vigil.Vigil) -> bytes:
    """What comes next, empty at the end, which is also there when the call's work is over."""
    try:
        return await watched.over(asyncio.ensure_future(response.content.readany()))
    except vigil.OverError:
        return b""


class _RefusedError(Exception):
    """The engine answered with an HTTP `status` of 400 or more, and its reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def _refusal(response: aiohttp.ClientResponse) -> _RefusedError:
    text = (await response.read()).decode(errors="replace").strip()
    try:
        text = json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        text = text or response.reason or ""
    return _RefusedError(response.status, text)


class _Talk:
    """`calls.Talk`, on aiodocker's stream, which does not tell well that it is over."""

    def __init__(
        self, stream: Stream, translated: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._stream = stream
        self._translated = translated

    async def tell(self, data: bytes) -> None:
        with self._translated():
            try:
                await self._stream.write_in(data)
            except AssertionError:  # by which it says that there is no connection any more
                raise aiohttp.ServerDisconnectedError from None
            except aiodocker.DockerError as error:
                raise _RefusedError(error.status, error.message) from error

    async def hear(self) -> bytes:
        with self._translated():
            while message := await self._stream.read_out():
                if message.stream == _STDOUT:
                    return message.data
        return b""

    async def aclose(self) -> None:
        with suppress(AssertionError):
            await self._stream.close()


class _Upgraded:
    """`calls.Talk` on a connection that speaks HTTP no more."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        translated: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Raises `aiohttp.ClientError` where it still does."""
        connection = response.connection
        if connection is None or connection.protocol is None:
            raise aiohttp.ClientConnectionError("it does not change the protocol")
        self._response = response
        self._protocol = connection.protocol
        self._transport = connection.transport
        self._heard = aiohttp.StreamReader(self._protocol, _CHUNK, loop=asyncio.get_running_loop())
        self._translated = translated
        self._protocol.set_parser(self, self._heard)

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """What aiohttp asks of a parser: whether it is over, and what it did not take."""
        self._heard.feed_data(data)
        return False, b""

    def feed_eof(self) -> None:
        self._heard.feed_eof()

    async def tell(self, data: bytes) -> None:
        with self._translated():
            if self._transport is None or self._transport.is_closing():
                raise aiohttp.ServerDisconnectedError
            self._transport.write(data)
            # Those who wait share one future, which the cancel of one would cancel for all.
            await asyncio.shield(self._protocol._drain_helper())

    async def hear(self) -> bytes:
        with self._translated():
            return await self._heard.readany()

    async def aclose(self) -> None:
        self._response.close()


class _Upload(aiohttp.Payload):
    """A tar stream on its way, in few pieces. aiohttp hides what the source raises: `error`."""

    def __init__(self, source: AsyncIterable[Piece]) -> None:
        super().__init__(source, content_type="application/x-tar")
        self.error: Exception | None = None
        self.moved: Callable[[], None] = lambda: None
        self._source = source

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("an upload is no text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        self._consumed = True
        async for piece in self._pieces():
            self.moved()
            if isinstance(piece, Span):
                await self._send(piece, writer)
            else:
                await writer.write(piece)

    async def _pieces(self) -> AsyncIterator[bytes | memoryview | Span]:
        pending = bytearray()
        try:
            async for piece in self._source:
                if isinstance(piece, bytes) and len(piece) < _CHUNK:
                    pending += piece
                    if len(pending) < _CHUNK:
                        continue
                    piece, pending = bytes(pending), bytearray()
                elif pending:
                    yield bytes(pending)
                    pending.clear()
                if isinstance(piece, Span):
                    yield piece
                    continue
                for start in range(0, len(piece), _CHUNK):
                    yield memoryview(piece)[start : start + _CHUNK]
        except Exception as error:  # kept, whatever it is: aiohttp replaces it by one of its own
            self.error = error
            raise
        if pending:
            yield bytes(pending)

    async def _send(self, span: Span, writer: AbstractStreamWriter) -> None:
        """Has the kernel send the bytes of a file, as one chunk of the body."""
        transport = writer.transport if isinstance(writer, StreamWriter) else None
        if transport is None:
            raise aiohttp.ServerDisconnectedError
        await writer.drain()
        transport.write(b"%x\r\n" % span.size)
        done = 0
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError):  # not every event loop has it
            while done < span.size:
                count = min(_SPAN, span.size - done)
                sent = await loop.sendfile(transport, span.file, done, count)
                if not sent:
                    break  # it has become shorter
                done += sent
                self.moved()
        rest = span.pieces(done)
        while piece := await asyncio.to_thread(next, rest, b""):
            transport.write(piece)
            await writer.drain()
            self.moved()
        transport.write(b"\r\n")
