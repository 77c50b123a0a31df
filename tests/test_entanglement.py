"""Changes of one copy that decide what later steps come to."""

from __future__ import annotations

import pytest

from livepush.entanglement import contested, entangled
from livepush.live import Dockerfile
from livepush.manifest import Item, Manifest, ancestry, delta
from livepush.model import Copy, Entry, MakeDir

DIR = Entry("dir", 0o755)


def file(text: str = "") -> Entry:
    return Entry("file", 0o644, digest=text.encode() or b"0")


def link(target: str) -> Entry:
    return Entry("link", 0o777, target=target)


def manifest(made: tuple[str, ...] = (), **items: Entry) -> Manifest:
    paths = {f"/{path.replace('__', '/')}": Item(entry, path) for path, entry in items.items()}
    return Manifest(paths, dict.fromkeys(made, DIR))


def is_entangled(lines: str, before: Manifest, after: Manifest, *makes: Manifest) -> bool:
    steps = Dockerfile(f"FROM a\nCOPY one /\n{lines}\n").graph().target.steps[1:]
    places = [step.dest for step in steps if isinstance(step, Copy)]
    places += [step.path for step in steps if isinstance(step, MakeDir)]
    ways = {path for place in places for path in ancestry(place)}
    return entangled(steps, makes, ways, before, after, delta(before, after, frozenset()))


@pytest.mark.parametrize(
    ("lines", "before", "after"),
    [
        ("COPY b /srv/cur/", manifest(srv__cur=link("v1")), manifest(srv__cur=link("v2"))),
        ("COPY b /srv/cur/x/", manifest(srv__cur=link("v1")), manifest()),
        ("COPY b /srv/cur", manifest(), manifest(srv__cur=link("v2"))),
        ("COPY b /srv/cur/", manifest(srv__cur=DIR), manifest(srv__cur=link("v2"))),
        ("WORKDIR /srv/cur/data", manifest(srv__cur=link("1")), manifest(srv__cur=link("2"))),
        ("COPY --chown=app b /b", manifest(etc__passwd=file("1")), manifest(etc__passwd=file("2"))),
        ("USER app\nWORKDIR /w", manifest(etc__group=file("1")), manifest(etc__group=file("2"))),
        ("WORKDIR /app/data", manifest(app=DIR, app__f=file()), manifest()),
    ],
)
def test_what_decides_more_than_itself(lines: str, before: Manifest, after: Manifest) -> None:
    assert is_entangled(lines, before, after)


@pytest.mark.parametrize(
    ("lines", "before", "after"),
    [
        ("COPY b /srv/cure/", manifest(srv__cur=link("v1")), manifest(srv__cur=link("v2"))),
        ("COPY b /srv/", manifest(srv__cur=link("v1")), manifest(srv__cur=link("v2"))),
        ("RUN make", manifest(srv__cur=link("v1")), manifest(srv__cur=link("v2"))),
        ("COPY b /srv/cur/", manifest(srv__cur=link("v1")), manifest(srv__cur=link("v1"))),
        ("COPY --chown=7 b /b", manifest(etc__passwd=file("1")), manifest(etc__passwd=file("2"))),
        ("COPY b /b", manifest(etc__passwd=file("1")), manifest(etc__passwd=file("2"))),
        ("COPY --chown=app b /b", manifest(etc__other=file("1")), manifest(etc__other=file("2"))),
        ("WORKDIR /app", manifest(app__sub=DIR, app=DIR), manifest(app=DIR)),
        ("COPY b /app/", manifest(app__f=file()), manifest()),
    ],
)
def test_what_decides_no_more_than_itself(lines: str, before: Manifest, after: Manifest) -> None:
    assert not is_entangled(lines, before, after)


def test_a_directory_that_a_later_copy_only_makes() -> None:
    before, after = manifest(app=DIR, app__f=file()), manifest()
    assert is_entangled("COPY empty /app/", before, after, manifest(made=("/app",)))


@pytest.mark.parametrize(
    ("lines", "makes", "found"),
    [
        ("WORKDIR /app/x", DIR, ["/app"]),
        ("COPY b /app/", Entry("dir", 0o755, uid=5), ["/app"]),
        ("COPY b /app/", DIR, []),
    ],
)
def test_who_makes_a_directory_first_says_whose_it_is(
    lines: str, makes: Entry, found: list[str]
) -> None:
    steps = Dockerfile(f"FROM a\nCOPY one /\n{lines}\n").graph().target.steps[1:]
    there, gone = manifest(made=("/app",)), manifest()
    later = [Manifest({}, {"/app": makes})]
    assert list(contested(steps, later, there, gone)) == found
    assert list(contested(steps, later, gone, there)) == found
    assert list(contested(steps, later, there, there)) == []
