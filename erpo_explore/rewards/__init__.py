"""R: what a target is worth, token by token. One file a reward, all behind `TokenReward`."""

from erpo_explore.rewards.base import MetricReward, Reference, TokenReward
from erpo_explore.rewards.bleu import BleuReward
from erpo_explore.rewards.bleu_prefix import BleuPrefixReward
from erpo_explore.rewards.constant import ConstantReward
from erpo_explore.rewards.edit import EditReward
from erpo_explore.rewards.finished import Decode, FinishedReward
from erpo_explore.rewards.function import load_function
from erpo_explore.rewards.increments import Increments
from erpo_explore.rewards.metrics import METRIC_REWARDS, metric_reward
from erpo_explore.rewards.mixture import MixtureReward
from erpo_explore.rewards.noise import noise_distribution
from erpo_explore.rewards.rouge import RougeReward

__all__ = [
    "METRIC_REWARDS",
    "BleuPrefixReward",
    "BleuReward",
    "ConstantReward",
    "Decode",
    "EditReward",
    "FinishedReward",
    "Increments",
    "MetricReward",
    "MixtureReward",
    "Reference",
    "RougeReward",
    "TokenReward",
    "load_function",
    "metric_reward",
    "noise_distribution",
]
