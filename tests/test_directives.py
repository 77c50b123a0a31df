"""The live Dockerfile: measured cases of the original, our differences, what always holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livepush.directives import Live, preprocess
from livepush.dockerfile import parse
from livepush.errors import DockerfileParseError

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "vectors" / "directives.json").read_text()
)["cases"]
CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.Dockerfile"))

# Where we differ from the original: the live instructions, or the line of the error.
OURS: dict[str, list[str] | int] = {
    "dir-no-directive-comments": 2,
    "dir-cmd-in-other-stage": [
        "FROM bb AS one", "CMD base", "COPY a .", "FROM one", "COPY b .", "CMD x",
    ],
    "dir-entrypoint-kept": [
        "FROM bb", "COPY a .", 'ENTRYPOINT ["/e"]', "CMD x", 'ENTRYPOINT ["/f"]',
    ],
    "dir-healthcheck-cmd": [
        "FROM bb", "COPY a .", "HEALTHCHECK CMD curl x", "CMD x",
        "HEALTHCHECK --interval=5s CMD curl y",
    ],
    "dir-dev-env-only": ["FROM bb", "COPY a .", "ENV NODE_ENV=development", "CMD y"],
    "dir-space-before-eq": ["FROM bb", "COPY a .", "CMD x"],
    "dir-no-eq": ["FROM bb", "COPY a .", "CMD y"],
    "dir-unknown-directive": ["FROM bb", "COPY a .", "CMD y"],
    "dir-before-first-from": 1,
    "dir-cmd-live-before-first-from": 1,
    "dir-syntax-directive": ["FROM bb", "RUN x"],
    "dir-directive-inside-continuation": ["FROM bb", "COPY a .", "RUN a &&     b", "CMD y"],
    "dir-marker-and-live": ["FROM bb", "COPY a .", "CMD x", "COPY b ."],
    "dir-add-unsupported": ["FROM bb", "ADD a ."],
    "dir-from-platform": ["FROM --platform=linux/amd64 bb AS x", "COPY a ."],
    "dir-from-platform-noname": ["FROM --platform=linux/amd64 bb", "COPY a ."],
    "dir-from-double-space": ["FROM bb  AS  x", "COPY a ."],
    "dir-from-tab": ["FROM bb\tAS\tx", "COPY a ."],
    "dir-heredoc-run": ["FROM bb", "RUN <<EOF", "RUN x"],
    "dir-heredoc-copy": ["FROM bb", "COPY <<EOF /x", "RUN x"],
    "dir-copy-link-flag": ["FROM bb", "COPY --link a /d/"],
    "dir-copy-from-unknown": ["FROM bb", "COPY --from=nope /a /b"],
    "dir-copy-from-image": ["FROM bb", "COPY --from=bb:latest /bin/sh /b"],
    "dir-copy-from-case": [
        "FROM bb AS Build", "COPY a .", "FROM bb", "COPY --from=build /a /b",
    ],
    "dir-copy-from-later": ["FROM bb", "COPY --from=x /a /b", "FROM bb AS x", "COPY a /a"],
    "dir-empty": 1,
    "dir-only-comment": 1,
    "dir-directive-in-heredoc-body": ["FROM bb", "RUN <<EOF", "CMD y"],
    "dir-colon-form": ["FROM bb", "COPY a .", "CMD y"],
    "dir-escape-not-at-top": 4,
    "dir-dev-env-before-from": 1,
    "dir-trailing-spaces-on-directive": ["FROM bb", "COPY a .", "RUN x", "CMD y"],
    "dir-tab-after-eq": ["FROM bb", "COPY a .", "RUN x"],
    "dir-add-after-live": ["FROM bb", "CMD w", "ADD a ."],
}  # fmt: skip

# The lines that get a warning; every other case gets none.
WARNED = {
    "dir-entrypoint-kept": [5],
    "dir-healthcheck-cmd": [5],
    "dir-no-eq": [3],
    "dir-unknown-directive": [3],
    "dir-directive-inside-continuation": [4],
    "dir-directive-in-heredoc-body": [3],
    "dir-colon-form": [3],
}


def live(text: str | bytes) -> Live:
    return preprocess(parse(text))


def told(result: Live) -> list[str]:
    return [f"{each.keyword} {each.text}" for each in result.instructions]


def original(case: dict[str, Any]) -> list[str]:
    """What the original wrote: one instruction a line, beside comments."""
    lines = [line.strip() for line in case["npm"]["live"].split("\n")]
    parts = [line.split(None, 1) for line in lines if line and not line.startswith("#")]
    return [f"{keyword.upper()} {value}" for keyword, value in parts]


def agreed(case: dict[str, Any]) -> bool:
    return str(case["ours"]).startswith("same")


def test_every_difference_is_written_down() -> None:
    assert {case["id"] for case in CASES if not agreed(case)} == set(OURS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_measured_case(case: dict[str, Any]) -> None:
    expected = OURS.get(case["id"]) if not agreed(case) else None
    if isinstance(expected, int) or (expected is None and "error" in case["npm"]):
        with pytest.raises(DockerfileParseError) as raised:
            live(case["in"])
        assert expected in (None, raised.value.line)
        return
    result = live(case["in"])
    assert told(result) == (original(case) if expected is None else expected)
    assert [warning.line for warning in result.warnings] == WARNED.get(case["id"], [])
    if expected is None and case["npm"]["live_cmd"] is not None:
        assert result.live_point is not None
        assert result.instructions[result.live_point].text == case["npm"]["live_cmd"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_live_text_says_what_the_live_instructions_say(case: dict[str, Any]) -> None:
    try:
        result = live(case["in"])
    except DockerfileParseError:
        return
    again = live(result.text)
    assert told(again) == told(result)
    assert again.text == result.text


def test_every_other_line_stays_as_it_was() -> None:
    text = (
        "# syntax=docker/dockerfile:1\n"
        "# about the image\n"
        "FROM x AS first\n"
        "  # indented\n"
        "RUN a \\\n"
        "  # inside\n"
        "  b\n"
        "\n"
        "CMD  one \\\n"
        "  two\n"
        "  ## DEV-Cmd-Live =  watch it  \n"
        "run gone <<E\n"
        "body\n"
        "E\n"
        "# between\n"
        "#dev-env=A=1\n"
        "copy  a\tb\n"
        "# last of the stage\n"
        "FROM y\n"
        "# of the next stage\n"
        "#dev-run=never\n"
    )
    result = live(text)
    assert result.text == (
        "# syntax=docker/dockerfile:1\n"
        "# about the image\n"
        "FROM x AS first\n"
        "  # indented\n"
        "RUN a \\\n"
        "  # inside\n"
        "  b\n"
        "\n"
        "CMD watch it\n"
        "# between\n"
        "ENV A=1\n"
        "copy  a\tb\n"
        "# last of the stage\n"
    )
    assert [(each.line, each.end_line, each.directive) for each in result.instructions] == [
        (3, 3, ""),
        (5, 7, ""),
        (11, 11, "dev-cmd-live"),
        (16, 16, "dev-env"),
        (17, 17, ""),
    ]
    assert (result.live_point, result.live_line) == (2, 11)


def test_without_a_live_command_nothing_is_dropped() -> None:
    text = "FROM x\nCMD a\n#dev-run=b\nRUN c\nFROM y\nCMD d\n"
    result = live(text)
    assert result.text == text.replace("#dev-run=b", "RUN b")
    assert (result.live_point, result.live_line) == (None, None)


def test_a_run_directive_after_the_live_command_stays() -> None:
    result = live("FROM x\n#dev-cmd-live=w\nRUN gone\n#dev-run=stays\nONBUILD RUN stays\n")
    assert told(result) == ["FROM x", "CMD w", "RUN stays", "ONBUILD RUN stays"]


def test_heredoc_bodies_keep_their_carriage_returns() -> None:
    assert live(b"FROM x\r\nCOPY <<E /a\r\nb\r\nE\r\n#dev-run=c\r\n").text == (
        "FROM x\nCOPY <<E /a\nb\r\nE\nRUN c\n"
    )


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_corpus_without_directives_is_its_own_live_dockerfile(path: Path) -> None:
    source = parse(path.read_bytes())
    result = preprocess(source)
    if not any(each.directive for each in result.instructions):
        assert result.instructions == source.instructions
        assert result.text == "".join(f"{line}\n" for line in source.lines)
    assert live(result.text).text == result.text


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("FROM x\n#dev-cmd-live=a\n\n#dev-cmd-live=b\n", 4, "lines 2 and 4 both set a live"),
        ("FROM x\n#dev-cmd-live=a\nFROM y\n#dev-cmd-live=b\n", 4, "lines 2 and 4"),
        ("#dev-copy=a b\nFROM x\n", 1, "stands before the first FROM, on line 2"),
        ("ARG A\n# dev-env=A=1\nFROM x\n", 2, "stands before the first FROM, on line 3"),
        ("FROM x\n#dev-run=\n", 2, '"#dev-run=" has no value'),
        ("FROM x\n#dev-cmd-live =  \n", 2, "has no value"),
        ("FROM x\n#dev-run=a \\\nRUN b\n", 2, "ends with the escape character \\"),
        ("# escape=`\nFROM x\n#dev-run=a `\nRUN b\n", 3, "ends with the escape character `"),
        ("FROM x\n#dev-run=cat <<E\n", 2, "heredoc <<E is not terminated"),
        ('FROM x\n#dev-run=["a", 1]\n', 2, "nothing but strings"),
        ("FROM x\n#dev-run=--mont=x a\n", 2, "no flag --mont"),
        ("FROM x\n#dev-copy=a\n", 2, "needs a source and a destination"),
        ("FROM x\n#dev-env=A\n", 2, '"A" needs a value'),
    ],
)  # fmt: skip
def test_a_directive_is_refused_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(DockerfileParseError) as raised:
        live(text)
    assert message in raised.value.message
    assert raised.value.line == line


def test_the_escape_character_of_another_file_may_end_a_value() -> None:
    assert told(live("# escape=`\nFROM x\n#dev-run=dir c:\\\n"))[1:] == ["RUN dir c:\\"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#dev-cmd-liv=a", "did you mean dev-cmd-live?"),
        ("#dev-environment=a", "did you mean dev-env?"),
        ("# DEV-RUN echo", "#DEV-RUN has no effect without ="),
        ("#dev-copy", "#dev-copy has no effect without ="),
        ("RUN a \\\n#dev-run=b\n c", "#dev-run has no effect inside the RUN of line 2"),
        ("COPY <<E /x\n#dev-env=b\nE", "#dev-env has no effect inside the COPY of line 2"),
        ("#dev-cmd-live=a\nENTRYPOINT b", "the ENTRYPOINT runs"),
        ("HEALTHCHECK CMD b\n#dev-cmd-live=a", "the HEALTHCHECK goes on"),
    ],
)
def test_a_warning_says_what_is_probably_not_meant(text: str, message: str) -> None:
    (warning,) = live(f"FROM x\n{text}\n").warnings
    assert message in warning.message


@pytest.mark.parametrize(
    "text",
    [
        "# dev-tools are installed below",
        "# developers: a=b",
        "#a=b",
        "# TODO dev-run=y",
        "#dev_run=y",
        "RUN a \\\n#dev-other=b\n c",
        "RUN a \\\n# c\n b",
        "ENTRYPOINT b",
        "ENTRYPOINT b\n#dev-cmd-live=a\nENTRYPOINT []",
        "HEALTHCHECK CMD b\n#dev-cmd-live=a\nHEALTHCHECK none",
        "ENTRYPOINT b\nFROM y\n#dev-cmd-live=a",
        "#dev-cmd-live=a\nFROM y\nENTRYPOINT b",
    ],
)
def test_other_lines_get_no_warning(text: str) -> None:
    assert live(f"FROM x\n{text}\n").warnings == ()


def test_warnings_are_in_line_order() -> None:
    text = "FROM x\nENTRYPOINT a\n#dev-cmd-live=b\n#dev-x=c\nRUN a \\\n#dev-run=d\n e\n#dev-env\n"
    assert [warning.line for warning in live(text).warnings] == [2, 4, 6, 8]


LINES = [
    "FROM x", "FROM y AS z", "CMD a", "CMD a \\", "RUN b", "run b \\", "COPY a b", "ENV A=1",
    "COPY <<E /x", "RUN <<-E", "E", "\tE", "# comment", "#dev-run=c", "  ## dev-copy = c d",
    "#DEV-ENV=B=2", "#dev-cmd-live=w", "#dev-cmd-live=v", "#dev-nothing=x", "", "  \r",
    "ENTRYPOINT e",
]  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=14))
def test_preprocessing_again_changes_nothing(lines: list[str]) -> None:
    try:
        result = live("\n".join(["FROM x", *lines]))
    except DockerfileParseError:
        return
    again = live(result.text)
    assert again.text == result.text
    assert told(again) == told(result)
    assert not any(each.directive for each in again.instructions)
    if result.live_point is not None:
        commands = [each for each in result.instructions if each.keyword == "CMD"]
        assert result.instructions[result.live_point] == commands[-1]
