"""What can go wrong, by whose fault it is.

```
LivepushError
├── DockerfileParseError      the Dockerfile's author: text that no builder would take
├── UnsupportedError          nobody: valid, but it cannot be replayed in a running container
├── InvalidArgumentError      the caller: a path, option or number that does not fit
├── ContainerNotRunningError  the container's owner: it is not there to be pushed to
├── EngineError               the engine: it refused, broke off or answered garbage
│   ├── EngineUnreachableError    nothing answers at its address
│   └── NoShellError              the container lacks the shell that the call needs
└── CommandFailedError        the user's command, where there is no event stream to tell it on
```

Every message is one sentence for a person: what is wrong, where, and what to do about it.
Foreign exceptions become one of these at a single door, `livepush.docker`.
"""

from __future__ import annotations


class LivepushError(Exception):
    """The root of all that livepush raises on purpose.

    `hint` is what to do about it, in one sentence, or an empty string.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class DockerfileParseError(LivepushError):
    """The Dockerfile is not valid; `line` is where, counted from 1."""

    def __init__(self, message: str, *, line: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.line = line


class UnsupportedError(LivepushError):
    """A valid step that cannot be replayed live; `line` is where, counted from 1."""

    def __init__(self, message: str, *, line: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.line = line


class InvalidArgumentError(LivepushError):
    """The caller asked for something that does not fit, such as a path outside the context."""


class ContainerNotRunningError(LivepushError):
    """The container is missing or stopped, so nothing can be pushed to it."""


class EngineError(LivepushError):
    """The engine refused a call or broke it off; `status` is its HTTP status, 0 without one."""

    def __init__(self, message: str, *, status: int = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status


class BuildFailedError(EngineError):
    """A build failed as `docker build` would; the message has the builder's own words.

    `step` is the text of the step that failed, and `return_code` that of its command; empty and
    None where they were not told.
    """

    def __init__(self, message: str, *, step: str = "", return_code: int | None = None) -> None:
        super().__init__(message)
        self.step = step
        self.return_code = return_code

    @property
    def is_of_base(self) -> bool:
        """Whether it failed before any step of its own, which no edit of the context will mend."""
        return not self.step or self.step.startswith("FROM ")


class NoShellError(EngineError):
    """The container has no `/bin/sh`, which alone can do what was asked there."""


class EngineUnreachableError(EngineError):
    """Nothing answers at the engine's address."""


class CommandFailedError(LivepushError):
    """A command ended with a `return_code` other than 0."""

    def __init__(self, message: str, *, return_code: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.return_code = return_code
