"""Instructions to stages: what each line does to the scope, and the step that it is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from livepush.engine import ImageConfig
from livepush.errors import DockerfileParseError, InvalidArgumentError
from livepush.live import Dockerfile
from livepush.model import Copy, Fixed, Graph, MakeDir, Run, Step

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def graph(
    *lines: str,
    images: Mapping[str, ImageConfig] | None = None,
    target: str = "",
    arguments: Mapping[str, str] | None = None,
) -> Graph:
    text = "\n".join(lines) + "\n"
    return Dockerfile(text).graph(build_args=arguments, images=images, target=target)


def step(*lines: str) -> Step:
    """The last step of a stage of these lines."""
    return graph("FROM bb", *lines).target.steps[-1]


def copied(*lines: str) -> Copy:
    last = step(*lines)
    assert isinstance(last, Copy)
    return last


def ran(*lines: str) -> Run:
    last = step(*lines, "RUN r")
    assert isinstance(last, Run)
    return last


@pytest.mark.parametrize(
    ("line", "sources", "dest", "is_dir"),
    [
        ("COPY a /o", ("a",), "/o", False),
        ("COPY a /o/", ("a",), "/o", True),
        ("COPY a o", ("a",), "/w/o", False),
        ("COPY a .", ("a",), "/w", True),
        ("COPY a ./", ("a",), "/w", True),
        ("COPY a ..", ("a",), "/", True),
        ("COPY a ../../../x", ("a",), "/x", False),
        ("COPY a /x/.", ("a",), "/x", True),
        ('COPY ["a", ""]', ("a",), "/w", True),
        ('COPY ["a b", "/o p/"] # c', ("a b",), "/o p", True),
        ("COPY . /o", ("",), "/o", False),
        ("COPY / /o", ("",), "/o", False),
        ("COPY /a//b/ ../c d/../e /o/", ("a/b", "c", "e"), "/o", True),
        ("COPY *.txt [!a] /o/", ("*.txt", "[!a]"), "/o", True),
        ("COPY $S ${D:-x}/$S", ("src",), "/w/x/src", False),
    ],
)
def test_copy_operands(line: str, sources: tuple[str, ...], dest: str, is_dir: bool) -> None:
    made = copied("WORKDIR /w", "ENV S=src", line)
    assert (made.sources, made.dest, made.dest_is_dir) == (sources, dest, is_dir)
    assert (made.line, made.text, made.is_add) == (4, line, False)


@pytest.mark.parametrize(
    ("flags", "chown", "chmod"),
    [
        ("", "", None),
        ("--chown=$U:8", "7:8", None),
        ("--chmod=4755", "", 0o4755),
        ("--chmod=0", "", 0),
        ("--chmod=u+x", "", None),
        ("--chmod=789", "", None),
        ("--chmod=77777", "", 0o7777),
        ("--chmod=077777777777777", "", None),
        ("--chmod=$M", "", None),
        ("--link --chown=bob", "bob", None),
    ],
)
def test_copy_flags(flags: str, chown: str, chmod: int | None) -> None:
    made = copied("ENV U=7 M=600", f"COPY {flags} a /o")
    assert (made.chown, made.chmod) == (chown, chmod)


@pytest.mark.parametrize(
    ("reference", "origin"),
    [("b", 0), ("B", 0), ("0", 0), ("00", 0), ("twice", 2), ("image:tag", "image:tag"), ("3", "3")],
)
def test_copy_from(reference: str, origin: int | str) -> None:
    stages = ("FROM bb AS B", "FROM bb AS twice", "FROM bb AS Twice", "FROM bb")
    last = graph(*stages, f"COPY --from={reference} /a /o").target.steps[-1]
    assert isinstance(last, Copy)
    assert last.origin == origin


def test_heredocs_are_files_of_the_step() -> None:
    made = copied("COPY <<'A' f <<B /o/", "$x\n\udcff", "A", "plain", "B")
    assert made.sources == ("f",)
    assert made.inline == (("A", b"$x\n\xff\n"), ("B", b"plain\n"))


@pytest.mark.parametrize(
    ("lines", "inline"),
    [
        (["COPY <<A <<B <<A /o/", "$V", "A", "$V", "B", "last", "A"], [b"v\n", b"v\n", b"last\n"]),
        (["COPY <<-A /o", "\t'$V'", "\tA"], [b"'v'\n"]),
        (["COPY <<'A' <<B /o", "$V", "A", "$V", "B"], [b"$V\n", b"v\n"]),
        (["ADD <<A /o", "${X:-x}", "A"], [b"x\n"]),
        (["COPY <<A /o", "A"], [b""]),
    ],
)
def test_heredocs_are_expanded_unless_their_word_is_quoted(
    lines: list[str], inline: list[bytes]
) -> None:
    made = copied("ENV V=v", *lines)
    assert [content for _, content in made.inline] == inline
    assert made.sources == ()


def test_what_no_heredoc_can_be_expanded_to_is_told_with_its_line() -> None:
    with pytest.raises(DockerfileParseError, match="X: gone") as error:
        graph("FROM bb", "COPY <<A /o", "${X:?gone}", "A")
    assert error.value.line == 2


@pytest.mark.parametrize(
    ("words", "sources", "patterns"),
    [
        ("d/s/y", ("",), ("d/s/y",)),
        ("./d//s/ /a", ("", ""), ("d/s", "a")),
        ("d/./s/y", ("d",), ("s/y",)),
        ("/d/./s/./y", ("d",), ("s/y",)),
        ("/./d/s", ("",), ("d/s",)),
        ("./d*/./**/x", ("d*",), ("**/x",)),
        ("d/../a ../b d/./../c", ("", "", "d"), ("a", "b", "c")),
        (".", ("",), ("",)),
        ("$S/./x", ("src",), ("x",)),
    ],
)
def test_parents(words: str, sources: tuple[str, ...], patterns: tuple[str, ...]) -> None:
    made = copied("ENV S=src", f"COPY --parents {words} /o/")
    assert (made.sources, made.parents) == (sources, patterns)


def test_parents_can_be_said_not_to_be() -> None:
    made = copied("COPY --parents=false d/./x /o/")
    assert (made.sources, made.parents) == (("d/x",), ())


@pytest.mark.parametrize("keyword", ["COPY", "ADD"])
def test_exclude(keyword: str) -> None:
    made = copied("ENV V=x", f'{keyword} --exclude=*.md --exclude=" !a b/" --exclude=$V d /o/')
    assert (made.sources, made.exclude) == (("d",), ("*.md", " !a b/", "$V"))


@pytest.mark.parametrize(
    "words", ["--exclude=! a", "--exclude=[ a", "--exclude=a/[b- a", "--parents a/[", "a/[b", "["]
)
def test_a_pattern_that_buildkit_refuses_is_told_with_its_line(words: str) -> None:
    with pytest.raises(DockerfileParseError) as error:
        graph("FROM bb", f"COPY {words} /o/", images={"bb": ImageConfig("")})
    assert error.value.line == 2


def test_an_older_builder_takes_a_wrong_pattern() -> None:
    old = {"bb": ImageConfig("", old_buildkit=True)}
    assert graph("FROM bb", "COPY a [ /o/", images=old).target.steps
    made = Dockerfile("FROM bb\nCOPY a [ /o/\n").graph(legacy=True, images={"bb": IMAGE})
    assert made.target.steps
    assert graph("FROM bb", "COPY a [ /o/").target.steps  # nobody knows who builds it


def test_what_an_older_buildkit_makes_of_a_mode() -> None:
    old = {"bb": ImageConfig("", old_buildkit=True)}
    lines = ("FROM bb AS s", "FROM s", "COPY --chmod=4755 a /o/")
    made = graph(*lines, images=old).target.steps[-1]
    assert isinstance(made, Copy)
    assert (made.chmod, made.chmod_keeps) == (0o755, 0o7000)


@pytest.mark.parametrize(
    ("dest", "only_one"), [("/o/", False), ("./", False), (".", True), ("/o", True), ("..", True)]
)
def test_the_engine_s_own_builder_wants_a_slash_behind_many(dest: str, only_one: bool) -> None:
    text = f"FROM bb\nCOPY a b {dest}\n"
    steps = [Dockerfile(text).graph(legacy=legacy).target.steps[-1] for legacy in (True, False)]
    assert [step.only_one for step in steps if isinstance(step, Copy)] == [only_one, False]


@pytest.mark.parametrize(
    ("line", "sources", "origins"),
    [
        ("ADD https://example.org/x f /o/", ("f",), ()),
        ("ADD git@example.org:x.git /o/", (), ()),
        ("ADD --checksum=sha256:0 HTTP://example.org/x /o/", (), ()),
        ("ADD --unpack=false f /o/", ("f",), ()),
        ("RUN --mount=type=cache,target=/c r", (), ()),
        ("RUN --mount=type=bind,source=$S,target=/c r", ("d",), ()),
        ("RUN --mount=target=/c,src=/d/x --mount=target=/d r", ("d/x", ""), ()),
        ("RUN --mount=from=B,target=/c r", (), (0,)),
        ("RUN --mount=from=image,target=/c r", (), ()),
        ("RUN --network=none r", (), ()),
        ("RUN <<A\n#!/bin/python\nA", (), ()),
    ],
)
def test_what_only_a_build_can_take(
    line: str, sources: tuple[str, ...], origins: tuple[int, ...]
) -> None:
    last = graph("FROM bb AS b", "FROM bb", "ENV S=d", line).target.steps[-1]
    assert isinstance(last, Fixed)
    assert (last.line, last.sources, last.origins) == (4, sources, origins)
    assert last.is_command is line.startswith("RUN")
    assert last.reason


def test_add_of_local_files_is_a_copy() -> None:
    made = copied("ADD --chown=1 --unpack --keep-git-dir a /o/")
    assert (made.sources, made.chown, made.is_add) == (("a",), "1", True)


@pytest.mark.parametrize(
    ("line", "command", "argv"),
    [
        ("RUN a   b", "a   b", ("/bin/bash", "-e", "a   b")),
        ("RUN a $X \\\n  # no\n  b", "a $X   b", ("/bin/bash", "-e", "a $X   b")),
        ('RUN ["a b", "$X"]', '["a b", "$X"]', ("a b", "$X")),
        ("RUN ['a']", "['a']", ("/bin/bash", "-e", "['a']")),
        ("RUN <<A\nb\nc\nA", "b\nc\n", ("/bin/bash", "-e", "b\nc\n")),
        ("RUN <<a.sh\nb\na.sh", "b\n", ("/bin/bash", "-e", "b\n")),
        ("RUN 3<<-'x y'\n\tb\nx y", "b\n", ("/bin/bash", "-e", "b\n")),
        ("RUN << A\nb\nA", "b\n", ("/bin/bash", "-e", "b\n")),
        ("RUN <<A b\nc\nA", "<<A b\nc\nA", ("/bin/bash", "-e", "<<A b\nc\nA")),
        ("RUN cat <<A > /o\nb\nA", "cat <<A > /o\nb\nA", ("/bin/bash", "-e", "cat <<A > /o\nb\nA")),
    ],
)
def test_run(line: str, command: str, argv: tuple[str, ...]) -> None:
    last = step('SHELL ["/bin/bash", "-e"]', line)
    assert isinstance(last, Run)
    assert (last.command, last.argv) == (command, argv)


def test_a_run_sees_what_stands_before_it() -> None:
    lines = ("ENV A=1", "USER bob", "WORKDIR /w", "RUN r", "ENV A=2", "USER eve", "WORKDIR /v")
    first = next(s for s in graph("FROM bb", *lines).target.steps if isinstance(s, Run))
    assert (first.user, first.workdir) == ("bob", "/w")
    assert dict(first.env) == {"PATH": PATH, "A": "1"}
    assert first.argv == ("/bin/sh", "-c", "r")


@pytest.mark.parametrize(
    ("lines", "arguments", "env"),
    [
        (["ENV A=1", "ENV A=2 B=$A"], {}, {"A": "2", "B": "1"}),
        (["ENV A b c"], {}, {"A": "b c"}),
        (["ARG A"], {}, {}),
        (["ARG A"], {"A": "given"}, {"A": "given"}),
        (["ARG A=1"], {"A": ""}, {"A": ""}),
        (["ARG A=1", "ARG A"], {}, {"A": "1"}),
        (["ENV A=env", "ARG A=arg"], {}, {"A": "arg"}),
        (["ENV A=env", "ARG A"], {}, {"A": "env"}),
        (["ARG A=arg", "ENV A=env"], {"A": "given"}, {"A": "env"}),
        (["ARG G"], {}, {"G": "global"}),
        (["ARG G=own"], {}, {"G": "own"}),
        (["ENV B=$G"], {}, {"B": ""}),
        ([], {"A": "undeclared"}, {}),
        ([], {"http_proxy": "p"}, {"http_proxy": "p", "HTTP_PROXY": "p"}),
        (["ENV HTTP_PROXY=own"], {"HTTP_PROXY": "p"}, {"http_proxy": "p", "HTTP_PROXY": "p"}),
        (["ENV http_proxy=own"], {"Http_Proxy": "p"}, {"http_proxy": "p", "HTTP_PROXY": "p"}),
    ],
)
def test_variables(lines: list[str], arguments: dict[str, str], env: dict[str, str]) -> None:
    last = graph("ARG G=global", "FROM bb", *lines, "RUN r", arguments=arguments).target.steps[-1]
    assert isinstance(last, Run)
    assert {name: value for name, value in last.env if name != "PATH"} == env


def test_every_stage_has_a_path() -> None:
    assert dict(ran("ENV PATH=$PATH:/x").env)["PATH"] == f"{PATH}:/x"
    assert copied("COPY a /o$PATH").dest == f"/o{PATH}"


@pytest.mark.parametrize(
    ("lines", "paths"),
    [
        (["WORKDIR /u", "WORKDIR v", "WORKDIR ./w/../z"], ["/u", "/u/v", "/u/v/z"]),
        (["WORKDIR u"], ["/base/u"]),
        (["WORKDIR $D/${E:-e}/"], ["/d/e"]),
        (["WORKDIR ../../x"], ["/x"]),
        (['WORKDIR "/q d"', "WORKDIR n s"], ["/q d", "/q d/n s"]),
        (["WORKDIR ~"], ["/base/~"]),
    ],
)
def test_workdir(lines: list[str], paths: list[str]) -> None:
    images = {"bb": ImageConfig("", env=("D=/d",), workdir="/base", user="7")}
    steps = graph("FROM bb", *lines, images=images).target.steps
    assert [(s.path, s.user) for s in steps if isinstance(s, MakeDir)] == [(p, "7") for p in paths]


IMAGE = ImageConfig(
    "", ("A=1", "B=x=y", "PATH=/p"), "/w", "bob", ("/bin/bash", "-c"), ("ENV C=$A", "COPY a .")
)


def test_a_stage_begins_with_the_image_s_configuration() -> None:
    stage = graph("FROM bb", "RUN r", images={"bb": IMAGE}).target
    trigger, last = stage.steps
    assert isinstance(trigger, Copy)
    assert isinstance(last, Run)
    assert (trigger.line, trigger.dest) == (1, "/w")
    assert dict(last.env) == {"PATH": "/p", "A": "1", "B": "x=y", "C": "1"}
    assert (last.argv[:2], last.user, last.workdir) == (("/bin/bash", "-c"), "bob", "/w")


def test_a_stage_from_a_stage_inherits_steps_and_scope() -> None:
    child = graph(
        "FROM bb AS Parent",
        "ENV A=1",
        "ARG B=2",
        "WORKDIR /w",
        "COPY a .",
        "ONBUILD COPY b .",
        "FROM parent",
        "COPY c $A$B",
    ).target
    assert (child.base, child.image, child.name) == (0, "bb", "")
    texts = [(each.line, each.text) for each in child.steps]
    assert texts == [(4, "WORKDIR /w"), (5, "COPY a ."), (7, "COPY b ."), (8, "COPY c $A$B")]
    assert child.scope.onbuild == ()
    last = child.steps[-1]
    assert isinstance(last, Copy)
    assert last.dest == "/w/12"


def test_from_takes_global_arguments_only() -> None:
    made = graph(
        "ARG I=bb", "ARG S", "FROM $I AS s", "ENV I=no", "FROM ${S:-s}", arguments={"S": ""}
    )
    assert [stage.image for stage in made.stages] == ["bb", "bb"]
    with pytest.raises(DockerfileParseError, match=r"names no image") as error:
        graph("FROM bb", "ENV X=bb", "FROM $X")
    assert error.value.line == 3


@pytest.mark.parametrize(
    ("target", "index"), [("", 2), ("a", 0), ("A", 0), ("0", 0), ("1", 1), ("same", 2)]
)
def test_target(target: str, index: int) -> None:
    lines = ("FROM bb AS a", "FROM bb AS same", "FROM bb AS same")
    assert graph(*lines, target=target).target.index == index


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"'x' \(stages: a\)"):
        graph("FROM bb AS a", "FROM bb", target="x")


def test_live_point() -> None:
    lines = ("FROM bb AS a", "COPY a .", "#dev-cmd-live=x", "COPY b .", "#dev-run=r")
    assert [s.live_from for s in graph(*lines).stages] == [1]
    assert graph("FROM bb", "COPY a .").target.live_from is None


def test_followed_stages_are_those_that_the_target_copies_from() -> None:
    made = graph(
        "FROM bb AS used",
        "FROM bb AS unused",
        "FROM bb AS mounted",
        "FROM used AS between",
        "COPY --from=mounted /a /a",
        "FROM bb",
        "RUN --mount=from=between,target=/x r",
    )
    assert [stage.index for stage in made.followed()] == [2, 3, 4]


def test_base_images_are_named_once_and_scratch_is_none() -> None:
    text = "ARG T=1\nFROM b:$T\nFROM scratch\nFROM a AS x\nFROM x\nFROM b:1\n"
    assert Dockerfile(text).base_images() == ("b:1", "a")
    assert Dockerfile(text).base_images({"T": "2"}) == ("b:2", "a", "b:1")


@pytest.mark.parametrize("line", ["COPY ${A:1:2} /o", "ENV A=${", "ARG A=${A:?no}", "USER ${x"])
def test_a_broken_substitution_is_told_with_its_line(line: str) -> None:
    with pytest.raises(DockerfileParseError) as error:
        graph("FROM bb", line)
    assert error.value.line == 2


def test_first_difference_of_two_dockerfiles() -> None:
    one = Dockerfile("FROM bb\n# note\nRUN a\nRUN b\n")
    assert one.meaning == Dockerfile("FROM bb\nRUN a\n\nRUN b").meaning
    assert one.first_difference(Dockerfile("FROM bb\nRUN a\nRUN c\n")) == 4
    assert one.first_difference(Dockerfile("FROM bb\nRUN a\nRUN b\nRUN c\n")) == 4
