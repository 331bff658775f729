from benchmarks.speed.branch_cost import decision_times


def test_phases_that_branches_take_over_are_not_counted(tmp_path):
    num_phases, times = decision_times(4, tmp_path / "results")
    assert len(times) == 4
    assert 4 < num_phases < 16
