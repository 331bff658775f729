"""What a search by branches tried, from a results folder that was made by hand."""

import pandas as pd
import pytest

from erpo_explore.analysis.branches import BranchSearch, branch_table, candidate_table, effect_table
from erpo_explore.analysis.lineage import path_so_far
from erpo_explore.analysis.verdict import Handed
from erpo_explore.store import load_manifest, load_results
from tests.example_branches import write_branches


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_branches(tmp_path_factory.mktemp("branches") / "toy")


@pytest.fixture(scope="module")
def search(folder):
    return BranchSearch.from_manifest(load_manifest(folder))


@pytest.fixture(scope="module")
def candidates(search, folder):
    return candidate_table(search, load_results(folder)).set_index("name")


def test_another_search_and_an_older_folder_have_no_beliefs(folder):
    manifest = load_manifest(folder)
    assert BranchSearch.from_manifest({"seed": 1}) is None
    older = {name: value for name, value in manifest["handover"].items() if name != "paths"}
    assert BranchSearch.from_manifest({"handover": older}) is None


def test_the_most_promising_path_comes_first_and_roles_are_marked(candidates):
    assert list(candidates.index) == ["mle (1), noise (1)", "mle", "noise (1), mle (1)", "noise"]
    assert list(candidates.index[candidates["is_handed"]]) == ["mle (1), noise (1)"]
    assert list(candidates.index[candidates["is_reference"]]) == ["mle"]


def test_a_path_has_the_scores_of_the_runs_that_ended(candidates):
    assert candidates["scores"].to_dict() == {
        "mle (1), noise (1)": [21.0, 22.0],
        "mle": [20.0],
        "noise (1), mle (1)": [],
        "noise": [],
    }
    assert candidates.at["mle (1), noise (1)", "seeds"] == [1, 2]


def test_intervals_are_those_of_a_normal_distribution(candidates):
    row = candidates.loc["mle (1), noise (1)"]
    assert (row["low"], row["high"]) == pytest.approx((20.42, 22.38), abs=0.001)
    assert (row["gain_low"], row["gain_high"]) == pytest.approx((0.71, 1.69), abs=0.001)


def test_what_was_dropped_has_its_chance_and_the_time(candidates):
    assert candidates["dropped_after"].dropna().to_dict() == {"noise": 2}
    assert candidates.at["noise", "chance"] == 0.01
    assert pd.isna(candidates.at["mle (1), noise (1)", "chance"])


def test_effects_have_a_row_per_algorithm_and_phase_without_maximum_likelihood(search):
    rows = effect_table(search).to_numpy().tolist()
    assert rows == [["noise", 1, -1.0, 0.3], ["noise", 2, 1.2, 0.4]]


def test_branches_follow_their_donors(search, folder):
    table = branch_table(search, load_results(folder), load_results(folder, "lineage")).set_index("trial")
    assert list(table.index) == ["mle-s1", "branch-0", "branch-2", "branch-1", "branch-3"]
    assert table[["start", "end"]].to_numpy().tolist() == [[0, 2], [1, 2], [0, 1], [0, 2], [0, 1]]
    assert table.at["branch-0", "donor"] == "mle-s1"
    assert table["donor"].isna().sum() == 4
    assert table.at["branch-0", "reason"] == "a challenger, after phase 1"
    assert pd.isna(table.at["branch-2", "score"])


def test_the_path_of_a_branch_leads_through_the_baseline_that_it_began_with(folder):
    path = path_so_far(load_results(folder), load_results(folder, "lineage"), "branch-0", 4)
    assert path["trial"].tolist() == ["mle-s1", "mle-s1", "branch-0", "branch-0"]
    assert path["step"].tolist() == [100, 200, 300, 400]


def test_the_verdict_counts_what_was_tried_and_dropped(folder):
    handed = Handed.from_manifest(load_manifest(folder))
    assert (handed.num_runs, handed.num_paths, handed.num_dropped) == (3, 4, 1)
