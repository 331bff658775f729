"""Rewards R(y | y*), one module each. All implement `TokenReward`: a reward is a sum of increments per token."""

from erpo_explore.rewards.base import MetricReward, PotentialReward, Reference, TokenReward
from erpo_explore.rewards.bleu import BleuReward
from erpo_explore.rewards.bleu_prefix import BleuPrefixReward
from erpo_explore.rewards.constant import ConstantReward
from erpo_explore.rewards.edit import EditReward
from erpo_explore.rewards.finished import Decode, FinishedReward
from erpo_explore.rewards.increments import Increments
from erpo_explore.rewards.metrics import load_metric, metric_reward, text_scorer
from erpo_explore.rewards.mixture import MixtureReward
from erpo_explore.rewards.noise import noise_distribution
from erpo_explore.rewards.rouge import RougeReward
from erpo_explore.rewards.text import TextReward

__all__ = [
    "BleuPrefixReward",
    "BleuReward",
    "ConstantReward",
    "Decode",
    "EditReward",
    "FinishedReward",
    "Increments",
    "MetricReward",
    "MixtureReward",
    "PotentialReward",
    "Reference",
    "RougeReward",
    "TextReward",
    "TokenReward",
    "load_metric",
    "metric_reward",
    "noise_distribution",
    "text_scorer",
]
