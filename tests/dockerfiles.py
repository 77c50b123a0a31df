"""Dockerfiles to read: those of `corpus/`, and strategies that write others.

`corpus` itself holds valid ones, of every trade and with every lexical trick; `corpus/newer` those
that only newer builders read as they are meant; `corpus/refused` what no builder takes.
"""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

_FOLDER = Path(__file__).parent / "corpus"
CORPUS = sorted(_FOLDER.glob("*.Dockerfile"))
NEWER = sorted((_FOLDER / "newer").glob("*.Dockerfile"))
REFUSED = sorted((_FOLDER / "refused").glob("*.Dockerfile"))

_WORDS = [
    "a", "/b/", "c-1", "$A", "${B:-x y}", "${A}", "'q r'", '"s t"', '"u $A"', "v#w", "#x", "\\$y",
    "é", "日本", "--late", "&&", "|", ">", "$(a", ")", "[", "it's", "=", "A=1", "a,b", "`c`", "\\n",
]  # fmt: skip
_PLAIN = ["a", "b/c", "/d", "$A", "${B}", "*.txt", "é", "#f", "g=h", "[i]", '"j"', "--k"]
_VALUES = ["", "1", '"two words"', "'single'", "a\\ b", "$A", "${B:-c}", "é", '""', "x=y", "#z"]
_COPY_FLAGS = [
    "--chown=1:2", "--chown=$A", "--chmod=0644", "--link", "--link=false", "--from=s0", "--parents",
    "--exclude=*.md", '--exclude="a b"', "--chown=é",
]  # fmt: skip
_RUN_FLAGS = [
    "--mount=type=cache,target=/c", "--mount=type=bind,source=a,target=/b", "--mount=target=/x",
    '--mount=type=cache,"target=/y,z"', "--mount='type=tmpfs,target=/t t'", "--network=none",
    "--security=insecure", "--mount=type=secret,id=s", "--mount=from=s0,target=/f", "--device=d",
]  # fmt: skip
_DELIMITERS = ["EOF", "<<EOF", "A.txt", "'Q'", '"D"', "E\"O\"F", "0", "\\B", "ф"]  # fmt: skip
_BODIES = [
    "text", "", "  ", "\ttabbed", "$A ${B} \\$C", "# comment", "#dev-run=x", "FROM y", "RUN <<EOF",
    "ends \\", "'\"", "\u00a0", "COPY a b",
]  # fmt: skip
_BETWEEN = ["# comment", "  #dev-run=x", "", "   ", "\t# syntax=x", "#"]
_COMMENTS = [
    "# comment", "", "  ", "# escape=`", "# syntax=x", "#dev-run=echo a", "# dev-copy = a b/",
    "##DEV-ENV=A=1 B=2", "#dev-nothing=x", "#dev-run", "#", "\t# FROM z",
]  # fmt: skip
_HEADERS = ["", "", "# syntax=docker/dockerfile:1", "# about", "#", "  # indented"]


def _some(options: list[str], most: int = 3, least: int = 0) -> st.SearchStrategy[str]:
    several = st.lists(st.sampled_from(options), min_size=least, max_size=most)
    return several.map(" ".join)


def _flags(options: list[str]) -> st.SearchStrategy[str]:
    """Flags that may stand beside each other, with a blank behind each."""
    several = st.lists(
        st.sampled_from(options), max_size=2, unique_by=lambda flag: flag.partition("=")[0]
    )
    return several.map(lambda flags: "".join(f"{flag} " for flag in flags))


_json = st.lists(
    st.sampled_from(['"a"', '"b c"', '"$A"', '"\\u00e9\\n"', '"\\\\"', '""']),
    min_size=1,
    max_size=3,
).map(lambda strings: f"[{', '.join(strings)}]")
_assigned = st.tuples(
    st.sampled_from(["A", "B_c", "d.e", "é", '"k k"', "$A"]), st.sampled_from(_VALUES)
)
_pairs = st.lists(_assigned.map("=".join), min_size=1, max_size=3).map(" ".join)
_commands = st.one_of(_some(_WORDS, 5, 1), _json)
_copies = st.one_of(_some(_PLAIN, 4, 2), _json.map(lambda json: f'{json[:-1]}, "/to"]'))

_plain_lines = st.one_of(
    st.tuples(st.just("RUN"), _flags(_RUN_FLAGS), _commands),
    st.tuples(st.sampled_from(["COPY", "copy"]), _flags(_COPY_FLAGS), _copies),
    st.tuples(st.just("ADD"), _flags(["--chown=1", "--checksum=x", "--keep-git-dir"]), _copies),
    st.tuples(st.sampled_from(["ENV", "LABEL"]), st.just(""), _pairs),
    st.tuples(st.just("ENV"), st.just("OLD "), _some(_WORDS, 3, 1)),
    st.tuples(st.just("ARG"), st.just(""), st.one_of(_pairs, st.sampled_from(["A", "A B=1 C"]))),
    st.tuples(st.sampled_from(["CMD", "ENTRYPOINT", "Cmd"]), st.just(""), _commands),
    st.tuples(st.sampled_from(["WORKDIR", "USER"]), st.just(""), _some(_PLAIN, 2, 1)),
    st.tuples(st.sampled_from(["EXPOSE", "VOLUME"]), st.just(""), _some(_PLAIN, 2, 1)),
    st.tuples(st.just("STOPSIGNAL"), st.just(""), st.sampled_from(["9", "$A", "SIGTERM"])),
    st.tuples(st.just("SHELL"), st.just(""), _json),
    st.tuples(
        st.just("HEALTHCHECK"), _flags(["--interval=1s", "--retries=3"]),
        _commands.map(lambda command: f"CMD {command}"),
    ),
)  # fmt: skip


@st.composite
def _continued(draw: st.DrawFn, line: str, escape: str) -> str:
    """`line`, going on in further lines at some of its blanks, comments and blank lines between."""
    words = line.split(" ")
    cuts = draw(st.sets(st.integers(1, max(1, len(words) - 1)), max_size=2))
    text = words[0]
    for at, word in enumerate(words[1:], start=1):
        if at in cuts and word:
            between = draw(st.lists(st.sampled_from(_BETWEEN), max_size=2))
            after = draw(st.sampled_from(["", " ", "\t "]))
            text += " " + "\n".join([f"{escape}{after}", *between, word])
        else:
            text += f" {word}"
    return text


@st.composite
def _with_heredocs(draw: st.DrawFn) -> str:
    """A `RUN` or `COPY` line, and the bodies of its heredocs below it."""
    keyword = draw(st.sampled_from(["RUN", "COPY", "ONBUILD RUN", "ADD"]))
    line, bodies = keyword, ""
    for _ in range(draw(st.integers(1, 2))):
        word = draw(st.sampled_from(_DELIMITERS)).removeprefix("<<")
        dash = draw(st.sampled_from(["", "-"]))
        line += f" <<{dash}{word}"
        name = word.replace("'", "").replace('"', "").replace("\\", "")
        lines = draw(st.lists(st.sampled_from(_BODIES), max_size=3))
        bodies += "\n".join(["", *lines, ("\t" if dash else "") + name])
    return f"{line} {draw(st.sampled_from(['/to/', '> /to', '&& b'])).strip()}{bodies}"


@st.composite
def dockerfiles(draw: st.DrawFn) -> str:
    """A whole Dockerfile. Most are valid; some have a value that no builder takes."""
    escape = draw(st.sampled_from(["\\", "\\", "`"]))
    head = draw(st.lists(st.sampled_from(_HEADERS), max_size=2))
    if escape == "`":
        head = ["# escape=`", *head]
    lines = [*head, *draw(st.sampled_from([[], ["ARG A=1"], ["ARG B", "# c", "ARG A=$B"]]))]
    for number in range(draw(st.integers(1, 3))):
        base = draw(st.sampled_from(["x", "x:1", "scratch", "s0", "${A:-y}", "--platform=$P x"]))
        lines.append(f"FROM {base if number or base != 's0' else 'x'} AS s{number}")
        for _ in range(draw(st.integers(0, 4))):
            kind = draw(st.integers(0, 5))
            if kind == 0:
                lines.append(draw(st.sampled_from(_COMMENTS)))
            elif kind == 1:
                lines.append(draw(_with_heredocs()))
            else:
                trigger = "ONBUILD " if kind == 2 else ""
                text = trigger + " ".join(draw(_plain_lines)).replace("  ", " ")
                lines.append(draw(_continued(text, escape)))
    if draw(st.integers(0, 3)) == 0:
        lines.append(draw(st.sampled_from(["#dev-cmd-live=w", '# DEV-CMD-LIVE = ["w"]'])))
        lines.append(draw(st.sampled_from(["RUN last", "CMD last", "FROM z", "COPY l m"])))
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    mark = draw(st.sampled_from(["", "", "\ufeff"]))
    return mark + "\n".join(lines).replace("\n", end) + draw(st.sampled_from(["", end]))
