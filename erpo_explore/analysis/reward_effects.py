"""Trials whose reward rises while a metric falls: the model learns what the reward counts, at the cost of the rest.

Per trial and metric, the last report is compared with the one at which the metric was best. A warning needs

    R_last − R_best > 2 · d(R)        and        m_best − m_last > max(1, 2 · d(m))

with R the mean reward of the drawn targets, m the metric on the validation set, and d the median change between two
reports. So neither one noisy report nor the choice of the best one is enough. Reports before the last change of the
reward's metric do not count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from erpo_explore.store.columns import BROKEN

__all__ = ["REWARD_COLUMNS", "RewardEffect", "measured_score", "reward_effects"]

REWARD_COLUMNS: Final = ("mean_reward", "length_ratio", "cut_hypotheses")
"""Columns of observations that are read beside those of every table."""

_LEAST_FALL: Final = 1.0
_LEAST_REPORTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardEffect:
    """A reward that rose while a metric fell.

    Attributes:
        trial: Name of the trial.
        reward: Metric of the reward.
        reward_before: Mean reward when the metric was best.
        reward_after: Mean reward at the last report.
        metric: The metric that fell.
        score_before: Its best score.
        score_after: Its score at the last report.
        step: Optimizer step of the best score.
        length_ratio: Tokens of the last hypotheses per token of the references; None where it was not stored.
        cut_hypotheses: Share of the last hypotheses that were cut; None likewise.
    """

    trial: str
    reward: str
    reward_before: float
    reward_after: float
    metric: str
    score_before: float
    score_after: float
    step: int
    length_ratio: float | None
    cut_hypotheses: float | None

    def __str__(self) -> str:
        lengths = []
        if self.length_ratio is not None:
            lengths.append(f"hypotheses have {self.length_ratio:.2f} times the references' length")
        if self.cut_hypotheses:
            lengths.append(f"{100.0 * self.cut_hypotheses:.0f} % of them are cut")
        more = f"; {' and '.join(lengths)}" if lengths else ""
        direction = "fell" if self.score_after < self.score_before else "rose"
        return (
            f"{self.trial}: since step {self.step} its reward {self.reward} rose from {self.reward_before:.3f} to "
            f"{self.reward_after:.3f}, but validation {self.metric} got worse: it {direction} from "
            f"{self.score_before:.2f} to {self.score_after:.2f}{more}"
        )


def measured_score(observations: pd.DataFrame, name: str) -> pd.DataFrame:
    """The task's score as a table of measures: trial, iteration, metric, score and objective.

    Args:
        observations: The observations table.
        name: Name of the score.
    """
    return observations[["trial", "iteration", "score", "objective"]].dropna().assign(metric=name)


def reward_effects(observations: pd.DataFrame, measures: pd.DataFrame) -> tuple[RewardEffect, ...]:
    """Find the trials whose reward rises while a metric falls; the largest fall first.

    Args:
        observations: The observations table, with `REWARD_COLUMNS`.
        measures: One row per report and metric on the validation set: trial, iteration, metric, score, objective.
    """
    counted = observations[observations["mean_reward"].notna() & ~observations["status"].isin(BROKEN)]
    counted = counted.sort_values(["trial", "iteration"], kind="stable")
    found = []
    for trial, reports in counted.groupby("trial", sort=True):
        since = reports["metric"].ne(reports["metric"].shift()).cumsum()
        same = reports[since == since.iloc[-1]]
        of_trial = measures[measures["trial"] == trial]
        for metric, scores in of_trial.groupby("metric", sort=True):
            joined = same.drop(columns=["metric", "score", "objective"], errors="ignore").merge(
                scores[["iteration", "score", "objective"]], on="iteration"
            )
            effect = _effect(str(trial), str(same["metric"].iloc[-1]), str(metric), joined.to_dict("records"))
            if effect is not None:
                found.append(effect)
    return tuple(sorted(found, key=lambda effect: -abs(effect.score_after - effect.score_before)))


def _effect(trial: str, reward: str, metric: str, reports: Sequence[Mapping[Any, Any]]) -> RewardEffect | None:
    """The effect of one trial's reward on one metric; None where the metric did not fall, or the reward not rise."""
    if len(reports) < _LEAST_REPORTS:
        return None
    rewards, objectives = ([float(report[name]) for report in reports] for name in ("mean_reward", "objective"))
    best = int(np.argmax(objectives))
    rise, fall = rewards[-1] - rewards[best], objectives[best] - objectives[-1]
    if not (rise > 2.0 * _usual_change(rewards) and fall > max(_LEAST_FALL, 2.0 * _usual_change(objectives))):
        return None
    last = reports[-1]
    ratio, cut = (None if pd.isna(last[name]) else float(last[name]) for name in ("length_ratio", "cut_hypotheses"))
    return RewardEffect(
        trial=trial,
        reward=reward,
        reward_before=rewards[best],
        reward_after=rewards[-1],
        metric=metric,
        score_before=float(reports[best]["score"]),
        score_after=float(last["score"]),
        step=int(reports[best]["step"]),
        length_ratio=ratio,
        cut_hypotheses=cut,
    )


def _usual_change(values: Sequence[float]) -> float:
    """Median absolute change between two reports."""
    return float(np.median(np.abs(np.diff(values))))
