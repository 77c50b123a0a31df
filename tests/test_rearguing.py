"""Other build arguments in a session: commands take them, everything else refuses them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from livepush.errors import InvalidArgumentError
from livepush.live import Dockerfile
from livepush.model import Copy, Fixed, Graph, Run
from livepush.rearguing import with_commands

TEXT = """\
ARG BASE=one
FROM $BASE
ARG V=1
ARG DIR=/app
WORKDIR $DIR
ADD bundle /bundle
COPY src $DIR
RUN make
"""


def graph(**arguments: str) -> Graph:
    return Dockerfile(TEXT).graph(build_args=arguments)


def test_commands_get_the_other_arguments() -> None:
    changed = with_commands(graph(), graph(V="2"))
    (command,) = [step for step in changed.target.steps if isinstance(step, Run)]
    assert ("V", "2") in command.env
    assert changed == graph(V="2")


@pytest.mark.parametrize(
    ("name", "line"), [("DIR", "line 5: WORKDIR"), ("BASE", "line 2: what FROM names")]
)
def test_what_another_image_would_be_like_is_refused_with_its_line(name: str, line: str) -> None:
    with pytest.raises(InvalidArgumentError, match=line) as refused:
        with_commands(graph(), graph(**{name: "two"}))
    assert "Rebuild" in refused.value.hint


def test_an_archive_stays_one() -> None:
    """Whether an `ADD` unpacks something is read from the disk, and no argument changes that."""
    known = graph()
    steps = tuple(
        Fixed(step.line, step.text, "unpacks", step.sources)
        if isinstance(step, Copy) and step.is_add
        else step
        for step in known.target.steps
    )
    known = replace(known, stages=(replace(known.target, steps=steps),))
    changed = with_commands(known, graph(V="2"))
    assert [type(step) for step in changed.target.steps] == [type(step) for step in steps]
