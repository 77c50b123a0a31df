"""How a message quotes the text that it complains about."""

from __future__ import annotations

_LIMIT = 60


def cite(text: str) -> str:
    """`text` in double quotes on one line, shortened to 60 characters."""
    flat = " ".join(text.split())
    return f'"{flat}"' if len(flat) <= _LIMIT else f'"{flat[: _LIMIT - 1]}…"'
