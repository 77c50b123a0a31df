"""`--name=value` words before the operands: which exist where, and what values they take."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from livepush.citation import cite
from livepush.errors import InvalidArgumentError
from livepush.model import Flag
from livepush.words import SPACES

# What parts flags, byte by byte: U+0085 and U+00A0 are blanks, too.
_BLANKS = "\t\n\v\f\r \x85\xa0"
# BuildKit never looks at the flags of these.
_UNCHECKED = ("ARG", "STOPSIGNAL")
_VALUE, _SWITCH, _REPEATED = "value", "switch", "repeated"

_KNOWN: Mapping[str, Mapping[str, str]] = {
    "FROM": {"platform": _VALUE},
    "COPY": {
        "from": _VALUE,
        "chown": _VALUE,
        "chmod": _VALUE,
        "link": _SWITCH,
        "parents": _SWITCH,
        "exclude": _REPEATED,
    },
    "ADD": {
        "chown": _VALUE,
        "chmod": _VALUE,
        "link": _SWITCH,
        "checksum": _VALUE,
        "keep-git-dir": _SWITCH,
        "exclude": _REPEATED,
        "unpack": _SWITCH,
    },
    "RUN": {"mount": _REPEATED, "network": _VALUE, "security": _VALUE, "device": _REPEATED},
    "HEALTHCHECK": {
        "interval": _VALUE,
        "timeout": _VALUE,
        "start-period": _VALUE,
        "start-interval": _VALUE,
        "retries": _VALUE,
    },
}


def split_flags(text: str) -> tuple[tuple[Flag, ...], str]:
    """The leading flags of `text`, their quotes removed, and the operands after them.

    BuildKit's rules: a word `--` ends the flags and is dropped; a backslash protects the next
    character, whatever the Dockerfile's escape character is; and each byte is a character, so
    that `--chown=é` asks for the user `Ã©`.
    """
    flags: list[Flag] = []
    rest = text.encode("utf-8", "surrogateescape").decode("latin-1").lstrip(_BLANKS)
    while rest.startswith("--"):
        word, rest = _first_word(rest)
        if word == "--":
            break
        rest = rest.lstrip(_BLANKS)
        name, separator, value = word[2:].partition("=")
        flags.append(Flag(name, value if separator else None))
    operands = rest.encode("latin-1").decode("utf-8", "surrogateescape")
    return tuple(flags), operands.strip(SPACES)


def check_flags(keyword: str, flags: tuple[Flag, ...]) -> None:
    """Raises InvalidArgumentError for a flag that `keyword` has not, twice, or without a value."""
    if keyword in _UNCHECKED:
        return
    known = _KNOWN.get(keyword, {})
    seen: set[str] = set()
    for flag in flags:
        kind = known.get(flag.name)
        if kind is None:
            near = get_close_matches(flag.name.lower(), known, n=1)
            raise InvalidArgumentError(
                f"{keyword} has no flag --{flag.name}",
                hint=f"Did you mean --{near[0]}?" if near else "",
            )
        if flag.name in seen and kind != _REPEATED:
            raise InvalidArgumentError(f"{keyword} has the flag --{flag.name} twice")
        seen.add(flag.name)
        _check_value(flag, kind)


def _check_value(flag: Flag, kind: str) -> None:
    if kind == _SWITCH and flag.value is not None:
        if flag.value.lower() not in ("true", "false"):
            raise InvalidArgumentError(
                f"the flag --{flag.name} takes true or false, not {cite(flag.value)}"
            )
    elif kind != _SWITCH and flag.value is None:
        raise InvalidArgumentError(
            f"the flag --{flag.name} needs a value",
            hint=f"Write it as --{flag.name}=VALUE, without blanks.",
        )
    elif flag.name == "from" and "$" in (flag.value or ""):
        raise InvalidArgumentError(
            f"the flag --from takes no variables, as in {cite(flag.value or '')}",
            hint="Give the image a stage of its own with FROM … AS NAME, and name that.",
        )


def _first_word(text: str) -> tuple[str, str]:
    """The word that `text` begins with, unquoted, and what follows it."""
    word = ""
    quote = ""
    characters = enumerate(text)
    for at, character in characters:
        if character == quote:
            quote = ""
        elif character == "\\":
            word += next(characters, (0, ""))[1]
        elif quote:
            word += character
        elif character in _BLANKS:
            return word, text[at:]
        elif character in "'\"":
            quote = character
        else:
            word += character
    return word, ""
