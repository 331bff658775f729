"""The interval that a preempted worker was training, saved so that another worker can continue within it.

There is one file per trial, in the trial's folder of Tune's storage. A saved interval is of use only to a worker that
starts from the same checkpoint with the same assignment. So the file contains what identifies that start; a worker with
another start trains the interval from its beginning, as if there were no file.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from pyarrow import fs

from erpo_explore.trial import TrainingRun

__all__ = ["PREEMPTED_INTERVAL_FILE", "PreemptedInterval", "PreemptedIntervalFile"]

PREEMPTED_INTERVAL_FILE: Final = "preempted_interval.pt"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreemptedIntervalFile:
    """The file of one trial.

    Attributes:
        filesystem: File system of the trial's storage.
        path: Path of the file in it.
    """

    filesystem: fs.FileSystem
    path: str

    def write(self, state: Mapping[str, Any], start: Mapping[str, Any]) -> None:
        """Write an interval's state; a process that is killed meanwhile leaves no file, or a truncated one.

        Args:
            state: Tensors and plain values.
            start: Plain values that identify what the interval started from.

        Raises:
            OSError: The storage is full or cannot be reached.
        """
        content = io.BytesIO()
        torch.save({"start": _key(start), "state": dict(state)}, content)
        with self.filesystem.open_output_stream(self.path) as stream:
            stream.write(content.getbuffer())

    def read(self, start: Mapping[str, Any]) -> dict[str, Any] | None:
        """The state of the interval with this start; None if there is no file, or it is truncated or has another start.

        Only tensors and plain values are accepted.
        """
        if not self.exists():
            return None
        try:
            with self.filesystem.open_input_stream(self.path) as stream:
                content = torch.load(io.BytesIO(stream.read()), map_location="cpu", weights_only=True)
            state = content["state"] if content["start"] == _key(start) else None
        except Exception:
            return None
        return state if isinstance(state, dict) else None

    def exists(self) -> bool:
        """Whether there is a file, readable or not."""
        return bool(self.filesystem.get_file_info(self.path).type == fs.FileType.File)

    def remove(self) -> None:
        """Delete the file if it exists."""
        if self.exists():
            self.filesystem.delete_file(self.path)


class PreemptedInterval:
    """Saves and resumes the interval of one trial in one worker."""

    def __init__(self, file: PreemptedIntervalFile | None) -> None:
        """Begin a trial.

        Args:
            file: The trial's file; None where Tune gave the trial no folder, and nothing is saved.
        """
        self._file = file
        self._is_first = True
        self._was_resumed = False

    def save(self, run: TrainingRun, start: Mapping[str, Any]) -> str:
        """Save the interval in progress; returns a message for the log.

        Args:
            run: The run, which has stopped between two steps.
            start: As for `PreemptedIntervalFile.write`.
        """
        state = run.interval_state()
        if self._file is None or state is None:
            return "it was between two intervals"
        try:
            self._file.write(state, start)
        except Exception as error:
            return f"step {run.step} could not be saved: {error}"
        return f"step {run.step} is saved"

    def resume(self, run: TrainingRun, start: Mapping[str, Any]) -> None:
        """Load the interval that an earlier worker of this trial saved; only the worker's first interval can have one.

        Args:
            run: The run, which is at the start of an interval.
            start: As for `PreemptedIntervalFile.read`.
        """
        if not self._is_first or self._file is None:
            return
        self._is_first = False
        state = self._file.read(start)
        if state is None:
            self._file.remove()
            return
        run.load_interval_state(state)
        self._was_resumed = True

    def discard(self) -> None:
        """Delete the file of an interval that was resumed; its end has been written to a checkpoint."""
        if self._was_resumed and self._file is not None:
            self._file.remove()
            self._was_resumed = False


def _key(start: Mapping[str, Any]) -> str:
    return json.dumps(start, sort_keys=True)
