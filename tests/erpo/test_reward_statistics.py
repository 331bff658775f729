import numpy as np
import pytest
import torch

from erpo_explore.erpo.reward_statistics import RewardStatistics, reward_statistics

REWARDS = torch.tensor([[0.1, 0.9, 0.5], [0.4, 0.4, 0.4], [0.0, 0.0, 0.0], [-3.0, -1.0, 2.0]])
WEIGHTS = torch.tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.1, 0.1, 0.8], [0.25, 0.5, 0.25]])


def test_mean_and_variance_are_those_of_all_draws_in_the_metrics_unit():
    found, value = reward_statistics(REWARDS, 2.0), 2.0 * REWARDS.double().numpy()
    assert found.mean == pytest.approx(value.mean())
    assert found.variance == pytest.approx(value.var())


def test_weights_replace_the_equal_share_of_each_draw():
    found, value = reward_statistics(REWARDS, 1.0, WEIGHTS), REWARDS.double().numpy()
    assert found.mean == pytest.approx(np.average(value, weights=WEIGHTS.double().numpy()), rel=1e-6)
    variance = np.average((value - float(found.mean)) ** 2, weights=WEIGHTS.double().numpy())
    assert found.variance == pytest.approx(variance, rel=1e-6)


def test_two_of_four_sources_have_equal_rewards():
    assert reward_statistics(REWARDS, 1.0).equal_share == 0.5


def test_rewards_that_differ_in_their_last_bit_are_equal():
    third = torch.tensor(1.0) / 3.0
    assert reward_statistics(torch.stack([third, third.nextafter(torch.tensor(1.0))])[None], 1.0).equal_share == 1.0


def test_one_draw_per_source_has_nothing_to_be_equal_to():
    assert reward_statistics(REWARDS[:, :1], 1.0).equal_share is None


def test_parts_are_merged_to_the_statistics_of_the_batch():
    whole = reward_statistics(REWARDS, 1.0)
    merged = RewardStatistics.merged([(reward_statistics(part, 1.0), len(part)) for part in REWARDS.split([1, 3])])
    assert merged.mean == pytest.approx(whole.mean)
    assert merged.variance == pytest.approx(whole.variance)
    assert merged.equal_share == pytest.approx(whole.equal_share)


def test_parts_without_rewards_have_none():
    assert RewardStatistics.merged([(None, 2), (None, 1)]) is None
