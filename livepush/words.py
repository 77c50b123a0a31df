"""The words of an instruction: how Docker parts them, and what `$`, quotes and escapes become.

`COPY` parts on blanks only, quotes or not; `ENV`, `ARG` and `LABEL` keep quoted blanks together.
Parting never removes quotes: `expand` does, word by word. Semantics are BuildKit's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from livepush import substitution
from livepush.citation import cite
from livepush.errors import InvalidArgumentError

SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + ("\u2028\u2029\u202f\u205f\u3000")
)
"""What Go's `unicode.IsSpace` trims: Python's `str.strip()` would also take U+001C to U+001F."""

_BLANKS = re.compile(r"[\t\v\f\r ]+")
_SURROGATES = re.compile("[\ud800-\udfff]")


def split(text: str) -> list[str]:
    """The words of `text`, parted by blanks alone: quotes and escapes protect nothing."""
    trimmed = text.strip(SPACES)
    return _BLANKS.split(trimmed) if trimmed else []


def split_quoted(text: str, escape: str) -> list[str]:
    """The words of `text` where quotes and `escape` protect blanks; they stay in the words."""
    token = re.escape(escape)
    word = (
        r"(?:'[^']*'?"
        rf'|"(?:{token}.|[^"{token}])*(?:"|{token}?\Z)'
        rf"|{token}."
        rf"|[^'\"{token}{SPACES}])+"
    )
    return re.findall(word, text, re.DOTALL)


def split_shell(text: str) -> list[str]:
    """The words of `text` as a shell would part them, quotes, escapes and `$` left as they are.

    Empty where quotes or substitutions are broken: BuildKit then finds no heredoc in the line.
    The escape character here is a backslash, whatever the Dockerfile's is.
    """
    try:
        pieces = substitution.read(text, "\\")
    except InvalidArgumentError:
        return []
    words: list[str] = []
    inside = False
    for piece in pieces:
        parts = [piece.raw] if isinstance(piece, substitution.Quoted) else list(piece.raw)
        for part in parts:
            if part in SPACES:
                inside = False
            elif inside:
                words[-1] += part
            else:
                words.append(part)
                inside = True
    return words


def expand(word: str, env: Mapping[str, str], escape: str) -> str:
    """`word` with `$` substitutions made and quotes and escapes removed; unset is empty.

    Raises InvalidArgumentError for broken quotes or substitutions and for `${V:?message}`.
    """
    return substitution.value(substitution.read(_scanned(word), escape), env)


def expand_body(text: str, env: Mapping[str, str]) -> str:
    """The body of a heredoc with `$` substitutions made and escapes removed; quotes stay.

    The escape character here is a backslash, whatever the Dockerfile's is. Raises
    InvalidArgumentError for broken substitutions and for `${V:?message}`.
    """
    return substitution.value(substitution.read(_scanned(text), "\\", quotes=False), env)


def _scanned(text: str) -> str:
    """`text` as Go's scanner hands it on: bytes that are not UTF-8 are lost, and so is a BOM."""
    return _SURROGATES.sub("\ufffd", text).removeprefix("\ufeff")


def json_form(text: str) -> tuple[str, ...] | None:
    """The strings of the JSON array that `text` begins with; None where it is the shell form.

    Text after the closing bracket is ignored. Raises InvalidArgumentError for an array with
    anything but strings in it, which builders refuse.
    """
    trimmed = text.lstrip(SPACES)
    if not trimmed.startswith("["):
        return None
    try:
        array, _ = json.JSONDecoder(parse_constant=_no_constant).raw_decode(trimmed)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(item, str) for item in array):
        raise InvalidArgumentError(f"The JSON array {cite(text)} may hold nothing but strings")
    return tuple(_SURROGATES.sub("\ufffd", item) for item in array)


def assignments(text: str, escape: str) -> tuple[tuple[str, str], ...]:
    """The (name, value) pairs of `ENV` and `LABEL` as written: `A=1 B=2`, or the old `A 1`.

    Raises InvalidArgumentError for a word without `=` and for an empty name.
    """
    words = split_quoted(text, escape)
    if words and "=" not in words[0]:
        parts = _BLANKS.split(text.strip(SPACES), maxsplit=1)
        if len(parts) < 2:
            raise InvalidArgumentError(f"{cite(text)} needs a value, as in NAME=value")
        return ((parts[0], parts[1]),)
    for word in words:
        if "=" not in word:
            raise InvalidArgumentError(
                f"{cite(word)} has no = in it",
                hint="Write NAME=value, and put a value with blanks in quotes.",
            )
    return tuple(_named(word) for word in words)


def env_pairs(text: str, env: Mapping[str, str], escape: str) -> tuple[tuple[str, str], ...]:
    """What an `ENV` sets. Every value sees `env` as it was before the line.

    Raises InvalidArgumentError as `assignments` and `expand` do.
    """
    return tuple(
        (expand(name, env, escape), expand(value, env, escape))
        for name, value in assignments(text, escape)
    )


def arg_pairs(text: str, env: Mapping[str, str], escape: str) -> tuple[tuple[str, str | None], ...]:
    """What an `ARG` declares: (name, default), None without a default.

    Every default sees `env` as it was before the line. Raises InvalidArgumentError for an empty
    name and as `expand` does.
    """
    pairs: list[tuple[str, str | None]] = []
    for word in split_quoted(text, escape):
        name, value = _named(word)
        default = expand(value, env, escape) if "=" in word else None
        pairs.append((expand(name, env, escape), default))
    return tuple(pairs)


def _named(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    if not name:
        raise InvalidArgumentError(f"{cite(word)} has no name before its =")
    return name, value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
