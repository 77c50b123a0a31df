"""Of a group of errors, the one that is to be told of."""

from __future__ import annotations

import pytest

from livepush.cause import ungrouped
from livepush.errors import EngineError


def test_livepush_s_own_error_is_raised_with_what_caused_it() -> None:
    reason, ours = OSError("the reason"), EngineError("ours")
    ours.__cause__ = reason
    with pytest.raises(EngineError, match="ours") as caught, ungrouped():
        raise ExceptionGroup("", [ValueError(), ExceptionGroup("", [ours])])
    assert caught.value.__cause__ is reason


def test_without_one_the_first_is_raised() -> None:
    with pytest.raises(SystemExit), ungrouped():
        raise BaseExceptionGroup("", [SystemExit(3), ValueError()])


def test_a_single_error_is_left_alone() -> None:
    with pytest.raises(ValueError, match="alone"), ungrouped():
        raise ValueError("alone")
