"""Measured cases of what a build makes of a context, on a real engine: pushed, not only built.

A container is built from a context of the same paths, but with other contents and modes. Then the
files become those of the case and are pushed, one of them goes, and comes back; each is pushed. In
the end the container must hold what the builder was measured to make of the case.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from livepush.docker import DockerEngine
from livepush.errors import DockerfileParseError
from livepush.events import Event
from livepush.model import Replay
from livepush.push import PushResult
from livepush.session import Livepush
from tests.differential.setting import Setting, settings
from tests.e2e import vectors
from tests.e2e.docker_cli import Bench
from tests.e2e.trees import differences
from tests.e2e.vectors import ALL, Base, Builder, Case, Options, Outcome, Verdict

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(0 if ALL else 600)]
SETTINGS = [each for each in settings() if ALL or (each.replay == "in-place" and not each.newer)]
_QUICK = ("--network=host", "--stop-signal=SIGKILL")
_SHOWN = 10  # differences

# Paths that no two builds have alike, and why.
_VARIES: Mapping[str, Mapping[str, str]] = {
    "misc-workdir-removed-by-run-then-run-copy-c799f1": {"/p": "it tells a date"},
    "run-mount-cache-8cf69a": {"/o": "it lists a cache, which others write to, too"},
}
_AGAIN = "a command that comes again in place finds what it did before"
# The cases that do not end as they were built: with which builder or way to replay, how, and why.
DIFFERENT: Mapping[str, tuple[Builder | Replay, Outcome, str]] = {
    "stages-copy-from-chain-9f0ea4": ("in-place", "wrong", _AGAIN),
    "workdir-env-from-from-symlink-src-74e909": ("in-place", "wrong", _AGAIN),
    "workdir-env-from-workdir-user-name-9430eb": (
        "buildkit_20_10",
        "wrong",
        "that BuildKit gives a user of a command no groups, an engine does",
    ),
}


def stamped(case: Case) -> Case:
    """The case with a file that its first step copies, so that a change of it reaches all others.

    One with a context of its own is left as it is.
    """
    if case["context"]:
        return case
    stamp = {"type": "file", "mode": "0644", "uid": 0, "gid": 0, "content": "stamp"}
    trees = {name: said for name, said in case.items() if "tree" in said}
    dockerfile = case["dockerfile"].replace("\n", "\nCOPY stamp /stamp\n", 1)
    return {
        **case,
        **{name: {"tree": {**said["tree"], "stamp": stamp}} for name, said in trees.items()},
        "dockerfile": dockerfile,
        "context": {"stamp": stamp},
    }


def kind(case: Case) -> str:
    return str(case["group"]) + (" mount" if "--mount" in case["dockerfile"] else "")


def shows_all(case: Case) -> bool:
    """Whether a container of it keeps running, and `docker export` shows all that is in it."""
    return not re.search("ENTRYPOINT|FROM scratch\n|VOLUME", case["dockerfile"])


def builder_of(setting: Setting) -> Builder:
    """The builder of a setting as the cases name it."""
    if not setting.buildkit:
        return "legacy"
    return "" if setting.newer else "buildkit_20_10"


def is_for(case: Case, setting: Setting, base: Base) -> bool:
    """Whether its builder builds the case; among a few BuildKit has those that only it builds."""
    quirk = case.get("quirk", "")
    if "unstable" in quirk or (setting.newer and quirk):
        return False  # no two engines agree on it; or this one fails where others do not
    builds = vectors.expected(case, base, builder_of(setting)) is not None
    others = ALL or not setting.buildkit or vectors.expected(case, base, "legacy") is None
    return builds and others


CASES = [*vectors.load("copy"), *map(stamped, vectors.load("run"))]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
async def test_the_container_is_what_was_built(setting: Setting, tmp_path: Path) -> None:
    client = setting.client()
    if client is None:
        pytest.skip("no docker command line here builds with BuildKit")
    builder = builder_of(setting)
    with vectors.base(tmp_path / "base", client) as base, vectors.benches(client) as bench:
        cases = vectors.chosen(
            [case for case in CASES if shows_all(case) and is_for(case, setting, base)], kind, 1
        )
        verdicts = await vectors.judged(
            cases, lambda case: _judge(case, setting, bench(), base, tmp_path / case["id"])
        )
    outcomes = {name: verdict.outcome for name, verdict in verdicts.items()}
    names = DIFFERENT.keys() & {case["id"] for case in cases}
    known = {name: DIFFERENT[name] for name in names}
    wanted = {
        name: outcome
        for name, (where, outcome, _) in known.items()
        if where in (builder, setting.replay)
    }
    assert outcomes == wanted, verdicts


async def _judge(case: Case, setting: Setting, bench: Bench, base: Base, root: Path) -> Verdict:
    wanted = vectors.expected(case, base, builder_of(setting))
    assert wanted is not None
    paths = vectors.lay_out(root, case, base, before=True)
    container = await asyncio.to_thread(_started, bench, case, root)
    told: list[Event] = []
    try:
        async with _opened(case, setting, container, root) as session:
            session.on("rebuildNeeded", told.append)
            result = await _edited(case, session, base, root, paths)
    except DockerfileParseError as error:
        return Verdict("refused", error.message)
    if result.owed:
        return Verdict("refused" if told else "wrong", f"{result} {told}")
    tree = await asyncio.to_thread(bench.tree, container)
    await asyncio.to_thread(bench.docker, "rm", "--force", "--volumes", container)
    different = differences(tree, wanted, but=_VARIES.get(case["id"], ()))
    return Verdict("wrong" if different else "equal", "\n".join(different[:_SHOWN]))


async def _edited(
    case: Case, session: Livepush, base: Base, root: Path, paths: Sequence[str]
) -> PushResult:
    """Pushes what `paths` have in the case, then that one of them is gone, then that it is back."""
    vectors.lay_out(root, case, base)
    result = await session.perform_livepush(paths)
    for gone in [path for path in paths if _is_file(root / path)][:1]:
        (root / gone).unlink()
        await session.perform_livepush([], [gone])
        vectors.lay_out(root, case, base)
        result = await session.perform_livepush([gone])
    return result


def _started(bench: Bench, case: Case, root: Path) -> str:
    options = Options.of(case)
    image = bench.build(
        root,
        root / options.dockerfile,
        build_args=options.build_args,
        options=[f"--target={options.target}"] if options.target else [],
    )
    return bench.start(image, "app", _QUICK)


@asynccontextmanager
async def _opened(
    case: Case, setting: Setting, container: str, root: Path
) -> AsyncIterator[Livepush]:
    options = Options.of(case)
    host = setting.environ.get("DOCKER_HOST", "")
    async with aclosing(DockerEngine.connect(host=host)) as engine:
        session = await Livepush.init(
            dockerfile_content=(root / options.dockerfile).read_bytes(),
            dockerfile_path=options.dockerfile,
            context=root,
            container_id=container,
            engine=engine,
            skip_container_restart=True,
            build_args=options.build_args,
            target=options.target,
            replay=setting.replay,
        )
        async with session:
            yield session


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
