"""Every Dockerfile of the corpus all the way: read, made live, folded into stages, planned.

Whether it is read right is for the oracle to say; here nothing may break, and the live Dockerfile,
read again, must be the same stages and steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from livepush.dockerfile import parse
from livepush.engine import ImageConfig
from livepush.errors import DockerfileParseError, InvalidArgumentError
from livepush.live import Dockerfile
from livepush.model import Copy, Graph, Stage
from livepush.plan import make_plan
from tests.dockerfiles import CORPUS, NEWER, REFUSED, dockerfiles

_IMAGE = ImageConfig(
    "sha256:0",
    ("PATH=/bin", "A=of the image", "EMPTY="),
    "/srv/app",
    "app:app",
    ("/bin/bash", "-c"),
    ("RUN <<EOF\necho trigger\nEOF", "COPY --chown=1 $A b", "ENV T=$EMPTY"),
)
_NAMES = ("alpine", "debian:12", "debian", "x", "y", "node:20-alpine", "busybox", "localhost/z")
VALID = CORPUS + NEWER
# How a graph may be asked for: as a plan without an engine does, and as a session does.
ASKED: list[dict[str, Any]] = [
    {},
    {"legacy": True, "build_args": {"HTTP_PROXY": "http://proxy", "A": ""}},
    {"platform": "linux/arm/v7", "build_args": {"TARGETARCH": "other", "B": "$A"}},
    {"images": dict.fromkeys(_NAMES, _IMAGE)},
]
CHANGED = ["a", "src/main.py", "package.json", "", ".", "../out", "/abs", "ü", "x\ny"]
DELETED = ["b", "Dockerfile", "src"]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_every_dockerfile_has_its_stages_and_plans(path: Path) -> None:
    made = Dockerfile(path.read_bytes())
    froms = [each.line for each in made.live.instructions if each.keyword == "FROM"]
    for asked in ASKED:
        graph = made.graph(**asked)
        assert [stage.line for stage in graph.stages] == froms
        assert str(make_plan(graph, CHANGED, DELETED))
        check_read_again(made, graph, asked)


def check_read_again(made: Dockerfile, graph: Graph, asked: Mapping[str, Any]) -> None:
    again = Dockerfile(made.generate_live_dockerfile().encode("utf-8", "surrogateescape"))
    assert again.generate_live_dockerfile() == made.generate_live_dockerfile()
    assert list(map(wherever, again.graph(**asked).stages)) == list(map(wherever, graph.stages))


def wherever(stage: Stage) -> Stage:
    """`stage` without the places that its lines have in the file."""
    steps = tuple(replace(step, line=0) for step in stage.steps)
    return replace(stage, line=0, steps=steps, live_from=None)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_heredoc_is_no_path_of_the_context(path: Path) -> None:
    for stage in Dockerfile(path.read_bytes()).graph().stages:
        for step in stage.steps:
            if isinstance(step, Copy) and step.inline:
                assert not [source for source in step.sources if source.startswith("<<")]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_dockerfiles_are_read_line_by_line(path: Path) -> None:
    source = parse(path.read_bytes())
    owned = [range(each.line, each.end_line + 1) for each in source.instructions]
    taken = [number for lines in owned for number in lines]
    assert taken == sorted(set(taken))
    commented = {comment.line for comment in source.comments}
    for number, line in enumerate(source.lines, start=1):
        alone = number not in taken and number not in commented
        assert not (number in taken and number in commented)
        assert not alone or not line.strip() or line.lstrip().lower().startswith("#")


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_what_no_builder_takes_is_refused_with_a_line(path: Path) -> None:
    with pytest.raises(DockerfileParseError) as raised:
        Dockerfile(path.read_bytes())
    lines = path.read_bytes().count(b"\n")
    assert 1 <= raised.value.line <= max(1, lines)
    assert raised.value.message


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) >= 200
    assert len(REFUSED) >= 15
    texts = [path.read_bytes() for path in VALID + REFUSED]
    assert len(set(texts)) == len(texts)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(dockerfiles())
def test_generated_dockerfiles_have_stages_and_plans_or_are_refused(text: str) -> None:
    for asked in ASKED:
        try:
            made = Dockerfile(text)
            graph = made.graph(**asked)
            assert str(make_plan(graph, CHANGED, DELETED))
        except (DockerfileParseError, InvalidArgumentError):
            continue
        check_read_again(made, graph, asked)
