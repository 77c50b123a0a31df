"""The quick road into a container: a shell that stays there, for what is small.

An upload costs the engine up to 70 ms, however little it carries, and so does every command. A
shell that is there already does the same in two or three, and puts a file there whole, by a rename.
It is told what to do over its standard input (`livepush.shell.resident`) and answers with a status.

- It is never needed. What it cannot do, or is not there for, goes by the engine's other road.
- No other road is taken while it may still be at a request: the shell of a frozen container would
  carry that out later, over something newer. So what is unanswered is waited for, also by whoever
  comes after one that was cancelled, and a shell that was lost has to have ended.
- It ends with its container, and with its connection. One that does not answer counts as lost, and
  is ended. What a lost one may have left behind is its `litter`.
"""

from __future__ import annotations

import asyncio
import io
import posixpath
import secrets
import tarfile
import time
from collections.abc import Sequence
from contextlib import suppress

from livepush import shell
from livepush.calls import Connection, Talk
from livepush.errors import ContainerNotRunningError, EngineError
from livepush.execution import created, end, named, root_config, state
from livepush.parcels import Parcel
from livepush.replies import container_info, understood

_LONGEST = 512 * 1024  # bytes of a request
_FEW = 32  # files that are renamed one by one
_NEEDED = 0b11011  # CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID: as an engine writes
_OPENING = 5.0  # seconds for a shell to begin
_QUIET = 1.0  # seconds without an answer until somebody looks why
_PATIENCE = 10.0  # seconds for an answer
_GONE = 1.0  # seconds for a shell to end that has lost its connection
_LOOK = 0.05  # seconds between two looks whether it has


class Resident:
    """The shell in the container of that id. Opened in the background, and again where it was lost.

    `litter` are paths that one that was lost may have left behind.
    """

    def __init__(self, connection: Connection, container: str) -> None:
        self.litter: list[str] = []
        self._connection = connection
        self._container = container
        self._what = f"open a shell in the container {container}"
        self._name = named(4)
        self._mark = f".livepush-{secrets.token_hex(4)}-"
        self._opening: asyncio.Task[None] | None = None
        self._talk: Talk | None = None
        self._command = ""  # the engine's id of a shell that may be there
        self._asked: asyncio.Task[bool] | None = None
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Opens it, if that is possible."""
        self.reopen()
        if self._opening is not None:
            await asyncio.shield(self._opening)

    def reopen(self) -> None:
        """Begins to open it, unless it is open, or about to be."""
        if self._talk is None and (self._opening is None or self._opening.done()):
            self._opening = asyncio.ensure_future(self._opened())

    async def forget(self) -> None:
        """It has ended with its container, which nobody may have been told yet."""
        async with self._turn:
            if self._asked is not None:
                self._asked.cancel()
                await asyncio.wait({self._asked})
            await self._hang_up()
            self._command = ""

    async def settle(self) -> None:
        """Waits until the shell is at nothing any more.

        Raises `ContainerNotRunningError` where its container is paused, and `EngineError` where it
        is not to be known.
        """
        async with self._turn:
            await self._settled()

    async def deliver(self, parcel: Parcel) -> bool:
        """Extracts a parcel at `/`: a few files by a rename each, many of them one after another.

        False where it may not all be there. Raises as `settle` does.
        """
        if parcel.whole and len(parcel.files) <= _FEW and not parcel.directories:
            return await self.place(parcel.archive)
        if not parcel.is_light:
            return False
        archive = parcel.archive
        request = shell.extracting(len(archive), self._mark, parcel.directories)
        return await self._ask(request, archive, self._places(parcel.files))

    async def place(self, archive: bytes) -> bool:
        """Extracts a whole tar stream at `/`; False where it may not all be there. Raises as
        `settle` does.
        """
        renamed = _renamed(archive, self._mark)
        if renamed is None:
            return False
        paths, archive = renamed
        request = shell.placing(len(archive), self._mark, paths)
        return await self._ask(request, archive, self._places(paths))

    async def remove(self, paths: Sequence[str], directories: Sequence[str]) -> bool:
        """Removes `paths` with all below them, then the empty ones of `directories`.

        False where not all may be gone. Raises as `settle` does.
        """
        erasing = shell.erasing(paths) if paths else None
        if erasing is not None and await self._ask(erasing):
            paths = ()
        for removing in shell.removing(paths, directories):
            if not await self._ask(removing):
                return False
        return True

    async def absent(self, paths: Sequence[str]) -> bool:
        """Whether surely nothing stands at any of `paths`. Raises as `settle` does."""
        for looking in shell.missing(paths):
            if looking is None or not await self._ask(looking):
                return False
        return True

    async def is_ignored(self, signal: int) -> bool:
        """Whether the container's first process surely does nothing about that signal.

        Raises as `settle` does.
        """
        return await self._ask(shell.ignoring(signal))

    async def aclose(self) -> None:
        """Lets the shell end, once it has done what it was asked."""
        for task in (self._opening, self._asked):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        await self._hang_up()

    def _places(self, paths: Sequence[str]) -> list[str]:
        return [_place(path, self._mark, number) for number, path in enumerate(paths)]

    async def _hang_up(self) -> None:
        talk, self._talk = self._talk, None
        if talk is not None:
            await talk.aclose()

    async def _opened(self) -> None:
        # Nobody needs it: whatever is wrong with the engine shows on the other road.
        with suppress(EngineError, ContainerNotRunningError, TimeoutError):
            async with asyncio.timeout(_OPENING):
                await self._open()

    async def _open(self) -> None:
        path = f"containers/{self._container}/json"
        info = await self._connection.json("GET", path, self._what)
        with understood(self._what):
            env = container_info(info).env
        config = {**root_config(shell.resident(self._name), env), "AttachStdin": True}
        command = await created(self._connection, self._container, config)
        talk = await self._connection.talk(command, self._what)
        try:
            is_able = _is_able(await _line(talk)) and await _answers(talk)
        except BaseException:  # a cancel as well: nobody else knows of it yet
            await talk.aclose()
            raise
        if is_able:
            self._talk, self._command = talk, command
        else:
            await talk.aclose()

    async def _ask(self, request: bytes, body: bytes = b"", litter: Sequence[str] = ()) -> bool:
        async with self._turn:
            await self._settled()
            if self._talk is None:
                self.reopen()
                return False
            if len(request) > _LONGEST:
                return False
            self.litter += litter
            asking = self._exchanged(self._talk, request + body, len(litter))
            self._asked = asyncio.ensure_future(asking)
            return await self._settled()

    async def _exchanged(self, talk: Talk, request: bytes, littered: int) -> bool:
        """Whether the shell did it. Where it does not say so, it is lost.

        So many of the last paths of the litter are there only meanwhile.
        """
        answer = b""
        with suppress(EngineError):
            await talk.tell(request)
            answer = await _line(talk)
        if answer:
            del self.litter[len(self.litter) - littered :]
        else:
            await self._hang_up()
        return answer == b"0"

    async def _settled(self) -> bool:
        done = False
        if self._asked is not None:
            await self._answered(self._asked)
            done, self._asked = not self._asked.cancelled() and self._asked.result(), None
        if self._talk is None and self._command:
            await self._ended()
            self._command = ""
        return done

    async def _answered(self, asked: asyncio.Task[bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not asked.done():
            await asyncio.wait({asked}, timeout=_QUIET)
            if asked.done():
                return
            path = f"containers/{self._container}/json"
            info = await self._connection.json("GET", path, self._what)
            with understood(self._what):
                if container_info(info).paused:
                    raise ContainerNotRunningError(f"The container {self._container} is paused.")
            if time.monotonic() > deadline:
                await self._lose(asked)

    async def _lose(self, asked: asyncio.Task[bool]) -> None:
        asked.cancel()
        await asyncio.wait({asked})
        await self._hang_up()

    async def _ended(self) -> None:
        """Waits until a lost shell is gone, and sees to it.

        Raises `EngineError` where that cannot be had.
        """
        deadline = time.monotonic() + _GONE
        while await self._runs():
            if time.monotonic() > deadline:
                await end(self._connection, self._container, self._name)
                return
            await asyncio.sleep(_LOOK)

    async def _runs(self) -> bool:
        try:
            running, _ = await state(self._connection, self._container, self._command)
        except EngineError as error:
            if error.status != 404:  # by which an engine knows nothing of it any more
                raise
            return False
        return running


async def _line(talk: Talk) -> bytes:
    """The next line that it says, without its end; empty where no whole line comes."""
    line = b""
    while not line.endswith(b"\n"):
        piece = await talk.hear()
        if not piece:
            return b""
        line += piece
    return line[:-1]


async def _answers(talk: Talk) -> bool:
    """Whether what it is told reaches it: not everything that stands before an engine lets it."""
    await talk.tell(shell.NOTHING)
    return await _line(talk) == b"0"


def _is_able(capabilities: bytes) -> bool:
    """Whether a shell that tells these may do whatever an engine can."""
    with suppress(ValueError):
        return int(capabilities, 16) & _NEEDED == _NEEDED
    return False


def _renamed(archive: bytes, mark: str) -> tuple[list[str], bytes] | None:
    """The paths of the files of an archive, and it with other names for them.

    None where it has anything but a few plain files and links, or is none.
    """
    paths: list[str] = []
    out = io.BytesIO()
    with suppress(tarfile.TarError), tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
        for member in tar:
            path = f"/{member.name}"
            if len(paths) == _FEW or "\n" in path or not _is_simple(member):
                return None
            member.name = _place(path, mark, len(paths)).lstrip("/")
            paths.append(path)
            out.write(member.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None:
                out.write(content.read())
                out.write(bytes(-member.size % tarfile.BLOCKSIZE))
        out.write(bytes(2 * tarfile.BLOCKSIZE))
        return paths, out.getvalue()
    return None


def _is_simple(member: tarfile.TarInfo) -> bool:
    # Not every `tar` gives links to their owner.
    is_link = member.issym() and not (member.uid or member.gid)
    return (member.isreg() or is_link) and not member.pax_headers


def _place(path: str, mark: str, number: int) -> str:
    """Where the file of that number is before it is renamed."""
    return f"{posixpath.dirname(path).rstrip('/')}/{mark}{number}"
