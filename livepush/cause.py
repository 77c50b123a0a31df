"""One error out of a group of them: task groups gather, and a person is told of one thing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from livepush.errors import LivepushError


@contextmanager
def ungrouped() -> Iterator[None]:
    """Raises, out of a group that the block raises, the one error that is to be told of.

    That is an error of livepush's if there is one, and the first otherwise.
    """
    try:
        yield
    except BaseExceptionGroup as group:  # an exit can be among what the task groups gathered
        cause = _cause(group)
        raise cause from cause.__cause__  # not from the group, whose text would come first


def _cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    leaves = list(_leaves(group))
    return next((leaf for leaf in leaves if isinstance(leaf, LivepushError)), leaves[0])


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
