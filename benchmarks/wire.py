"""The Docker Engine API over one kept connection to a local engine, and nothing around it."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any

_PATIENCE = 300  # seconds for one call
_INLINE = 1 << 20  # bytes of a file that are worth a copy, to send many files at once
_BLOCK = 512
_REFUSED = 400


class RefusedError(Exception):
    """The engine has answered with an error."""

    def __init__(self, status: int, answer: bytes) -> None:
        super().__init__(f"the engine answers {status}: {answer[:300].decode(errors='replace')}")
        self.status = status


class Wire:
    """One connection, for one caller at a time."""

    def __init__(self, path: str) -> None:
        self._connection = _Connection(path)

    def close(self) -> None:
        self._connection.close()

    def call(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json"
    ) -> bytes:
        """The answer's body. Raises `RefusedError`."""
        headers = {"Content-Type": kind} if body else {}
        self._connection.request(method, path, body or None, headers)
        return self._answer()

    def json(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        answer = self.call(method, path, b"" if body is None else json.dumps(body).encode())
        return json.loads(answer) if answer.strip() else None

    def execute(self, container: str, words: list[str]) -> None:
        """Runs a command to its end. Raises `RuntimeError` when it fails."""
        execution = self._created(container, words)
        self._start(execution, detached=False)
        status = self.json("GET", f"/exec/{execution}/json")["ExitCode"]
        if status:
            raise RuntimeError(f"{words[0]} has failed with {status}")

    def begin(self, container: str, words: list[str]) -> None:
        """Starts a command and leaves it running."""
        self._start(self._created(container, words), detached=True)

    def put(self, container: str, files: list[tuple[Path, str]]) -> None:
        """Uploads files to where they belong as one archive: large ones by `sendfile`."""
        sizes = [path.stat().st_size for path, _ in files]
        total = sum(_BLOCK + size + -size % _BLOCK for size in sizes) + 2 * _BLOCK
        connection = self._connection
        connection.putrequest("PUT", f"/containers/{container}/archive?path=/")
        connection.putheader("Content-Type", "application/x-tar")
        connection.putheader("Content-Length", str(total))
        connection.endheaders()
        waiting = bytearray()
        for (path, name), size in zip(files, sizes, strict=True):
            waiting += _header(name, size)
            with path.open("rb", buffering=0) as file:
                if size < _INLINE:
                    waiting += file.read()
                else:
                    connection.sock.sendall(waiting)
                    waiting.clear()
                    connection.sock.sendfile(file)
            waiting += bytes(-size % _BLOCK)
        connection.sock.sendall(waiting + bytes(2 * _BLOCK))
        self._answer()

    def _created(self, container: str, words: list[str]) -> str:
        demand = {"Cmd": words, "AttachStdout": True, "AttachStderr": True, "WorkingDir": "/app"}
        return str(self.json("POST", f"/containers/{container}/exec", demand)["Id"])

    def _start(self, execution: str, *, detached: bool) -> None:
        """Attached, the answer ends with the command: it is its output, or nothing."""
        demand = json.dumps({"Detach": detached, "Tty": False}).encode()
        self.call("POST", f"/exec/{execution}/start", demand)

    def _answer(self) -> bytes:
        response = self._connection.getresponse()
        answer = response.read()
        if response.status >= _REFUSED:
            raise RefusedError(response.status, answer)
        return answer


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _header(name: str, size: int) -> bytes:
    """A file's block in an archive. `tarfile` takes longer for it than the engine for the file."""
    ids = b"%07o\0%07o\0%07o\0" % (0o644, 0, 0)
    start = name.lstrip("/").encode().ljust(100, b"\0") + ids + b"%011o\0%011o\0" % (size, 0)
    rest = (b"0" + bytes(100) + b"ustar\x0000").ljust(_BLOCK - len(start) - 8, b"\0")
    checksum = sum(start) + sum(rest) + 8 * ord(" ")
    return start + b"%06o\0 " % checksum + rest
