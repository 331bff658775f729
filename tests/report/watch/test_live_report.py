import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from erpo_explore.errors import ResultsError
from erpo_explore.report.watch import LiveReport
from erpo_explore.report.watch.live_report import folder_mark, has_ended
from erpo_explore.store import ResultsWriter
from tests.example_exploration import MANIFEST, POINTS, observation

MORE = {"role": "algorithm", "algorithm": "mle", "seed": 1, **POINTS["mle"]}


class CountingWriter:
    """Writes a counter in place of a report, so that a test sees the number of drawings."""

    def __init__(self) -> None:
        self.num_drawn = 0

    def __call__(self, folder: Path, output: Path) -> Path:
        self.num_drawn += 1
        output.write_text(f"<p>{self.num_drawn}")
        return output


def settled(live: LiveReport, expected_version: int) -> object:
    """The status once it has at least the expected version."""
    while (status := live.status()).version < expected_version:
        time.sleep(0.02)
    return status


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr("erpo_explore.report.watch.live_report._MIN_PAUSE_S", 0.0)


def test_the_same_data_are_drawn_once_for_many_requests(folder):
    writer = CountingWriter()
    live = LiveReport(folder, writer)
    threads = [threading.Thread(target=lambda: [live.status() for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    settled(live, 1)
    for thread in threads:
        thread.join()
    time.sleep(0.2)
    live.status()
    assert (writer.num_drawn, live.page()) == (1, b"<p>1")


def test_a_new_part_is_drawn(folder):
    writer = CountingWriter()
    live = LiveReport(folder, writer)
    before = settled(live, 1)
    ResultsWriter.open(folder).append("observations", [observation("run_new", 1, 100, 30.0, **MORE)])
    after = settled(live, 2)
    assert (writer.num_drawn, live.page()) == (2, b"<p>2")
    assert after.num_reports == before.num_reports + 1


def test_drawing_leaves_the_folder_as_it_was(folder):
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    live = LiveReport(folder)
    settled(live, 1)
    assert b"plotly" in live.page()
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before


def test_before_the_first_score_there_is_no_page_and_no_error(tmp_path):
    writer = ResultsWriter.create(tmp_path / "toy", MANIFEST)
    live = LiveReport(writer.folder)
    live.status()
    writer.append("observations", [observation("t", 1, 100, None, **MORE)])
    while live.status().num_reports == 0:
        time.sleep(0.02)
    status = live.status()
    assert (status.version, status.error, live.page()) == (0, None, None)
    writer.append("observations", [observation("t", 2, 200, 5.0, **MORE)])
    assert settled(live, 1).error is None
    assert live.page() is not None


def test_where_drawing_fails_the_message_is_shown_and_the_old_page_kept(folder):
    def fails(results: Path, output: Path) -> Path:
        if "run_new" in str(list((results / "observations").iterdir())):
            raise ZeroDivisionError("in\na figure")
        return CountingWriter()(results, output)

    live = LiveReport(folder, fails)
    before = settled(live, 1)
    writer = ResultsWriter.open(folder)
    writer.append("observations", [observation("run_new", 1, 100, 30.0, **MORE)])
    while (status := live.status()).error is None:
        time.sleep(0.02)
    assert status.error == "the report could not be drawn (ZeroDivisionError: in a figure)"
    assert (status.version, status.num_reports, live.page()) == (1, before.num_reports, b"<p>1")


def test_a_removed_folder_is_named(folder):
    live = LiveReport(folder, CountingWriter())
    settled(live, 1)
    folder.rename(folder.with_name("moved"))
    while (status := live.status()).error is None:
        time.sleep(0.02)
    assert str(folder) in status.error
    assert live.page() == b"<p>1"


def test_a_folder_without_an_exploration_is_refused(tmp_path):
    with pytest.raises(ResultsError, match="holds no"):
        LiveReport(tmp_path)


@pytest.mark.parametrize("table", ["observations", "trials", "lineage", "samples"])
def test_a_write_changes_the_folder_mark(table, folder):
    before = folder_mark(folder)
    (folder / table).mkdir(exist_ok=True)
    time.sleep(0.02)
    (folder / table / "aside").write_bytes(b"")
    (folder / table / "aside").rename(folder / table / "part.parquet")
    assert folder_mark(folder) != before


@pytest.mark.parametrize(
    ("trials", "search", "expected"),
    [
        ([], {}, False),
        ([("algorithm", "finished"), ("member", "running")], {}, False),
        ([("algorithm", "finished"), ("member", "diverged"), ("random", "stopped"), ("random", "failed")], {}, True),
        ([("optuna", "finished")], {"method": "optuna", "members": 2}, False),
        ([("optuna", "finished")] * 2, {"method": "optuna", "members": 2}, True),
    ],
)
def test_an_exploration_has_ended_when_no_trial_is_left(trials, search, expected):
    frame = pd.DataFrame(trials, columns=["role", "status"])
    assert has_ended(frame, {"space": {"search": search}}) is expected


def test_a_search_by_branches_has_ended_when_it_says_so():
    frame = pd.DataFrame([("branch", "finished")], columns=["role", "status"])
    manifest = {"space": {"search": {"method": "branch", "members": 1}}}
    assert not has_ended(frame, manifest)
    assert has_ended(frame, manifest | {"search_ended": True})
