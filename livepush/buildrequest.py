"""A build, as requests of the Docker Engine API: a different one for each of the two builders."""

from __future__ import annotations

import asyncio
import json
import posixpath
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace
from urllib.parse import urlencode

from livepush.archive import pack
from livepush.buildcontext import BuildContext
from livepush.builders import Build
from livepush.calls import Connection
from livepush.engine import BuildProgress, BuildStep, Tell
from livepush.errors import BuildFailedError, EngineError
from livepush.shield import settle

_BAD_REQUEST = 400
_PATIENCE = 3600  # seconds that a command in a build may be silent
_SHORTEST = 4  # characters of a value that is not told
_OWN, _BUILDKIT = "1", "2"  # the builders, as the API calls them
_SESSION = "X-Docker-Expose-Session"  # how the headers of a session begin

Query = dict[str, str]


async def build(
    connection: Connection,
    context: BuildContext,
    *,
    target: str,
    build_args: Mapping[str, str],
    labels: Mapping[str, str],
    tell: Tell | None,
    legacy: bool | None,
    cached: bool,
) -> str:
    """As `Engine.build`."""
    _, builder = await connection.negotiated()
    if legacy is not None:
        builder = _OWN if legacy else _BUILDKIT
    query = {
        "target": target,
        "buildargs": json.dumps(dict(build_args)),
        "labels": json.dumps(dict(labels)),
        "rm": "1",
        "forcerm": "1",
        "version": builder,
        "nocache": "" if cached else "1",
    }
    followed, building = Build(), _by_buildkit if builder == _BUILDKIT else _by_its_own
    try:
        async with aclosing(building(connection, context, query)) as pieces:
            async for piece in pieces:
                for progress in followed.feed(piece):
                    if tell is not None:
                        tell(_unvalued(progress, build_args))
        return followed.result()
    except BuildFailedError as error:
        message, step = (without_values(text, build_args) for text in (error.message, error.step))
        raise BuildFailedError(message, step=step, return_code=error.return_code) from None
    except EngineError as error:
        if error.status == _BAD_REQUEST:
            # The engine's own builder reads the whole Dockerfile before it begins to answer.
            raise BuildFailedError(without_values(error.message, build_args)) from error
        raise
    except OSError as error:  # of a file of the context: all else is the engine's
        raise unreadable(error) from error


def without_values(text: str, build_args: Mapping[str, str]) -> str:
    """A builder's words with the names of build arguments for their values.

    BuildKit expands variables in what it tells of a step. Of short values nobody makes a secret,
    and they stand in many words.
    """
    for name, value in sorted(build_args.items(), key=lambda pair: -len(pair[1])):
        if len(value) >= _SHORTEST:
            text = text.replace(value, f"${name}")
    return text


def _unvalued(progress: BuildProgress, build_args: Mapping[str, str]) -> BuildProgress:
    if isinstance(progress, BuildStep):
        return replace(progress, text=without_values(progress.text, build_args))
    return progress


def unreadable(error: OSError) -> BuildFailedError:
    """What a build fails for where a file of its context cannot be read."""
    what = f"{error.filename!r}" if error.filename else "a file"
    return BuildFailedError(f"The build failed: {what} could not be read: {error.strerror}")


async def _by_its_own(
    connection: Connection, context: BuildContext, query: Query
) -> AsyncGenerator[bytes, None]:
    path = f"build?{urlencode({**query, 'dockerfile': context.dockerfile})}"
    archive = pack(context.items.items(), context.files, lambda _: None)
    sending = connection.send("POST", path, "build", archive, patience=_PATIENCE)
    async with aclosing(sending) as pieces:
        async for piece in pieces:
            yield piece


async def _by_buildkit(
    connection: Connection, context: BuildContext, query: Query
) -> AsyncGenerator[bytes, None]:
    """Beside the build runs the session that it names; what fails there has failed the build."""
    from livepush import buildsession  # with h2, for which a livepush without BuildKit has no time

    session = secrets.token_hex(16)
    headers = [
        (f"{_SESSION}-Uuid", session),
        (f"{_SESSION}-Name", "livepush"),
        # Another one each time: what an engine has of the same key it compares by time and size.
        (f"{_SESSION}-Sharedkey", session),
        *((f"{_SESSION}-Grpc-Method", method) for method in buildsession.METHODS),
    ]
    name = posixpath.basename(context.dockerfile)
    named = {**query, "dockerfile": name, "session": session, "remote": "client-session"}
    path = f"build?{urlencode(named)}"
    failed: EngineError | None = None
    async with connection.upgraded("session", "build", "h2c", headers) as talk:
        serving = asyncio.ensure_future(buildsession.serve(talk, context))
        try:
            asking = connection.pieces("POST", path, "build", patience=_PATIENCE)
            async with aclosing(asking) as pieces:
                async for piece in pieces:
                    yield piece
        except EngineError as error:
            failed = error
        finally:
            serving.cancel()
            await settle(serving)
            cause = None if serving.cancelled() else serving.exception()
    if cause is not None:
        raise cause
    if failed is not None:
        raise failed
