"""The proxies among the build arguments, which builders hand on although no `ARG` declares them."""

from __future__ import annotations

from livepush.model import Arguments

_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")


def as_given(arguments: Arguments) -> dict[str, str]:
    """The proxies as the legacy builder shows them to every instruction; an `ENV` wins."""
    return {
        name: value
        for name, value in arguments.given.items()
        if name.upper() in _NAMES and (name.isupper() or name.islower())
    }


def in_both_spellings(arguments: Arguments) -> dict[str, str]:
    """The proxies as BuildKit shows them to a `RUN` and to nothing else; they win over an `ENV`."""
    return {
        spelling: value
        for name, value in arguments.given.items()
        if name.upper() in _NAMES
        for spelling in (name.upper(), name.lower())
    }
