"""What a worker saves when it is told to end in the midst of an interval, for another one to go on from.

One file a trial, in the trial's folder of the exploration's storage, wherever that is. It is of use only to a run that
stands where the interval began: same checkpoint, same thing to do. So it carries what tells that beginning, and whoever
finds one of another beginning begins the interval anew, as without it.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from pyarrow import fs

__all__ = ["RESCUE_FILE", "RescueFile"]

RESCUE_FILE: Final = "rescue.pt"


@dataclass(frozen=True, slots=True, kw_only=True)
class RescueFile:
    """Where a trial's rescued interval lies.

    Attributes:
        filesystem: Of the trial's storage.
        path: Of the file in it.
    """

    filesystem: fs.FileSystem
    path: str

    def write(self, state: Mapping[str, Any], beginning: Mapping[str, Any]) -> None:
        """Write an interval's state; a process that is killed meanwhile leaves none, or a torn one.

        Args:
            state: Tensors and plain values.
            beginning: What the interval began with, as plain values.

        Raises:
            OSError: The storage is full or away.
        """
        content = io.BytesIO()
        torch.save({"beginning": _key(beginning), "state": dict(state)}, content)
        with self.filesystem.open_output_stream(self.path) as stream:
            stream.write(content.getbuffer())

    def read(self, beginning: Mapping[str, Any]) -> dict[str, Any] | None:
        """The state of the interval that began so; None where there is none, it is torn, or began otherwise.

        Only tensors and plain values are accepted.
        """
        if not self.exists():
            return None
        try:
            with self.filesystem.open_input_stream(self.path) as stream:
                content = torch.load(io.BytesIO(stream.read()), map_location="cpu", weights_only=True)
            state = content["state"] if content["beginning"] == _key(beginning) else None
        except Exception:
            return None
        return state if isinstance(state, dict) else None

    def exists(self) -> bool:
        """Whether there is a file, of whatever worth."""
        return bool(self.filesystem.get_file_info(self.path).type == fs.FileType.File)

    def remove(self) -> None:
        """Delete it; that there is none is no error."""
        if self.exists():
            self.filesystem.delete_file(self.path)


def _key(beginning: Mapping[str, Any]) -> str:
    return json.dumps(beginning, sort_keys=True)
