"""Events in, lines for people out; and that none of them can take over a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from livepush import events
from livepush.events import Event, Output, PushStatus, Timings
from livepush.legible import output_line, visible
from livepush.live import Dockerfile
from livepush.narration import Narrator, Subject

DOCKERFILE = """\
FROM alpine AS build
COPY package.json .
RUN npm install
COPY src ./src
RUN npm run build
FROM alpine
COPY --from=build /dist /dist
"""
BEGAN = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)


def narrator(
    *, verbose: bool = False, rehearsed: bool = False, again: str = "the next save"
) -> Narrator:
    subject = Subject("app", "web", "app/Dockerfile", again, rehearsed)
    return Narrator(subject, Dockerfile(DOCKERFILE).graph(), verbose=verbose)


def told(happened: Iterable[Event], teller: Narrator | None = None) -> str:
    teller = teller or narrator()
    return "\n".join(line.text for event in happened for line in teller.tell(event))


def start(
    *changed: str, deleted: tuple[str, ...] = (), push: int | None = None, seconds: float = 0
) -> Event:
    plan = Dockerfile(DOCKERFILE).plan(changed, deleted)
    return events.LivepushStart(
        changed=changed,
        deleted=deleted,
        plan=tuple(plan.lines()),
        push=push,
        time=BEGAN + timedelta(seconds=seconds),
    )


def execute(command: str, stage: int = 0) -> Event:
    return events.CommandExecute(stage_idx=stage, command=command, time=BEGAN)


def output(content: bytes, *, is_stderr: bool = False, stage: int = 0) -> Event:
    return events.CommandOutput(stage_idx=stage, output=Output(content, is_stderr))


def returned(command: str, code: int = 0, seconds: float = 2.5) -> Event:
    time = BEGAN + timedelta(seconds=seconds)
    return events.CommandReturn(stage_idx=0, command=command, return_code=code, time=time)


def end(status: PushStatus, *owed: str, seconds: float = 0.084) -> Event:
    return events.LivepushEnd(status=status, seconds=seconds, owed=owed)


def synced(stage: int) -> Event:
    return events.FilesSynced(stage_idx=stage, written=3, deleted=1, bytes=12345, seconds=0.004)


def test_a_crowd_that_joins_a_push_is_told_in_one_line() -> None:
    crowd = [f"src/{number}" for number in range(2000)]
    happened = [
        start("src/a", push=1),
        *(start(path, push=1, seconds=0.1) for path in crowd),
        execute("npm run build"),
        start(deleted=("src/last",), push=1, seconds=0.2),
        end("succeeded"),
    ]
    assert told(happened).splitlines() == [
        "src/a",
        "and 2000 more files",
        "  npm run build (line 5, because src/0, src/1, src/10 and 1998 more)",
        "and src/last (deleted)",
        "✓ live in 84 ms",
    ]


def test_what_joins_a_push_later_is_told_at_once() -> None:
    happened = [start("src/a", push=1), start("src/b", push=1, seconds=1.5)]
    assert told(happened) == "src/a\nand src/b"


def test_what_joins_a_push_and_is_nowhere_taken_is_not_told() -> None:
    happened = [start("src/a", push=1), start("docs", push=1), end("succeeded")]
    assert told(happened) == "src/a\n✓ live in 84 ms"


def test_copies_that_join_a_push_of_nothing_go_on_as_any() -> None:
    teller = narrator()
    told([start("docs", push=1), start("src/a", push=1)], teller)
    assert teller.activity == "copying files"


def test_the_next_push_is_told_as_ever() -> None:
    happened = [start("src/a", push=1), end("succeeded"), start("src/b", push=2)]
    assert told(happened).splitlines()[-1] == "src/b"


def test_how_far_the_copying_is_is_told_now_and_then() -> None:
    teller = narrator()
    began = start("package.json")
    teller.tell(began)
    lines = []
    for second in range(1, 12):
        time = began.time + timedelta(seconds=second)
        syncing = events.FilesSyncing(stage_idx=0, written=second * 1000, of=20000, time=time)
        lines += teller.tell(syncing)
        assert teller.activity == f"copying files: {second},000 of 20,000"
    assert [line.text for line in lines] == [
        "  copying files: 5,000 of 20,000",
        "  copying files: 10,000 of 20,000",
    ]


def test_a_push_is_told_with_what_it_led_to_and_why() -> None:
    push = [
        start("package.json"),
        execute("npm install"),
        output(b"added 3 packages\n"),
        returned("npm install"),
        synced(0),
        execute("npm run build"),
        returned("npm run build", seconds=0.25),
        events.ContainerRestart(container_id="1" * 64),
        end("succeeded"),
    ]
    assert (
        told(push)
        == """\
package.json
  npm install (line 3, because package.json)
  │ added 3 packages
  ended with 0 after 2.5 s
  npm run build (line 5, because package.json)
  ended with 0 after 250 ms
  restarted web
✓ live in 84 ms"""
    )


def test_verbose_adds_the_plan_and_what_was_copied() -> None:
    timings = Timings(detect=0.003, transfer=0.0801, restart=1.25)
    spent = events.LivepushEnd(status="succeeded", seconds=0.084, owed=(), timings=timings)
    push = [start("src/a.js"), synced(0), synced(1), spent]
    assert (
        told(push, narrator(verbose=True))
        == """\
src/a.js
  stage 0 (build)
    copy     line 4    COPY src ./src  <- src/a.js
    run      line 5    RUN npm run build  <- src/a.js
  stage 1, the application
    copy     line 7    COPY --from=build /dist /dist  <- src/a.js
    restart            the application's container  <- src/a.js
  copied 3, 1 deleted, 12.3 kB in 4 ms (build)
  copied 3, 1 deleted, 12.3 kB in 4 ms
✓ live in 84 ms
  detect 3 ms, transfer 80 ms, restart 1.2 s"""
    )


def test_a_failed_command_is_named_with_what_is_owed_and_how_it_is_tried_again() -> None:
    push = [
        start("src/a.js"),
        execute("npm run build"),
        output(b"no such module\n", is_stderr=True),
        returned("npm run build", 1),
        end("failed", "src/a.js"),
    ]
    assert told(push).splitlines()[-2:] == [
        "  ended with 1 after 2.5 s",
        "✗ line 5: RUN npm run build ended with 1; still owed: src/a.js;"
        " the next save tries it again",
    ]


def test_without_a_next_time_none_is_promised() -> None:
    push = [
        start("src/a.js"),
        execute("npm run build"),
        returned("npm run build", 1),
        end("failed", "src/a.js"),
    ]
    assert told(push, narrator(again="")).endswith("ended with 1; still owed: src/a.js")


def test_what_is_owed_is_a_reason_of_the_next_push() -> None:
    happened = [
        start("package.json"),
        end("cancelled", "package.json"),
        start("src/a.js"),
        execute("npm install"),
    ]
    assert told(happened).splitlines()[1:] == [
        "cancelled; still owed: package.json",
        "src/a.js, and what was owed",
        "  npm install (line 3, because package.json)",
    ]


def test_the_same_command_twice_is_told_with_either_line() -> None:
    graph = Dockerfile("FROM alpine\nCOPY a .\nRUN make\nRUN make\n").graph()
    teller = Narrator(Subject("app", "web", "Dockerfile"), graph)
    happened = [start("a"), execute("make"), returned("make"), execute("make")]
    lines = told(happened, teller).splitlines()
    assert [line for line in lines if "because" in line] == [
        "  make (line 3, because a)",
        "  make (line 4, because a)",
    ]


def test_a_change_that_no_step_takes_is_one_line() -> None:
    assert told([start("README.md"), end("nothing")]) == "README.md: no step takes it"


def test_a_save_that_changed_nothing_says_so() -> None:
    push = [start("src/a.js"), end("nothing")]
    assert told(push) == "src/a.js\n  nothing had changed"


@pytest.mark.parametrize(
    ("changed", "deleted", "title"),
    [
        (("src/a.js", "src/b.js", "src/c.js"), (), "3 files"),
        (("src/a.js",), ("src/b.js",), "2 files, 1 of them deleted"),
        ((), ("src/b.js",), "src/b.js (deleted)"),
    ],
)
def test_a_push_is_titled_by_its_changes(
    changed: tuple[str, ...], deleted: tuple[str, ...], title: str
) -> None:
    assert told([start(*changed, deleted=deleted)]) == title


def test_a_push_without_news_is_titled_by_its_debt() -> None:
    teller = narrator()
    told([start("src/a.js"), end("failed", "src/a.js")], teller)
    assert told([start()], teller) == "what is owed"


def test_many_reasons_are_counted() -> None:
    changed = [f"src/{name}.js" for name in "abcde"]
    line = told([start(*changed), execute("npm run build")]).splitlines()[1]
    assert line == "  npm run build (line 5, because src/a.js, src/b.js, src/c.js and 2 more)"


def test_a_rebuild_is_asked_for_at_its_line() -> None:
    push = [
        start("src/a.js"),
        events.RebuildNeeded(reason="ADD a.tar / unpacks an archive", line=7),
        end("failed", "a.tar"),
    ]
    assert told(push).splitlines()[1:] == [
        "! app/Dockerfile:7: ADD a.tar / unpacks an archive; rebuild the image",
        "✗ still owed: a.tar; only a rebuild brings it",
    ]


def test_a_step_that_failed_by_itself_is_told_once() -> None:
    push = [
        start("src/a.js"),
        events.Error(message="line 4: COPY src: 'src' is gone", hint="The next save tries again."),
        end("failed", "src/a.js"),
    ]
    assert told(push).splitlines()[1:] == [
        "✗ line 4: COPY src: 'src' is gone",
        "  The next save tries again.",
        "✗ still owed: src/a.js",
    ]


def test_notices_have_their_line_and_the_same_hint_once() -> None:
    hint = "Replay it clean."
    happened = [
        events.Notice(message="RUN echo a >> b appends to b each time", line=7, hint=hint),
        events.Notice(message="RUN mkdir a\nmakes a", line=9, hint=hint),
        events.Notice(message="the image has no shell"),
    ]
    assert told(happened).splitlines() == [
        "! app/Dockerfile:7: RUN echo a >> b appends to b each time",
        "  Replay it clean.",
        "! app/Dockerfile:9: RUN mkdir a makes a",
        "! the image has no shell",
    ]


@pytest.mark.parametrize(
    ("stages", "rehearsed", "line"),
    [
        (2, False, "ready: watching app -> web (2 stages)"),
        (1, False, "ready: watching app -> web (1 stage)"),
        (1, True, "ready: watching app -> web (1 stage, dry run)"),
    ],
)
def test_ready_names_context_and_container(stages: int, rehearsed: bool, line: str) -> None:
    ready = events.Ready(container_id="1" * 64, stages=stages)
    assert told([ready], narrator(rehearsed=rehearsed)) == line


def test_a_dry_run_is_its_plans() -> None:
    shown = told([start("README.md"), end("nothing")], narrator(rehearsed=True))
    assert shown == "README.md\n  no step takes README.md"


def test_the_container_s_comings_and_goings_are_told() -> None:
    gone, back = (
        events.ContainerStopped(container_id="1"),
        events.ContainerStarted(container_id="1"),
    )
    assert told([gone, back]) == "! web has stopped\nweb has started"


def test_lines_are_joined_by_stream_and_by_stage() -> None:
    push = [
        output(b"half "),
        output(b"warn", is_stderr=True),
        output(b"other\n", stage=1),
        output("a li\u00f1e\nrest".encode()[:5]),
        output("a li\u00f1e\nrest".encode()[5:]),
        returned("make", seconds=0),
    ]
    assert told(push).splitlines()[:-1] == [
        "  │ other",
        "  │ half a liñe",
        "  │ warn",
        "  │ rest",
    ]


def test_what_a_cancelled_command_had_begun_to_say_is_shown() -> None:
    assert told([start("src/a.js"), output(b"half"), end("cancelled")]).splitlines()[1:] == [
        "  │ half",
        "cancelled",
    ]


def test_a_line_without_an_end_is_shown_before_it_fills_the_memory() -> None:
    teller = narrator()
    piece = output(b"x" * 40_000)
    assert teller.tell(piece) == []
    assert len(teller.tell(piece)) == 1
    assert teller.tell(returned("make"))[0].text.startswith("  ended")


def test_what_goes_on_is_the_running_command() -> None:
    teller = narrator()
    activities = []
    for event in (start("src/a.js"), execute("npm i"), returned("npm i"), end("succeeded")):
        teller.tell(event)
        activities.append(teller.activity)
    assert activities == ["copying files", "npm i", "copying files", ""]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0004, "0 ms"), (0.9994, "999 ms"), (59.9, "59.9 s"), (125, "2 min 5 s")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert told([end("succeeded", seconds=seconds)]) == f"✓ live in {shown}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ñ 日本 👍🏽", "plain ñ 日本 👍🏽"),
        ("\x1b[31mred\x07\n", "\\x1b[31mred\\x07\\n"),
        ("\x9b31m", "\\x9b31m"),
        ("txt.\u202eexe", "txt.\\u202eexe"),
        (b"caf\xe9".decode(errors="surrogateescape"), "caf\ufffd"),
    ],
)
def test_names_cannot_control_a_terminal(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"\x1b[1;31merror\x1b[0m: no", "error: no"),
        (b"\x1b]0;title\x07text \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "text link"),
        (b"\x1bcreset \x1b(Bset", "reset set"),
        (b"10 %\r50 %\r100 %\r", "100 %"),
        (b"windows\r", "windows"),
        (b"a\tb", "a   b"),
        (b"bell\x07 \x1b", "bell\\x07 \\x1b"),
        (b"caf\xe9", "caf\ufffd"),
        (b"", ""),
    ],
)
def test_output_is_stripped_of_what_terminals_obey(line: bytes, shown: str) -> None:
    assert output_line(line) == shown


def test_foreign_text_is_made_visible_wherever_it_is_shown() -> None:
    evil = "src/\x1b[2J.js"
    push = [
        start(evil),
        execute("printf '\x1b[2J'"),
        output(b"\x1b[2Jx\x1b[\n"),
        returned("x", 1),
        events.RebuildNeeded(reason=evil, line=1),
        events.Error(message=evil, hint=evil),
        events.Notice(message=evil, line=1, hint=evil),
        events.Ready(container_id=evil, stages=1),
        events.ContainerRestart(container_id=evil),
        events.ContainerStopped(container_id=evil),
        events.ContainerStarted(container_id=evil),
        end("failed", evil),
    ]
    graph = Dockerfile(f"FROM alpine AS build\nCOPY src \x1b\nRUN x {evil}\n").graph()
    subject = Subject(evil, evil, evil, "the next save")
    hostile = Narrator(subject, graph, verbose=True)
    for teller in (narrator(verbose=True), narrator(rehearsed=True), hostile):
        shown = [line.text for event in push for line in teller.tell(event)]
        assert [line for line in shown if not line.isprintable()] == []
        assert teller.activity.isprintable()


def test_of_commands_that_run_at_once_each_line_says_whose_it_is() -> None:
    teller = narrator()
    teller.tell(start("package.json"))
    lines = told(
        [
            execute("npm install"),
            output(b"added 1\nfun"),
            execute("make", stage=1),
            output(b"cc a.c\n", stage=1),
            output(b"ding\nand", is_stderr=False),
            returned("npm install"),
            output(b"ld\n", stage=1),
        ],
        teller,
    )
    assert lines.splitlines() == [
        "  npm install (line 3, because package.json)",
        "  │ added 1",
        "  stage 1: make",
        "  stage 1: │ cc a.c",
        "  build: │ funding",
        "  build: │ and",
        "  build: ended with 0 after 2.5 s",
        "  │ ld",
    ]
    assert teller.activity == "make"
    teller.tell(events.FilesSyncing(stage_idx=0, written=1, of=2))
    assert teller.activity == "copying files: 1 of 2"
    teller.tell(synced(0))
    teller.tell(start("src/a.js"))
    assert teller.activity == "make"
