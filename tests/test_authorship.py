"""The step that wrote a path, by the layers of an image."""

from __future__ import annotations

from livepush.authorship import author_of
from livepush.layers import Layer
from livepush.model import Copy, Entry, MakeDir, Run

FILE, DIRECTORY = Entry("file", 0o644), Entry("dir", 0o755)
BASE = Layer("/bin/sh -c #(nop) ADD file:1 in / ", "0", {"etc": DIRECTORY, "etc/conf": FILE})
WORKDIR = MakeDir(2, "WORKDIR /app", "/app", "")
COPY = Copy(3, "COPY a .", ("a",), "/app", dest_is_dir=True)
RUN = Run(4, "RUN make", "make", ("/bin/sh", "-c", "make"), (), "", "/app")
STEPS = (WORKDIR, COPY, RUN)
LAYERS = (
    BASE,
    Layer("WORKDIR /app", "1", {"app": DIRECTORY}),
    Layer('CMD ["a"]'),
    Layer("COPY a . # buildkit", "2", {"app": DIRECTORY, "app/a": FILE, "app/b": FILE}),
    Layer(
        "RUN /bin/sh -c make # buildkit",
        "3",
        {"app": DIRECTORY, "app/b": FILE, "etc": Entry("dir", 0o700), "etc/new": FILE},
        removed=frozenset({"etc/conf"}),
    ),
    Layer("LABEL a=b"),
)


def test_the_last_step_that_wrote_a_path_is_its_author() -> None:
    author = author_of(LAYERS, STEPS)
    assert author is not None
    assert author("app/a") == COPY
    assert author("app/b") == RUN
    assert author("etc/new") == RUN


def test_who_removes_a_path_is_its_author_and_nobody_of_what_never_was() -> None:
    author = author_of(LAYERS, STEPS)
    assert author is not None
    assert author("etc/conf") == RUN
    assert author("etc/never") is None


def test_a_directory_belongs_to_who_made_it_what_it_is() -> None:
    author = author_of(LAYERS, STEPS)
    assert author is not None
    assert author("app") == WORKDIR
    assert author("etc") == RUN


def test_what_the_base_image_has_is_no_step_s() -> None:
    author = author_of(LAYERS[:3], STEPS[:1])
    assert author is not None
    assert author("etc/conf") is None


def test_layers_of_other_steps_tell_nothing() -> None:
    assert author_of(LAYERS, (COPY, COPY, RUN)) is None
    assert author_of(LAYERS[:2], STEPS) is None
