"""`.dockerignore`: from its text to a verdict on every path of the build context.

Its patterns are also those of `COPY --exclude` and `--parents`. The theory, as the docker 28
client and BuildKit have it:

- A pattern speaks of a whole path from the context's root, and what it says of a directory holds
  for everything below. So a path inherits its parent's *hits*, one bit a rule.
- Rules are taken in order and the last hit decides. A rule that could not change the answer so
  far is not even asked, so it leaves no hit for the paths below: after `foo/bar`, an exception
  `!foo` is never asked about `foo`, and does not bring `foo/bar` back.
- The engine reads a pattern as a Go regular expression unless it is plain text, with or without
  one `**` before or behind. What it does not quote leaks through: `\\d` is a digit, and `^` an
  anchor. So a pattern is spelled in Go's syntax first and then respelled for `re`.

Source: moby's patternmatcher, as measured.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pathspec.pattern import RegexPattern

from livepush.errors import DockerfileParseError, InvalidArgumentError
from livepush.pattern import Glob, compile_component, respell


@dataclass(frozen=True, slots=True)
class Ignore:
    """The rules of one ignore file. Paths are relative to the context's root, with slashes.

    What `legacy`, the client of the engine's own builder, does not enter is not in its context,
    though an exception may hit there: an ignored directory whose path no exception begins with.
    """

    rules: tuple[_Rule, ...]
    legacy: bool = False

    @classmethod
    def parse(
        cls, text: str | bytes, *, name: str = ".dockerignore", legacy: bool = False
    ) -> Ignore:
        """Read an ignore file; `name` is what errors call it.

        Raises `DockerfileParseError` for a pattern that no builder takes.
        """
        if isinstance(text, bytes):
            text = text.decode("utf-8", "surrogateescape")
        rules = []
        for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
            try:
                if pattern := _pattern(line):
                    rules.append(_Rule(pattern))
            except InvalidArgumentError as error:
                raise DockerfileParseError(f"{name}:{number}: {error}", line=number) from None
        return cls(tuple(rules), legacy)

    @classmethod
    def of(cls, patterns: Iterable[str]) -> Ignore:
        """The rules of patterns that no file holds: there are no comments, and a slash stays.

        Raises `InvalidArgumentError` for a pattern that no builder takes.
        """
        texts = (pattern.strip(_BLANKS) for pattern in patterns)
        return cls(tuple(_Rule(_told(posixpath.normpath(text), text)) for text in texts if text))

    def root(self) -> Verdict:
        """Where a walk begins: the verdict on the context's root, which is never ignored."""
        return Verdict(self.rules, "", 0, False, self.legacy)

    def ignored(self, path: str) -> bool:
        """Whether `path` itself is ignored.

        An ignored directory is in the context all the same when something below it is kept.
        """
        return bool(self.rules) and self._verdict(path).ignored

    def may_hold_kept(self, path: str) -> bool:
        """Whether something below the directory `path` may be kept; `False` is certain."""
        return not self.rules or self._verdict(path).may_hold_kept()

    def _verdict(self, path: str) -> Verdict:
        verdict = self.root()
        for index, char in enumerate(path):
            if char == "/":
                verdict = verdict.child(path[:index])
        return verdict.child(path) if path else verdict


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say of one path; bit n of `hits` is set if rule n hit it or a parent."""

    rules: tuple[_Rule, ...]
    path: str
    hits: int
    ignored: bool
    legacy: bool = False

    def child(self, path: str) -> Verdict:
        """The verdict on `path`, an entry of this directory, given as its whole path."""
        if self.legacy and not self.may_hold_kept():
            return Verdict(self.rules, path, self.hits, True, True)
        hits, ignored, bit = 0, False, 1
        for rule in self.rules:
            if self.hits & bit or (rule.include is not ignored and rule.match_file(path)):
                hits |= bit
                ignored = bool(rule.include)
            bit <<= 1
        return Verdict(self.rules, path, hits, ignored, self.legacy)

    def may_hold_kept(self) -> bool:
        """Whether something below this directory may be kept; `False` is certain.

        What ignores a directory ignores all below it, unless a later exception hits there.
        """
        if not self.ignored:
            return True
        if self.legacy:
            exceptions = (str(rule.pattern) for rule in self.rules if not rule.include)
            return any(f"{_split(text)[1]}/".startswith(f"{self.path}/") for text in exceptions)
        later = self.rules[self.hits.bit_length() :]
        return any(
            not rule.include and _may_match_below(str(rule.pattern), self.path) for rule in later
        )


class _Rule(RegexPattern):
    """One cleaned pattern in Docker's syntax; `include` is false for an exception."""

    __slots__ = ()

    @classmethod
    def pattern_to_regex(  # type: ignore[override]  # rules are text, never bytes
        cls, pattern: str
    ) -> tuple[str, bool]:
        """The regular expression of a pattern, and whether it ignores what it matches."""
        exception, body = _split(pattern)
        return _regex(body), not exception


# What Go takes for a blank; str.strip() would also take the separators \x1c to \x1f.
_BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_SPECIAL = frozenset("*?[]\\")
_TOKEN = re.compile(r"\*\*/?|[*?]|\\.|[.+()|{}$]", re.DOTALL)


def _pattern(line: str) -> str:
    """The cleaned pattern on a line, or an empty string where there is none."""
    text = "" if line.startswith("#") else line.strip(_BLANKS)
    if text.startswith("!"):
        pattern = f"!{_clean(text[1:].strip(_BLANKS))}"
    else:
        # Cleaning may lay a `!` or a blank bare, as in `/!a` and `/ a`, and the engine then reads
        # the cleaned text once more.
        pattern = _clean(text).strip(_BLANKS)
    return _told(pattern, text)


def _told(pattern: str, text: str) -> str:
    """`pattern`, which was written as `text`; an exception must say of what."""
    if pattern == "!":
        raise InvalidArgumentError(f"{text!r} excepts nothing; write the path to keep behind the !")
    return pattern


def _clean(text: str) -> str:
    """The shortest spelling of a path, without its leading slash; nothing for the root."""
    return text and posixpath.normpath(text).lstrip("/")


def _split(pattern: str) -> tuple[bool, str]:
    """Whether a pattern is an exception, and what it speaks of."""
    return pattern.startswith("!"), pattern.removeprefix("!")


def _regex(body: str) -> str:
    """The regular expression, for `re`, of the paths that a pattern without its `!` matches."""
    # The engine lets Go's filepath.Match judge the whole pattern before it compiles its own.
    compile_component(body)
    if _plain(body):
        match = re.escape(body)
    elif body.startswith("**/") and _plain(body[3:]):
        match = f"(?s:.*/)?{re.escape(body[3:])}"
    elif body.startswith("**") and _plain(body[2:]):
        match = f"(?s:.*){re.escape(body[2:])}"
    elif body.endswith("**") and _plain(body[:-2]):
        match = f"{re.escape(body[:-2])}(?s:.*)"
    else:
        match = respell(_TOKEN.sub(_go_syntax, body))
    return rf"(?a)\A{match}\Z"


def _plain(text: str) -> bool:
    return _SPECIAL.isdisjoint(text)


def _go_syntax(token: re.Match[str]) -> str:
    """One token of a pattern in the syntax of Go's regexp, quoted as far as the engine does."""
    text = token[0]
    if text.startswith("**"):
        return ".*" if token.end() == len(token.string) else "(.*/)?"
    if text == "*":
        return "[^/]*"
    if text == "?":
        return "[^/]"
    return text if text.startswith("\\") else f"\\{text}"


def beginning(pattern: str) -> str:
    """The components of a pattern, wildcards too, before the first that may match a slash."""
    near, _ = _components(pattern)
    return "/".join(glob.text for glob in near)


def _may_match_below(pattern: str, directory: str) -> bool:
    """Whether a path below `directory` may match; certain of `False`, generous with `True`."""
    near, deep = _components(pattern)
    parts = directory.split("/")
    if not all(glob.match(part) for glob, part in zip(near, parts, strict=False)):
        return False
    return deep or len(near) > len(parts)


@lru_cache(maxsize=1024)
def _components(pattern: str) -> tuple[tuple[Glob, ...], bool]:
    """A pattern's leading components that match one component each, and whether more follow.

    A `**`, and what leaks into the regular expression, may match a slash.
    """
    _, body = _split(pattern)
    near: list[Glob] = []
    for component in body.split("/"):
        if "**" in component or not set("[\\^").isdisjoint(component):
            return tuple(near), True
        near.append(compile_component(component))
    return tuple(near), False
