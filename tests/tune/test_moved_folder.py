"""An interrupted exploration whose folder was copied, then moved, resumes where it is: on a real Ray."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import erpo_explore as erpo
from erpo_explore.config.experiment import Experiment
from erpo_explore.tune.run import explore, resume
from tests.tiny_exploration import TINY
from tests.tune.interrupted import copied_at
from tests.tune.ray_warnings import RAY_WARNINGS
from tests.tune.test_methods import RANGES, each_report_is_there_once

pytestmark = [pytest.mark.ray, pytest.mark.slow, *RAY_WARNINGS]

TIMED = ["elapsed_s", "tokens_per_s", "reported_at", "checkpoint"]
"""Columns that differ between two runs with the same seed."""

# half of the members clone the other half after each interval, so a clone's checkpoint is often its donor's
CLONES: dict[str, Any] = {
    "search": {"method": "population", "members": 4, "evolve_every": [1], "selection": "truncation", "quantile": 0.5},
    "baselines": ["mle"],
}


def _rows(folder: Path) -> pd.DataFrame:
    return erpo.load_results(folder).drop(columns=TIMED)


def _dates(folder: Path) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_a_copy_goes_on_by_itself_and_the_moved_original_too(one_slot: str, tmp_path: Path) -> None:
    whole, original, copy, moved = (tmp_path / name for name in ("whole", "whole-9", "copy", "moved"))
    with copied_at(whole, 9):
        explore(Experiment.from_dict(TINY | CLONES), whole)
    assert (erpo.load_results(original, table="trials")["status"] == "running").any()
    # the copy that the block made was never at its own place: it is the original of this test
    before = _dates(original)
    shutil.copytree(original, copy)
    assert resume(copy).status == "finished"
    assert _dates(original) == before
    original.rename(moved)
    assert resume(moved).status == "finished"
    assert not original.exists()
    for folder in (copy, moved):
        pd.testing.assert_frame_equal(_rows(folder), _rows(whole))
    assert "clone" in set(erpo.load_results(copy, table="lineage")["action"])


def test_trials_that_a_searcher_makes_after_a_move_write_to_the_new_folder(one_slot: str, tmp_path: Path) -> None:
    original, moved = tmp_path / "original", tmp_path / "elsewhere" / "moved"
    search = {"method": "optuna", "members": 5, "early_stopping": "median", "ranges": RANGES}
    with copied_at(original, 9):
        explore(Experiment.from_dict(TINY | {"search": search, "baselines": ["mle"]}), original)
    whole = _dates(original)
    moved.parent.mkdir()
    original.with_name("original-9").rename(moved)
    each_report_is_there_once(moved, num_searched=5)
    assert _dates(original) == whole
    kept = erpo.load_results(moved)["checkpoint"].dropna()
    assert kept.str.startswith("checkpoints/").all()
    assert set(erpo.load_results(moved, table="trials")["status"]) <= {"finished", "stopped"}
