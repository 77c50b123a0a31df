"""Carries over into a container what a newer image of its stage holds.

The container began as an older image of the stage, and has changed since: pushes have written into
it, and the running application has. What counts is what differs between the two images, and what
pushes have touched; the rest is the application's own and stays. Where commands were replayed in
the container nobody knows what they touched, so that all which differs from the new image comes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import replace

import anyio

from livepush.archive import pack
from livepush.difference import nodes
from livepush.engine import Engine
from livepush.errors import EngineError
from livepush.fetched import Fetched, fetch
from livepush.journal import Touched
from livepush.manifest import Delta, Item
from livepush.model import Entry
from livepush.mounts import over
from livepush.tree import Tree, above


def carried(image: Tree, older: Tree, here: Tree, touched: Touched) -> Delta:
    """What makes a container that came from the image `older` like `image`. Pure.

    `here` is what it holds; where nothing was `touched`, `older` serves as well. Items are of
    `image`, by absolute path.
    """
    wanted, before, there = nodes(image), nodes(older), nodes(here)

    def differs(path: str, entry: Entry) -> bool:
        # What goes with a directory is noted by the directory's name.
        also = above(path) if path not in there else ()
        suspect = touched.commands or any(f"/{p}" in touched.paths for p in (path, *also))
        return not _same(there.get(path), entry) and (suspect or not _same(before.get(path), entry))

    written = {
        f"/{path}": Item(entry, path)
        for path, entry in wanted.items()
        # Device nodes and the like are no files, and no archive of ours holds them.
        if entry.kind != "other" and differs(path, entry)
    }
    known = {*before, *(path.lstrip("/") for path in touched.paths)}
    gone = {f"/{path}" for path in known if path in there and path not in wanted}
    # What comes in a directory's place takes it away with all in it; a deletion below a link that
    # came there would reach what the link leads to.
    gone_with = gone | {path for path, item in written.items() if item.entry.kind != "dir"}
    deleted = (path for path in gone if gone_with.isdisjoint(above(path)))
    return Delta(written, tuple(sorted(deleted)))


def _same(one: Entry | None, other: Entry) -> bool:
    if one is None or _look(one) != _look(other):
        return False
    return one.xattrs == other.xattrs or None in (one.xattrs, other.xattrs)


def _look(entry: Entry) -> tuple[object, ...]:
    return entry.kind, entry.mode, entry.uid, entry.gid, entry.target, entry.digest


class Renewal:
    """The newest image that the container `container` was made like; `labels` for what it makes.

    What is below `mounts` is not the container's own, and stays as it is.
    """

    def __init__(
        self,
        engine: Engine,
        container: str,
        image: str,
        *,
        mounts: Collection[str],
        labels: Mapping[str, str],
    ) -> None:
        self.image = image
        self._engine = engine
        self._container = container
        self._mounts = tuple(mounts)
        self._labels = labels
        self._tree: Tree | None = None

    async def needed(self, image: str, touched: Touched) -> bool:
        """Whether the container can be otherwise than the new `image` has it."""
        if touched or image == self.image:
            return bool(touched)
        new, known = [await self._engine.image(each) for each in (image, self.image)]
        return new is None or known is None or not new.layers or new.layers != known.layers

    async def changes(
        self, image: str, touched: Touched, theirs: Callable[[Tree], Tree]
    ) -> tuple[Delta, Fetched]:
        """What the new `image` asks for, and its files, which must be closed.

        `theirs` makes of an image's tree what it would be without what was in the context for the
        build alone.
        """
        if self._tree is None:
            older = await self._files(self.image)
            older.close()
            self._tree = older.tree
        here = self._tree
        if touched:
            own = await fetch(self._engine.export(self._container), prefix="")
            own.close()
            here = own.tree
        with ExitStack() as unowned:
            fetched = unowned.enter_context(closing(await self._files(image)))
            tree = await anyio.to_thread.run_sync(theirs, fetched.tree)
            delta = self._own(carried(tree, self._tree, here, touched))
            unowned.pop_all()  # it is the caller's to close from here on
            return delta, replace(fetched, tree=tree)

    async def carry(self, delta: Delta, files: Fetched, *, restarts: bool) -> None:
        """Brings `delta` into the container, which `restarts` afterwards.

        Failed, the same call again puts things right. Raises `NoShellError` last, for what cannot
        be deleted.
        """
        if delta.written:
            items = sorted(delta.written.items())
            await self._engine.put(self._container, pack(items, files, lambda _: None))
        if delta.deleted:
            await self._engine.delete(self._container, delta.deleted, restarts=restarts)

    def became(self, image: str, tree: Tree) -> None:
        """From now on the container is like `image`, which holds `tree`."""
        self.image, self._tree = image, tree

    def _own(self, delta: Delta) -> Delta:
        return Delta(
            {p: item for p, item in delta.written.items() if not over(p, self._mounts)},
            tuple(path for path in delta.deleted if not over(path, self._mounts)),
        )

    async def _files(self, image: str) -> Fetched:
        container = await self._engine.create(image, labels=self._labels, start=False)
        with ExitStack() as unowned:
            try:
                files = await fetch(self._engine.export(container), prefix="")
                unowned.callback(files.close)
            finally:
                # One that stays goes with all else of the session, and costs nothing until then.
                with anyio.CancelScope(shield=True), suppress(EngineError):
                    await self._engine.remove(container)
            unowned.pop_all()  # it is the caller's to close from here on
            return files
