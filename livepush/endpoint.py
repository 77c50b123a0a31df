"""Where the engine is: the docker command line's rules, as measured with its versions 20 to 28.

The first that is given counts: `host`, `context`, `DOCKER_HOST`, `DOCKER_CONTEXT`, the current
context of `$DOCKER_CONFIG/config.json` (by default in `~/.docker`), `/var/run/docker.sock`.
An environment variable that is empty counts as not given.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from livepush.errors import InvalidArgumentError

DEFAULT_SOCKET = "/var/run/docker.sock"
_PLAIN_PORT, _TLS_PORT = 2375, 2376
_ADDRESS = re.compile(r"(?:(?P<scheme>[a-z]+)://)?(?P<rest>.*)", re.DOTALL)
_HOST_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:/\[\]]*)(?::(?P<port>\d+))?/?")


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """How to speak TLS to an engine; `verify` is whether its certificate must be right.

    Files that are None are not used: then the system's authorities, and no client certificate.
    """

    verify: bool = True
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An engine's address: a `socket` path, or else a `host` and `port`, perhaps with TLS."""

    socket: str = ""
    host: str = ""
    port: int = 0
    tls: TlsOptions | None = None

    def __str__(self) -> str:
        return f"unix://{self.socket}" if self.socket else f"tcp://{self.host}:{self.port}"


def resolve(
    *,
    host: str = "",
    context: str = "",
    tls: TlsOptions | None = None,
    environ: Mapping[str, str] | None = None,
) -> Endpoint:
    """The endpoint that the docker command line would use.

    `host` and `context` are its `--host` and `--context`; `tls` counts, like its `--tls…` options,
    for every endpoint but that of a named context. `environ` is `os.environ` when None. Raises
    `InvalidArgumentError` for an address, context or configuration file that does not serve.
    """
    env = os.environ if environ is None else environ
    # Not `Path.home`, which raises for a user that no file knows.
    config = Path(env.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker"))
    if host and context:
        raise InvalidArgumentError(
            "Both a host and a context are given, and each names an engine: give only one of them."
        )
    if not host and not (context or env.get("DOCKER_HOST")):
        context = env.get("DOCKER_CONTEXT") or _current_context(config)
    if context not in ("", "default"):
        return _of_context(config, context)
    return parse(host or env.get("DOCKER_HOST") or "", tls or _tls_from(env, config))


def parse(address: str, tls: TlsOptions | None = None) -> Endpoint:
    """An address as `DOCKER_HOST` has it: `unix://PATH`, `tcp://HOST[:PORT]`, `HOST:PORT`.

    An empty one is the default socket. Raises `InvalidArgumentError` for every other form.
    """
    if not address:
        return Endpoint(socket=DEFAULT_SOCKET)
    match = _ADDRESS.fullmatch(address)
    scheme, rest = (match["scheme"] or "tcp", match["rest"]) if match else ("", "")
    if scheme == "unix":
        return Endpoint(socket=rest or DEFAULT_SOCKET)
    if scheme == "ssh":
        raise InvalidArgumentError(
            f"The engine's address {address} is not supported yet: forward its socket with"
            " `ssh -L` and give the local socket as unix://PATH."
        )
    place = _HOST_PORT.fullmatch(rest)
    if scheme != "tcp" or place is None:
        raise InvalidArgumentError(
            f"The engine's address {address!r} is not valid: give unix://PATH or tcp://HOST:PORT."
        )
    port = int(place["port"] or (_TLS_PORT if tls else _PLAIN_PORT))
    return Endpoint(host=place["host"] or "localhost", port=port, tls=tls)


def ssl_context(tls: TlsOptions) -> ssl.SSLContext:
    """The same for Python. Raises `InvalidArgumentError` for files that cannot be used."""
    context = ssl.create_default_context()
    try:
        if not tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif tls.ca is not None:
            context = ssl.create_default_context(cafile=tls.ca)
        if tls.cert is not None:
            context.load_cert_chain(tls.cert, tls.key)
    except OSError as error:  # also ssl.SSLError
        files = ", ".join(str(path) for path in (tls.ca, tls.cert, tls.key) if path)
        raise InvalidArgumentError(f"The TLS files {files} cannot be used: {error}.") from error
    return context


def _tls_from(env: Mapping[str, str], config: Path) -> TlsOptions | None:
    verify = bool(env.get("DOCKER_TLS_VERIFY"))
    if not verify and not env.get("DOCKER_TLS"):
        return None
    return _tls_in(Path(env.get("DOCKER_CERT_PATH") or config), verify=verify)


def _tls_in(folder: Path, *, verify: bool) -> TlsOptions:
    ca, cert, key = (
        path if _may_be_file(path) else None
        for path in (folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    )
    return TlsOptions(verify, ca, cert, key)


def _may_be_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:
        return True  # whoever uses it says that it cannot be read


def _current_context(config: Path) -> str:
    content = _read(config / "config.json")
    return str(content.get("currentContext") or "") if content else ""


def _of_context(config: Path, name: str) -> Endpoint:
    folder = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts" / "meta" / folder / "meta.json"
    content = _read(meta)
    if content is None:
        raise InvalidArgumentError(
            f"There is no docker context named {name!r}: `docker context ls` lists them."
        )
    try:
        endpoint = content["Endpoints"]["docker"]
        address, skip_verify = str(endpoint["Host"]), bool(endpoint.get("SkipTLSVerify"))
    except (KeyError, TypeError) as error:
        raise InvalidArgumentError(
            f"The docker context {name!r} names no engine: {meta} has no docker endpoint."
        ) from error
    tls = config / "contexts" / "tls" / folder / "docker"
    secured = skip_verify or os.path.isdir(tls)
    return parse(address, _tls_in(tls, verify=not skip_verify) if secured else None)


def _read(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file, None where there is no file."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(f"{path} cannot be read: {error}.") from error
    if not isinstance(content, dict):
        raise InvalidArgumentError(f"{path} does not hold a JSON object.")
    return content
