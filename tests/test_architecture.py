"""The house: who may import whom, who speaks to the outside, and who only thinks.

A module imports only from the floors below its own, so siblings never meet and there is no way
round in a circle. A module that is new fails here until somebody decides where it lives.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "livepush"

# From the ground up. What is in a package has a dot in its name; `livepush` is the front door.
FLOORS = tuple(
    floor.split()
    for floor in (
        # The nouns, and what everybody may say.
        """errors model events citation legible owner shield folders wakeup lines lull burst
        process span""",
        # One idea each.
        """tree pattern substitution bus droppings endpoint trace cause registration tarstream vigil
        hindrance parcels perl""",
        "journal stopwatch words ignore watch saved sending",
        "selection heredoc",
        "sources manifest",
        "archive difference flags plan landed scan",
        "fetched",
        "filesync buildcontext",
        # An engine, and how it is spoken to.
        "engine",
        "replies shell leftovers mounts realpath builders building",
        "calls mounted replacement testing.files",
        "execution grpcserver testing.commands testing.images",
        "resident restarting buildsession",
        "buildrequest",
        "engineapi",
        """lexer grammar leads ledger turns narration rescan archived origin image_files layers
        doubts docker renewal testing.engine""",
        "testing.faults",
        "dockerfile render context beneath testing",
        "freshness",
        # Text to directives, instructions to stages: a file each.
        """directives.directive stages.path stages.proxy stages.reference snapshot clearing standing
        stage_image destinations users unproven ways""",
        """directives.dev_cmd_live directives.dev_copy directives.dev_env directives.dev_run
        directives.reading stages.arg stages.copy stages.env stages.from_ stages.onbuild
        stages.run stages.shell stages.user stages.workdir""",
        "directives stages.add entanglement additions",
        "stage_container",
        "stages",
        # What repeating a command does, read off its script.
        "repetition.tokens repetition.regex",
        "repetition.arguments repetition.script repetition.sed",
        "repetition.effects repetition.unwrapping",
        "repetition.accounts repetition.edits repetition.fetching repetition.files",
        "repetition",
        # A session, from what a Dockerfile means to following a context.
        "live executor unsettled rearguing authorship knowledge",
        "push opening testing.builder",
        "arrears recovery",
        "presence",
        "follow",
        "session verification",
        "livepush",
        # Its guest, the command line.
        "commands commands.listing commands.complaint commands.interrupt",
        "commands.connection commands.showing commands.inputs",
        "commands.clean commands.dockerfile commands.plan commands.rehearsal commands.verify",
        "commands.opened",
        "commands.parameters commands.push commands.watch",
        "cli",
        "__main__",
    )
)
FLOOR = {module: number for number, floor in enumerate(FLOORS) for module in floor}

# The doors to other people's packages. anyio is no door: every module that waits may use it.
DOORS = {
    "aiodocker": {"docker"},
    "aiohttp": {"docker"},
    "click": {"cli"},
    "dockerfile_parse": {"dockerfile"},
    "pathspec": {"ignore"},
    "h2": {"grpcserver"},
    "rich": {"render"},
    "watchfiles": {"registration"},
}

# What only thinks: it waits for nothing and opens nothing, so it can be tested by values alone.
THINKING = frozenset(
    {"errors", "model", "citation", "legible", "owner", "tree", "pattern", "substitution"}
    | {
        "trace",
        "builders",
        "difference",
        "droppings",
        "leads",
        "words",
        "ignore",
        "manifest",
        "selection",
        "sending",
        "sources",
        "plan",
        "flags",
        "heredoc",
        "ledger",
        "landed",
        "lull",
        "lines",
        "hindrance",
    }
    | {"narration", "lexer", "grammar", "dockerfile", "live"}
    | {module for module in FLOOR if module.split(".")[0] in ("directives", "stages", "repetition")}
)
OUTSIDE = frozenset(
    {"anyio", "asyncio", "os", "pathlib", "random", "select", "shutil", "signal", "socket"}
    | {"subprocess", "tempfile", "threading", "time", "urllib"}
)
SPEAKING = frozenset({"breakpoint", "exec", "eval", "input", "open", "print"})


@cache
def modules() -> dict[str, ast.Module]:
    """The syntax of every module, by the name that the floors know it by."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[_short(name.removesuffix(".__init__"))] = ast.parse(path.read_text())
    return found


def _short(name: str) -> str:
    return name.removeprefix(f"{PACKAGE}.")


def imports(module: str) -> Iterator[str]:
    """The full names of the modules that `module` imports, wherever in its text."""
    for node in ast.walk(modules()[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import in line {node.lineno}"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if _short(inner) in modules() else str(node.module)


def ours(module: str) -> set[str]:
    """What `module` imports of ours; its own package, whose room it is in, is no other module."""
    found = {_short(name) for name in imports(module) if name.split(".")[0] == PACKAGE}
    return found - {module.rpartition(".")[0]}


def foreign(module: str) -> set[str]:
    tops = {name.split(".")[0] for name in imports(module)}
    return tops - sys.stdlib_module_names - {PACKAGE}


def test_every_module_lives_on_one_floor() -> None:
    assert sorted(module for floor in FLOORS for module in floor) == sorted(modules())


@pytest.mark.parametrize("module", sorted(FLOOR))
def test_imports_come_from_the_floors_below(module: str) -> None:
    assert {name for name in ours(module) if FLOOR[name] >= FLOOR[module]} == set()


@pytest.mark.parametrize("package", sorted(DOORS))
def test_each_package_has_one_door(package: str) -> None:
    assert {module for module in modules() if package in foreign(module)} == DOORS[package]


def test_what_is_imported_is_what_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = (re.match(r"[\w-]+", requirement) for requirement in project["dependencies"])
    declared = {found[0].replace("-", "_") for found in names if found}
    assert declared == DOORS.keys() | {"anyio"}
    assert set().union(*map(foreign, modules())) == declared


@pytest.mark.parametrize("module", sorted(THINKING))
def test_thinking_waits_for_nothing_and_opens_nothing(module: str) -> None:
    assert {name.split(".")[0] for name in imports(module)} & OUTSIDE == set()
    for node in ast.walk(modules()[module]):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in SPEAKING, f"{module}, line {node.lineno}"


def test_what_thinks_knows_only_what_thinks() -> None:
    # The port is a list of verbs; its values are what an engine knows of images.
    known = THINKING | {"engine", "events"}
    assert {(m, name) for m in THINKING for name in ours(m) if name not in known} == set()
