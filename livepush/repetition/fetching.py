"""Commands that fetch, unpack and patch sources, and those that begin a project."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from livepush.repetition.arguments import arguments
from livepush.repetition.effects import Call, Effects, Hazard, making
from livepush.repetition.tokens import Word

_CURL = "o output d data H header X request u user A user-agent e referer T F form w m C b c E x"
_WGET = "O output-document o a P directory-prefix t T timeout tries header U user-agent e i user"
_CLONE = "b branch o origin c config j jobs u depth reference filter template separate-git-dir"
_PACKED = (".gz", ".bz2", ".xz", ".Z", ".lzma", ".zst")
_BEGINNINGS = {
    ("go", "mod", "init"): "go.mod",
    ("cargo", "init"): "Cargo.toml",
    ("cargo", "new"): "",
    ("composer", "create-project"): "",
    ("django-admin", "startproject"): "",
    ("rails", "new"): "",
}
"""What begins a project, and the file in it that must not be there; else the project itself."""


def curl(call: Call) -> Effects:
    given = call.arguments(_CURL)
    outputs = given.value("o", "output").splitlines()
    if given.has("O", "remote-name", "remote-name-all", "J"):
        outputs += [_name(word) for word in given.operands]
    return Effects(made=tuple(map(call.path, outputs)))


def wget(call: Call) -> Effects:
    given = call.arguments(_WGET)
    output = given.value("O", "output-document")
    if output:
        return Effects(made=(call.path(output),))
    directory = given.value("P", "directory-prefix") or "."
    names = [posixpath.join(directory, _name(word)) for word in given.operands]
    there = tuple(map(call.path, names))
    # Of `-nc` and `-c` the letter is the same.
    if given.has("N", "timestamping", "c", "no-clobber", "r", "recursive", "m", "mirror", "spider"):
        return Effects(there=there, wild=True)
    hazards = [
        Hazard(f"fetches {posixpath.normpath(name)}, and beside it the second time", "absent", (p,))
        for name, p in zip(names, there, strict=True)
    ]
    return Effects(tuple(hazards), there=there)


def git(call: Call) -> Effects:
    words = list(call.words)
    while words and words[0].value in ("-C", "-c"):
        del words[:2]
    verb = words[0].value if words else ""
    given = arguments(words[1:], _CLONE.split())
    if verb in ("apply", "am"):
        return Effects(_patching(call, ()))
    if verb != "clone" or not given.operands:
        return Effects(wild=True)
    name = _name(given.operands[0]).removesuffix(".git")
    into = given.operands[1] if len(given.operands) > 1 else Word(name, name)
    return Effects(making(call, [into]), there=call.paths([into]), wild=True)


def patch(call: Call) -> Effects:
    given = call.arguments("p strip d directory i input o output r D F fuzz")
    if given.has("dry-run", "o", "output"):
        return Effects()
    return Effects(_patching(call, given.operands[:1]))


def _patching(call: Call, files: Iterable[Word]) -> tuple[Hazard, ...]:
    reason = "applies a patch, which fails where it is applied already"
    return (Hazard(reason, "fresh", call.paths(files) or (call.path("."),), fails=True),)


def unzip(call: Call) -> Effects:
    given = call.arguments("d x P")
    if not given.operands or given.has("o", "l", "p", "t", "n", "u", "f", "z"):
        return Effects(wild=True)
    archive = given.operands[0]
    reason = f"unpacks {archive.written}, which fails where its files are there already"
    # Their names are not known: any in that directory but an archive's, which ends in `.zip`.
    below = posixpath.join(call.path(given.value("d") or "."), "*[!p]")
    return Effects((Hazard(reason, "absent", (below,), fails=True),), wild=True)


def gunzip(call: Call) -> Effects:
    given = call.arguments()
    if given.has("f", "force", "c", "stdout", "t", "test", "l", "list"):
        return Effects()
    split = [posixpath.splitext(word.value) for word in given.operands]
    there = [Word(name, name) for name, suffix in split if suffix in _PACKED]
    return Effects(making(call, there), there=call.paths(there), gone=call.paths(given.operands))


def gzip(call: Call) -> Effects:
    return gunzip(call) if call.arguments().has("d", "decompress") else Effects(wild=True)


def beginning(name: str, call: Call) -> Effects:
    """Of a tool that may begin a project; whatever else it does may make anything."""
    given = call.arguments()
    said = (name, *(word.value for word in given.operands))
    for words, file in _BEGINNINGS.items():
        if said[: len(words)] == words:
            project = given.operands[len(words) - 1 :]
            begun = [Word(file, file)] if file else project[-1:]
            return Effects(making(call, begun), there=call.paths(begun), wild=True)
    return Effects(wild=True)


def _name(word: Word) -> str:
    return posixpath.basename(word.value.rstrip("/"))
