"""Options that take several words: `--changed a b c`. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence


def spread(words: Sequence[str], options: Collection[str]) -> list[str]:
    """`words` with `--option a b` of `options` written as `--option=a --option=b`.

    Every word up to the next that begins with `-` belongs to the option; `--` ends it as well.
    `--option=a` takes that one word only, so that it may begin with `-`. Raises `ValueError`
    where an option has no word.
    """
    return list(_spread(words, options))


def _spread(words: Sequence[str], options: Collection[str]) -> Iterator[str]:
    option, is_open = "", False
    for index, word in enumerate(words):
        if option and not _is_option(word):
            yield f"{option}={word}"
            is_open = False
            continue
        if is_open:
            break
        if word == "--":
            yield from words[index:]
            return
        option, is_open = (word, True) if word in options else ("", False)
        if not option:
            yield word
    if is_open:
        raise ValueError(f"Option {option!r} needs at least one FILE.")


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"
