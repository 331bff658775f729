"""R: what a target is worth, token by token. One file a reward, all behind `TokenReward`."""

from erpo_explore.rewards.base import MetricReward, Reference, TokenReward, sequence_rewards
from erpo_explore.rewards.bleu import BleuReward
from erpo_explore.rewards.edit import EditReward
from erpo_explore.rewards.increments import Increments
from erpo_explore.rewards.mixture import METRIC_REWARDS, MixtureReward
from erpo_explore.rewards.rouge import RougeReward

__all__ = [
    "METRIC_REWARDS",
    "BleuReward",
    "EditReward",
    "Increments",
    "MetricReward",
    "MixtureReward",
    "Reference",
    "RougeReward",
    "TokenReward",
    "sequence_rewards",
]
