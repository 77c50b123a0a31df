"""What only a real engine shows: builders, lost connections, containers of others."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path

import aiodocker
import pytest

from livepush.docker import DockerEngine
from livepush.engine import LABEL, BuildOutput, BuildProgress, BuildStep, Tell
from livepush.errors import BuildFailedError, EngineError
from tests.archives import Item, items, sources, stream
from tests.commands import cancelled, run, shell
from tests.conftest import BUSYBOX, DEBIAN, Start

pytestmark = pytest.mark.engine

SESSION = f"{LABEL}.session"


@pytest.fixture(params=[True, False], ids=["legacy", "buildkit"])
def legacy(request: pytest.FixtureRequest) -> bool:
    """Whether the builder is the engine's own, or BuildKit."""
    return bool(request.param)


# files


async def test_a_slash_at_the_end_follows_no_link(
    docker_engine: DockerEngine, real_container: str
) -> None:
    link = Item("link", "link", mode=0o777, target="/etc")
    await docker_engine.put(real_container, stream(link))
    assert await docker_engine.stat(real_container, "/link/") == await docker_engine.stat(
        real_container, "/link"
    )
    assert await items(docker_engine.get(real_container, "/link/")) == [link]


async def test_mounts_are_told(docker_engine: DockerEngine, start: Start, tmp_path: Path) -> None:
    container = await start(
        "sleep",
        "1234",
        Volumes={"/volume": {}},
        HostConfig={"Binds": [f"{tmp_path}:/bound"], "Tmpfs": {"/tmpfs": ""}},
    )
    info = await docker_engine.container(container)
    assert info is not None
    assert sorted(info.mounts) == ["/bound", "/tmpfs", "/volume"]


async def test_a_name_that_is_not_text_is_not_got(
    docker_engine: DockerEngine, real_container: str
) -> None:
    name = b"\xff".decode(errors="surrogateescape")
    await docker_engine.put(real_container, stream(Item(name)))
    with pytest.raises(EngineError, match="not UTF-8: get its parent"):
        await anext(docker_engine.get(real_container, f"/{name}"))


async def test_what_cannot_be_deleted_is_told(
    docker_engine: DockerEngine, real_container: str
) -> None:
    with pytest.raises(EngineError, match=r"Not all .*/etc/hosts"):
        await docker_engine.delete(real_container, ["/etc/hosts", "/tmp/nothing"])


_CROWDED = """
sub rest { select undef, undef, undef, 0.01 }
rest() until -e '/crowd';
while (defined(my $child = fork)) { sleep 1234 if !$child }
mkdir '/crowded';
sleep 1234;
"""


async def test_files_come_where_no_process_can_be_started(
    docker_engine: DockerEngine, start: Start
) -> None:
    container = await start("perl", "-e", _CROWDED, image=DEBIAN, HostConfig={"PidsLimit": 20})
    await docker_engine.attend(container)
    await docker_engine.put(container, stream(Item("crowd")))
    while await docker_engine.stat(container, "/crowded") is None:  # noqa: ASYNC110  # no event tells
        await asyncio.sleep(0.01)
    many = [Item(f"many{number}") for number in range(40)]
    async with asyncio.timeout(5):
        await docker_engine.put(container, stream(*many))
    assert await docker_engine.stat(container, "/many39") is not None


async def test_a_large_archive_goes_both_ways(
    docker_engine: DockerEngine, real_container: str
) -> None:
    item = Item("big", content=bytes(range(256)) * 20_000)
    await docker_engine.put(real_container, stream(item))
    assert await items(docker_engine.get(real_container, "/big")) == [item]


@pytest.mark.parametrize("steps", [1, 5, 10, 20, 40])
async def test_a_cancelled_delete_is_not_begun_or_finished(
    docker_engine: DockerEngine, real_container: str, steps: int
) -> None:
    names = [f"many/{index}" for index in range(300)]
    await docker_engine.put(real_container, stream(*map(Item, names)))
    paths = [f"/{name}" for name in names]
    deleting = asyncio.ensure_future(docker_engine.delete(real_container, paths))
    for _ in range(steps):
        await asyncio.sleep(0.001)  # whenever that is: between two requests, or within one
    deleting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await deleting
    left = await items(docker_engine.get(real_container, "/many"))
    assert len(left) in (1, 301)


# restart


async def test_restart_keeps_a_container_that_is_removed_when_it_ends(
    docker_engine: DockerEngine, start: Start
) -> None:
    text = "echo x >> /starts; trap exit TERM; while :; do sleep 5678 & wait; done"
    container = await start("sh", "-c", text, HostConfig={"AutoRemove": True})
    await docker_engine.restart(container, grace=5)
    await run(docker_engine, container, shell("until [ $(wc -l < /starts) = 2 ]; do :; done"))
    assert await items(docker_engine.get(container, "/starts")) == [
        Item("starts", content=b"x\nx\n")
    ]


@pytest.mark.parametrize("trap", ["", "trap 'echo x >> /starts; exit' TERM; "])
async def test_nobody_waits_for_a_signal_that_does_nothing(
    docker_engine: DockerEngine, start: Start, trap: str
) -> None:
    container = await start("sh", "-c", f"{trap}while :; do sleep 5678 & wait; done")
    await docker_engine.attend(container)
    try:
        async with asyncio.timeout(60):
            await docker_engine.restart(container, grace=200)
        heard = await docker_engine.stat(container, "/starts") is not None
        assert heard == bool(trap)
    finally:
        await docker_engine.leave(container)


# create


async def test_no_container_is_left_by_a_cancelled_create(
    docker_engine: DockerEngine, labels: dict[str, str]
) -> None:
    for steps in (0, 1, 5, 20):
        creating = asyncio.ensure_future(docker_engine.create(BUSYBOX, labels=labels, start=True))
        for _ in range(steps):
            await asyncio.sleep(0.001)  # whenever that is: between two requests, or within one
        creating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await creating
    assert [o for o in await docker_engine.owned() if set(labels.items()) <= set(o.labels)] == []


async def test_no_container_is_left_by_a_failed_create(
    docker_engine: DockerEngine, labels: dict[str, str]
) -> None:
    context = sources(Item("Dockerfile", content=b"FROM scratch\nCOPY Dockerfile /\n"))
    image = await docker_engine.build(context, labels=labels)
    with pytest.raises(EngineError, match="/bin/sh"):
        await docker_engine.create(image, labels=labels, start=True)
    held = await docker_engine.create(image, labels=labels, start=False)
    left = [o.id for o in await docker_engine.owned() if set(labels.items()) <= set(o.labels)]
    assert left == [held, image]


async def test_a_container_is_not_owned_because_its_image_is(
    docker_engine: DockerEngine, start: Start, labels: dict[str, str]
) -> None:
    context = sources(dockerfile(f"FROM {BUSYBOX}"))
    image = await docker_engine.build(context, labels=labels)
    theirs = await start("sleep", "5678", image=image)
    ours = await docker_engine.create(image, labels=labels, start=False)
    left = [o.id for o in await docker_engine.owned() if set(labels.items()) <= set(o.labels)]
    assert left == [ours, image]
    await docker_engine.remove(theirs)


# build


async def test_an_image_with_a_tag_is_not_removed(
    docker_engine: DockerEngine, client: aiodocker.Docker, labels: dict[str, str]
) -> None:
    image = await docker_engine.build(sources(dockerfile(f"FROM {BUSYBOX}")), labels=labels)
    await client.images.tag(image, "livepush-test", tag=image[-12:])
    await docker_engine.remove_image(image)
    assert await docker_engine.image(image) is not None
    await client.images.delete(f"livepush-test:{image[-12:]}")
    assert await docker_engine.image(image) is None


def dockerfile(*lines: str) -> Item:
    return Item("Dockerfile", content="".join(f"{line}\n" for line in lines).encode())


async def test_labels_harm_no_cache(docker_engine: DockerEngine, labels: dict[str, str]) -> None:
    item = dockerfile(
        f"FROM {BUSYBOX} AS one",
        f"RUN echo {json.dumps(labels)} | md5sum && head -c 8 /dev/urandom > /random",
        f"FROM {BUSYBOX}",
        "COPY --from=one /random /random",
    )
    found = []
    for extra in ({}, {"io.livepush.stage": "1"}):
        image = await docker_engine.build(sources(item), labels={**labels, **extra})
        container = await docker_engine.create(image, labels=labels, start=False)
        found.append(await items(docker_engine.get(container, "/random")))
    assert found[0] == found[1]


async def test_a_stage_is_built_with_its_arguments(
    docker_engine: DockerEngine, labels: dict[str, str]
) -> None:
    item = dockerfile(
        f"FROM {BUSYBOX} AS one", "ARG A=0", "RUN echo $A > /a", f"FROM {BUSYBOX}", "RUN false"
    )
    image = await docker_engine.build(
        sources(item), target="one", build_args={"A": "é"}, labels=labels
    )
    container = await docker_engine.create(image, labels=labels, start=False)
    assert [i.content for i in await items(docker_engine.get(container, "/a"))] == ["é\n".encode()]


async def test_standard_error_is_told_apart(
    docker_engine: DockerEngine, labels: dict[str, str], legacy: bool
) -> None:
    outputs: list[BuildOutput] = []
    await docker_engine.build(
        sources(dockerfile(f"FROM {BUSYBOX}", "RUN echo out; sleep 0.3; echo err >&2")),
        labels=labels,
        tell=lambda told: outputs.append(told) if isinstance(told, BuildOutput) else None,
        legacy=legacy,
        cached=False,
    )
    assert [(each.data, each.is_stderr) for each in outputs if each.number] == [
        (b"out\n", False),
        (b"err\n", True),
    ]


async def test_what_is_in_the_cache_is_not_told(
    docker_engine: DockerEngine, labels: dict[str, str], legacy: bool
) -> None:
    command = f"RUN echo {labels[SESSION]}"  # no other test's, whose end would empty this cache
    for cached in (False, True):
        told: list[BuildProgress] = []
        await docker_engine.build(
            sources(dockerfile(f"FROM {BUSYBOX}", command, "COPY Dockerfile /")),
            labels=labels,
            tell=told.append,
            legacy=legacy,
            cached=cached,
        )
        texts = [each.text for each in told if isinstance(each, BuildStep)]
        assert (command in texts) is not cached
        assert ("COPY Dockerfile /" in texts) is not cached


async def test_steps_that_are_carried_out_meanwhile_are_told_apart(
    docker_engine: DockerEngine, labels: dict[str, str]
) -> None:
    told: list[BuildProgress] = []
    # The first waits for the second: only a builder that carries out both at once gets there.
    lock = f"RUN --mount=type=cache,id={labels[SESSION]},target=/both"
    first = f"{lock} until [ -e /both/second ]; do :; done; echo first"
    second = f"{lock} echo second; touch /both/second"
    await docker_engine.build(
        sources(
            dockerfile(
                f"FROM {BUSYBOX} AS one",
                first,
                f"FROM {BUSYBOX}",
                second,
                "COPY --from=one /etc /one",
            )
        ),
        labels=labels,
        tell=told.append,
        legacy=False,
        cached=False,  # the name of a mount makes no other step
    )
    texts = {each.number: each.text for each in told if isinstance(each, BuildStep)}
    said = [(texts[e.number], e.data) for e in told if isinstance(e, BuildOutput) if e.number]
    assert sorted(said) == sorted([(first, b"first\n"), (second, b"second\n")])


@pytest.mark.parametrize(
    ("line", "words", "code"),
    [
        ("RUN echo whisper; exit 3", r"(?s)whisper.*The build failed: .*code: 3", 3),
        ("COPY nope /", "The build failed: .*nope", None),
        ("ADD http://127.0.0.1:1/x /x", "The build failed: .*refused", None),
        ('RUN ["/nope"]', "(?s)/nope.*no such file", None),
    ],
)
async def test_a_failed_build_tells_the_step_and_the_builder_s_words(
    docker_engine: DockerEngine, line: str, words: str, code: int | None, legacy: bool
) -> None:
    with pytest.raises(BuildFailedError, match=words) as failed:
        await docker_engine.build(sources(dockerfile(f"FROM {BUSYBOX}", line)), legacy=legacy)
    assert failed.value.step == line
    # BuildKit reports a command that could not be started as one that ended with 1.
    assert failed.value.return_code in (code, 1 if "/nope" in line else code)


async def test_a_dockerfile_that_is_refused_fails_the_build(
    docker_engine: DockerEngine, legacy: bool
) -> None:
    with pytest.raises(BuildFailedError, match="unknown instruction") as failed:
        await docker_engine.build(sources(dockerfile(f"FROM {BUSYBOX}", "FRM x")), legacy=legacy)
    assert (failed.value.step, failed.value.return_code) == ("", None)


async def test_a_cancelled_build_is_ended(
    docker_engine: DockerEngine, client: aiodocker.Docker, labels: dict[str, str]
) -> None:
    began, tell = waiting_for(b"go")
    item = dockerfile(f"FROM {BUSYBOX}", "RUN echo go; sleep 4321")
    building = docker_engine.build(
        sources(item), labels=labels, tell=tell, legacy=True, cached=False
    )
    await cancelled(building, began)
    for container in await client.containers.list():
        if "sleep 4321" in container["Command"]:
            with contextlib.suppress(aiodocker.DockerError):  # it is gone already
                await container.wait(condition="removed")
    assert [o for o in await docker_engine.owned() if set(labels.items()) <= set(o.labels)] == []


async def test_a_cancelled_build_of_buildkit_is_ended(
    docker_engine: DockerEngine, labels: dict[str, str]
) -> None:
    began, tell = waiting_for(b"go")
    lock = f"RUN --mount=type=cache,id={labels[SESSION]},target=/lock,sharing=locked"
    item = dockerfile(f"FROM {BUSYBOX}", f"{lock} echo go; sleep 4321")
    building = docker_engine.build(sources(item), labels=labels, tell=tell, legacy=False)
    await cancelled(building, began)
    # The command held this lock until its end.
    after = dockerfile(f"FROM {BUSYBOX}", f"{lock} echo free")
    async with asyncio.timeout(60):
        await docker_engine.build(sources(after), labels=labels, legacy=False, cached=False)


async def test_what_is_raised_on_the_way_leaves_no_connection_open(
    client: aiodocker.Docker, labels: dict[str, str], legacy: bool
) -> None:
    def tell(progress: BuildProgress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await DockerEngine(client).build(
            sources(dockerfile(f"FROM {BUSYBOX}", "RUN sleep 4321")),
            labels=labels,
            tell=tell,
            legacy=legacy,
        )
    assert connections(client) == 0


def waiting_for(words: bytes) -> tuple[asyncio.Event, Tell]:
    """What is set once a build's output begins with `words`, and what is to be told."""
    came = asyncio.Event()

    def tell(progress: BuildProgress) -> None:
        if isinstance(progress, BuildOutput) and progress.data.startswith(words):
            came.set()

    return came, tell


def connections(client: aiodocker.Docker) -> int:
    """How many of its connections are in use."""
    connector = client.session.connector
    assert connector is not None
    return len(connector._acquired)
