"""An interrupted exploration whose folder was copied, then moved, resumes where it is: on a real Ray."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import erpo_explore as erpo
from erpo_explore.config.experiment import Experiment
from erpo_explore.tune.run import explore, resume
from tests.tiny_exploration import TINY
from tests.tune.driver import start_driver, wait_for_reports
from tests.tune.ray_warnings import RAY_WARNINGS

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


def _kill(folder: Path, experiment: dict[str, Any]) -> None:
    """Begin an exploration, and kill its driver in the middle."""
    file = folder.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(experiment))
    driver = start_driver(folder, file)
    wait_for_reports(driver, folder, 9)
    driver.kill()
    with driver:  # closes its output
        pass
    assert (erpo.load_results(folder, table="trials")["status"] == "running").any()


def test_a_copy_goes_on_by_itself_and_the_moved_original_too(two_slots: str, tmp_path: Path) -> None:
    experiment = TINY | CLONES
    explore(Experiment.from_dict(experiment), tmp_path / "whole")
    original, copy, moved = (tmp_path / name for name in ("original", "copy", "moved"))
    _kill(original, experiment)
    before = _dates(original)
    shutil.copytree(original, copy)
    assert resume(copy).status == "finished"
    assert _dates(original) == before
    original.rename(moved)
    assert resume(moved).status == "finished"
    assert not original.exists()
    for folder in (copy, moved):
        pd.testing.assert_frame_equal(_rows(folder), _rows(tmp_path / "whole"))
    assert "clone" in set(erpo.load_results(copy, table="lineage")["action"])


def test_trials_that_a_searcher_makes_after_a_move_write_to_the_new_folder(two_slots: str, tmp_path: Path) -> None:
    original, moved = tmp_path / "original", tmp_path / "elsewhere" / "moved"
    _kill(original, TINY | {"search": {"method": "optuna", "members": 4}, "baselines": ["mle"]})
    moved.parent.mkdir()
    original.rename(moved)
    assert resume(moved).status == "finished"
    assert not original.exists()
    kept = erpo.load_results(moved)["checkpoint"].dropna()
    assert kept.str.startswith("checkpoints/").all()
    assert set(erpo.load_results(moved, table="trials")["status"]) == {"finished"}
