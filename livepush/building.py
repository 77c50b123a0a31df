"""What a build does, told in the words of a push: its commands, their output, how they ended."""

from __future__ import annotations

from collections.abc import Callable

from livepush import events
from livepush.engine import BuildOutput, BuildProgress, BuildStep, BuildStepDone
from livepush.events import Event, Output

_COMMAND = "RUN "


class Commands:
    """The commands among the steps of one build of the stage `stage_idx`.

    What comes out of the builder's cache is not carried out, and so is not told.
    """

    def __init__(self, stage_idx: int, emit: Callable[[Event], None]) -> None:
        self._stage_idx = stage_idx
        self._emit = emit
        self._running: dict[int, str] = {}

    def tell(self, progress: BuildProgress) -> None:
        """Takes what the builder reports, and tells what is of a command."""
        match progress:
            case BuildStep(number, text) if text.startswith(_COMMAND):
                self._running[number] = command = text.removeprefix(_COMMAND)
                self._emit(events.CommandExecute(stage_idx=self._stage_idx, command=command))
            case BuildOutput(number, data, is_stderr) if number in self._running:
                output = Output(data, is_stderr)
                self._emit(events.CommandOutput(stage_idx=self._stage_idx, output=output))
            case BuildStepDone(number, code) if number in self._running and code is not None:
                self._emit(
                    events.CommandReturn(
                        stage_idx=self._stage_idx,
                        command=self._running.pop(number),
                        return_code=code,
                    )
                )
