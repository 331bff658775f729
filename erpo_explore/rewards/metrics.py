"""Metric rewards by name."""

from typing import Any, TypeGuard

from erpo_explore.errors import ConfigError
from erpo_explore.metrics.function import ScoreFunction
from erpo_explore.named_function import load_object
from erpo_explore.rewards.base import MetricReward
from erpo_explore.rewards.finished import Decode, FinishedReward
from erpo_explore.space.reward import REWARDS, has_increments

__all__ = ["load_metric", "metric_reward"]


def load_metric(name: str) -> type[MetricReward[Any]] | ScoreFunction:
    """Import the class of a metric with increments, or the function of a metric that scores finished targets.

    Args:
        name: A key of `space.reward.REWARDS`; or `package.module:ClassName` or `package.module:function` for a
            metric from outside the package.

    Raises:
        ConfigError: It cannot be imported, or it is neither a function nor a `MetricReward` class of that name's form.
    """
    found = load_object("reward.metric", REWARDS[name].implementation if name in REWARDS else name)
    if has_increments(name):
        if not _is_reward_class(found):
            raise ConfigError(
                f"reward.metric={name} is capitalised, so it must name a subclass of "
                f"erpo_explore.rewards.MetricReward, got {_kind(found)}; name a function in lower case"
            )
        return found
    if _is_reward_class(found):
        raise ConfigError(f"reward.metric={name} names a MetricReward class; capitalise its name: MyMetric")
    if not callable(found):
        raise ConfigError(f"reward.metric={name}: must be a function of hypotheses and references, got {_kind(found)}")
    function: ScoreFunction = found
    return function


def metric_reward(name: str, decode: Decode | None = None) -> MetricReward[Any]:
    """The reward of a metric.

    Args:
        name: As for `load_metric`.
        decode: Text of target ids, for a metric that scores text.

    Raises:
        ConfigError: The metric cannot be loaded.
        ValueError: The metric scores text and there is no `decode`.
    """
    found = load_metric(name)
    if _is_reward_class(found):
        return found()
    if decode is None:
        raise ValueError(f"metric={name} scores text and needs decode, which makes text of ids; pass the vocabulary's")
    return FinishedReward(name, found, decode)


def _is_reward_class(found: Any) -> TypeGuard[type[MetricReward[Any]]]:
    return isinstance(found, type) and issubclass(found, MetricReward)


def _kind(found: Any) -> str:
    return f"class {found.__name__}" if isinstance(found, type) else type(found).__name__
