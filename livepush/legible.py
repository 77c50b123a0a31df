"""Foreign text for a terminal: file names and command output that cannot take it over. Pure."""

from __future__ import annotations

import re
import unicodedata

# What terminals obey: control sequences, strings such as a window's title, two-byte escapes.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])"
)
_UNPRINTABLE = {"Cc", "Zl", "Zp"}
_TAB = 4
# They turn the text around them, so that a name looks like another.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def visible(text: str) -> str:
    """`text` with control characters written out as `\\x1b`; bytes without meaning as U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def output_line(line: bytes) -> str:
    """A line of a command's output, as a terminal would show it in the end, without colours.

    Of a line that was drawn over again after carriage returns, the last form is left.
    """
    text = line.decode(errors="replace")
    if text.isascii() and text.isprintable():  # most lines, of which there may be millions
        return text.rstrip()
    text = _ESCAPES.sub("", text)
    drawn = [form for form in text.split("\r") if form]
    return visible(drawn[-1].expandtabs(_TAB).rstrip()) if drawn else ""


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cs":
        return "\N{REPLACEMENT CHARACTER}"
    if category in _UNPRINTABLE or character in _TURNING:
        return character.encode("unicode_escape").decode()
    return character
