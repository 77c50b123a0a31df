"""What a build makes of a context on disk, and the builder that the simulated engine has.

To build is a function of what is sent, and thousands of machines have the same few files: so each
build is carried out once for all of them, and said once more to whoever builds it again.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from livepush.engine import BuildProgress, ImageConfig, Tell
from livepush.errors import BuildFailedError
from livepush.testing import FakeImage, FakeLayer, Files, Node
from livepush.testing.builder import DockerfileBuilder

Shown = dict[str, tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a build ended, and what it told by then; `image` is None where it failed."""

    told: tuple[BuildProgress, ...]
    image: FakeImage | None
    failure: BuildFailedError | None


_outcomes: dict[tuple[object, ...], _Outcome] = {}
_sent: dict[bytes, Files] = {}


class Builder:
    """The builder of one machine. With a `cache`, it says nothing of what it has built before."""

    def __init__(self, *, cache: bool) -> None:
        self._cache = cache
        self._built: set[tuple[object, ...]] = set()

    def __call__(self, context: bytes, dockerfile: bytes, target: str, tell: Tell) -> FakeImage:
        sent = _extracted(context)
        key = tuple(shown(sent).items()), dockerfile, target
        outcome = _outcome(key, sent)
        for progress in outcome.told if key not in self._built else ():
            tell(progress)
        if outcome.image is None:
            raise _again(outcome)
        if self._cache:
            self._built.add(key)
        return outcome.image


def wanted(context: Path, dockerfile: str) -> FakeImage | None:
    """What a build of the context on disk makes, None where it fails. Nothing may change it."""
    sent = _on_disk(context)
    return _outcome((tuple(shown(sent).items()), dockerfile.encode(), ""), sent).image


def shown(files: Files) -> Shown:
    """All that can be compared of files."""
    nodes = ((path, files.node(path)) for path in files)
    return {p: (n.kind, n.mode, n.uid, n.content, n.target) for p, n in nodes if n is not None}


def base_image() -> FakeImage:
    files = Files()
    for path in ("/bin", "/etc", "/tmp"):  # a container's own
        files.place(path, Node("dir", 0o755))
    files.write("/bin/sh", b"", mode=0o755)
    return _image(files)


def _image(files: Files) -> FakeImage:
    """With its layer, which is asked for each time that the image is added to an engine."""
    return FakeImage(files, ImageConfig(""), layers=(FakeLayer("", files.archive("/")),))


def _extracted(context: bytes) -> Files:
    digest = hashlib.sha256(context).digest()
    if digest not in _sent:
        _sent[digest] = Files()
        _sent[digest].extract(context)
    return _sent[digest]


def _on_disk(context: Path) -> Files:
    """As a builder is sent it: all is root's."""
    files = Files()
    for folder, folders, names in os.walk(context):
        below = f"{folder[len(str(context)) :]}/"
        for name in folders:
            mode = os.lstat(os.path.join(folder, name)).st_mode & 0o7777
            files.place(below + name, Node("dir", mode))
        for name in names:
            path = Path(folder, name)
            mode = path.lstat().st_mode & 0o7777
            files.place(below + name, Node("file", mode, content=path.read_bytes()))
    return files


def _outcome(key: tuple[object, ...], sent: Files) -> _Outcome:
    if key not in _outcomes:
        _, dockerfile, target = key
        assert isinstance(dockerfile, bytes)
        assert isinstance(target, str)
        _outcomes[key] = _built(sent, dockerfile, target)
    return _outcomes[key]


def _built(sent: Files, dockerfile: bytes, target: str) -> _Outcome:
    told: list[BuildProgress] = []
    try:
        built = DockerfileBuilder(lambda _: base_image())(
            sent.archive("/"), dockerfile, target, told.append
        )
    except BuildFailedError as failure:
        return _Outcome(tuple(told), None, failure)
    return _Outcome(tuple(told), _image(built.files), None)


def _again(outcome: _Outcome) -> BuildFailedError:
    failure = outcome.failure
    assert failure is not None
    return BuildFailedError(failure.message, step=failure.step, return_code=failure.return_code)
