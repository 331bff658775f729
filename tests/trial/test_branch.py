"""A branch continues another run as if it had trained it."""

import pytest

from erpo_explore.space import Path

from .tiny import MIXTURE, NOISE, TRUTH, run_of, same, weights

PREFIX = ((0.0, MIXTURE), (0.5, MIXTURE))


def trained(run, num_intervals):
    return [run.advance().to_row() for _ in range(num_intervals)]


def without_times(row):
    return {name: value for name, value in row.items() if name not in ("elapsed_s", "tokens_per_s", "sentences")}


@pytest.mark.parametrize(
    "before", [NOISE, TRUTH], ids=["the donor goes on otherwise", "the donor is maximum likelihood"]
)
def test_a_branch_ends_with_the_weights_of_an_undisturbed_run_of_its_path(before):
    path = Path(knots=(*PREFIX, (0.5, NOISE)))
    whole, donor = run_of(path), run_of(Path(knots=(*PREFIX, (0.5, before))), name="donor")
    branch = run_of(path, name="branch-0", role="branch")
    rows = trained(whole, 4)
    trained(donor, 2)
    branch.load_state(donor.state())
    assert [without_times(row) for row in trained(branch, 2)] == [without_times(row) for row in rows[2:]]
    assert same(weights(branch), weights(whole))
