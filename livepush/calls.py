"""The kinds of request to an engine that its verbs are made of; `what` says one in errors."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from livepush.replies import Json
from livepush.span import Piece

GoesOn = Callable[[], Awaitable[bool]]
"""Asks an engine whether what a request began still goes on there."""


class Requests(Protocol):
    """What a command needs: short requests, and one that takes as long as the command."""

    async def json(self, method: str, path: str, what: str, *, body: Json = None) -> Json:
        """A short request; its answer's JSON."""

    def pieces(
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
        """A long request; its answer as it comes.

        It is broken off where the engine, asked after each `quiet` seconds, does not answer, and
        after `patience` seconds without a byte, by default a minute; it ends where `goes_on` says
        so and nothing comes any more.
        """


class Talk(Protocol):
    """Both ways with a command, by its standard input and output, or with the engine itself.

    Raises `EngineError` where it breaks off.
    """

    async def tell(self, data: bytes) -> None:
        """Writes."""

    async def hear(self) -> bytes:
        """A piece of what is said; empty at the end."""

    async def aclose(self) -> None:
        """Ends it, and the connection."""


class Connection(Requests, Protocol):
    """All that an engine's verbs need."""

    async def answer(
        self, method: str, path: str, what: str, *, body: Json = None, patience: float | None = None
    ) -> tuple[Mapping[str, str], bytes]:
        """A short request; its answer's headers and body. `patience` is in seconds, by default one
        minute.
        """

    def send(
        self,
        method: str,
        path: str,
        what: str,
        archive: AsyncIterable[Piece],
        *,
        patience: float | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """A long request that uploads a tar stream; its answer as it comes."""

    async def talk(self, command: str, what: str) -> Talk:
        """Starts the command that the engine has under that id."""

    def upgraded(
        self, path: str, what: str, protocol: str, headers: Sequence[tuple[str, str]]
    ) -> AbstractAsyncContextManager[Talk]:
        """A connection for another `protocol`, which is closed in the end."""

    async def negotiated(self) -> tuple[str, str]:
        """The API version spoken, and the engine's own default builder: "1", or "2" (BuildKit)."""
