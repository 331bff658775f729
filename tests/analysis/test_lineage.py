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
    rows = ancestry(forest(lineage), "run_m2", 4)
    assert rows == [("run_m1", 0), ("run_m1", 1), ("run_m1", 2), ("run_m1", 3), ("run_m2", 4)]


def test_path_so_far_of_a_clone_begins_with_its_donors_reports(observations, lineage):
    rows = path_so_far(observations, lineage, "run_m2", 5)
    assert rows["trial"].tolist() == ["run_m1"] * 4 + ["run_m2"]
    assert rows["step"].tolist() == [100, 200, 300, 400, 500]
    assert rows["score"].tolist() == [9.0, 13.0, 17.0, 22.0, 24.5]


def test_path_so_far_ends_at_the_given_report(observations, lineage):
    assert path_so_far(observations, lineage, "run_m3", 2)["score"].tolist() == [7.0, 9.0]


def test_path_so_far_of_a_fixed_point_is_its_own_reports(observations, lineage):
    rows = path_so_far(observations, lineage, "run_mle_1", 5)
    assert rows["trial"].unique().tolist() == ["run_mle_1"]
    assert rows["step"].tolist() == [100, 200, 300, 400, 500]


def test_path_so_far_without_lineage_is_the_trials_own_reports(observations, lineage):
    assert len(path_so_far(observations, lineage.head(0), "run_m2", 5)) == 5


def test_path_so_far_excludes_a_donors_reports_after_the_clone(observations, lineage):
    late = lineage.copy()
    late.loc[(late["trial"] == "run_m1") & (late["generation"] == 4), ["generation", "step"]] = [9, 900]
    shifted = observations.copy()
    shifted.loc[(shifted["trial"] == "run_m1") & (shifted["iteration"] == 5), "generation"] = 3
    assert path_so_far(shifted, late, "run_m2", 5)["trial"].tolist() == ["run_m1"] * 4 + ["run_m2"]
