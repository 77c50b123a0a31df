"""Text to instructions. Expectations are what BuildKit's parser says; see also the oracle test."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livepush.dockerfile import Source, parse, parse_instruction
from livepush.errors import DockerfileParseError
from livepush.lexer import Comment
from livepush.model import Flag, Heredoc, Instruction


def told(source: Source) -> list[tuple[str, str, int, int]]:
    return [(each.keyword, each.text, each.line, each.end_line) for each in source.instructions]


def second(text: str) -> Instruction:
    return parse(f"FROM x\n{text}\n").instructions[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM x", [("FROM", "x", 1, 1)]),
        ("from x\nrun  a  b \n", [("FROM", "x", 1, 1), ("RUN", "a  b", 2, 2)]),
        ("FROM x\nRUN a && \\\n    b\n", [("FROM", "x", 1, 1), ("RUN", "a &&     b", 2, 3)]),
        ("FROM x\nRUN a \\  \n\tb\n", [("FROM", "x", 1, 1), ("RUN", "a \tb", 2, 3)]),
        ("FROM x\nRUN a \\\n # c\n\n b\n", [("FROM", "x", 1, 1), ("RUN", "a  b", 2, 5)]),
        ("FROM x\nRUN a \\\n\n", [("FROM", "x", 1, 1), ("RUN", "a", 2, 3)]),
        ("FROM x\nRUN a \\", [("FROM", "x", 1, 1), ("RUN", "a", 2, 2)]),
        (
            "FROM x\nRUN a \\\\\nCMD b",
            [("FROM", "x", 1, 1), ("RUN", "a \\\\", 2, 2), ("CMD", "b", 3, 3)],
        ),
        ("FROM x\nRU\\\nN a\n", [("FROM", "x", 1, 1), ("RUN", "a", 2, 3)]),
        ("FROM x\nRUN\\\n a\n", [("FROM", "x", 1, 1), ("RUN", "a", 2, 3)]),
        ("\ufeffFROM x\r\nRUN a \\\r\n b\r\n", [("FROM", "x", 1, 1), ("RUN", "a  b", 2, 3)]),
        ("\n # c\n\tFROM\tx\n", [("FROM", "x", 3, 3)]),
        ("FROM x\nRUN a\u2028b\x85c\x0c\n", [("FROM", "x", 1, 1), ("RUN", "a\u2028b\x85c", 2, 2)]),
        ("FROM x\nCMD a\x1c\n", [("FROM", "x", 1, 1), ("CMD", "a\x1c", 2, 2)]),
        ("FROM x\nCMD\nRUN\n", [("FROM", "x", 1, 1), ("CMD", "", 2, 2), ("RUN", "", 3, 3)]),
    ],
)
def test_lines_become_instructions(text: str, expected: list[tuple[str, str, int, int]]) -> None:
    assert told(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "escape"),
    [
        ("# escape=`\nFROM x", "`"),
        ("#  ESCAPE  =  ` \nFROM x", "`"),
        ("# syntax=a\n# check=skip=all\n# escape=`\nFROM x", "`"),
        ("\ufeff# escape=`\r\nFROM x", "`"),
        ("# escape=\\\nFROM x", "\\"),
        ("\n# escape=`\nFROM x", "\\"),
        ("# a comment\n# escape=`\nFROM x", "\\"),
        ("# other=1\n# escape=`\nFROM x", "\\"),
        ("FROM x\n# escape=`\n", "\\"),
    ],
)
def test_the_escape_directive_counts_on_top_only(text: str, escape: str) -> None:
    assert parse(text).escape == escape


def test_the_escape_directive_changes_continuations() -> None:
    source = parse("# escape=`\nFROM x\nRUN a `\n b\nRUN dir c:\\\n")
    assert told(source)[1:] == [("RUN", "a  b", 3, 4), ("RUN", "dir c:\\", 5, 5)]


def test_comments_between_instructions_are_told_from_buried_ones() -> None:
    source = parse(
        "# syntax=a\n# one\nFROM x\n #two\nRUN a \\\n # three\n b\nRUN <<E\n# four\nE\n# five"
    )
    assert source.comments == (Comment(2, "# one"), Comment(4, " #two"), Comment(11, "# five"))
    assert source.buried == (Comment(6, " # three"), Comment(9, "# four"))


def test_lines_are_kept_without_mark_and_returns_but_heredocs_keep_theirs() -> None:
    source = parse(b"\xef\xbb\xbfFROM x\r\nCOPY <<E /a\r\none\r\nE\r\n")
    assert source.lines == ("FROM x", "COPY <<E /a", "one\r", "E")
    assert source.instructions[1].heredocs == (Heredoc("E", "one\r\n", expand=True),)


def test_bytes_that_are_not_utf_8_survive() -> None:
    text = parse(b"FROM x\nRUN caf\xe9 \\\n \xff\n").instructions[1].text
    assert text.encode("utf-8", "surrogateescape") == b"caf\xe9  \xff"


def test_surrogates_that_stand_for_no_byte_are_replaced() -> None:
    assert second("COPY --chown=\ud800 \udc7f\udcff /\udfff").operands == "\ufffd\udcff /\ufffd"


@pytest.mark.parametrize(
    ("text", "operands", "heredocs"),
    [
        ("RUN <<EOF\na\n\tb\nEOF", "<<EOF", [Heredoc("EOF", "a\n\tb\n", expand=True)]),
        ("RUN <<'E F' x\n$a\nE F", "<<'E F' x", [Heredoc("E F", "$a\n", expand=False)]),
        ('RUN <<"E"\nE', '<<"E"', [Heredoc("E", "", expand=False)]),
        ("RUN <<\\E\nE", "<<\\E", [Heredoc("E", "", expand=True)]),
        ("RUN <<E\"O\"F\nEOF", '<<E"O"F', [Heredoc("EOF", "", expand=False)]),
        ("COPY <<a.txt <<é /\na.txt\né", "<<a.txt <<é /", [
            Heredoc("a.txt", "", expand=True), Heredoc("é", "", expand=True),
        ]),
        ("RUN <<-E\n\ta\n\t\tE", "<<-E", [Heredoc("E", "a\n", expand=True)]),
        ("RUN 3<<E\na \\\nE", "3<<E", [Heredoc("E", "a \\\n", expand=True)]),
        (
            "COPY <<A b <<B /d/\n1\nA\nA\nB",
            "<<A b <<B /d/",
            [Heredoc("A", "1\n", expand=True), Heredoc("B", "A\n", expand=True)],
        ),
        ("ONBUILD RUN <<E\nx\nE", "RUN <<E", [Heredoc("E", "x\n", expand=True)]),
        ("RUN --network=none a \\\n <<E\nx\nE", "a  <<E", [Heredoc("E", "x\n", expand=True)]),
        ("RUN echo $(cat <<E\nx\nE", "echo $(cat <<E", [Heredoc("E", "x\n", expand=True)]),
        ("RUN << E\na\nE", "<< E", [Heredoc("E", "a\n", expand=True)]),
        ("RUN a 3<< 'E F' <<-G\nE F\n\tG", "a 3<< 'E F' <<-G", [
            Heredoc("E F", "", expand=False), Heredoc("G", "", expand=True),
        ]),
        ("RUN << E", "<< E", []),
        ("RUN <<", "<<", []),
        ("RUN echo $((1 << 3))", "echo $((1 << 3))", []),
        ("RUN a<< E", "a<< E", []),
        ("RUN <<<E", "<<<E", []),
        ("RUN a<<E", "a<<E", []),
        ('RUN echo "<<E"', 'echo "<<E"', []),
        ("RUN it's <<E", "it's <<E", []),
        ('RUN ["a <<E"]', '["a <<E"]', []),
        ('RUN <<""', '<<""', []),
        ("CMD cat <<E", "cat <<E", []),
    ],
)  # fmt: skip
def test_heredocs(text: str, operands: str, heredocs: list[Heredoc]) -> None:
    instruction = second(text)
    assert instruction.operands == operands
    assert list(instruction.heredocs) == heredocs
    assert (instruction.line, instruction.end_line) == (2, 2 + text.count("\n"))


def test_nothing_in_a_heredoc_is_an_instruction() -> None:
    source = parse("FROM x\nRUN <<E\nFROM y\nRUN <<F\n#dev-run=z\nE\nCMD w\n")
    assert [each.keyword for each in source.instructions] == ["FROM", "RUN", "CMD"]


@pytest.mark.parametrize(
    ("text", "flags", "operands"),
    [
        ("COPY a b", [], "a b"),
        ("COPY --from=x --link a b", [("from", "x"), ("link", None)], "a b"),
        ('COPY --chown="1 2" a b', [("chown", "1 2")], "a b"),
        ("COPY --chown='a'\\ b a b", [("chown", "a b")], "a b"),
        ("COPY --chown= a b", [("chown", "")], "a b"),
        ("COPY -- --a b", [], "--a b"),
        ("COPY a --link b", [], "a --link b"),
        ("COPY --exclude=a --exclude=b a b", [("exclude", "a"), ("exclude", "b")], "a b"),
        ("COPY --link=False a b", [("link", "False")], "a b"),
        ("ADD --link --unpack=true a b", [("link", None), ("unpack", "true")], "a b"),
        ("RUN --mount=type=x,a=b --mount=y c", [("mount", "type=x,a=b"), ("mount", "y")], "c"),
        ("RUN \u00a0--network=none", [], "--network=none"),
        ("COPY --chown=é é b", [("chown", "Ã©")], "é b"),
        ("COPY --chown=à a b", [("chown", "Ã")], "a b"),
        ("ARG --odd A", [("odd", None)], "A"),
        ("STOPSIGNAL --odd=1 9", [("odd", "1")], "9"),
        ("RUN \\\n --network=none \\\n true", [("network", "none")], "true"),
        ("HEALTHCHECK --interval=1s CMD a", [("interval", "1s")], "CMD a"),
        ("HEALTHCHECK --odd NONE", [("odd", None)], "NONE"),
        ("FROM --platform=$P x", [("platform", "$P")], "x"),
    ],
)  # fmt: skip
def test_flags(text: str, flags: list[tuple[str, str | None]], operands: str) -> None:
    instruction = second(text)
    assert instruction.flags == tuple(Flag(name, value) for name, value in flags)
    assert instruction.operands == operands


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "no FROM"),
        ("# only\n\n", 1, "no FROM"),
        ("ARG A\nARG B\n", 2, "no FROM"),
        ("ARG A\nENV B=1\nFROM x", 2, "ENV stands before the first FROM"),
        ("FROM x\nRNU a", 2, 'unknown instruction "RNU"'),
        ("FROM x\nRUN\u00a0a", 2, "unknown instruction"),
        ("FROM x\n\\\n\n", 2, "unknown instruction"),
        ("FROM x\nRUN a `\n b", 3, 'unknown instruction "b"'),
        ("FROM x # c", 1, 'not "x # c"'),
        ("FROM", 1, "FROM takes IMAGE"),
        ("FROM x y z", 1, "FROM takes IMAGE"),
        ("FROM x AS", 1, "FROM takes IMAGE"),
        ("FROM x AS 7", 1, '"7" cannot name a stage'),
        ("FROM x AS a/b", 1, '"a/b" cannot name a stage'),
        ("FROM x AS é", 1, "cannot name a stage"),
        ("# escape=x\nFROM x", 1, 'not "x"'),
        ("# escape=`\n# escape=`\nFROM x", 2, "escape stands here a second time"),
        ("# syntax=a\n# syntax=a\nFROM x", 2, "syntax stands here a second time"),
        ("FROM x\nCOPY a <<E\nE\n", 2, "cannot have the heredoc <<E as destination"),
        ('FROM x\nVOLUME ["/a", " "]', 2, "VOLUME needs paths"),
        ("FROM x\nARG --odd\n", 2, "ARG needs the name of an argument"),
        ("FROM x\nRUN cat << E\nb\n", 3, 'unknown instruction "b"'),
        ("FROM x\n\nRUN <<E\nE \n", 3, "heredoc <<E is not terminated"),
        ("FROM x\nRUN a \\\n b <<E", 2, "heredoc <<E is not terminated"),
        ("FROM x\nENV", 2, "ENV needs"),
        ("FROM x\nENV A", 2, '"A" needs a value'),
        ("FROM x\nENV A=1 # c", 2, '"#" has no ='),
        ("FROM x\nENV =1", 2, "no name"),
        ("FROM x\nLABEL a", 2, '"a" needs a value'),
        ("FROM x\nARG", 2, "ARG needs"),
        ("FROM x\nARG =1", 2, "no name"),
        ("FROM x\nCOPY a", 2, "COPY needs a source and a destination"),
        ("FROM x\nCOPY ['a','b']", 2, "COPY needs a source and a destination"),
        ('FROM x\nADD ["a"]', 2, "ADD needs a source and a destination"),
        ("FROM x\nWORKDIR", 2, "WORKDIR needs"),
        ("FROM x\nUSER", 2, "USER needs"),
        ("FROM x\nEXPOSE", 2, "EXPOSE needs"),
        ("FROM x\nSTOPSIGNAL", 2, "STOPSIGNAL needs"),
        ("FROM x\nVOLUME []", 2, "VOLUME needs"),
        ("FROM x\nSHELL /bin/sh -c", 2, "SHELL takes a JSON array"),
        ("FROM x\nSHELL []", 2, "SHELL takes a JSON array"),
        ("FROM x\nRUN []", 2, "names no command"),
        ('FROM x\nRUN ["a", 1]', 2, "nothing but strings"),
        ('FROM x\nCMD ["a", null]', 2, "nothing but strings"),
        ('FROM x\nONBUILD CMD ["a", null]', 2, "nothing but strings"),
        ("FROM x\nHEALTHCHECK", 2, "HEALTHCHECK takes"),
        ("FROM x\nHEALTHCHECK CMD", 2, "HEALTHCHECK takes"),
        ("FROM x\nHEALTHCHECK curl x", 2, "HEALTHCHECK takes"),
        ("FROM x\nHEALTHCHECK NONE x", 2, "HEALTHCHECK takes"),
        ("FROM x\nONBUILD", 2, "ONBUILD needs"),
        ("FROM x\nONBUILD ONBUILD RUN a", 2, "cannot hold ONBUILD"),
        ("FROM x\nONBUILD from y", 2, "cannot hold FROM"),
        ("FROM x\nCOPY --chown 1 a b", 2, "--chown needs a value"),
        ("FROM x\nCOPY --CHOWN=1 a b", 2, "no flag --CHOWN"),
        ("FROM x\nCOPY --chown=1 --chown=2 a b", 2, "--chown twice"),
        ("FROM x\nCOPY --link=maybe a b", 2, "--link takes true or false"),
        ("FROM x\nCOPY --link= a b", 2, "--link takes true or false"),
        ("FROM x\nCOPY --from=$X a b", 2, "--from takes no variables"),
        ("FROM x\nADD --from=a b c", 2, "ADD has no flag --from"),
        ("FROM x\nCMD --help", 2, "CMD has no flag --help"),
        ("FROM x\nRUN " + "y" * 65532, 2, "longer than 65535 bytes"),
    ],
)
def test_what_every_builder_refuses(text: str, line: int, message: str) -> None:
    with pytest.raises(DockerfileParseError) as raised:
        parse(text)
    assert message in raised.value.message
    assert raised.value.line == line
    assert "\n" not in raised.value.message
    assert len(raised.value.message) < 160


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("FROM x\nRNU a", "Did you mean RUN?"),
        ("FROM x\nWORKDIRECTORY a", "Did you mean WORKDIR?"),
        ("FROM x\nCOPY --CHOWN=1 a b", "Did you mean --chown?"),
        ("FROM x # c", "A comment needs a line of its own."),
    ],
)
def test_hints_name_what_was_probably_meant(text: str, hint: str) -> None:
    with pytest.raises(DockerfileParseError) as raised:
        parse(text)
    assert raised.value.hint == hint


def test_the_longest_line_is_still_read() -> None:
    assert len(second("RUN " + "y" * 65531).text) == 65531


def test_one_instruction_by_itself() -> None:
    instruction = parse_instruction("RUN <<E\nx\nE", line=7, directive="dev-run")
    assert instruction == Instruction(
        "RUN", "<<E", "<<E", (), (Heredoc("E", "x\n", expand=True),), 7, 7, "dev-run"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RUN a\nRUN b", "not 2"),
        ("# escape=`", "not 0"),
        ("RUN <<E", "not terminated"),
        ("COPY a", "needs a source"),
    ],
)
def test_one_instruction_is_refused_with_the_line_it_was_given(text: str, message: str) -> None:
    with pytest.raises(DockerfileParseError, match=message) as raised:
        parse_instruction(text, line=7)
    assert raised.value.line == 7


def test_no_file_is_read_or_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM other\n")
    assert second("CMD x").text == "x"
    assert (tmp_path / "Dockerfile").read_text() == "FROM other\n"


@given(st.text(alphabet=st.sampled_from("FROMRUNx \\\n#<E'\"-=[]`$"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        source = parse(f"FROM x\n{text}")
    except DockerfileParseError:
        return
    assert source.instructions[-1].end_line <= len(source.lines)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        source = parse(b"FROM x\nRUN " + content)
    except DockerfileParseError:
        return
    assert source.instructions[0] == Instruction("FROM", "x", "x", (), (), 1, 1)
