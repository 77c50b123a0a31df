"""`<<WORD`, which makes the lines after an instruction its text, up to the line `WORD`.

`<< WORD` is a heredoc for newer builders only, and a broken one where no line `WORD` follows; for
older ones it is nothing, as in `$((1 << 2))`. So whether it is one is for the lines to tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from livepush.substitution import Quoted, read, unquoted
from livepush.words import split_shell

_HEREDOC = re.compile(r"\d*<<(-?)\s*([^<]+)", re.ASCII)
_BEFORE_A_BLANK = re.compile(r"\d*<<", re.ASCII)


@dataclass(frozen=True, slots=True)
class Delimiter:
    """Which line ends a heredoc, and how the lines before it are taken.

    Without any quote in the word, `$` in them may `expand`. `apart`, with a blank before it, it is
    a delimiter only where a line of its name follows.
    """

    name: str
    strips_tabs: bool
    expand: bool
    apart: bool = False

    def stripped(self, line: str) -> str:
        return line.lstrip("\t") if self.strips_tabs else line


def delimiter(word: str, *, apart: bool = False) -> Delimiter | None:
    """What `<<WORD` says; None for any other text. `word` is as written, quotes and all."""
    found = _HEREDOC.fullmatch(word)
    if found is None or len(split_shell(found[2])) != 1:
        return None
    pieces = read(found[2], "\\")
    quoted = any(isinstance(piece, Quoted) and piece.raw[0] in "'\"" for piece in pieces)
    name = unquoted(pieces)
    return Delimiter(name, bool(found[1]), not quoted, apart) if name else None


def delimiters(text: str) -> list[Delimiter]:
    """The heredocs that the text of a `RUN`, `COPY` or `ADD` asks for, in order."""
    found = []
    for word, following in pairwise([*split_shell(text), ""]):
        if _BEFORE_A_BLANK.fullmatch(word):
            found.append(delimiter(word + following, apart=True))
        else:
            found.append(delimiter(word))
    return [each for each in found if each]
