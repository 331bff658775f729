"""Metric rewards by name."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, TypeGuard

from erpo_explore.errors import ConfigError
from erpo_explore.metric_names import METRICS
from erpo_explore.metrics import ScoreFunction, Scorer, checked_scores, load_scorer
from erpo_explore.metrics.fit import fit_metric
from erpo_explore.named_function import load_object
from erpo_explore.rewards.base import MetricReward, PotentialReward
from erpo_explore.rewards.bleu import BleuReward
from erpo_explore.rewards.finished import Decode, FinishedReward
from erpo_explore.rewards.text import TextReward
from erpo_explore.space.reward import REWARDS, SUM, TOKEN_METRICS, has_increments

__all__ = ["load_metric", "metric_reward", "sentence_rewards", "text_scorer", "token_metric"]

_ORDERS: Final = 4
"""Longest n-grams of BLEU on tokens."""


def load_metric(name: str) -> type[MetricReward[Any]] | ScoreFunction:
    """Import the class of a metric with increments, or the function of a metric that scores finished targets.

    Args:
        name: A key of `space.reward.REWARDS`; or `package.module:ClassName` or `package.module:function` for a
            metric from outside the package.

    Raises:
        ConfigError: It cannot be imported, or it is neither a function nor a `MetricReward` class of that name's form.
    """
    implementation = REWARDS[name].implementation if name in REWARDS else name
    if implementation is None:
        return partial(sentence_rewards, _package_scorer(name))
    found = load_object("reward.metric", implementation)
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


def metric_reward(name: str, decode: Decode | None = None, scorer: Scorer | None = None) -> MetricReward[Any]:
    """The reward of a metric.

    Args:
        name: As for `load_metric`.
        decode: Text of target ids, for a metric that scores text.
        scorer: Scorer of the text, whose sentence scores are the reward. Default: the metric on the target's own
            tokens, or its function.

    Raises:
        ConfigError: The metric cannot be loaded.
        ValueError: The metric scores text and there is no `decode`.
    """
    if scorer is None and name in REWARDS and REWARDS[name].implementation is None:
        scorer = _package_scorer(name)
    if scorer is None:
        found = load_metric(name)
        if _is_reward_class(found):
            return found()
        return FinishedReward(partial(checked_scores, f"reward.metric={name}", found), _needed(decode, name))
    metric = token_metric(scorer)
    if metric is not None and scorer.tokens is not None:
        return TextReward(metric, scorer.tokens, _needed(decode, name))
    return FinishedReward(partial(sentence_rewards, scorer), _needed(decode, name))


def text_scorer(
    name: str, scorers: Sequence[Scorer], *, tokens_are_words: bool, references: Sequence[str] = ()
) -> Scorer | None:
    """The scorer whose sentence scores a reward equals, where the metric on the target's own tokens does not.

    Args:
        name: Name of the reward's metric.
        scorers: Scorers of the task, with its settings.
        tokens_are_words: Whether a token of a target is a word of its text.
        references: Text that decides the settings of a metric that the task is not scored by.

    Returns:
        The task's scorer of that name, else the package's; None where the metric on tokens equals it, and for a metric
        that scores no text.

    Raises:
        ConfigError: The reward is a weighted sum, and the task is not scored by one.
        DataError: The metric cannot rank the references.
    """
    scorer = next((each for each in scorers if each.metric == name), None)
    if scorer is None:
        if name not in METRICS and name != SUM:
            return None
        is_fitted = name in METRICS and len(references) > 0
        scorer = load_scorer(fit_metric(name, references).written) if is_fitted else _package_scorer(name)
    counts_words = scorer.tokens is str.split and scorer.max_ngram_order in (None, _ORDERS)
    return None if tokens_are_words and counts_words and token_metric(scorer) is not None else scorer


def token_metric(scorer: Scorer) -> PotentialReward[Any] | None:
    """The reward that equals the scorer's sentence scores on the tokens that it counts; None where there is none."""
    found = load_metric(scorer.metric) if scorer.metric in TOKEN_METRICS else None
    if not (_is_reward_class(found) and issubclass(found, PotentialReward)):
        return None
    if issubclass(found, BleuReward) and scorer.max_ngram_order is not None:
        return found(scorer.max_ngram_order)
    return found()


def sentence_rewards(scorer: Scorer, hypotheses: list[str], references: list[str]) -> list[float]:
    """The scorer's sentence scores over 100, negated where less is better."""
    return [scorer.objective(score) / 100.0 for score in scorer.sentences(hypotheses, references)]


def _package_scorer(name: str) -> Scorer:
    """The scorer of a metric with its default settings.

    Raises:
        ConfigError: The reward is a weighted sum, whose parts only a task has.
    """
    if name == SUM:
        raise ConfigError(
            f"reward.metric={SUM} must be that of the task; give task.metric a sum, as in "
            "{sum: [{name: bleu, weight: 0.7}, {name: chrf, weight: 0.3}]}"
        )
    return load_scorer(name)


def _needed(decode: Decode | None, name: str) -> Decode:
    if decode is None:
        raise ValueError(f"metric={name} scores text and needs decode, which makes text of ids; pass the vocabulary's")
    return decode


def _is_reward_class(found: Any) -> TypeGuard[type[MetricReward[Any]]]:
    return isinstance(found, type) and issubclass(found, MetricReward)


def _kind(found: Any) -> str:
    return f"class {found.__name__}" if isinstance(found, type) else type(found).__name__
