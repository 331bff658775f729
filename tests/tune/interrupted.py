"""What a killed driver leaves, taken from an exploration that goes on to its end.

A driver that is killed leaves its results folder as it was at that moment. A copy of the folder is the same, and needs
no process of its own. `tests/tune/test_run.py` kills one, too.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from erpo_explore.tune.callbacks.recording import RecordingCallback

__all__ = ["copied_at", "put_back"]


@contextmanager
def copied_at(folder: Path, *moments: int) -> Iterator[list[Path]]:
    """Copy a results folder each time that this process has recorded so many reports.

    Args:
        folder: Results folder of the exploration that the block runs.
        moments: Numbers of reports.

    Yields:
        The copies, once the block has ended; `put_back` makes one of them the folder.
    """
    num_reports, copies = 0, [folder.with_name(f"{folder.name}-{moment}") for moment in moments]
    record = RecordingCallback.on_trial_result

    def record_and_copy(self: RecordingCallback, *args: Any, **info: Any) -> None:
        nonlocal num_reports
        record(self, *args, **info)
        num_reports += 1
        for moment, copy in zip(moments, copies, strict=True):
            if num_reports == moment:
                shutil.copytree(folder, copy)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecordingCallback, "on_trial_result", record_and_copy)
        yield copies


@contextmanager
def put_back(folder: Path, copy: Path) -> Iterator[Path]:
    """The folder as it was at the copy, and where the exploration has ended; Tune's snapshots hold whole paths.

    Yields:
        The folder of the exploration that has ended, which comes back after the block.
    """
    whole = folder.with_name(f"{folder.name}-whole")
    folder.rename(whole)
    copy.rename(folder)
    try:
        yield whole
    finally:
        folder.rename(copy)
        whole.rename(folder)
