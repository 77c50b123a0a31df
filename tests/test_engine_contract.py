"""The contract of `livepush.engine.Engine`, on every engine that keeps it: all but commands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import pytest

from livepush.engine import BuildOutput, BuildProgress, BuildStep, BuildStepDone, Engine
from livepush.errors import BuildFailedError, ContainerNotRunningError, EngineError
from tests.archives import Item, items, sources, stream
from tests.commands import PATH, run, shell
from tests.conftest import BUSYBOX

ODD_NAMES = [
    "with blank",
    "-rf",
    "two\nlines",
    "'quote\" $(x) `y` \\",
    "*",
    "\u00e9\u4e2d",
    "ends in newline\n",
    b"not \xff utf-8\n".decode(errors="surrogateescape"),
    "n" * 255,
]


# ping, container, image


async def test_ping_tells_a_name_and_a_version(engine: Engine) -> None:
    assert "API 1." in await engine.ping()


async def test_what_is_unknown_is_none(engine: Engine) -> None:
    assert await engine.container("livepush-no-such-container") is None
    assert await engine.image("livepush-no-such-image:1") is None
    assert await engine.container("") is None
    assert await engine.image("") is None


async def test_image_tells_its_configuration(engine: Engine) -> None:
    image = await engine.image(BUSYBOX)
    assert image is not None
    assert image.env == (PATH,)
    assert image == await engine.image(image.id)


async def test_container_is_found_by_id_and_name(engine: Engine, labels: dict[str, str]) -> None:
    container = await engine.create(BUSYBOX, labels=labels, start=True)
    info = await engine.container(container)
    image = await engine.image(BUSYBOX)
    assert info is not None
    assert image is not None
    assert (info.id, info.image, info.running, info.mounts) == (container, image.id, True, ())
    assert await engine.container(info.name) == info


async def test_what_happens_to_a_container_is_told(engine: Engine, container: str) -> None:
    info = await engine.container(container)
    assert info is not None
    told = {"it": 0, "by its name": 0, "another": 0}

    async def listen(who: str, identity: str, name: str) -> None:
        async with aclosing(engine.happenings(identity, name)) as happenings:
            async for _ in happenings:
                told[who] += 1

    async def until_told(happens: Callable[[], Awaitable[None]]) -> None:
        before = dict(told)
        async with asyncio.timeout(20):
            while any(told[who] == before[who] for who in ("it", "by its name")):
                await happens()  # when an engine begins to tell, it does not say
                await asyncio.sleep(0.05)

    listening = [
        asyncio.ensure_future(listen("it", container, "livepush-no-such-container")),
        asyncio.ensure_future(listen("by its name", "0" * 64, info.name)),
        asyncio.ensure_future(listen("another", "0" * 64, "livepush-no-such-container")),
    ]
    try:
        await until_told(lambda: engine.restart(container, grace=0))
        await engine.put(container, stream(Item("f", content=b"no news")))
        await until_told(lambda: engine.remove(container))
    finally:
        for each in listening:
            each.cancel()
        await asyncio.wait(listening)
    assert not told["another"]


# create, remove, owned


async def test_created_containers_are_owned_until_removed(
    engine: Engine, labels: dict[str, str]
) -> None:
    made = await engine.create(BUSYBOX, labels={**labels, "io.livepush.stage": "1"}, start=False)
    owned = {each.id: each for each in await engine.owned()}[made]
    assert owned.kind == "container"
    assert {**labels, "io.livepush.stage": "1"}.items() <= set(owned.labels)

    await engine.remove(made)
    assert await engine.container(made) is None
    assert made not in {each.id for each in await engine.owned()}


async def test_removing_what_is_not_there_is_no_error(engine: Engine, container: str) -> None:
    await engine.remove(container)
    await engine.remove(container)
    await engine.remove_image("livepush-no-such-image:1")


async def test_create_from_an_unknown_image_is_refused(
    engine: Engine, labels: dict[str, str]
) -> None:
    with pytest.raises(EngineError) as refused:
        await engine.create("livepush-no-such-image:1", labels=labels, start=True)
    assert refused.value.status == 404


# put, get, stat


@pytest.mark.parametrize(
    "item",
    [
        Item("app", mode=0o600, content=b"x" * 70_000),
        Item("app", mode=0o4755, uid=5, gid=6),
        Item("app", mode=0o2711, uid=1001, gid=1001),
        Item("app", mode=0),
        Item("app", "dir", mode=0o711, uid=7),
        Item("app", "dir", mode=0o3777),
        Item("app", "link", mode=0o777, target="bin/busybox"),
        Item("app", "link", mode=0o777, target="../../nowhere"),
        Item("app", "link", mode=0o777, uid=5, target="/etc"),
    ],
    ids=lambda item: f"{item.kind}-{item.mode:o}",
)
async def test_get_gives_what_was_put(engine: Engine, holder: str, item: Item) -> None:
    await engine.put(holder, stream(item))
    assert await items(engine.get(holder, "/app")) == [item]
    stat = await engine.stat(holder, "/app")
    assert stat is not None
    assert (stat.kind, stat.mode) == (item.kind, item.mode)
    assert item.kind != "file" or stat.size == len(item.content)


@pytest.mark.parametrize("name", ODD_NAMES, ids=repr)
async def test_names_are_bytes(engine: Engine, container: str, name: str) -> None:
    await engine.put(container, stream(Item(f"o/{name}", content=b"1"), Item("o/kept")))
    assert await engine.stat(container, f"/o/{name}") is not None
    both = await items(engine.get(container, "/o"))
    assert {Item(f"o/{name}", content=b"1"), Item("o/kept")} < set(both)
    await engine.delete(container, [f"/o/{name}"])
    assert await engine.stat(container, f"/o/{name}") is None
    assert await engine.stat(container, "/o/kept") is not None


async def test_missing_parents_belong_to_root(engine: Engine, holder: str) -> None:
    await engine.put(holder, stream(Item("a/b/c", uid=5, mode=0o600)))
    assert (await items(engine.get(holder, "/a")))[:2] == [
        Item("a", "dir", mode=0o755),
        Item("a/b", "dir", mode=0o755),
    ]


async def test_a_directory_entry_sets_mode_and_owner(engine: Engine, holder: str) -> None:
    await engine.put(holder, stream(Item("d", "dir", mode=0o755), Item("d/kept")))
    await engine.put(holder, stream(Item("d", "dir", mode=0o700, uid=9)))
    assert await items(engine.get(holder, "/d")) == [
        Item("d", "dir", mode=0o700, uid=9),
        Item("d/kept"),
    ]


async def test_what_is_met_is_replaced(engine: Engine, holder: str) -> None:
    before = [Item("x/dir/below"), Item("x/link", "link", target="kept"), Item("x/kept")]
    await engine.put(holder, stream(*before))
    await engine.put(holder, stream(Item("x/dir"), Item("x/link", content=b"new")))
    assert sorted(await items(engine.get(holder, "/x")), key=lambda item: item.name)[1:] == [
        Item("x/dir"),
        Item("x/kept"),
        Item("x/link", content=b"new"),
    ]


async def test_links_above_are_followed(engine: Engine, holder: str) -> None:
    await engine.put(holder, stream(Item("real", "dir", mode=0o755)))
    await engine.put(holder, stream(Item("alias", "link", mode=0o777, target="/real")))
    await engine.put(holder, stream(Item("alias/file", content=b"1")))
    assert await items(engine.get(holder, "/real/file")) == [Item("file", content=b"1")]
    assert (await engine.stat(holder, "/alias/file")) == (await engine.stat(holder, "/real/file"))


async def test_stat_tells_where_a_link_leads(engine: Engine, holder: str) -> None:
    await engine.put(
        holder,
        stream(
            Item("t/one", "link", mode=0o777, target="two"),
            Item("t/two", "link", mode=0o777, target="/t/three"),
            Item("t/three", "dir", mode=0o755),
            Item("t/up", "link", mode=0o777, target="../../../nowhere"),
        ),
    )
    leads = {}
    for name in ("one", "two", "up"):
        stat = await engine.stat(holder, f"/t/{name}")
        assert stat is not None
        assert stat.kind == "link"
        leads[name] = stat.target
    assert leads == {"one": "/t/three", "two": "/t/three", "up": "/nowhere"}


async def test_that_nothing_is_there_is_told_at_once_or_not_at_all(
    engine: Engine, holder: str
) -> None:
    await engine.put(
        holder, stream(Item("f"), Item("l", "link", mode=0o777, target="/nope"), Item("d", "dir"))
    )
    nowhere = ["/nope", "/d/nope", "/f/below", "/l/below", "/it's $HOME", "/caf\u00e9"]
    nowhere += [f"/d/{number:0>200}" for number in range(3000)]
    for there in ("/f", "/l", "/d", "/d/", "/"):
        assert not await engine.absent(holder, [*nowhere, there])
    info = await engine.container(holder)
    assert info is not None
    assert await engine.absent(holder, nowhere) == info.running


async def test_after_a_restart_it_is_told_at_once_again(engine: Engine, container: str) -> None:
    await engine.attend(container)
    assert await engine.absent(container, ["/nope"])
    await engine.restart(container, grace=0)
    await engine.attend(container)
    assert await engine.absent(container, ["/nope"])


async def test_nothing_stands_below_files_and_loops(engine: Engine, holder: str) -> None:
    await engine.put(holder, stream(Item("f"), Item("l", "link", mode=0o777, target="/l")))
    assert await engine.stat(holder, "/nope") is None
    assert await engine.stat(holder, "/f/below") is None
    assert await engine.stat(holder, "/l/below") is None
    loop = await engine.stat(holder, "/l")
    assert loop is not None
    assert (loop.kind, loop.target) == ("link", "")


async def test_export_gives_everything(engine: Engine, holder: str) -> None:
    item = Item("app/bin", mode=0o4711, uid=5, gid=6, content=b"x")
    await engine.put(holder, stream(item))
    everything = {each.name.strip("./"): each for each in await items(engine.export(holder))}
    assert everything["app/bin"] == item
    assert everything["usr"].kind == "dir"


async def test_export_of_no_container_is_refused(engine: Engine) -> None:
    with pytest.raises(ContainerNotRunningError):
        await items(engine.export("livepush-no-such-container"))


@pytest.mark.parametrize("path", ["/nope", "/f/below"])
async def test_get_of_nothing_is_file_not_found(engine: Engine, holder: str, path: str) -> None:
    await engine.put(holder, stream(Item("f")))
    with pytest.raises(FileNotFoundError):
        await anext(engine.get(holder, path))


async def test_what_breaks_an_upload_is_raised(engine: Engine, stopped: str) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"\0" * 512
        raise PermissionError("secret.txt")

    with pytest.raises(PermissionError, match=r"secret\.txt"):
        await engine.put(stopped, broken())


async def test_a_container_that_is_gone_is_told(engine: Engine, stopped: str) -> None:
    await engine.remove(stopped)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: engine.stat(stopped, "/"),
        lambda: engine.put(stopped, stream()),
        lambda: anext(engine.get(stopped, "/")),
        lambda: engine.restart(stopped, grace=1),
        lambda: engine.delete(stopped, ["/x"]),
        lambda: run(engine, stopped, shell("true")),
    ]
    for call in calls:
        with pytest.raises(ContainerNotRunningError, match="no container"):
            await call()


# build


BUILDERS = pytest.mark.parametrize("legacy", [True, False], ids=["legacy", "buildkit"])


def dockerfile(*lines: str) -> Item:
    return Item("Dockerfile", content="".join(f"{line}\n" for line in lines).encode())


@BUILDERS
async def test_build_makes_an_image_of_its_context(
    engine: Engine, labels: dict[str, str], legacy: bool
) -> None:
    context = sources(
        dockerfile(f"FROM {BUSYBOX}", "COPY . /"), Item("a", mode=0o600, content=b"1")
    )
    image = await engine.build(context, labels=labels, legacy=legacy)
    container = await engine.create(image, labels=labels, start=False)
    assert await items(engine.get(container, "/a")) == [Item("a", mode=0o600, content=b"1")]

    owned = await engine.owned()
    assert [each.kind for each in owned if each.id in (image, container)] == ["container", "image"]
    await engine.remove_image(image)
    assert await engine.image(image) is not None, "a container still needs it"
    await engine.remove(container)
    await engine.remove_image(image)
    assert await engine.image(image) is None


@BUILDERS
async def test_build_tells_its_steps(engine: Engine, labels: dict[str, str], legacy: bool) -> None:
    told: list[BuildProgress] = []
    await engine.build(
        sources(dockerfile(f"FROM {BUSYBOX}", "RUN echo whisper")),
        labels=labels,
        tell=told.append,
        legacy=legacy,
        cached=False,
    )
    step = next(e for e in told if isinstance(e, BuildStep) and e.text == "RUN echo whisper")
    assert [each for each in told if each.number == step.number] == [
        step,
        BuildOutput(step.number, b"whisper\n", is_stderr=False),
        BuildStepDone(step.number, 0),
    ]


@BUILDERS
async def test_a_failed_step_fails_the_build(engine: Engine, legacy: bool) -> None:
    told: list[BuildProgress] = []
    with pytest.raises(
        BuildFailedError, match=r"(?s)whisper.*The build failed: .*code: 3"
    ) as failed:
        await engine.build(
            sources(dockerfile(f"FROM {BUSYBOX}", "RUN echo whisper; exit 3")),
            tell=told.append,
            legacy=legacy,
        )
    assert (failed.value.step, failed.value.return_code) == ("RUN echo whisper; exit 3", 3)
    step = next(e for e in told if isinstance(e, BuildStep) and e.text == failed.value.step)
    assert told[-1] == BuildStepDone(step.number, 3)


async def test_aclose_twice_is_no_error(engine: Engine) -> None:
    await engine.ping()
    await engine.aclose()
    await engine.aclose()
