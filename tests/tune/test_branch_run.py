"""Branch, model, race on a real Ray, complete and resumed after a killed driver."""

import json
from pathlib import Path

import pandas as pd
import pytest

import erpo_explore as erpo
from erpo_explore.config.experiment import Experiment
from erpo_explore.store import load_manifest
from erpo_explore.tune.run import explore, resume
from tests.tiny_exploration import TINY
from tests.tune.interrupted import copied_at, put_back
from tests.tune.ray_warnings import RAY_WARNINGS

pytestmark = [pytest.mark.ray, pytest.mark.slow, *RAY_WARNINGS]

SEARCH = {"method": "branch", "members": 3, "phases": 2, "candidates": ["label_smoothing", "data_noising"]}
TIMES = ["elapsed_s", "tokens_per_s", "reported_at"]
NAMES = ["exploration", "trial", "role", "algorithm", "generation", "parent", "checkpoint", "node"]


@pytest.fixture(scope="module")
def branched(one_slot: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search by branches, with a copy after seven reports beside it."""
    folder = tmp_path_factory.mktemp("branches") / "branched"
    with copied_at(folder, 7):
        outcome = explore(Experiment.from_dict(TINY | {"baselines": ["mle"], "search": SEARCH}), folder)
    assert (outcome.status, outcome.num_failed) == ("finished", 0)
    return folder


def test_branches_begin_with_checkpoints_of_other_trials(branched: Path) -> None:
    trials = erpo.load_results(branched, table="trials").set_index("trial")
    lineage = erpo.load_results(branched, table="lineage").set_index("trial")
    assert set(trials["status"]) == {"finished"}
    assert set(trials["role"]) == {"algorithm", "branch"}
    assert set(lineage.index) == set(trials.index[trials["role"] == "branch"])
    clones = lineage[lineage["action"] == "clone"]
    assert set(clones["step"]) == {6}
    frame = erpo.load_results(branched)
    for branch in clones.itertuples():
        assert frame.loc[frame["trial"] == branch.Index, "step"].tolist() == [9, 12]


def test_a_branch_reports_what_an_undisturbed_run_of_its_path_does(branched: Path, tmp_path: Path) -> None:
    lineage = erpo.load_results(branched, table="lineage")
    branch = lineage[lineage["action"] == "clone"].iloc[0]
    found = erpo.load_results(branched)
    found = found[found["trial"] == branch["trial"]]
    experiment = TINY | {
        "seed": int(found["seed"].iloc[0]),
        "baselines": {"whole": json.loads(branch["path"])},
        "search": {"method": "none"},
    }
    explore(Experiment.from_dict(experiment), tmp_path / "whole")
    whole = erpo.load_results(tmp_path / "whole")
    whole = whole[whole["step"] > branch["step"]]
    columns = [name for name in found.columns if name not in TIMES + NAMES]
    pd.testing.assert_frame_equal(
        found[columns].reset_index(drop=True), whole[columns].reset_index(drop=True), check_exact=True
    )


def test_a_search_that_was_killed_proposes_the_same_branches_and_has_the_same_rows(branched: Path) -> None:
    with put_back(branched, branched.with_name("branched-7")) as whole:
        assert len(erpo.load_results(branched)) == 7
        assert resume(branched).status == "finished"
        for table in ("observations", "lineage"):
            resumed, undisturbed = (
                erpo.load_results(folder, table=table)
                .drop(columns=[*TIMES, "node", "checkpoint", "decided_at"], errors="ignore")
                .sort_values(["trial", "step"], ignore_index=True)
                for folder in (branched, whole)
            )
            pd.testing.assert_frame_equal(resumed, undisturbed, check_exact=True)


def test_the_path_that_is_handed_over_is_recorded_with_its_gain(branched: Path) -> None:
    handover = load_manifest(branched)["handover"]
    assert handover["path"] == erpo.Run.open(branched).best_path.to_dict()
    assert 0.0 <= handover["leader"]["over_mle"]["p_value"] <= 1.0
    assert handover["name"] in " ".join(erpo.Run.open(branched).summary().sentences)


def test_only_last_and_best_checkpoints_stay_after_the_search(branched: Path) -> None:
    kept = {path.parent.name for path in (branched / "checkpoints").glob("*/checkpoint_*")}
    trials = erpo.load_results(branched, table="trials")
    assert kept == set(trials["trial"])
    assert len(list((branched / "checkpoints").glob("*/checkpoint_*"))) <= len(trials) + 1
