"""`livepush watch` where commands fail or are overtaken, or where only a build can follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.command_line import failed, landed, names
from tests.e2e.docker_cli import BUSYBOX, Bench, docker, left_of, started_at, until
from tests.e2e.project import IDLE, project

pytestmark = pytest.mark.e2e

FAILS_IF_BROKEN = f"""\
FROM {BUSYBOX} AS build
COPY source /source
RUN test "$(cat /source)" != broken && cp /source /result
FROM {BUSYBOX}
COPY --from=build /result /result
"""


async def test_a_failing_build_stage_leaves_the_application_as_it_was(
    bench: Bench, tmp_path: Path
) -> None:
    app = project(
        bench,
        tmp_path,
        FAILS_IF_BROKEN + "COPY other /other\n" + IDLE,
        source="first",
        other="first",
    )
    started = started_at(app.container)
    async with app.watched() as watch:
        seen = len(watch.events)
        app.save("source", "broken")
        events = await watch.until(failed("source"), seen)
        assert names(events) == [
            *("livepushStart", "filesSynced", "commandExecute", "commandReturn", "livepushEnd")
        ]
        assert events[3]["returnCode"] == 1
        # The stage still fails, so a build would not get as far as this file either.
        seen = len(watch.events)
        app.save("other", "second")
        events = await watch.until(failed("other"), seen)
        assert "commandExecute" in names(events)
        assert events[-1]["owed"] == ["other", "source"]
        assert (app.holds("/result"), app.holds("/other")) == ("first", "first")
        assert started_at(app.container) == started

        seen = len(watch.events)
        app.save("source", "mended")
        await watch.until(landed({"source"}), seen)
        assert (app.holds("/result"), app.holds("/other")) == ("mended", "second")
        assert started_at(app.container) != started
        assert await watch.stop() == 0
    assert left_of(app.container) == []


async def test_a_stage_that_fails_as_watching_begins_waits_for_the_save_that_mends_it(
    bench: Bench, tmp_path: Path
) -> None:
    app = project(
        bench,
        tmp_path,
        FAILS_IF_BROKEN + IDLE,
        source="first",
    )
    app.save("source", "broken")
    async with app.watched() as watch:
        assert [e["status"] for e in watch.events if e["event"] == "livepushEnd"] == ["failed"]
        assert app.holds("/result") == "first"
        seen = len(watch.events)
        app.save("source", "mended")
        await watch.until(landed({"source"}), seen)
        assert app.holds("/result") == "mended"
        assert await watch.stop() == 0
    assert left_of(app.container) == []


async def test_a_newer_save_ends_the_command_that_it_overtakes_and_both_land(
    bench: Bench, tmp_path: Path
) -> None:
    app = project(
        bench,
        tmp_path,
        f"FROM {BUSYBOX}\n"
        "COPY first /first\n"
        "COPY second /second\n"
        "RUN if test -e /pause; then sleep 1000; fi; cat /first /second > /both\n" + IDLE,
        first="a",
        second="b",
    )
    docker("exec", app.container, "touch", "/pause")
    async with app.watched() as watch:
        seen = len(watch.events)
        app.save("second", "B")
        await watch.until_event("commandExecute", seen)
        await until(lambda: "sleep 1000" in docker("top", app.container))
        docker("exec", app.container, "rm", "/pause")
        app.save("first", "A")
        events = await watch.until(landed({"first", "second"}), seen)
        assert "sleep 1000" not in docker("top", app.container)
        assert app.holds("/both") == "AB"
        told = [each for each in names(events) if each != "filesSynced"]
        assert told == [
            *("livepushStart", "commandExecute", "cancel", "livepushEnd"),
            *("livepushStart", "commandExecute", "commandReturn", "containerRestart"),
            "livepushEnd",
        ]
        assert [e["owed"] for e in events if e["event"] == "livepushEnd"] == [
            ["first", "second"],
            [],
        ]


async def test_stages_that_do_not_need_each_other_are_replayed_at_once(
    bench: Bench, tmp_path: Path
) -> None:
    stage = "FROM {0} AS {1}\nCOPY {1} /in\nRUN sleep 2; cat /in > /out\n"
    app = project(
        bench,
        tmp_path,
        f"{stage.format(BUSYBOX, 'one')}{stage.format(BUSYBOX, 'two')}FROM {BUSYBOX}\n"
        f"COPY --from=one /out /one\nCOPY --from=two /out /two\n{IDLE}",
        one="a",
        two="b",
    )
    async with app.watched() as watch:
        seen = len(watch.events)
        app.save("one", "A")
        await watch.until_event("commandExecute", seen)
        app.save("two", "B")
        events = await watch.until(landed({"one", "two"}), seen)
        assert (app.holds("/one"), app.holds("/two")) == ("A", "B")
        told = [each for each in names(events) if each.startswith("command")]
        assert told == ["commandExecute"] * 2 + ["commandReturn"] * 2
        assert names(events).count("containerRestart") == 1


async def test_a_save_that_concerns_later_steps_only_does_not_end_a_command(
    bench: Bench, tmp_path: Path
) -> None:
    app = project(
        bench,
        tmp_path,
        f"FROM {BUSYBOX}\n"
        "COPY gate /gate\n"
        'RUN until test -e "$(cat /gate)"; do sleep 0.1; done; echo run >> /runs\n'
        "COPY late /late\n" + IDLE,
        gate="/bin/sh",
        late="first",
    )
    dockerfile = (app.context / "Dockerfile").read_text()
    async with app.watched() as watch:
        seen = len(watch.events)
        app.save("gate", "/tmp/open")
        await watch.until_event("commandExecute", seen)
        app.save("late", "second")
        # A Dockerfile that no builder takes is told at once, and once it is told a second time
        # what was saved before the first time has been noted.
        for nonsense in ("NONSENSE\n", "FROM\n"):
            noted = len(watch.events)
            app.save("Dockerfile", nonsense)
            assert "Dockerfile:1" in (await watch.until_event("error", noted))["message"]
        app.save("Dockerfile", dockerfile)
        assert "livepushEnd" not in names(watch.events[seen:])
        docker("exec", app.container, "touch", "/tmp/open")
        events = await watch.until(landed({"gate", "late"}), seen)
        assert "cancel" not in names(events)
        assert names(events).count("commandExecute") == 1
        assert (app.holds("/runs"), app.holds("/late")) == ("run\nrun", "second")


async def test_without_a_shell_a_newer_save_ends_a_command_too(
    bench: Bench, tmp_path: Path
) -> None:
    slow = "if /busybox grep -q slow /a; then /busybox sleep 1000; fi; /busybox cp /a /b"
    app = project(
        bench,
        tmp_path,
        f"FROM {BUSYBOX} AS busybox\n"
        "FROM scratch\n"
        "COPY --from=busybox /bin/busybox /busybox\n"
        "COPY a /a\n"
        f'RUN ["/busybox", "sh", "-c", "{slow}"]\n'
        'CMD ["/busybox", "sleep", "5678"]\n',
        a="first",
    )
    async with app.watched("--grace", "0") as watch:
        seen = len(watch.events)
        app.save("a", "slow")
        await watch.until_event("commandExecute", seen)
        await until(lambda: "sleep 1000" in docker("top", app.container))
        seen = len(watch.events)
        app.save("a", "second")
        await watch.until_event("cancel", seen)
        assert "sleep 1000" not in docker("top", app.container)
        await watch.until(landed({"a"}), seen)
        assert docker("exec", app.container, "/busybox", "cat", "/b") == "second"


async def test_fifty_saves_during_an_install_end_in_one_correct_state(
    bench: Bench, tmp_path: Path
) -> None:
    app = project(
        bench,
        tmp_path,
        f"FROM {BUSYBOX}\n"
        "COPY deps /deps\n"
        'RUN until test -e "$(head -n 1 /deps)"; do sleep 0.05; done; cp /deps /installed\n'
        "COPY src /src\n" + IDLE,
        deps="/bin/sh",
        src="first",
    )
    async with app.watched() as watch:
        overtaking = range(0, 50, 10)
        for serial in range(50):
            seen = len(watch.events)
            if serial in overtaking:
                app.save("deps", f"/tmp/open\n{serial}")
                await watch.until_event("commandExecute", seen)
            else:
                app.save("src", str(serial))
        docker("exec", app.container, "touch", "/tmp/open")
        await watch.until(landed({"deps", "src"}))
        await until(lambda: (app.holds("/installed"), app.holds("/src")) == ("/tmp/open\n40", "49"))
        told = names(watch.events)
        assert told.count("commandExecute") == len(overtaking)
        assert told.count("cancel") == len(overtaking) - 1


async def test_another_dockerfile_asks_for_a_rebuild_and_the_session_goes_on(
    bench: Bench, tmp_path: Path
) -> None:
    app = project(bench, tmp_path, f"FROM {BUSYBOX}\nCOPY note /note\n" + IDLE, note="first")
    async with app.watched() as watch:
        seen = len(watch.events)
        app.save("Dockerfile", f"FROM {BUSYBOX}\nCOPY note /elsewhere\n" + IDLE)
        assert (await watch.until_event("rebuildNeeded", seen))["line"] == 2
        seen = len(watch.events)
        app.save("note", "second")
        await watch.until(landed({"note"}), seen)
        assert app.holds("/note") == "second"


async def test_a_container_that_stops_and_starts_is_told_of(bench: Bench, tmp_path: Path) -> None:
    app = project(bench, tmp_path, f"FROM {BUSYBOX}\nCOPY source /source\n{IDLE}", source="one")
    async with app.watched() as watch:
        docker("stop", app.container)
        stopped = await watch.until_event("containerStopped")
        docker("start", app.container)
        started = await watch.until_event("containerStarted")
        assert started["containerId"] == stopped["containerId"]
        since = len(watch.events)
        app.save("source", "two")
        await watch.until(landed(["source"]), since)
    assert app.holds("/source") == "two"
