import pytest

from erpo_explore.analysis.lineage import ancestry, forest, path_so_far


def test_every_decision_is_a_node_and_only_starts_are_roots(lineage):
    nodes = forest(lineage)
    assert len(nodes) == len(lineage) == 20
    assert nodes.loc[nodes["parent_trial"].isna(), "generation"].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("trial", "generation", "parent"),
    [("run_m1", 3, ("run_m1", 2)), ("run_m3", 2, ("run_m0", 1)), ("run_m2", 4, ("run_m1", 3))],
)
def test_a_clone_comes_from_its_donor_and_others_from_themselves(lineage, trial, generation, parent):
    nodes = forest(lineage).set_index(["trial", "generation"])
    row = nodes.loc[(trial, generation)]
    assert (row["parent_trial"], row["parent_generation"]) == parent


def test_the_ancestry_of_a_clone_runs_through_its_donor(lineage):
    way = ancestry(forest(lineage), "run_m2", 4)
    assert way == [("run_m1", 0), ("run_m1", 1), ("run_m1", 2), ("run_m1", 3), ("run_m2", 4)]


def test_the_best_weights_walked_their_donors_way_first(observations, lineage):
    way = path_so_far(observations, lineage, "run_m2", 5)
    assert way["trial"].tolist() == ["run_m1"] * 4 + ["run_m2"]
    assert way["step"].tolist() == [100, 200, 300, 400, 500]
    assert way["score"].tolist() == [9.0, 13.0, 17.0, 22.0, 24.5]


def test_a_way_ends_at_the_report_asked_for(observations, lineage):
    assert path_so_far(observations, lineage, "run_m3", 2)["score"].tolist() == [7.0, 9.0]


def test_a_fixed_point_walks_alone(observations, lineage):
    way = path_so_far(observations, lineage, "run_mle_1", 5)
    assert way["trial"].unique().tolist() == ["run_mle_1"]
    assert way["step"].tolist() == [100, 200, 300, 400, 500]


def test_without_lineage_a_trial_walks_alone(observations, lineage):
    assert len(path_so_far(observations, lineage.head(0), "run_m2", 5)) == 5


def test_what_a_donor_did_after_it_was_cloned_is_not_walked(observations, lineage):
    late = lineage.copy()
    late.loc[(late["trial"] == "run_m1") & (late["generation"] == 4), ["generation", "step"]] = [9, 900]
    shifted = observations.copy()
    shifted.loc[(shifted["trial"] == "run_m1") & (shifted["iteration"] == 5), "generation"] = 3
    assert path_so_far(shifted, late, "run_m2", 5)["trial"].tolist() == ["run_m1"] * 4 + ["run_m2"]
