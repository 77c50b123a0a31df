"""Which engine a command talks to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from livepush.endpoint import TlsOptions, resolve

if TYPE_CHECKING:
    from livepush.engine import Engine


@dataclass(frozen=True, slots=True)
class Connection:
    """The docker command line's options of the same names; empty means not given."""

    host: str = ""
    context: str = ""
    tls: bool = False
    tls_verify: bool = False
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""

    def tls_options(self, environ: Mapping[str, str]) -> TlsOptions | None:
        """How to speak TLS, None where neither options nor environment ask for it."""
        asked = {"DOCKER_TLS": "1"} if self.tls else {}
        asked |= {"DOCKER_TLS_VERIFY": "1"} if self.tls_verify else {}
        # The options mean what the variables mean, so the rules for these are asked.
        options = resolve(host="tcp://localhost", environ={**environ, **asked}).tls
        files = {"ca": self.tls_ca, "cert": self.tls_cert, "key": self.tls_key}
        named = {name: Path(path) for name, path in files.items() if path}
        return replace(options, **named) if options else None  # type: ignore[arg-type]


def connect(connection: Connection) -> Engine:
    """A door to the engine, for the caller to close; nothing is asked of it yet.

    Needs a running event loop. Raises `InvalidArgumentError`.
    """
    # Slow to load, and many commands end before they need an engine.
    from livepush.docker import DockerEngine

    return DockerEngine.connect(
        host=connection.host,
        context=connection.context,
        tls=connection.tls_options(os.environ),
    )
