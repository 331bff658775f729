"""The metrics by their names in a `space.Reward`."""

from typing import Any, Final

from erpo_explore.rewards.base import MetricReward
from erpo_explore.rewards.bleu import BleuReward
from erpo_explore.rewards.bleu_prefix import BleuPrefixReward
from erpo_explore.rewards.chrf import chrf
from erpo_explore.rewards.constant import ConstantReward
from erpo_explore.rewards.edit import EditReward
from erpo_explore.rewards.finished import Decode, FinishedReward
from erpo_explore.rewards.function import load_function
from erpo_explore.rewards.rouge import RougeReward

__all__ = ["METRIC_REWARDS", "metric_reward"]

METRIC_REWARDS: Final[dict[str, type[MetricReward[Any]]]] = {
    "bleu": BleuReward,
    "bleu_prefix": BleuPrefixReward,
    "rouge": RougeReward,
    "edit": EditReward,
    "constant": ConstantReward,
}
"""Those that value every next token."""


def metric_reward(name: str, decode: Decode | None = None) -> MetricReward[Any]:
    """The reward of a metric.

    Args:
        name: One of `space.METRICS`, or `package.module:function`.
        decode: Text of target ids, for a metric that scores text.

    Raises:
        ConfigError: A user's function is not found.
        ValueError: The metric scores text and there is no `decode`.
    """
    if name in METRIC_REWARDS:
        return METRIC_REWARDS[name]()
    if decode is None:
        raise ValueError(f"metric={name} scores text and needs decode, which makes text of ids; pass the vocabulary's")
    return FinishedReward(name, chrf if name == "chrf" else load_function(name), decode)
