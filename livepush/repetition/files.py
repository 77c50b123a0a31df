"""Commands that make, copy, move, link and remove files."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from livepush.repetition.arguments import Arguments
from livepush.repetition.effects import SYSTEM, Call, Effects, Hazard, appending, making
from livepush.repetition.tokens import Word

# Names that mean a directory in nearly every project.
_DIRECTORIES = frozenset(("build", "dist", "node_modules", "public", "vendor"))
_TRANSFER_OPTIONS = "t target-directory S suffix"


def mkdir(call: Call) -> Effects:
    given = call.arguments("m mode")
    hazards = () if given.has("p", "parents") else making(call, given.operands)
    return Effects(hazards, there=call.paths(given.operands))


def mknod(call: Call) -> Effects:
    made = call.arguments("m mode").operands[:1]
    return Effects(making(call, made), there=call.paths(made))


def touch(call: Call) -> Effects:
    return Effects(there=call.paths(call.arguments("d date r reference t time").operands))


def tee(call: Call) -> Effects:
    given = call.arguments()
    if given.has("a", "append"):
        return appending(call, given.operands)
    return Effects(made=call.paths(given.operands))


def rm(call: Call) -> Effects:
    given = call.arguments()
    gone = call.paths(given.operands)
    if given.has("f", "force"):
        return Effects(gone=gone)
    hazards = [
        Hazard(
            f"removes {file.written}, which fails where it is gone already",
            "present",
            (path,),
            fails=True,
        )
        for file, path in zip(given.operands, gone, strict=True)
    ]
    return Effects(tuple(hazards), gone=gone)


def mv(call: Call) -> Effects:
    given = call.arguments(_TRANSFER_OPTIONS)
    if not given.operands:
        return Effects()
    move = _transfer(call, given)
    gone = call.paths(move.sources)
    return Effects(tuple(_moved(call, move)), made=(move.path, *move.inside), gone=gone)


def _moved(call: Call, move: _Transfer) -> Iterator[Hazard]:
    for source, inside in zip(move.sources, move.inside, strict=True):
        path = call.path(source.value)
        reason = f"moves {source.written} away, which is not there the second time"
        yield Hazard(reason, "present", (path,), fails=True)
        if path in call.directories or posixpath.basename(path) in _DIRECTORIES:
            reason = f"moves {source.written} to {move.dest.written}, and into it the second time"
            yield Hazard(reason, "absent", (inside,) if move.is_into else (move.path, inside))


def cp(call: Call) -> Effects:
    given = call.arguments(_TRANSFER_OPTIONS)
    if not given.operands:
        return Effects()
    copy = _transfer(call, given)
    made = (copy.path, *copy.inside)
    deep = given.has("r", "R", "a", "recursive", "archive")
    if (
        not deep
        or copy.is_into
        or len(copy.sources) != 1
        or given.has("T", "no-target-directory", "parents")
    ):
        return Effects(made=made)
    (source,) = copy.sources
    name = posixpath.basename(source.value)
    is_new = name == posixpath.basename(copy.path) or not copy.path.startswith(SYSTEM)
    # `dir/.` is what is in it, and what has an extension is a file.
    if not is_new or "." in name[1:] or name == ".":
        return Effects(made=made)
    reason = f"copies {source.written} to {copy.dest.written}, and into it the second time"
    return Effects((Hazard(reason, "absent", (copy.path,)),), made=made)


def ln(call: Call) -> Effects:
    given = call.arguments(_TRANSFER_OPTIONS)
    if len(given.operands) == 1 and not given.has("t", "target-directory"):
        given = Arguments(given.options, (*given.operands, Word(".", ".")))
    if not given.operands:
        return Effects()
    link = _transfer(call, given)
    there = link.inside if link.is_into else (link.path, *link.inside)
    if given.has("f", "force", "b", "backup"):
        return Effects(there=there)
    inside = [Word(posixpath.basename(path), path) for path in link.inside]
    return Effects(making(call, inside if link.is_into else [link.dest], *there), there=there)


@dataclass(frozen=True, slots=True)
class _Transfer:
    """`SOURCE… DEST`: `inside` is where each source is in DEST if that is a directory, which it
    certainly is where `is_into`.
    """

    sources: tuple[Word, ...]
    dest: Word
    path: str
    inside: tuple[str, ...]
    is_into: bool


def _transfer(call: Call, given: Arguments) -> _Transfer:
    into = given.value("t", "target-directory")
    *sources, dest = (*given.operands, Word(into, into)) if into else given.operands
    path = call.path(dest.value)
    names = (posixpath.basename(posixpath.normpath(source.value)) for source in sources)
    is_into = bool(into) or len(sources) > 1 or dest.value.endswith("/")
    return _Transfer(
        tuple(sources),
        dest,
        path,
        tuple(posixpath.join(path, name) for name in names),
        is_into or path in call.directories or any("*" in source.value for source in sources),
    )
