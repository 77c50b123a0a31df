"""What `import livepush` offers, and what it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import livepush
from livepush import errors, events

_SLOW = {"aiodocker", "aiohttp", "anyio", "asyncio", "dockerfile_parse", "rich", "watchfiles"}


def typed_homes() -> dict[str, str]:
    """Name -> module, as type checkers are told."""
    tree = ast.parse(Path(livepush.__file__ or "").read_bytes())
    return {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("livepush.")
        for alias in node.names
    }


def loaded_by(code: str) -> set[str]:
    """The packages that are loaded once a new interpreter has run `code`."""
    told = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in told.stderr.split()}


def test_the_names_are_sorted_and_are_those_that_type_checkers_see() -> None:
    assert livepush.__all__ == sorted(livepush.__all__)
    assert set(livepush.__all__) == set(typed_homes())


@pytest.mark.parametrize("name", livepush.__all__)
def test_a_name_is_the_one_of_the_module_that_type_checkers_see(name: str) -> None:
    assert getattr(livepush, name) is getattr(import_module(typed_homes()[name]), name)


def test_every_error_and_every_event_is_there() -> None:
    raised = {name for name in vars(errors) if name.endswith("Error")}
    told = {event.__name__ for event in events.EVENTS}
    assert raised | told <= set(livepush.__all__)


def test_dir_lists_the_names_and_the_version() -> None:
    assert {*livepush.__all__, "__version__"} <= set(dir(livepush))


def test_a_misspelt_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'livepush' has no attribute 'Livepsh'"):
        getattr(livepush, "Livepsh")  # noqa: B009  # no type checker lets it pass as an attribute


@pytest.mark.parametrize(
    "code",
    [
        "import livepush",
        "import livepush.cli\n"
        "livepush.cli.cli(['--version'], standalone_mode=False)\n"
        "livepush.cli.cli(['watch', '--help'], standalone_mode=False)",
    ],
    ids=["import", "command line"],
)
def test_nothing_slow_is_loaded_before_it_is_needed(code: str) -> None:
    assert loaded_by(code) & _SLOW == set()


def test_a_name_loads_only_what_it_needs() -> None:
    assert "aiohttp" not in loaded_by("from livepush import Dockerfile, Livepush")
