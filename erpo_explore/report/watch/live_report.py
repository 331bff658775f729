"""The report of a folder that is still being written: drawn once per state of the data, and only on request."""

import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd

from erpo_explore.errors import ErpoExploreError
from erpo_explore.report import write_report
from erpo_explore.store import TABLES, load_manifest, load_results
from erpo_explore.store.files import Folder, Location
from erpo_explore.store.layout import REPORT

__all__ = ["LiveReport", "Status"]

_MIN_PAUSE_S: Final = 1.0
_PAUSE_FACTOR: Final = 3.0
"""Pause between two drawings as a multiple of the last drawing time, which leaves the cores to training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """State of an exploration, apart from its report.

    Attributes:
        version: Number of drawings so far; 0 before the first score.
        num_reports: Number of observations at the last check.
        last_report_s: Time of the last observation in seconds since 1970; None before the first.
        ended: Whether every trial has ended.
        error: Reason why the last check or drawing failed, in one line; the earlier report stays.
    """

    version: int = 0
    num_reports: int = 0
    last_report_s: float | None = None
    ended: bool = False
    error: str | None = None


class LiveReport:
    """A folder's report and status; a status request updates both in the background."""

    def __init__(self, folder: Location, write: Callable[[Location, Path], object] = write_report) -> None:
        """Start to watch a folder.

        Args:
            folder: Folder of one exploration.
            write: Function that draws the folder into a file.

        Raises:
            ResultsError: The folder holds no exploration.
        """
        load_manifest(folder)
        self._folder = folder
        self._write = write
        self._lock = threading.Lock()
        self._status = Status()
        self._page = b""
        self._seen: int | None = None
        self._is_drawing = False
        self._next_check = 0.0

    @property
    def folder(self) -> Location:
        """The folder that is watched."""
        return self._folder

    def page(self) -> bytes | None:
        """The last report, HTML; None before the first."""
        with self._lock:
            return self._page or None

    def status(self) -> Status:
        """The last known status; where the folder has changed, an update starts in the background."""
        with self._lock:
            mark = folder_mark(self._folder)
            if mark != self._seen and not self._is_drawing and time.monotonic() >= self._next_check:
                self._seen, self._is_drawing = mark, True
                threading.Thread(target=self._update, daemon=True).start()
            return self._status

    def _update(self) -> None:
        """Check the folder, draw it where it has a score, and store the result."""
        started = time.monotonic()
        found, page = check(self._folder, self._write)
        with self._lock:
            if page is not None:
                self._page = page
            if found.error is not None:
                found = replace(self._status, error=found.error)
            self._status = replace(found, version=self._status.version + (page is not None))
            took = time.monotonic() - started
            self._next_check = time.monotonic() + max(_MIN_PAUSE_S, _PAUSE_FACTOR * took)
            self._is_drawing = False


def check(folder: Location, write: Callable[[Location, Path], object]) -> tuple[Status, bytes | None]:
    """Read the status of a folder, and draw its report.

    Args:
        folder: Folder of one exploration.
        write: Function that draws the folder into a file.

    Returns:
        Status, without a version, and report. The report is None where no trial has a score yet, or where an error
        occurred, which is then in the status.
    """
    try:
        reports = load_results(folder, columns=["score", "reported_at"])
        status = Status(
            num_reports=len(reports),
            last_report_s=None if reports.empty else reports["reported_at"].max().timestamp(),
            ended=has_ended(load_results(folder, "trials", columns=["role", "status"]), load_manifest(folder)),
        )
        if not reports["score"].notna().any():
            return status, None
        with tempfile.TemporaryDirectory() as aside:
            page = Path(aside) / REPORT
            write(folder, page)
            return status, page.read_bytes()
    except ErpoExploreError as error:
        return Status(error=str(error)), None
    except Exception as error:  # the next report may succeed, and the reader keeps the last one
        why = " ".join(f"{type(error).__name__}: {error}".split())
        return Status(error=f"the report could not be drawn ({why})"), None


def has_ended(trials: pd.DataFrame, manifest: dict[str, object]) -> bool:
    """Whether no trial is left to train.

    Args:
        trials: The table `trials` with `role` and `status`.
        manifest: Manifest of the exploration. Some searches suggest trials one by one. Then it says how many there will
            be, or that the search has ended.
    """
    space = manifest.get("space")
    search = space.get("search") if isinstance(space, dict) else None
    method = search.get("method") if isinstance(search, dict) else None
    suggests = isinstance(search, dict) and method == "optuna"
    num_suggested = int(search.get("members", 0)) if suggests and isinstance(search, dict) else 0
    is_known = int((trials["role"] == "optuna").sum()) >= num_suggested
    if method == "branch":
        is_known = bool(manifest.get("search_ended"))
    return not trials.empty and is_known and not bool((trials["status"] == "running").any())


def folder_mark(folder: Location) -> int:
    """Hash that changes whenever a part or the manifest is written."""
    within = Folder.at(folder)
    try:
        listed = [entry for each in (within, *map(within.within, TABLES)) for entry in each.entries()]
    except ErpoExploreError:
        return 0  # the next check reports the error
    return hash(tuple((entry.path, entry.size, entry.mtime_ns) for entry in listed))
