"""Generated Dockerfiles: stages of overlapping copies and of commands that read them.

Destinations are few, so that copies overlap, and each is spelled in many ways. Where commands are
replayed in place, they are safe to repeat, and a directory that one reads is written by no later
step, also not in the stages that go on from there; one that a command gives to somebody, by no
later command.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st

from tests.differential import commands
from tests.differential.commands import GEN
from tests.differential.edits import ARCHIVES
from tests.differential.setting import Setting

BASE = "livepush-base/busybox:12"
# What ignores the signal to stop is waited for at every restart.
ENDING = ("STOPSIGNAL SIGKILL", 'CMD ["sleep", "9999"]')
LIVE = "#dev-cmd-live=exec sleep 9998"
_LINK, _REAL = "/lnk", "/real"
_DESTINATIONS = ("/o", "/p/q", "/w/sub", "/tmp/in", "/etc/conf", "/deep/er", "/o/in", "/w")
_NAMED = ("/f", "/o/named", "/w/f", "/p/q/a")
_TREES = (".", "s", "s/", "*", "u", "*.txt", "s/*", "lib", "?", "[a-c]*", "./", "*/t", "s/t")
_FILES = ("a", "b", "s/a", "c.txt", "s/t/b", "lib/k.txt")
# How names are written that are more than a bare word.
_ODD = {"-x": ("./-x", "-x"), "[b]": ("[[]b]", "[[]*"), "é": ("é", "[^a-z]"), ".hid": (".h*",)}
_VARIABLES = {"D": ("/o", "/p/q"), "S": ("s", "u", "*.txt"), "U": ("bob", "7:8")}
_WORKDIRS = ("/w", "sub", "/o", "../up", "$D", "deep/er")
_SHELLS = ('["/bin/sh", "-ec"]', '["/bin/sh", "-c"]', '["/bin/busybox", "sh", "-uc"]')


@dataclass(slots=True)
class _Stage:
    """A stage while it is drawn: its lines, what the next one sees, what was written and read."""

    lines: list[str]
    env: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "root"
    wrote: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    linked: bool = False

    @property
    def bare(self) -> bool:
        return self.lines[0] == "FROM scratch"

    @property
    def known(self) -> dict[str, str]:
        return {**self.arguments, **self.env}

    def child(self, line: str) -> _Stage:
        """A stage that goes on from here. Arguments are not handed on by every builder."""
        return replace(
            self,
            lines=[line],
            env=dict(self.env),
            arguments={},
            wrote=[*self.wrote],
            reads=[*self.reads],
            given=[*self.given],
        )

    def free(self) -> list[str]:
        """The directories that may still be written."""
        return self.unread((*_DESTINATIONS, *[_LINK] * self.linked))

    def unclaimed(self) -> list[str]:
        """The directories that a command may still write."""
        return [each for each in self.free() if not any(_overlap(each, x) for x in self.given)]

    def unread(self, places: Iterable[str]) -> list[str]:
        """Those of the places that no command has read."""
        return [each for each in places if not any(_overlap(each, x) for x in self.reads)]


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What all stages of a Dockerfile share."""

    setting: Setting
    files: frozenset[str]  # of the context at first
    stages: dict[str, _Stage] = field(default_factory=dict)

    def number(self) -> int:
        """One that no other command has."""
        return sum(len(stage.lines) for stage in self.stages.values())


@st.composite
def dockerfiles(draw: st.DrawFn, setting: Setting, files: frozenset[str]) -> tuple[str, ...]:
    """The instructions of a Dockerfile for a context that holds `files`."""
    drawing = _Drawing(setting, files)
    last = _Stage([])
    for index in range(draw(st.sampled_from((1, 1, 2, 2, 3)))):
        parent = draw(st.sampled_from((BASE, BASE, *drawing.stages)))
        opening = f"FROM {parent} AS stage{index}"
        last = drawing.stages[parent].child(opening) if parent != BASE else _Stage([opening])
        if parent == BASE:
            last.lines.append(f"RUN mkdir -p {GEN} && chmod 777 {GEN} && echo 0 > {GEN}/0")
        drawing.stages[f"stage{index}"] = last
        for _ in range(draw(st.integers(1, 5))):
            draw(_steps(drawing, last))
    if draw(st.integers(0, 7)) == 7:
        last = draw(_from_scratch(drawing))
    elif draw(st.integers(0, 4)) == 4:
        last.lines.insert(draw(st.integers(1, len(last.lines))), LIVE)
    last.lines += draw(_uses_of_others(drawing))
    last.lines += ENDING
    return tuple(line for stage in drawing.stages.values() for line in stage.lines)


@st.composite
def _from_scratch(draw: st.DrawFn, drawing: _Drawing) -> _Stage:
    """A last stage without a shell."""
    stage = drawing.stages["bare"] = _Stage(["FROM scratch"])
    stage.lines += [f"COPY --from={BASE} /bin/busybox /bin/sleep", "ENV PATH=/bin"]
    for _ in range(draw(st.integers(1, 3))):
        draw(st.one_of(_copies(drawing, stage), _stage_copies(drawing, stage)))
    return stage


@st.composite
def _uses_of_others(draw: st.DrawFn, drawing: _Drawing) -> list[str]:
    """The engine's own builder builds, and fails with, stages that nobody uses, too."""
    if drawing.setting.buildkit and draw(st.booleans()):
        return []
    text = "\n".join(line for stage in drawing.stages.values() for line in stage.lines)
    unused = [
        name
        for name in list(drawing.stages)[:-1]
        if f"={name} " not in text and f"FROM {name} " not in text
    ]
    return [f"COPY --from={name} {GEN} /used/{name}/" for name in unused]


@st.composite
def _steps(draw: st.DrawFn, drawing: _Drawing, stage: _Stage) -> None:
    kinds = [_copies, _copies, _copies, _runs, _runs, _stage_copies, _scopes]
    if drawing.files & set(ARCHIVES):
        kinds.append(_archives)
    if drawing.setting.replay == "clean":
        kinds += [_unsafe_runs, _unsafe_runs]
    draw(draw(st.sampled_from(kinds))(drawing, stage))


@st.composite
def _copies(draw: st.DrawFn, drawing: _Drawing, stage: _Stage) -> None:
    blank = [name for name in ("d e",) if name in drawing.files]
    flags = draw(_flags(drawing.setting, stage))
    places = stage.unread(_NAMED) if draw(st.integers(0, 3)) == 3 else stage.free()
    if not places:
        return
    place = draw(st.sampled_from(places))
    dest = draw(_spellings(place, stage))
    if place in _NAMED:
        sources = [draw(st.sampled_from((*_FILES, *blank)))]
    else:
        odd = [word for name in sorted(drawing.files) for word in _ODD.get(name, ())]
        variable = ["$S"] if "S" in stage.known else []
        choice = st.sampled_from((*_TREES, *_FILES[:2], *odd, *blank, *variable, *variable))
        sources = draw(st.lists(choice, min_size=1, max_size=2, unique=True))
        stage.wrote.append(place)
        # The engine's own builder refuses several sources, and several matches, without a slash.
        tree = len(sources) == 1 and sources[0] in _TREES and not set("*?[") & set(sources[0])
        dest += "" if tree and draw(st.booleans()) else "/"
    word = "COPY" if "--link" in flags else draw(st.sampled_from(("COPY", "COPY", "ADD")))
    words = [*sources, dest]
    in_json = any(" " in each for each in words) or draw(st.integers(0, 4)) == 4
    operands = json.dumps(words, ensure_ascii=False) if in_json else " ".join(words)
    stage.lines.append(" ".join([word, *flags, operands]))


@st.composite
def _flags(draw: st.DrawFn, setting: Setting, stage: _Stage) -> list[str]:
    owners = ["", "", "", "--chown=7:8", "--chown=1001"]
    if not stage.bare:
        owners += ["--chown=bob", "--chown=bob:bob"] + ["--chown=$U"] * ("U" in stage.known)
    modes = ["", "", "", "--chmod=640", "--chmod=0755"] if setting.buildkit else [""]
    links = ["", "", "", "--link"] if setting.newer else [""]
    drawn = [draw(st.sampled_from(each)) for each in (owners, modes, links)]
    return [flag for flag in drawn if flag]


@st.composite
def _spellings(draw: st.DrawFn, path: str, stage: _Stage) -> str:
    """The path in one of the ways in which a destination can be written at this line."""
    spellings = [path, path, posixpath.relpath(path, stage.workdir), f"/x/..{path}"]
    spellings += [f"${{{name}}}" for name, value in stage.known.items() if value == path]
    return draw(st.sampled_from(spellings))


@st.composite
def _archives(draw: st.DrawFn, drawing: _Drawing, stage: _Stage) -> None:
    if stage.free():
        place = draw(st.sampled_from(stage.free()))
        archive = draw(st.sampled_from(sorted(drawing.files & set(ARCHIVES))))
        stage.wrote.append(place)
        stage.lines.append(f"ADD {archive} {draw(_spellings(place, stage))}/")


@st.composite
def _stage_copies(draw: st.DrawFn, drawing: _Drawing, stage: _Stage) -> None:
    others = [name for name, other in drawing.stages.items() if other is not stage]
    if not stage.free() or not others:
        return
    name = draw(st.sampled_from(others))
    sources = [GEN, GEN, f"{GEN}/*", f"{GEN}/[0-9]*", *drawing.stages[name].wrote]
    source, place = draw(st.sampled_from(sources)), draw(st.sampled_from(stage.free()))
    flag = draw(st.sampled_from(("", "", "", "--chown=1001 ", "--chown=7:8 ")))
    reference = draw(st.sampled_from((name, name, name.upper(), str(others.index(name)))))
    stage.wrote.append(place)
    stage.lines.append(f"COPY --from={reference} {flag}{source} {draw(_spellings(place, stage))}/")


@st.composite
def _runs(draw: st.DrawFn, drawing: _Drawing, stage: _Stage) -> None:
    number = drawing.number()
    out = f"{GEN}/{number}"
    kinds = ["environment"] + ["reader"] * 3 * bool(stage.wrote)
    if stage.user == "root":
        kinds += ["linker"] + ["writer", "writer"] * bool(stage.unclaimed())
        kinds += ["owner"] * bool(stage.unread(stage.wrote))
    kind = draw(st.sampled_from(kinds))
    choices: tuple[str, ...] = (commands.environment(out),)
    if kind == "reader":
        read = draw(st.sampled_from(stage.wrote))
        choices = commands.readers(read, out)
        _will_read(drawing.setting, stage, read)
    elif kind == "owner":
        # What another command has read already may not change any more.
        given = draw(st.sampled_from(stage.unread(stage.wrote)))
        choices = commands.owners(given)
        if drawing.setting.replay == "in-place":
            stage.given.append(given)
    elif kind == "writer":
        choices = commands.writers(draw(st.sampled_from(stage.unclaimed())), number)
    elif kind == "linker" and not stage.linked:
        choices = commands.linkers(_LINK, _REAL)
        stage.linked = True
    command = draw(st.sampled_from(choices))
    stage.lines.append(draw(commands.written(command, heredocs=drawing.setting.newer)))


def _will_read(setting: Setting, stage: _Stage, place: str) -> None:
    if setting.replay == "in-place":
        stage.reads.append(place)


@st.composite
def _unsafe_runs(draw: st.DrawFn, drawing: _Drawing, stage: _Stage) -> None:
    number = drawing.number()
    command = draw(st.sampled_from(commands.unsafe(number)))
    if stage.wrote and stage.user == "root" and draw(st.integers(0, 4)):
        place = draw(st.sampled_from(stage.wrote))
        removes = draw(st.integers(0, 4)) == 4
        choices = commands.removers if removes else commands.unsafe_with
        command = draw(st.sampled_from(choices(place, number)))
        if removes:
            stage.wrote = [each for each in stage.wrote if not _overlap(each, place)]
    stage.lines.append(draw(commands.written(command, heredocs=drawing.setting.newer)))


@st.composite
def _scopes(draw: st.DrawFn, drawing: _Drawing, stage: _Stage) -> None:
    """A line that changes what the next ones mean; `WORKDIR` makes a directory, too."""
    keyword = draw(st.sampled_from(("ENV", "ENV", "ARG", "WORKDIR", "WORKDIR", "USER", "SHELL")))
    if keyword in ("ENV", "ARG"):
        name = draw(st.sampled_from(sorted(_VARIABLES)))
        value = draw(st.sampled_from(_VARIABLES[name]))
        if keyword == "ARG" and name in stage.env:
            return  # which of the two wins is not the same for all builders
        (stage.env if keyword == "ENV" else stage.arguments)[name] = value
        stage.lines.append(f"{keyword} {name}={value}")
    elif keyword == "WORKDIR":
        word = draw(st.sampled_from([w for w in _WORKDIRS if w != "$D" or "D" in stage.known]))
        told = stage.known["D"] if word == "$D" else word
        path = posixpath.normpath(posixpath.join(stage.workdir, told))
        if path in stage.unread([path]):
            stage.workdir = path
            stage.lines.append(f"WORKDIR {word}")
    elif keyword == "USER":
        stage.user = draw(st.sampled_from(("bob", "root", "bob:bob")))
        stage.lines.append(f"USER {stage.user}")
    else:
        stage.lines.append(f"SHELL {draw(st.sampled_from(_SHELLS))}")


def _overlap(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")
