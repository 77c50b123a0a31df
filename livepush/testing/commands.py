"""The commands that fake containers understand.

`sh -c TEXT`, where TEXT is simple commands joined by `&&`, `;` and line ends, and every command
by itself. Words are split and unquoted as a shell does it; there is no `$`. A command may end in
`> FILE`, `>> FILE` or `>&2`. The commands: `true`, `false`, `exit N`, `echo WORD…`, `cat FILE…`,
`cp FILE DEST`, `mkdir [-p] DIR…`, `rm -rf PATH…`, `sleep SECONDS`, `pwd` and `env`; of any other
it is said that it is not found.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Awaitable, Callable

from livepush.engine import Command, OutputSink
from livepush.testing.files import Files, Node

Sleep = Callable[[float], Awaitable[None]]
Words = list[str]

_SHELLS = ("sh", "/bin/sh")
_JOINS = ("&&", ";")
_NOT_FOUND, _CANNOT_START = 127, 126
_HOME = "HOME=/root"


class _ExitError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def run_command(files: Files, command: Command, output: OutputSink, sleep: Sleep) -> int:
    """Runs a command over `files`; its exit status. Contract: `Engine.run`."""
    run = _Run(files, command, output, sleep)
    argv = list(command.argv)
    workdir = files.node(files.resolve(command.workdir) or "")
    if workdir is None or workdir.kind != "dir":
        output(f"no such directory: {command.workdir}\r\n".encode(), False)
        return _CANNOT_START
    try:
        if argv[0] in _SHELLS and argv[1:2] == ["-c"]:
            return await run.script(argv[2])
        return await run.simple(argv)
    except _ExitError as error:
        return error.status


class _Run:
    def __init__(self, files: Files, command: Command, output: OutputSink, sleep: Sleep) -> None:
        self._files = files
        self._command = command
        self._output = output
        self._sleep = sleep

    async def script(self, text: str) -> int:
        status, skip = 0, False
        for words, join in _split(text):
            if not skip:
                status = await self._redirected(words)
            skip = join == "&&" and status != 0
        return status

    async def _redirected(self, words: Words) -> int:
        if words[-2:] == [">&", "2"]:
            return await self.simple(words[:-2], lambda piece, _: self._output(piece, True))
        if len(words) > 2 and words[-2] in (">", ">>"):
            path = self._path(words[-1])
            written = bytearray(self._files.read(path) or b"" if words[-2] == ">>" else b"")

            def keep(piece: bytes, is_stderr: bool) -> None:
                if is_stderr:
                    self._output(piece, True)
                else:
                    written.extend(piece)

            status = await self.simple(words[:-2], keep)
            uid = int(self._command.user) if self._command.user.isdigit() else 0
            try:
                self._files.write(path, bytes(written), uid=uid)
            except OSError as error:
                self._output(f"sh: cannot create {error}\n".encode(), True)
                return 1
            return status
        return await self.simple(words)

    async def simple(self, words: Words, output: OutputSink | None = None) -> int:
        out = output or self._output
        name, *args = words
        if name == "sleep":
            await self._sleep(float(args[0]))
            return 0
        run = getattr(self, f"_{name}", None) if name in _COMMANDS else None
        if run is None:
            out(f"sh: {name}: not found\n".encode(), True)
            return _NOT_FOUND
        error = run(args, out)
        if isinstance(error, str):
            out(f"{name}: {error}\n".encode(), True)
            return 1
        return 1 if name == "false" else 0

    def _true(self, args: Words, out: OutputSink) -> None: ...

    def _false(self, args: Words, out: OutputSink) -> None: ...

    def _exit(self, args: Words, out: OutputSink) -> None:
        raise _ExitError(int(args[0]) if args else 0)

    def _echo(self, args: Words, out: OutputSink) -> None:
        out(" ".join(args).encode(errors="surrogateescape") + b"\n", False)

    def _pwd(self, args: Words, out: OutputSink) -> None:
        out(f"{self._command.workdir}\n".encode(), False)

    def _env(self, args: Words, out: OutputSink) -> None:
        variables = dict(pair.split("=", 1) for pair in (_HOME, *self._command.env))
        out("".join(f"{name}={value}\n" for name, value in variables.items()).encode(), False)

    def _cat(self, args: Words, out: OutputSink) -> str | None:
        for path in args:
            content = self._files.read(self._path(path))
            if content is None:
                return f"{path}: No such file or directory"
            out(content, False)
        return None

    def _cp(self, args: Words, out: OutputSink) -> str | None:
        source, dest = (self._path(path) for path in args)
        content = self._files.read(source)
        if content is None:
            return f"{args[0]}: No such file or directory"
        node = self._files.node(self._files.resolve(dest) or "")
        if node is not None and node.kind == "dir":
            dest = posixpath.join(dest, posixpath.basename(source))
        self._files.write(dest, content)
        return None

    def _mkdir(self, args: Words, out: OutputSink) -> str | None:
        for path in args:
            there = self._files.node(self._files.resolve(self._path(path)) or "")
            if there is None:
                self._files.place(self._path(path), Node("dir", 0o755))
            elif "-p" not in args or there.kind != "dir":
                return f"{path}: File exists"
        return None

    def _rm(self, args: Words, out: OutputSink) -> None:
        for path in args:
            self._files.remove(self._path(path))

    def _path(self, path: str) -> str:
        return posixpath.join(self._command.workdir, path)


_COMMANDS = {"true", "false", "exit", "echo", "pwd", "env", "cat", "cp", "mkdir", "rm"}


def _split(text: str) -> list[tuple[Words, str]]:
    lexer = shlex.shlex(text.replace("\n", " ; "), posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    commands: list[tuple[Words, str]] = []
    words: Words = []
    for token in [*lexer, ";"]:
        if token not in _JOINS:
            words.append(token)
        elif words:
            commands.append((words, token))
            words = []
    return commands
