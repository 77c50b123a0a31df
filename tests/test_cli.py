"""The command line: words in, exit code and text out. Engines are fakes."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from livepush import __version__
from livepush.cli import cli
from livepush.commands.connection import Connection
from livepush.commands.inputs import Inputs, given
from livepush.commands.listing import spread
from livepush.commands.opened import Options
from livepush.engine import LABEL
from livepush.errors import EngineError, EngineUnreachableError
from livepush.leftovers import CONTAINER, labels
from livepush.opening import GRACE
from livepush.testing import FakeEngine
from tests.conftest import BUSYBOX

DOCKERFILE = f"""\
FROM {BUSYBOX}
COPY package.json /app/
RUN cat /app/package.json > /installed
COPY src /app/src
"""

Run = Callable[..., Result]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build context, which is the current directory."""
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / ".dockerignore").write_text("*.log\n")
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.js").write_text("one")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run() -> Run:
    """Runs a command line in this process; a bug is raised, not hidden behind exit code 1."""

    def invoke(*words: str, stdin: bytes = b"") -> Result:
        return CliRunner().invoke(cli, words, input=stdin, catch_exceptions=False)

    return invoke


@pytest.fixture
def web(app: Path, fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """An engine on which the container `web` runs, and that every command is connected to."""
    fake_engine.add_container(BUSYBOX, name="web")
    monkeypatch.setattr("livepush.docker.DockerEngine.connect", lambda **_: fake_engine)
    return fake_engine


def content(engine: FakeEngine, path: str) -> bytes:
    node = engine.files("web").node(path)
    assert node is not None
    return node.content


def test_version_and_help(run: Run) -> None:
    assert run("--version").output == f"livepush {__version__}\n"
    listed = run("--help").output
    order = [
        listed.index(f"  {name} ") for name in ("watch", "push", "plan", "dockerfile", "clean")
    ]
    assert order == sorted(order)


@pytest.mark.parametrize("command", ["watch", "push", "plan", "dockerfile", "clean"])
def test_every_command_has_help(run: Run, command: str) -> None:
    result = run(command, "--help")
    assert (result.exit_code, result.output.split()[:3]) == (0, ["Usage:", "cli", command])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("web . --changed a b --deleted c", "web . --changed=a --changed=b --deleted=c"),
        ("--changed a -v b", "--changed=a -v b"),
        ("--changed a --changed b c", "--changed=a --changed=b --changed=c"),
        ("--changed a b -- .", "--changed=a --changed=b -- ."),
        ("--changed=-a .", "--changed=-a ."),
        ("--changed - .", "--changed=- --changed=."),
        ("-- --changed a", "-- --changed a"),
        ("", ""),
    ],
)
def test_an_option_takes_every_word_up_to_the_next(words: str, expected: str) -> None:
    assert spread(words.split(), ("--changed", "--deleted")) == expected.split()


@pytest.mark.parametrize("words", ["--changed", "--changed --deleted a", "--changed -- a"])
def test_an_option_without_a_file_is_refused(run: Run, app: Path, words: str) -> None:
    result = run("plan", *words.split())
    assert result.exit_code == 2
    assert "'--changed' needs at least one FILE" in result.stderr


@pytest.mark.parametrize("command", [["plan"], ["push", "--container", "web"]])
def test_no_files_at_all_are_refused(run: Run, app: Path, command: Sequence[str]) -> None:
    result = run(*command, ".")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--changed FILE..." in result.stderr


def test_build_args_without_a_value_have_the_environment_s() -> None:
    args = ("A=1", "B=x=y", "C=", "HERE", "GONE")
    assert given(args, {"HERE": "yes", "A": "no"}) == {"A": "1", "B": "x=y", "C": "", "HERE": "yes"}


@pytest.mark.parametrize("argument", ["=x", "=", ""])
def test_a_build_argument_without_a_name_is_refused(run: Run, app: Path, argument: str) -> None:
    result = run("plan", "--build-arg", argument, "--changed", "src/a.js")
    assert result.exit_code == 2
    assert result.stderr == ("livepush: a build argument has no name\n  Write it as K=V or K.\n")


def test_plan_prints_what_changes_lead_to(run: Run, app: Path) -> None:
    result = run("plan", ".", "--changed", "src/a.js", "package.json", "--deleted", "src/gone.js")
    assert (result.exit_code, result.stderr) == (0, "")
    assert (
        result.stdout
        == """\
stage 0, the application
  copy     line 2    COPY package.json /app/  <- package.json
  run      line 3    RUN cat /app/package.json > /installed  <- package.json
  copy     line 4    COPY src /app/src in full  <- package.json, src/a.js, src/gone.js
  restart            the application's container  <- package.json, src/a.js, src/gone.js
"""
    )


def test_plan_leaves_out_what_is_ignored_and_says_so(run: Run, app: Path) -> None:
    result = run("plan", "--changed", "src/a.js", "x.log")
    assert "x.log" not in result.stdout
    assert result.stderr == "livepush: x.log is ignored by .dockerignore\n"


def test_plan_takes_absolute_paths(run: Run, app: Path) -> None:
    result = run("plan", "--changed", str(app / "src/a.js"))
    assert "COPY src /app/src  <- src/a.js" in result.stdout


def test_plan_says_where_and_why_a_rebuild_is_needed(run: Run, app: Path) -> None:
    (app / "Dockerfile").write_text(f"FROM {BUSYBOX}\nCOPY a /a\nRUN --mount=type=secret,id=s x\n")
    result = run("plan", "--changed", "a")
    assert "rebuild  line 3" in result.stdout
    assert result.stderr.startswith("livepush: Dockerfile:3: RUN --mount=type=secret")
    assert result.stderr.endswith("; rebuild the image\n")


def test_plan_knows_an_archive_that_an_add_unpacks(run: Run, app: Path) -> None:
    subprocess.run(["tar", "-cf", "a.tar", "src"], check=True)
    (app / "Dockerfile").write_text(f"FROM {BUSYBOX}\nADD a.tar /\n")
    assert "build    line 2    ADD a.tar /" in run("plan", "--changed", "a.tar").stdout


def test_plan_has_commands_built_that_are_to_be_replayed_clean(run: Run, app: Path) -> None:
    (app / "Dockerfile").write_text(f"FROM {BUSYBOX}\nCOPY a /a\nRUN x\n")
    assert "run      line 3" in run("plan", "--changed", "a").stdout
    assert "build    line 3" in run("plan", "--replay", "clean", "--changed", "a").stdout


def test_plan_shows_control_characters_of_names(run: Run, app: Path) -> None:
    assert "<- src/\\x1b[2J" in run("plan", "--changed", "src/\x1b[2J").stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("plan --changed ../x", "livepush: ../x is outside the build context"),
        ("plan --changed .", "livepush: '.' is the whole build context"),
        ("plan nowhere --changed x", "livepush: the build context nowhere does not exist"),
        ("plan --target x --changed x", "livepush: no stage of the live Dockerfile is called 'x'"),
        ("plan -f src --changed x", "livepush: the Dockerfile src cannot be read: Is a directory"),
        ("plan -f Bad --changed x", "livepush: Bad:2: unknown instruction"),
        ("plan -f Fine --changed x", "livepush: Fine.dockerignore:1: "),
        ("push --container web --changed ../x", "livepush: ../x is outside the build context"),
        ("watch --container web -H ftp://x", "livepush: The engine's address 'ftp://x'"),
        ("watch --container web -f - --trigger manual", "livepush: standard input holds the"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_code_2(
    run: Run, app: Path, words: str, sentence: str
) -> None:
    (app / "Bad").write_text("FROM x\nCOPPY a b\n")
    (app / "Fine").write_text(DOCKERFILE)
    (app / "Fine.dockerignore").write_text("[\n")
    result = run(*words.split(), stdin=DOCKERFILE.encode())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(sentence)


def test_a_missing_dockerfile_is_named_with_its_place_and_a_way_out(run: Run, app: Path) -> None:
    result = run("dockerfile", "src")
    assert result.exit_code == 2
    assert result.stderr == (
        f"livepush: there is no Dockerfile at {app}/src/Dockerfile\n"
        "  Say where it is with -f FILE.\n"
    )


def test_the_dockerfile_is_found_as_docker_finds_it(run: Run, app: Path) -> None:
    (app / "src/Dockerfile").write_text("FROM inner\n")
    (app / "Other").write_text("FROM other\n")
    assert run("dockerfile", "src").stdout == "FROM inner\n"
    assert run("dockerfile", "-f", "Other", "src").stdout == "FROM other\n"
    assert run("dockerfile", "-f", "-", stdin=b"FROM given\n").stdout == "FROM given\n"


def test_the_live_dockerfile_is_printed_byte_for_byte_and_warned_of(run: Run, app: Path) -> None:
    (app / "Dockerfile").write_bytes(b"FROM x\nLABEL a=caf\xe9\n#dev-rum=make\n")
    result = run("dockerfile")
    assert result.stdout_bytes == b"FROM x\nLABEL a=caf\xe9\n#dev-rum=make\n"
    assert result.stderr.startswith("livepush: Dockerfile:3: warning: ")


def test_push_brings_files_and_ends_with_0(run: Run, app: Path, web: FakeEngine) -> None:
    (app / "package.json").write_text("{new}")
    result = run("push", "--container", "web", ".", "--changed", "package.json")
    assert (result.exit_code, result.stdout) == (0, "")
    assert content(web, "/installed") == b"{new}"
    assert "cat /app/package.json > /installed (line 3, because package.json)" in result.stderr
    assert "✓ live in" in result.stderr
    assert [call.verb for call in web.calls[-1:]] == ["aclose"]


def test_a_failed_command_ends_push_with_1(run: Run, app: Path, web: FakeEngine) -> None:
    (app / "Dockerfile").write_text(f"FROM {BUSYBOX}\nCOPY src /src\nRUN exit 3\n")
    result = run("push", "--container", "web", "--changed", "src/a.js")
    assert result.exit_code == 1
    assert "✗ line 3: RUN exit 3 ended with 3; still owed: src/a.js\n" in result.stderr


def test_json_is_all_that_is_on_standard_output(run: Run, app: Path, web: FakeEngine) -> None:
    words = ("push", "--container", "web", "--progress", "json", "--changed", "src/a.js", "x.log")
    result = run(*words)
    told = [json.loads(line)["event"] for line in result.stdout.splitlines()]
    assert told == ["livepushStart", "filesSynced", "containerRestart", "livepushEnd"]
    assert result.stderr == "livepush: x.log is ignored by .dockerignore\n"


def test_no_restart_restarts_nothing(run: Run, app: Path, web: FakeEngine) -> None:
    run("push", "--container", "web", "--no-restart", "--changed", "src/a.js")
    assert content(web, "/app/src/a.js") == b"one"
    assert "restart" not in {call.verb for call in web.calls}


def test_build_args_reach_the_steps(run: Run, app: Path, web: FakeEngine) -> None:
    (app / "Dockerfile").write_text(f"FROM {BUSYBOX}\nARG PLACE=/else\nCOPY src $PLACE\n")
    words = ("--build-arg", "PLACE=/there", "--changed", "src/a.js")
    for command in (("push", "--container", "web"), ("push", "--container", "web", "--dry-run")):
        assert run(*command, *words).exit_code == 0
    assert content(web, "/there/a.js") == b"one"


def test_the_target_is_the_stage_that_is_followed(run: Run, app: Path, web: FakeEngine) -> None:
    stages = f"FROM {BUSYBOX} AS one\nCOPY src /one\nFROM {BUSYBOX}\nCOPY src /two\n"
    (app / "Dockerfile").write_text(stages)
    run("push", "--container", "web", "--target", "one", "--changed", "src/a.js")
    assert content(web, "/one/a.js") == b"one"
    assert web.files("web").node("/two") is None


def test_watch_is_told_how_to_follow(run: Run, app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def watch(_: Inputs, options: Options, **how: object) -> int:
        asked.append((options.container, options.grace, how))
        return 0

    monkeypatch.setattr("livepush.commands.watch.watch", watch)
    run("watch", "--container", "web", "--trigger", "polling", "--debounce", "250")
    run("watch", "--container", "web", "--no-initial-sync", "--grace", "0.5")
    assert asked == [
        ("web", GRACE, {"trigger": "polling", "debounce": 0.25, "initial_sync": True}),
        ("web", 0.5, {"trigger": "notify", "debounce": 0.0, "initial_sync": False}),
    ]


def test_a_dry_run_asks_no_engine(run: Run, app: Path, web: FakeEngine) -> None:
    words = ("push", "--container", "web", "--dry-run", "--changed", "package.json")
    result = run(*words)
    assert (result.exit_code, web.calls) == (0, [])
    assert "  run      line 3    RUN cat /app/package.json > /installed" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (EngineUnreachableError("No engine answers.", hint="Start it."), 1, "No engine answers."),
        (EngineError("The engine\nrefused.", status=500), 1, "The engine\n  refused."),
    ],
)
def test_an_engine_that_fails_is_exit_code_1(
    run: Run, app: Path, web: FakeEngine, error: EngineError, code: int, sentence: str
) -> None:
    web.fail_next("container", error)
    result = run("watch", "--container", "web")
    hint = f"\n  {error.hint}" if error.hint else ""
    assert (result.exit_code, result.stderr) == (code, f"livepush: {sentence}{hint}\n")


def test_a_container_that_is_not_there_is_bad_input(run: Run, app: Path, web: FakeEngine) -> None:
    result = run("push", "--container", "wbe", "--changed", "src/a.js")
    assert result.exit_code == 2
    assert result.stderr.startswith("livepush: there is no container 'wbe'")


def test_stage_images_are_counted(run: Run, app: Path, web: FakeEngine) -> None:
    words = ("--stage-image", "a", "--stage-image", "b", "--changed", "src/a.js")
    result = run("push", "--container", "web", *words)
    assert result.exit_code == 2
    assert result.stderr.startswith("livepush: stage images: 2 given")


def test_clean_removes_what_is_labelled_and_prints_it(run: Run, app: Path, web: FakeEngine) -> None:
    labels = {f"{LABEL}.session": "s", f"{LABEL}.stage": "0", CONTAINER: "web"}
    identity = asyncio.run(web.create(BUSYBOX, labels=labels, start=False))
    line = f"container {identity[:12]} (stage 0 of web)\n"
    assert run("clean", "--dry-run").stdout == f"would remove {line}"
    assert run("clean").stdout == f"removed {line}"
    assert run("clean").stdout == "nothing to remove\n"
    assert web.files("web")


def test_clean_leaves_what_a_session_holds_unless_all_is_asked_for(
    run: Run, app: Path, web: FakeEngine
) -> None:
    identity = asyncio.run(web.create(BUSYBOX, labels=labels("s", "web"), start=False))
    kept = f"left container {identity[:12]} (made for web): its session runs\n"
    assert run("clean").stdout == kept
    assert run("clean", "--all").stdout == f"removed container {identity[:12]} (made for web)\n"


def test_tls_options_are_those_of_docker(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").touch()
    environ = {"DOCKER_CERT_PATH": str(tmp_path)}
    assert Connection().tls_options(environ) is None
    secure = Connection(tls_verify=True, tls_ca="mine.pem").tls_options(environ)
    assert secure is not None
    assert (secure.verify, secure.ca, secure.key) == (True, Path("mine.pem"), tmp_path / "key.pem")
    lax = Connection(tls=True).tls_options(environ)
    assert lax is not None
    assert (lax.verify, lax.ca) == (False, tmp_path / "ca.pem")
