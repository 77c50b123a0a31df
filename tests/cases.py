"""The cases of `fixtures/`: a Dockerfile, its context, and edits with what they must lead to.

A case is a folder. `edits.toml` names its containers (`[[container]]`: the Dockerfile, its build
arguments, a command that asks the running application and what it first answers) and its edits
(`[[edit]]`, each upon the ones before it; for each container what is expected). Beside it lie the
live Dockerfile and, for every edit, the plan. README of the format: the dataclasses below.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

FIXTURES = Path(__file__).parent.parent / "fixtures"
Save = Literal["in place", "rename"]


@dataclass(frozen=True, slots=True)
class Container:
    """One running application of a case.

    `dockerfile` is relative to the case's folder. `ask` runs in the container and prints what
    contains `first` before the first edit. `varies` are paths that no two builds have alike, or
    that the running application writes, with all below them; each with its reason.
    """

    name: str
    dockerfile: str = "Dockerfile"
    build_args: Mapping[str, str] = field(default_factory=dict)
    ask: tuple[str, ...] = ()
    first: str = ""
    varies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expected:
    """What an edit leads to in one container.

    `runs` are the commands that ran, in order, each with the index of its stage; `synced` the
    stages that files were copied into; `answer` is part of what `ask` prints afterwards.
    """

    answer: str
    restarts: bool
    status: Literal["succeeded", "failed", "nothing"] = "succeeded"
    runs: tuple[tuple[int, str], ...] = ()
    synced: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """What happens to the context; `save` is how the editor writes a file."""

    name: str
    expected: Mapping[str, Expected]
    write: Mapping[str, str] = field(default_factory=dict)
    replace: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    delete: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    save: Save = "in place"

    @property
    def changed(self) -> frozenset[str]:
        return frozenset((*self.write, *self.replace, *self.rename.values()))

    @property
    def deleted(self) -> frozenset[str]:
        return frozenset((*self.delete, *self.rename))

    def apply(self, context: Path) -> None:
        """Edits the files of `context`."""
        for old, new in self.rename.items():
            (context / old).rename(context / new)
        for path, content in self.write.items():
            save(context / path, content, self.save)
        for path, (old, new) in self.replace.items():
            before = (context / path).read_text()
            assert before.count(old) == 1, f"{self.name}: {path} does not hold {old!r} once"
            save(context / path, before.replace(old, new), self.save)
        for path in self.delete:
            (context / path).unlink()


@dataclass(frozen=True, slots=True)
class Case:
    folder: Path
    containers: tuple[Container, ...]
    edits: tuple[Edit, ...]

    @property
    def name(self) -> str:
        return self.folder.name

    def golden_plan(self, edit: Edit, container: Container) -> Path:
        """Where the plan of `edit` is; one that differs by container says so in its name."""
        among = f".{container.name}" if len(self.containers) > 1 else ""
        return self.folder / f"{edit.name}{among}.plan"

    @property
    def golden_live(self) -> Path:
        return self.folder / "Dockerfile.live"


def save(path: Path, content: str, how: Save = "in place") -> None:
    """Writes a file as editors do: in place, or beside it and then over it."""
    if how == "in place":
        path.write_text(content)
        return
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(content)
    if path.exists():
        shutil.copymode(path, beside)
    os.replace(beside, path)


def load(folder: Path) -> Case:
    """The case in `folder`. Raises `TypeError` for a key that the format does not have."""
    told = tomllib.loads((folder / "edits.toml").read_text())
    containers = tuple(_container(table) for table in told.pop("container"))
    names = {container.name for container in containers}
    edits = tuple(_edit(table, names) for table in told.pop("edit"))
    if told:
        raise TypeError(f"{folder.name}/edits.toml has unknown keys: {', '.join(told)}")
    return Case(folder, containers, edits)


def _container(table: dict[str, Any]) -> Container:
    return Container(**{**table, "ask": tuple(table["ask"])})


def _edit(table: dict[str, Any], containers: set[str]) -> Edit:
    expected = {name: _expected(table.pop(name)) for name in sorted(containers)}
    for key in ("delete",):
        table[key] = tuple(table.get(key, ()))
    replace = {path: (old, new) for path, (old, new) in table.pop("replace", {}).items()}
    return Edit(expected=expected, replace=replace, **table)


def _expected(table: dict[str, Any]) -> Expected:
    runs = tuple((stage, command) for stage, command in table.pop("runs", ()))
    return Expected(runs=runs, synced=tuple(table.pop("synced", ())), **table)


CASES = tuple(load(path.parent) for path in sorted(FIXTURES.glob("*/edits.toml")))
