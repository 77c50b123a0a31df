"""`Faulty`: an engine whose calls fail, break off or hang, for tests of what outlives that.

It stands before a `FakeEngine`, as a connection does: what a caller is told, and what has been
done, need not be the same.
"""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping, Sequence
from typing import Literal, TypeVar, get_args

from livepush.buildcontext import BuildContext
from livepush.engine import (
    Command,
    ContainerInfo,
    Engine,
    ImageConfig,
    OutputSink,
    Owned,
    PathStat,
    Tell,
)
from livepush.errors import EngineError, EngineUnreachableError
from livepush.span import Piece, whole
from livepush.testing.engine import FakeEngine

T = TypeVar("T")

Fault = Literal["refused", "cut", "lost", "hangs", "hangs after"]
"""What happens to a call.

- refused: nothing is done, and it is told so;
- cut: it is broken off in the middle, where it has one (`put`, `delete`, `restart`, `run` and the
  streams);
- lost: it is done, but told to have failed;
- hangs: nothing is done, and nothing told before `patience` is over or the caller gives it up;
- hangs after: the same once it has been done.
"""
FAULTS: tuple[Fault, ...] = get_args(Fault)


class Faulty(Engine):
    """Passes calls on to `engine`, but for those that `fail` names.

    Every call takes a turn of the loop before and after it is done, in which it can be cancelled.
    `patience` are the seconds after which a call that hangs raises `EngineError`, as the contract
    has it. `called` is how many calls there have been.
    """

    def __init__(self, engine: FakeEngine, *, patience: float = 10.0) -> None:
        self.called = 0
        self._engine = engine
        self._patience = patience
        self._faults: dict[int, Fault] = {}
        self._is_away = self._is_dead = False

    def fail(self, number: int, fault: Fault) -> None:
        """Lets that happen to the call after `number` others from now on."""
        self._faults[self.called + number] = fault

    def mend(self) -> None:
        """Forgets the faults that have not come yet; the engine answers again."""
        self._faults.clear()
        self._is_away = False

    def go_away(self) -> None:
        """No call is answered until `mend`."""
        self._is_away = True

    def die(self) -> None:
        """Whoever calls is dead, killed where it was: nothing is done for it any more.

        A command that runs is not ended by that.
        """
        self._is_away = self._is_dead = True

    async def ping(self) -> str:
        return await self._passed(lambda: self._engine.ping())

    async def container(self, container: str) -> ContainerInfo | None:
        return await self._passed(lambda: self._engine.container(container))

    async def happenings(self, container: str, name: str) -> AsyncGenerator[None, None]:
        async for _ in self._engine.happenings(container, name):
            yield

    async def image(self, reference: str) -> ImageConfig | None:
        return await self._passed(lambda: self._engine.image(reference))

    async def build(
        self,
        context: BuildContext,
        *,
        target: str = "",
        build_args: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        tell: Tell | None = None,
        legacy: bool | None = None,
        cached: bool = True,
    ) -> str:
        return await self._passed(
            lambda: self._engine.build(
                context,
                target=target,
                build_args=build_args,
                labels=labels,
                tell=tell,
                legacy=legacy,
                cached=cached,
            )
        )

    async def create(self, image: str, *, labels: Mapping[str, str], start: bool) -> str:
        fault = self._fault()
        await self._before(fault)
        created = await self._engine.create(image, labels=labels, start=start)
        try:
            await self._after(fault)
        except BaseException:
            if not self._is_dead:
                await self._engine.remove(created)
            raise
        return created

    async def attend(self, container: str) -> None:
        await self._engine.attend(container)

    async def leave(self, container: str) -> None:
        await self._engine.leave(container)

    async def remove(self, container: str) -> None:
        await self._passed(lambda: self._engine.remove(container))

    async def remove_image(self, image: str) -> None:
        await self._passed(lambda: self._engine.remove_image(image))

    async def restart(self, container: str, *, grace: float) -> None:
        fault = self._fault()
        if fault in ("cut", "hangs"):
            self._engine.stop(container)
        if fault == "cut":
            raise _lost()
        await self._finishing(fault, lambda: self._engine.restart(container, grace=grace))

    async def stat(self, container: str, path: str) -> PathStat | None:
        return await self._passed(lambda: self._engine.stat(container, path))

    async def absent(self, container: str, paths: Sequence[str]) -> bool:
        return await self._passed(lambda: self._engine.absent(container, paths))

    async def put(self, container: str, archive: AsyncIterable[Piece]) -> None:
        fault = self._fault()
        await self._before(fault)
        content = await whole(archive)
        if fault == "cut":
            content = _first_half(content)
        await self._engine.put(container, _only(content))
        await self._after(fault)

    async def get(self, container: str, path: str) -> AsyncGenerator[bytes, None]:
        async for piece in self._pieces(self._engine.get(container, path)):
            yield piece

    async def export(self, container: str) -> AsyncGenerator[bytes, None]:
        async for piece in self._pieces(self._engine.export(container)):
            yield piece

    async def save(self, image: str) -> AsyncGenerator[bytes, None]:
        async for piece in self._pieces(self._engine.save(image)):
            yield piece

    async def delete(
        self,
        container: str,
        paths: Sequence[str],
        *,
        directories: Sequence[str] = (),
        restarts: bool = False,
    ) -> None:
        fault = self._fault()
        if fault == "cut":
            paths, directories = paths[: len(paths) // 2], ()
        await self._finishing(
            fault,
            lambda: self._engine.delete(
                container, paths, directories=directories, restarts=restarts
            ),
        )

    async def run(
        self,
        container: str,
        command: Command,
        output: OutputSink,
        *,
        grace: float,
        restarts: bool = False,
    ) -> int:
        fault = self._fault()
        await self._before(fault)
        running = asyncio.ensure_future(
            self._engine.run(container, command, output, grace=grace, restarts=restarts)
        )
        try:
            if fault == "cut":
                await asyncio.wait({running}, timeout=0)
            else:
                await asyncio.wait({running})
        finally:
            if not self._is_dead:
                running.cancel()
                await asyncio.wait({running})
        if running.cancelled():
            raise _lost()
        status = running.result()
        await self._after(fault)
        return status

    async def owned(self) -> tuple[Owned, ...]:
        return await self._passed(lambda: self._engine.owned())

    async def aclose(self) -> None:
        await self._engine.aclose()

    def _fault(self) -> Fault | None:
        if self._is_away:
            raise EngineUnreachableError("No engine answers.")
        fault = self._faults.pop(self.called, None)
        self.called += 1
        return fault

    async def _before(self, fault: Fault | None) -> None:
        await asyncio.sleep(0)
        if fault == "hangs":
            await asyncio.sleep(self._patience)
            raise EngineError("The engine hangs.")
        if fault == "refused":
            raise EngineError("The engine could not.", status=500)

    async def _after(self, fault: Fault | None) -> None:
        await asyncio.sleep(0)
        if fault == "hangs after":
            await asyncio.sleep(self._patience)
        if fault in ("cut", "lost", "hangs after"):
            raise _lost()

    async def _passed(self, call: Callable[[], Awaitable[T]]) -> T:
        fault = self._fault()
        await self._before(fault)
        result = await call()
        await self._after(fault)
        return result

    async def _finishing(self, fault: Fault | None, call: Callable[[], Awaitable[None]]) -> None:
        """A call that finishes what it has begun although it is cancelled."""
        try:
            await self._before(fault)
        except asyncio.CancelledError:
            if not self._is_dead:
                await call()
            raise
        await call()
        await self._after(fault)

    async def _pieces(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        fault = self._fault()
        await self._before(fault)
        async for piece in stream:
            if fault == "cut":
                yield piece[: len(piece) // 2]
                raise _lost()
            yield piece
        await self._after(fault)


def _lost() -> EngineError:
    return EngineError("The connection was lost.")


def _first_half(archive: bytes) -> bytes:
    """The first half of the entries of a tar, the last of them with half of its content."""
    raw = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as whole,
        tarfile.open(fileobj=raw, mode="w") as half,
    ):
        members = whole.getmembers()
        for member in members[: (len(members) + 1) // 2]:
            file = whole.extractfile(member) if member.isreg() else None
            member.size //= 2
            half.addfile(member, file)
    return raw.getvalue()


async def _only(piece: bytes) -> AsyncGenerator[bytes, None]:
    yield piece
