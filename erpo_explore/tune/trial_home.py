"""Where trials write: Tune's storage within the results folder.

Tune's snapshots name it by an absolute path, and the folder may have been moved or copied since. So every trial that
did not begin with this driver is moved here, and nothing else in the folder rests on where it lies.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pyarrow import fs

from erpo_explore.store.files import Location
from erpo_explore.store.layout import CHECKPOINTS
from erpo_explore.tune._ray_internals import move_trial
from erpo_explore.tune.storage import storage_of

__all__ = ["TrialHome"]


@dataclass(frozen=True, slots=True)
class TrialHome:
    """The storage of all trials of one exploration, in Tune's terms.

    Attributes:
        filesystem: File system of the results folder.
        storage_path: First part of the path of its folder `checkpoints`.
        name: The rest. Tune keeps its files in the making in a folder of this name, per Ray session; two results
            folders must not share it, since one may be a copy of the other.
    """

    filesystem: fs.FileSystem
    storage_path: str
    name: str

    @classmethod
    def within(cls, folder: Location) -> "TrialHome":
        """The storage in a results folder."""
        filesystem, path = storage_of(folder)
        first, *rest = PurePosixPath(path, CHECKPOINTS).parts
        return cls(filesystem, first, "/".join(rest))

    def take(self, trial: Any) -> None:
        """Have one of Tune's trials write here, and look here for its checkpoints and its donor's."""
        move_trial(trial, self.filesystem, self.storage_path, self.name)
