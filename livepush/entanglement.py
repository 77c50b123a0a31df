"""When what a copy changes decides what later steps come to, so that only a build tells."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from livepush.manifest import Delta, Manifest
from livepush.model import Copy, MakeDir, Step
from livepush.mounts import is_within
from livepush.owner import needs_files

_ACCOUNTS = ("/etc/passwd", "/etc/group")


def entangled(
    later: Sequence[Step],
    makes: Sequence[Manifest],
    ways: Collection[str],
    before: Manifest,
    after: Manifest,
    news: Delta,
) -> bool:
    """Whether a copy that wrote `before` and writes `after` now, by `news`, changes more than that.

    `later` are the steps behind it, `makes` what copies among them write, and `ways` the paths that
    lead there. It does where a link changes on the way to what a later step writes, an account that
    a later step names an owner by, or a directory goes that a later step only has made.
    """
    changed = {*news.written, *news.deleted}
    if any(path in changed and _link(before, path) != _link(after, path) for path in ways):
        return True
    if changed.intersection(_ACCOUNTS) and any(map(needs_files, _owners(later))):
        return True
    gone = {path for path in news.deleted if _is_dir(before, path)}
    made = [step.path for step in later if isinstance(step, MakeDir)]
    made += [path for manifest in makes for path in manifest.made]
    return bool(gone) and any(_within(path, gone) for path in made)


def contested(
    later: Sequence[Step], makes: Sequence[Manifest], before: Manifest, after: Manifest
) -> Iterator[str]:
    """The directories that a copy makes now, or makes no more, and that later steps make otherwise.

    Who is first says whose they are, unless they were there before the copy.
    """
    made = [step.path for step in later if isinstance(step, MakeDir)]
    for path in before.made.keys() ^ after.made.keys():
        if path in after.items:
            continue
        entry = after.made.get(path) or before.made[path]
        others = [manifest.made[path] for manifest in makes if path in manifest.made]
        if any(is_within(other, path) for other in made) or any(each != entry for each in others):
            yield path


def _link(manifest: Manifest, path: str) -> str | None:
    item = manifest.items.get(path)
    return item.entry.target if item is not None and item.entry.kind == "link" else None


def _is_dir(manifest: Manifest, path: str) -> bool:
    item = manifest.items.get(path)
    return item is not None and item.entry.kind in ("dir", "other")


def _owners(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        if isinstance(step, Copy):
            yield step.chown
        elif isinstance(step, MakeDir):
            yield step.user


def _within(path: str, tops: set[str]) -> bool:
    return any(is_within(path, top) for top in tops)
