"""What BuildKit's client sends, as builds without a cache on 26.1.5 showed it."""

from __future__ import annotations

import pytest

from livepush import sending
from livepush.model import Entry
from livepush.sending import is_directory_sent, is_sent
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


@pytest.mark.parametrize(
    ("sources", "sent"),
    [
        (("d/*",), True),
        (("d/e*",), True),
        (("d/*.txt",), False),
        (("d/*.txt", "a"), False),
        (("d/*/*",), False),
        (("d/*.txt", "d/x"), True),
        (("d/*.txt", "d/e"), True),
        (("d/*.txt", "d"), True),
        (("d/*.txt", ""), True),
        (("d/*.txt", "*"), True),
    ],
)
def test_a_directory_is_sent_for_what_is_in_it(sources: tuple[str, ...], sent: bool) -> None:
    tree = Tree.of([("a", FILE), ("d/x", FILE), ("d/e", Entry("dir", 0o755))])
    assert is_directory_sent(tree, sources, "d") == sent


def test_an_empty_directory_is_not_sent_for_what_could_be_in_it() -> None:
    tree = Tree.of([("d", Entry("dir", 0o755))])
    assert not is_directory_sent(tree, ("d/*",), "d")
    assert is_directory_sent(tree, ("d",), "d")


@pytest.mark.parametrize("sources", [["l", "l/t"], ["l/t", "l"]])
def test_a_link_is_sent_whole_in_whatever_order_it_is_named(sources: list[str]) -> None:
    tree = Tree.of([("l", Entry("link", 0o777, target="u")), ("u/t", FILE), ("u/x", FILE)])
    assert sending.sent(tree, sources) == {"l", "u", "u/t", "u/x"}
