import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.erpo import categorical
from erpo_explore.erpo.categorical import draw_indices, draw_shared_indices, draw_subset, draw_uniform, first_above

from .frequencies import assert_drawn_from
from .tiny import seeded

NUM_DRAWS = 20_000
LARGEST_UNIFORM = 1.0 - 2.0**-53
WEIGHTS = [
    [0.1, 0.0, 0.6, 0.3],
    [1.0, 1.0, 1.0, 1.0],
    [5e-7, 2e-7, 3e-7, 0.0],
    [0.0, 2e30, 0.0, 6e30],
    [0.0, 0.0, 7.0, 0.0],
]

weights = st.lists(
    st.sampled_from([0.0, 1e-30, 1e-8, 0.3, 1.0, 1.0, 1e30]) | st.floats(0.0, 2.0**100, width=32),
    min_size=1,
    max_size=9,
).filter(any)


class TestFrequencies:
    @pytest.mark.parametrize("weight", WEIGHTS)
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_indices_are_drawn_in_proportion_to_their_weights(self, weight, dtype):
        weight_S = torch.tensor(weight, dtype=dtype)
        drawn_N = draw_indices(weight_S.expand(NUM_DRAWS, -1), seeded(1))
        assert_drawn_from(drawn_N.bincount(minlength=4), weight_S.double() / weight_S.double().sum())

    @pytest.mark.parametrize("weight", WEIGHTS)
    def test_shared_weights_give_the_same_frequencies(self, weight):
        weight_S = torch.tensor(weight, dtype=torch.float64)
        drawn_N = draw_shared_indices(weight_S, NUM_DRAWS, seeded(2))
        assert_drawn_from(drawn_N.bincount(minlength=4), weight_S / weight_S.sum())

    def test_rows_are_independent_and_each_has_its_own_weights(self):
        weight_2S = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.2, 0.8]])
        drawn_N2 = draw_indices(weight_2S.repeat(NUM_DRAWS, 1), seeded(3)).view(-1, 2)
        joint_SS = weight_2S[0][:, None] * weight_2S[1][None, :]
        assert_drawn_from((drawn_N2[:, 0] * 3 + drawn_N2[:, 1]).bincount(minlength=9), joint_SS.flatten())

    @pytest.mark.parametrize("num_indices", [512, 513, 576, 600, 1000])
    def test_long_rows_are_drawn_from_in_proportion_to_their_weights(self, num_indices):
        weight_S = torch.rand(num_indices, generator=seeded(6)).square()
        weight_S[::7] = 0.0
        weight_S[-3:] = torch.tensor([0.0, 5.0, 0.0])
        weight_S[64:128] = 0.0
        drawn_N = draw_indices(weight_S.expand(NUM_DRAWS, -1), seeded(7))
        assert_drawn_from(drawn_N.bincount(minlength=num_indices), weight_S.double() / weight_S.double().sum())

    @pytest.mark.parametrize("num_indices", [64 * 9, 64 * 9 + 1, 64 * 10 - 1])
    @pytest.mark.parametrize("uniform", [0.0, 0.5, LARGEST_UNIFORM])
    def test_the_only_index_with_weight_in_a_long_row_is_found(self, num_indices, uniform, monkeypatch):
        monkeypatch.setattr(
            categorical, "draw_uniform", lambda number, _: torch.full((number,), uniform, dtype=torch.float64)
        )
        index_N = torch.tensor([0, 63, 64, 300, num_indices - 2, num_indices - 1])
        weight_NS = torch.zeros(6, num_indices).scatter_(1, index_N[:, None], 1e-30)
        assert torch.equal(draw_indices(weight_NS, seeded(1)), index_N)

    @pytest.mark.parametrize("index", range(1, 5))
    @pytest.mark.parametrize("draw", [draw_indices, lambda weight_1S, _: draw_shared_indices(weight_1S[0], 1, _)])
    def test_weights_are_summed_in_double_precision(self, draw, index, monkeypatch):
        # single precision has no number between 2^25 and 2^25 + 4
        level = (2.0**25 + index - 0.5) / (2.0**25 + 4.0)
        monkeypatch.setattr(categorical, "draw_uniform", lambda *_: torch.tensor([level], dtype=torch.float64))
        assert draw(torch.tensor([[2.0**25, 1.0, 1.0, 1.0, 1.0]]), seeded(4)).tolist() == [index]

    def test_one_uniform_number_is_used_per_row(self):
        one, other = seeded(5), seeded(5)
        draw_indices(torch.ones(3, 100), one)
        draw_uniform(3, other)
        assert torch.equal(one.get_state(), other.get_state())


class TestPlacesWithoutWeight:
    @given(weights, st.sampled_from([0.0, 1e-300, 0.5, LARGEST_UNIFORM]) | st.floats(0.0, LARGEST_UNIFORM))
    def test_indices_without_weight_are_never_found(self, weight, uniform):
        cumulative_S = torch.tensor(weight, dtype=torch.float32).cumsum(0, dtype=torch.float64)
        uniform_1 = torch.tensor([uniform], dtype=torch.float64)
        shared, own = first_above(cumulative_S, uniform_1), first_above(cumulative_S[None], uniform_1)
        assert int(shared) == int(own)
        assert weight[int(own)] > 0.0

    @pytest.mark.parametrize("weight", [[1e30, 1e-30, 0.0], [0.0, 1e30, 1e-30, 0.0], [1e30, 0.0]])
    def test_a_weight_lost_in_rounding_hides_no_later_index(self, weight):
        cumulative_S = torch.tensor(weight, dtype=torch.float64).cumsum(0)
        uniform_1 = torch.tensor([LARGEST_UNIFORM], dtype=torch.float64)
        assert weight[int(first_above(cumulative_S, uniform_1))] == 1e30

    @pytest.mark.parametrize(("uniform", "index"), [(0.0, 1), (0.25, 3), (0.5, 4), (0.75, 6), (LARGEST_UNIFORM, 6)])
    def test_a_tie_goes_to_the_first_index_above(self, uniform, index):
        cumulative_S = torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0], dtype=torch.float64).cumsum(0)
        assert int(first_above(cumulative_S, torch.tensor([uniform], dtype=torch.float64))) == index


class TestSubsets:
    def test_every_subset_is_equally_likely(self):
        from_S = torch.tensor([True, False, True, True, False, True])
        found_NS = draw_subset(from_S.expand(NUM_DRAWS, -1), torch.full((NUM_DRAWS,), 2), seeded(1))
        assert not found_NS[:, ~from_S].any()
        indices = from_S.nonzero()[:, 0].tolist()
        counts = [int((found_NS[:, list(pair)].all(1)).sum()) for pair in itertools.combinations(indices, 2)]
        assert sum(counts) == NUM_DRAWS
        assert_drawn_from(torch.tensor(counts), torch.full((6,), 1.0 / 6.0))

    @given(
        st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=4), st.data(), st.integers(0, 9)
    )
    def test_each_subset_has_its_size(self, rows, data, seed):
        numbers = [data.draw(st.integers(0, sum(row))) for row in rows]
        from_NS = torch.tensor(rows)
        found_NS = draw_subset(from_NS, torch.tensor(numbers), seeded(seed))
        assert found_NS.sum(1).tolist() == numbers
        assert not (found_NS & ~from_NS).any()


def test_uniform_numbers_fill_the_unit_interval():
    uniform_N = draw_uniform(NUM_DRAWS, seeded(1))
    assert ((uniform_N >= 0.0) & (uniform_N < 1.0)).all()
    assert_drawn_from((uniform_N * 20).long().bincount(minlength=20), torch.full((20,), 0.05))
