"""What a line sees of the lines before it, where the two builders differ or surprise.

Every expectation was measured on engines 20.10.24 (both builders) and 26.1.5 (BuildKit).
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from livepush.engine import ImageConfig
from livepush.errors import DockerfileParseError
from livepush.live import Dockerfile
from livepush.model import Copy, MakeDir, Run, Scope, Stage

BUILDKIT, LEGACY = False, True
ARM = "linux/arm/v7"


def target(
    text: str,
    *,
    legacy: bool = BUILDKIT,
    given: Mapping[str, str] | None = None,
    image: ImageConfig | None = None,
    platform: str = "",
) -> Stage:
    """The last stage of a Dockerfile with its lines parted by `;`, upon an image `bb`."""
    made = Dockerfile(text.replace("; ", "\n"))
    images = {"bb": image} if image else {}
    return made.graph(build_args=given, images=images, legacy=legacy, platform=platform).target


def seen(scope: Scope) -> dict[str, str]:
    return {name: value for name, value in scope.env.items() if name != "PATH"}


@pytest.mark.parametrize(
    ("text", "given", "buildkit", "legacy"),
    [
        # Of one line, a default sees what was there before the line, but for BuildKit above FROM.
        ("FROM bb; ARG A=1 B=$A", {}, {"A": "1", "B": ""}, {"A": "1", "B": ""}),
        ("ARG A=1 B=$A; FROM bb; ARG B", {}, {"B": "1"}, {"B": ""}),
        ("ARG A=1 A=$A$A; FROM bb; ARG A", {}, {"A": "11"}, {"A": ""}),
        ("ARG A=1; ARG B=${A}2; FROM bb; ARG B", {}, {"B": "12"}, {"B": "12"}),
        ("ARG A=1; ARG B=${A}2; FROM bb; ARG B", {"A": "9"}, {"B": "92"}, {"B": "92"}),
        ("ARG B=${A}2; FROM bb; ARG B", {"A": "9"}, {"B": "2"}, {"B": "2"}),
        # Declared again without a value, a global argument has none.
        ("ARG A=1; ARG A; FROM bb; ARG A", {}, {}, {}),
        ("ARG A=1; ARG A; FROM bb; ARG A", {"A": "2"}, {"A": "2"}, {"A": "2"}),
        ("FROM bb; ARG A=1; ARG A", {}, {"A": "1"}, {}),
        ("ARG A=g; FROM bb; ARG A=1; ARG A", {}, {"A": "g"}, {"A": "g"}),
        # ARG and ENV of one name.
        ("ARG A=g; FROM bb; ENV A=e; ARG A", {}, {"A": "g"}, {"A": "e"}),
        ("FROM bb; ENV A=e; ARG A", {"A": "x"}, {"A": "x"}, {"A": "e"}),
        ("FROM bb; ARG A=a; ENV A=e", {"A": "x"}, {"A": "e"}, {"A": "e"}),
        # A stage hands its arguments on with BuildKit, but not over an ENV that they hid.
        ("FROM bb AS a; ARG A=a; FROM a", {}, {"A": "a"}, {}),
        ("FROM bb AS a; ARG A=a; FROM a; ARG A", {}, {"A": "a"}, {}),
        ("FROM bb AS a; ENV A=e; ARG A=a; FROM a", {}, {"A": "e"}, {"A": "e"}),
        ("FROM bb AS a; ARG A=a; ENV A=e; ARG A=b; FROM a; ARG A", {}, {"A": "e"}, {"A": "e"}),
        # Values are expanded, those given are not; names are.
        ("FROM bb; ENV N=X; ARG A=$N", {"A": "$N"}, {"N": "X", "A": "$N"}, {"N": "X", "A": "$N"}),
        ("FROM bb; ENV N=X; ARG $N=1", {}, {"N": "X", "X": "1"}, {"N": "X", "X": "1"}),
        ("FROM bb; ENV N=X; ENV $N=1", {}, {"N": "X", "X": "1"}, {"N": "X", "X": "1"}),
        # The old form of ENV.
        ("FROM bb; ENV A b  c\t d ", {}, {"A": "b  c\t d"}, {"A": "b  c\t d"}),
        ("FROM bb; ENV A b=c d=e", {}, {"A": "b=c d=e"}, {"A": "b=c d=e"}),
        ('FROM bb; ENV A "q r"; ENV B a\\ b \\$A $A', {}, *[{"A": "q r", "B": "a b $A q r"}] * 2),
        ("FROM bb; ENV A=1; ENV A=2 B=$A", {}, {"A": "2", "B": "1"}, {"A": "2", "B": "1"}),
        # Triggers see the stage that they are declared in, as far as it is handed on.
        (
            "ARG G=g; FROM bb AS a; ARG X=1; ONBUILD ARG G; ONBUILD ENV E=$X$G; FROM a",
            {}, {"X": "1", "G": "g", "E": "1g"}, {"G": "g", "E": "g"},
        ),
    ],
)  # fmt: skip
def test_variables(
    text: str, given: dict[str, str], buildkit: dict[str, str], legacy: dict[str, str]
) -> None:
    assert seen(target(text, given=given).scope) == buildkit
    assert seen(target(text, given=given, legacy=LEGACY).scope) == legacy


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        (
            "FROM bb; ARG TARGETARCH BUILDPLATFORM",
            {},
            {"TARGETARCH": "arm", "BUILDPLATFORM": "linux/arm/v7"},
        ),
        ("FROM bb; ARG TARGETVARIANT=z TARGETOS", {}, {"TARGETVARIANT": "z", "TARGETOS": "linux"}),
        ("FROM bb; ENV A=$TARGETARCH", {}, {"A": ""}),
        ("FROM bb; ARG TARGETARCH", {"TARGETARCH": "z"}, {"TARGETARCH": "z"}),
        ("ARG A=x$TARGETARCH; FROM bb; ARG A", {}, {"A": "xarm"}),
        ("ARG A=x$TARGETARCH; FROM bb; ARG A", {"TARGETARCH": "z"}, {"A": "xz"}),
        # Builders up to BuildKit 0.16 lose it here; later ones keep it.
        ("ARG TARGETARCH; FROM bb; ARG TARGETARCH", {}, {}),
        ("ARG TARGETARCH=own; FROM bb; ARG TARGETARCH", {}, {"TARGETARCH": "own"}),
    ],
)  # fmt: skip
def test_arguments_of_the_platform(
    text: str, given: dict[str, str], expected: dict[str, str]
) -> None:
    assert seen(target(text, given=given, platform=ARM).scope) == expected
    assert "arm" not in seen(target(text, platform="linux/arm", legacy=LEGACY).scope).values()


@pytest.mark.parametrize(("given", "base"), [({}, "b-arm64"), ({"TARGETARCH": "x"}, "b-x")])
def test_from_takes_arguments_of_the_platform(given: dict[str, str], base: str) -> None:
    text = "FROM --platform=$BUILDPLATFORM bb AS b; FROM b-$TARGETARCH"
    assert target(text, given=given, platform="linux/arm64").image == base


def test_a_default_that_fails_is_not_looked_at_where_a_value_is_given() -> None:
    text = "ARG A=${X:?which}; FROM bb; ARG A"
    assert seen(target(text, given={"A": "1"}).scope) == {"A": "1"}
    for legacy, given in ((BUILDKIT, {}), (LEGACY, {"A": "1"})):
        with pytest.raises(DockerfileParseError, match="which") as raised:
            target(text, given=given, legacy=legacy)
        assert raised.value.line == 1


@pytest.mark.parametrize(
    ("given", "sources"),
    [
        ({"HTTP_PROXY": "p"}, ("p", "")),
        ({"http_proxy": "q"}, ("", "q")),
        ({"Http_Proxy": "r"}, ("", "")),
        ({"OTHER": "s"}, ("", "")),
    ],
)
def test_every_instruction_sees_the_proxies_with_the_legacy_builder(
    given: dict[str, str], sources: tuple[str, str]
) -> None:
    text = "FROM bb AS a; FROM a; COPY ${HTTP_PROXY} ${http_proxy} /o/"
    legacy = target(text, given=given, legacy=LEGACY).steps[-1]
    buildkit = target(text, given=given).steps[-1]
    assert isinstance(legacy, Copy)
    assert isinstance(buildkit, Copy)
    assert (legacy.sources, buildkit.sources) == (sources, ("", ""))


def test_an_env_of_the_image_wins_over_a_proxy_with_the_legacy_builder() -> None:
    image = ImageConfig("", ("http_proxy=own",))
    made = target("FROM bb", given={"http_proxy": "p"}, legacy=LEGACY, image=image)
    assert seen(made.scope) == {"http_proxy": "own"}


@pytest.mark.parametrize(("legacy", "owner"), [(BUILDKIT, "5:6"), (LEGACY, "")])
@pytest.mark.parametrize(
    "text", ["FROM bb; USER 5:6; WORKDIR w", "FROM bb AS a; USER 5:6; FROM a; WORKDIR w"]
)
def test_who_owns_a_workdir(text: str, legacy: bool, owner: str) -> None:
    made = target(text, legacy=legacy, image=ImageConfig("", workdir="/base"))
    assert made.steps[-1] == MakeDir(text.count(";") + 1, "WORKDIR w", "/base/w", owner)


def test_a_workdir_without_a_path_stays_where_it_is() -> None:
    assert target("FROM bb; WORKDIR /x; WORKDIR $NO").scope.workdir == "/x"


@pytest.mark.parametrize("legacy", [BUILDKIT, LEGACY])
def test_a_stage_inherits_shell_user_and_workdir(legacy: bool) -> None:
    text = 'FROM bb AS a; SHELL ["/s", "-x"]; USER u; WORKDIR /w; FROM a; RUN r'
    step = target(text, legacy=legacy).steps[-1]
    assert isinstance(step, Run)
    assert (step.argv, step.user, step.workdir) == (("/s", "-x", "r"), "u", "/w")


def test_triggers_run_once_and_not_where_they_are_declared() -> None:
    made = Dockerfile("FROM bb AS a\nONBUILD RUN x\nFROM a AS b\nRUN y\nFROM b\n").graph()
    steps = [[(each.line, each.text) for each in stage.steps] for stage in made.stages]
    assert steps == [[], [(3, "RUN x"), (4, "RUN y")], [(3, "RUN x"), (4, "RUN y")]]


@pytest.mark.parametrize("body", ["RUN cat <<-E >/o\n\t\thi\n\tE", "RUN cat <<A <<B\nhi\nA\nB"])
def test_a_trigger_keeps_its_heredocs(body: str) -> None:
    (declared,) = Dockerfile(f"FROM bb AS a\nONBUILD {body}\nFROM a\n").graph().target.steps
    (handed,) = target("FROM bb", image=ImageConfig("", onbuild=(body,))).steps
    assert isinstance(declared, Run)
    assert isinstance(handed, Run)
    assert declared.command == handed.command
    assert "hi" in declared.command


def test_a_trigger_that_no_builder_takes_is_told_with_the_line_of_its_from() -> None:
    for trigger in ("RUNS x", "COPY a", "RUN <<E\nx", "ENV A=${", "FROM x\nRUN y"):
        with pytest.raises(DockerfileParseError) as raised:
            target("ARG A; FROM bb", image=ImageConfig("", onbuild=(trigger,)))
        assert raised.value.line == 2


@pytest.mark.parametrize(
    ("text", "given", "buildkit", "legacy"),
    [
        ("FROM bb; ENV HTTP_PROXY=e", {"HTTP_PROXY": "p"}, ("p", "p"), ("e", "")),
        ("FROM bb; ENV http_proxy=e", {"HTTP_PROXY": "p"}, ("p", "p"), ("p", "e")),
        ("FROM bb; ARG HTTP_PROXY=d", {}, ("d", ""), ("d", "")),
        ("FROM bb; ARG HTTP_PROXY=d", {"HTTP_PROXY": "p"}, ("p", "p"), ("p", "")),
        ("FROM bb", {"http_proxy": "p"}, ("p", "p"), ("", "p")),
        ("FROM bb", {"Http_Proxy": "p"}, ("p", "p"), ("", "")),
    ],
)
def test_what_a_run_sees_of_the_proxies(
    text: str, given: dict[str, str], buildkit: tuple[str, str], legacy: tuple[str, str]
) -> None:
    for builder, expected in ((BUILDKIT, buildkit), (LEGACY, legacy)):
        step = target(f"{text}; RUN r", given=given, legacy=builder).steps[-1]
        assert isinstance(step, Run)
        env = dict(step.env)
        assert (env.get("HTTP_PROXY", ""), env.get("http_proxy", "")) == expected


@pytest.mark.parametrize("mount", ["'type=bind,\"a'", "'source=a\rb'", "'\"a\"b'", '\'a,"b","c\''])
def test_a_mount_that_is_no_csv_is_told_with_its_line(mount: str) -> None:
    with pytest.raises(DockerfileParseError, match="CSV") as raised:
        target(f"FROM bb; RUN --mount={mount} r")
    assert raised.value.line == 2
