"""The report of a folder that is still written to: drawn once for the same data, and only while somebody looks."""

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

_LEAST_PAUSE_S: Final = 1.0
_SHARE_OF_PAUSES: Final = 3.0
"""After a drawing the next one waits this many times as long as it took, since training needs the cores more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What is known of an exploration, apart from its report.

    Attributes:
        version: How often it has been drawn; 0 as long as there is nothing to draw.
        num_reports: Observations, at the last look.
        last_report_s: When the last of them was made, in seconds since 1970; None before the first.
        ended: Whether every trial has ended.
        error: Why the last look or drawing failed, in a line; the report before it stays.
    """

    version: int = 0
    num_reports: int = 0
    last_report_s: float | None = None
    ended: bool = False
    error: str | None = None


class LiveReport:
    """A folder's report and status, brought up to date in the background by whoever asks for the status."""

    def __init__(self, folder: Location, write: Callable[[Location, Path], object] = write_report) -> None:
        """Watch a folder.

        Args:
            folder: Of one exploration.
            write: Draws the folder into a file.

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
        self._next_look = 0.0

    @property
    def folder(self) -> Location:
        """What is watched."""
        return self._folder

    def page(self) -> bytes | None:
        """The last report that was drawn, HTML; None before the first."""
        with self._lock:
            return self._page or None

    def status(self) -> Status:
        """What is known so far; where the folder has changed, a look at it begins in the background."""
        with self._lock:
            mark = folder_mark(self._folder)
            if mark != self._seen and not self._is_drawing and time.monotonic() >= self._next_look:
                self._seen, self._is_drawing = mark, True
                threading.Thread(target=self._look, daemon=True).start()
            return self._status

    def _look(self) -> None:
        """Read the folder, draw it where it has a score, and note what came out."""
        started = time.monotonic()
        found, page = look(self._folder, self._write)
        with self._lock:
            if page is not None:
                self._page = page
            if found.error is not None:
                found = replace(self._status, error=found.error)
            self._status = replace(found, version=self._status.version + (page is not None))
            took = time.monotonic() - started
            self._next_look = time.monotonic() + max(_LEAST_PAUSE_S, _SHARE_OF_PAUSES * took)
            self._is_drawing = False


def look(folder: Location, write: Callable[[Location, Path], object]) -> tuple[Status, bytes | None]:
    """One look at a folder.

    Args:
        folder: Of one exploration.
        write: Draws the folder into a file.

    Returns:
        Its status, without a version, and its report; None where no trial has a score yet, or where the look failed,
        which the status then says.
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
    except (
        Exception
    ) as error:  # whatever is wrong with one report, the next may be whole, and the reader keeps the last
        why = " ".join(f"{type(error).__name__}: {error}".split())
        return Status(error=f"the report could not be drawn ({why})"), None


def has_ended(trials: pd.DataFrame, manifest: dict[str, object]) -> bool:
    """Whether no trial is left to train.

    Args:
        trials: The table `trials`: `role` and `status`.
        manifest: Of the exploration; Optuna's trials are known one after the other, so it says how many there will be.
    """
    space = manifest.get("space")
    search = space.get("search") if isinstance(space, dict) else None
    suggests = isinstance(search, dict) and search.get("method") == "optuna"
    num_suggested = int(search.get("members", 0)) if suggests and isinstance(search, dict) else 0
    is_known = int((trials["role"] == "optuna").sum()) >= num_suggested
    return not trials.empty and is_known and not bool((trials["status"] == "running").any())


def folder_mark(folder: Location) -> int:
    """What changes whenever a part or the manifest is written."""
    within = Folder.at(folder)
    try:
        listed = [entry for each in (within, *map(within.within, TABLES)) for entry in each.entries()]
    except ErpoExploreError:
        return 0  # a look will say what is wrong
    return hash(tuple((entry.path, entry.size, entry.mtime_ns) for entry in listed))
