"""What BuildKit's client sends, as builds without a cache on 26.1.5 showed it."""

from __future__ import annotations

import pytest

from livepush.model import Entry
from livepush.sending import is_sent
from livepush.tree import Tree

FILE = Entry("file", 0o644)


def context(links: dict[str, str]) -> Tree:
    """One with a file `s`, a directory `u`, and `links`."""
    made = [(path, Entry("link", 0o777, target=target)) for path, target in links.items()]
    return Tree.of([("s", FILE), ("u/t/x", FILE), *made])


@pytest.mark.parametrize(
    ("links", "source", "sent"),
    [
        ({}, "s", True),
        ({}, "", True),
        ({}, "*", True),
        ({}, "u", False),
        ({}, "s/*", False),
        ({}, "*/t", False),
        ({"l": "s"}, "l", True),
        ({"l": "/s"}, "l", True),
        ({"l": "../../s"}, "l", True),
        ({"l": "m", "m": "s"}, "l", True),
        ({"u/l": "../s"}, "u/l", True),
        ({"u/l": "../s"}, "u", False),
        ({"l": "s"}, "l*", True),
        ({"l": "s"}, "l/*", False),
        ({"l": "u", "u/m": "../s"}, "l/m", True),
        # The wildcard finds a link: all that it finds is sent.
        ({"l": "u"}, "*/t", True),
        ({"l": "nowhere"}, "*/t", True),
        ({"u/l": "../s"}, "u/*", True),
        ({"u/l": "../s"}, "u/*/x", False),
        ({"u/l": "../s"}, "*/l", False),
        ({"l": "m", "m": "l"}, "l", False),
    ],
)
def test_what_a_client_sends(links: dict[str, str], source: str, sent: bool) -> None:
    assert is_sent(context(links), (source,), "s") == sent


def test_a_client_sends_what_any_source_names() -> None:
    tree = context({})
    assert is_sent(tree, ("s/*", "u", "s"), "s")
    assert not is_sent(tree, (), "s")
