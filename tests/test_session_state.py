"""What a session knows and what it leaves behind: links, looks, build arguments, labels."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack
from pathlib import Path

import anyio.from_thread
import pytest

from livepush.context import Context
from livepush.errors import EngineError, InvalidArgumentError
from livepush.leftovers import fate
from livepush.model import Changes
from livepush.session import Livepush
from livepush.testing import FakeEngine
from livepush.tree import Tree

from .conftest import BUSYBOX

BUILT = f"""\
FROM {BUSYBOX} AS build
COPY a /a
RUN cat /a > /out
FROM {BUSYBOX}
COPY --from=build /out /out
"""

Open = Callable[..., Awaitable[Livepush]]


@pytest.fixture
async def opened(tmp_path: Path, fake_engine: FakeEngine) -> AsyncIterator[Open]:
    """Opens a session on the container `web`."""
    (tmp_path / "a").write_text("one")
    fake_engine.add_container(BUSYBOX, name="web")
    async with AsyncExitStack() as stack:

        async def make(dockerfile: str, *, images: int = 0) -> Livepush:
            session = await Livepush.init(
                context=tmp_path,
                container_id="web",
                dockerfile_content=dockerfile,
                stage_images=[BUSYBOX] * images,
                engine=fake_engine,
            )
            return await stack.enter_async_context(session)

        yield make


async def test_asking_whether_a_push_is_needed_forgets_no_link(
    opened: Open, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/text").write_text("one")
    (tmp_path / "link").symlink_to("real/text")
    session = await opened(f"FROM {BUSYBOX}\nCOPY link /file\n")
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("a")
    await session.reread({"link"})
    # A change behind the link as it was is still one of the step's, however often it is asked for.
    assert [session.livepush_needed(["real/text"]) for _ in range(3)] == [True] * 3


async def test_what_a_look_finds_besides_is_pushed_as_well(
    opened: Open, tmp_path: Path, fake_engine: FakeEngine
) -> None:
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    session = await opened(f"FROM {BUSYBOX}\nCOPY a /a\nCOPY b /b\n")
    (tmp_path / "a").write_text("two")
    await session.perform_livepush(["a"])
    assert [fake_engine.files("web").read(path) for path in ("/a", "/b")] == [b"two", b"two"]


async def test_other_build_arguments_that_ask_for_another_image_change_nothing(
    opened: Open, tmp_path: Path, fake_engine: FakeEngine
) -> None:
    session = await opened(f"FROM {BUSYBOX}\nARG V=1\nCOPY a /a$V\nRUN env > /env\n")
    with pytest.raises(InvalidArgumentError, match="line 3: COPY a"):
        session.set_build_args({"V": "2"})
    (tmp_path / "a").write_text("two")
    await session.perform_livepush(["a"])
    assert b"V=1" in (fake_engine.files("web").read("/env") or b"")


async def test_build_arguments_given_amid_a_look_hold(
    opened: Open, tmp_path: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await opened(f"FROM {BUSYBOX}\nARG V=1\nCOPY a /a\nRUN env > /env\n")
    rescan = Context.rescan

    def interrupted(context: Context, tree: Tree, hints: Collection[str]) -> tuple[Tree, Changes]:
        anyio.from_thread.run_sync(session.set_build_args, {"V": "2"})
        return rescan(context, tree, hints)

    monkeypatch.setattr(Context, "rescan", interrupted)
    (tmp_path / "a").write_text("two")
    await session.perform_livepush(["a"])
    assert b"V=2" in (fake_engine.files("web").read("/env") or b"")


async def test_a_stage_image_that_is_not_there_is_named_with_a_way_out(
    opened: Open, tmp_path: Path, fake_engine: FakeEngine
) -> None:
    with pytest.raises(InvalidArgumentError, match="no image 'missing'") as refused:
        await Livepush.init(
            context=tmp_path,
            container_id="web",
            dockerfile_content=BUILT,
            stage_images=["missing"],
            engine=fake_engine,
        )
    assert "docker images" in refused.value.hint


async def test_all_that_is_made_says_of_which_process_it_is(
    opened: Open, fake_engine: FakeEngine
) -> None:
    await opened(BUILT, images=1)
    assert {fate(owned) for owned in await fake_engine.owned()} == {"running"}


async def test_a_leftover_that_cannot_be_removed_keeps_none_of_the_others(
    opened: Open, fake_engine: FakeEngine
) -> None:
    session = await opened(BUILT, images=1)
    (made,) = await fake_engine.owned()
    await fake_engine.create(BUSYBOX, labels=dict(made.labels), start=False)
    fake_engine.fail_next("remove", EngineError("busy"))
    with pytest.raises(EngineError, match="busy"):
        await session.cleanup_intermediate_containers()
    assert len(await fake_engine.owned()) == 1
