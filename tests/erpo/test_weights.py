import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.erpo.estimators.best_of import best_of_weights
from erpo_explore.erpo.weights import (
    advantages,
    effective_sample_size,
    self_normalised,
    standardised,
)

from .tiny import seeded

REWARD_BK = torch.tensor([[1.0, 3.0, 2.0, 6.0], [0.5, -0.5, 0.0, 4.0]])
ALL_BK = torch.ones(2, 4, dtype=torch.bool)
LOG_WEIGHT_BK = torch.tensor([[1.0, 2.0, 0.0, -1.0], [400.0, 401.0, 399.0, -400.0]])


class TestSelfNormalised:
    def test_it_is_each_weight_over_their_sum(self):
        weight_BK = LOG_WEIGHT_BK.double().exp()
        found_BK = self_normalised(LOG_WEIGHT_BK, ALL_BK)
        torch.testing.assert_close(found_BK.double(), weight_BK / weight_BK.sum(1, keepdim=True))

    def test_a_constant_of_the_source_changes_nothing(self):
        shifted_BK = LOG_WEIGHT_BK + torch.tensor([[-3000.0], [5000.0]])
        torch.testing.assert_close(
            self_normalised(shifted_BK, ALL_BK), self_normalised(LOG_WEIGHT_BK, ALL_BK), rtol=1e-3, atol=1e-6
        )

    def test_a_cut_target_has_no_weight_beside_a_finished_one(self):
        finished_BK = torch.tensor([[True, False, True, False], [False, False, False, True]])
        weight_BK = LOG_WEIGHT_BK.double().exp() * finished_BK
        found_BK = self_normalised(LOG_WEIGHT_BK, finished_BK)
        torch.testing.assert_close(found_BK.double(), weight_BK / weight_BK.sum(1, keepdim=True))

    def test_cut_targets_have_weight_where_a_source_has_no_finished_one(self):
        finished_BK = torch.tensor([[False] * 4, [True, False, False, False]])
        found_BK = self_normalised(LOG_WEIGHT_BK, finished_BK)
        torch.testing.assert_close(found_BK[0], LOG_WEIGHT_BK[0].softmax(0))
        assert found_BK[1].tolist() == [1.0, 0.0, 0.0, 0.0]

    def test_the_weighted_mean_of_draws_is_the_expectation_under_q(self):
        proposal_N, q_N = torch.tensor([0.4, 0.3, 0.2, 0.1]), torch.tensor([0.1, 0.2, 0.3, 0.4])
        value_N = torch.tensor([1.0, -2.0, 5.0, 0.5])
        drawn_K = torch.multinomial(proposal_N, 200_000, replacement=True, generator=seeded(1))
        log_weight_1K = (q_N / proposal_N).log()[drawn_K][None] + 17.0
        weight_1K = self_normalised(log_weight_1K, torch.ones_like(log_weight_1K, dtype=torch.bool))
        assert float((weight_1K * value_N[drawn_K]).sum()) == pytest.approx(float((q_N * value_N).sum()), abs=0.03)


class TestEffectiveSampleSize:
    @pytest.mark.parametrize("K", [1, 2, 7])
    def test_equal_weights_give_their_number(self, K):
        assert effective_sample_size(torch.full((2, K), 1.0 / K)).tolist() == pytest.approx([K, K])

    @pytest.mark.parametrize("K", [1, 2, 7])
    def test_one_nonzero_weight_gives_1(self, K):
        assert effective_sample_size(torch.eye(K)).tolist() == [1.0] * K

    @given(st.lists(st.floats(-30.0, 30.0, width=32), min_size=1, max_size=9))
    def test_it_is_the_ratio_of_the_equation_between_1_and_the_number_of_draws(self, log_weights):
        weight_1K = torch.tensor([log_weights]).softmax(1)
        found, w = float(effective_sample_size(weight_1K)), weight_1K.double()
        assert found == pytest.approx(float(w.sum() ** 2 / (w**2).sum()), rel=1e-5)
        assert 1.0 - 1e-5 <= found <= len(log_weights) * (1.0 + 1e-5)


class TestAdvantages:
    def test_without_a_baseline_it_is_the_reward(self):
        assert torch.equal(advantages(REWARD_BK, "none"), REWARD_BK)

    def test_self_critical_subtracts_the_greedy_targets_reward(self):
        found_BK = advantages(REWARD_BK, "self_critical", torch.tensor([2.0, -1.0]))
        assert found_BK.tolist() == [[-1.0, 1.0, 0.0, 4.0], [1.5, 0.5, 1.0, 5.0]]

    def test_leave_one_out_subtracts_the_mean_of_the_others(self):
        expected_BK = [[reward - (sum(row) - reward) / 3.0 for reward in row] for row in REWARD_BK.tolist()]
        torch.testing.assert_close(advantages(REWARD_BK, "leave_one_out"), torch.tensor(expected_BK))

    def test_group_subtracts_the_mean_and_divides_by_the_deviation(self):
        mean_B1, deviation_B1 = REWARD_BK.mean(1, keepdim=True), REWARD_BK.std(1, correction=0, keepdim=True)
        torch.testing.assert_close(advantages(REWARD_BK, "group", scale="group"), (REWARD_BK - mean_B1) / deviation_B1)

    def test_batch_has_one_baseline_for_all_sources(self):
        torch.testing.assert_close(advantages(REWARD_BK, "batch"), REWARD_BK - REWARD_BK.mean())

    @pytest.mark.parametrize("baseline", ["none", "leave_one_out", "group", "batch"])
    def test_scales_are_standard_deviations_of_the_rewards(self, baseline):
        plain_BK = advantages(REWARD_BK, baseline)
        group_BK, batch_BK = (advantages(REWARD_BK, baseline, scale=scale) for scale in ("group", "batch"))
        torch.testing.assert_close(group_BK, plain_BK / REWARD_BK.std(1, correction=0, keepdim=True))
        torch.testing.assert_close(batch_BK, plain_BK / REWARD_BK.std(correction=0))

    def test_equal_rewards_have_no_weight_under_a_scale(self):
        equal_BK = torch.cat([REWARD_BK, torch.full((1, REWARD_BK.shape[1]), 0.1)])
        assert advantages(equal_BK, "leave_one_out", scale="group")[-1].tolist() == [0.0] * REWARD_BK.shape[1]
        assert advantages(torch.full((2, 3), 0.1), "batch", scale="batch").tolist() == [[0.0] * 3] * 2

    @pytest.mark.parametrize("baseline", ["leave_one_out", "group"])
    def test_group_baselines_need_two_draws(self, baseline):
        with pytest.raises(
            ValueError, match=f"baseline {baseline} with scale none needs at least 2 draws per source, got 1"
        ):
            advantages(REWARD_BK[:, :1], baseline)

    def test_self_critical_needs_the_greedy_reward(self):
        with pytest.raises(ValueError, match="self_critical needs the greedy target's reward"):
            advantages(REWARD_BK, "self_critical")


class TestStandardised:
    @given(st.floats(-100.0, 100.0, width=32), st.integers(2, 17))
    def test_equal_rewards_give_exactly_0(self, reward, K):
        assert standardised(torch.full((1, K), reward)).tolist() == [[0.0] * K]

    def test_a_source_of_equal_rewards_does_not_change_the_others(self):
        found_BK = standardised(torch.cat([REWARD_BK, torch.full((1, 4), 0.1)]))
        torch.testing.assert_close(found_BK[:2], standardised(REWARD_BK))
        assert not found_BK[2].any()

    @given(st.lists(st.floats(-1.0, 1.0, width=16), min_size=2, max_size=9).filter(lambda row: max(row) > min(row)))
    def test_unequal_rewards_get_mean_0_and_deviation_1(self, rewards):
        found_1K = standardised(torch.tensor([rewards], dtype=torch.float64))
        if found_1K.any():  # else they differ by rounding alone
            assert float(found_1K.mean()) == pytest.approx(0.0, abs=1e-6)
            assert float(found_1K.std(correction=0)) == pytest.approx(1.0, abs=1e-6)
        else:
            assert max(rewards) - min(rewards) <= 1e-5 * max(map(abs, rewards))

    @pytest.mark.parametrize("scale", [1e-12, 1e12])
    def test_the_unit_of_the_reward_does_not_matter(self, scale):
        torch.testing.assert_close(standardised(REWARD_BK * scale), standardised(REWARD_BK))


class TestBestOf:
    @given(st.lists(st.sampled_from([-1.0, 0.1, 0.25, 3.0]), min_size=2, max_size=6), st.integers(2, 6))
    def test_it_is_the_share_of_the_sets_of_n_whose_best_it_is(self, rewards, n):
        n, sets = min(n, len(rewards)), list(itertools.combinations(range(len(rewards)), min(n, len(rewards))))
        expected = [0.0] * len(rewards)
        for members in sets:
            best = [k for k in members if rewards[k] == max(rewards[j] for j in members)]
            for k in best:
                expected[k] += 1.0 / len(best) / len(sets)
        assert best_of_weights(torch.tensor([rewards]), n)[0].tolist() == pytest.approx(expected)

    def test_rewards_that_differ_by_rounding_share(self):
        nearly_1K = torch.tensor([[0.1 + 0.2, 0.3, 0.0]])
        assert best_of_weights(nearly_1K, 3).tolist() == [[0.5, 0.5, 0.0]]
