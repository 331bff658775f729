"""Every metric of every evaluation, side by side: the one that decides, and those of `task.also`.

Each trial counts with its best report by the metric that decides, since a report chosen by another metric would be
other weights. On the test set it counts with the report that decoded it.
"""

import pandas as pd

from erpo_explore.analysis.points import scored
from erpo_explore.analysis.reward_effects import measured_score
from erpo_explore.store.columns import TEST, VALIDATION

__all__ = ["measure_curves", "measure_table", "metric_names", "validation_measures"]


def metric_names(measures: pd.DataFrame, decides: str) -> list[str]:
    """Names of the metrics, the one that decides first.

    Args:
        measures: The measures table.
        decides: Name of the metric that decides.
    """
    return sorted(measures["metric"].unique(), key=lambda name: (name != decides, name))


def measure_table(measures: pd.DataFrame, observations: pd.DataFrame, split: str = VALIDATION) -> pd.DataFrame:
    """Mean of each metric over the trials of an algorithm, the best first by the metric that decides.

    Args:
        measures: The measures table.
        observations: The observations table.
        split: `validation` at each trial's best report, or `test`.

    Returns:
        One row per label and metric: label (the algorithm, or the role where it has no name), metric,
        higher_is_better, n (trials), mean.
    """
    columns = ["label", "metric", "higher_is_better", "n", "mean"]
    kept = measures[measures["split"] == split]
    ordered = scored(observations).sort_values(["objective", "step"], ascending=[False, True], kind="stable")
    best = ordered.groupby("trial", sort=False).head(1)
    labels = best["algorithm"].fillna(best["role"])
    reports = best[["trial", "iteration"]].assign(label=labels, rank=range(len(best)))
    keys = ["trial"] if split == TEST else ["trial", "iteration"]
    joined = kept.merge(reports[["label", "rank", *keys]], on=keys).sort_values("rank", kind="stable")
    if joined.empty:
        return pd.DataFrame(columns=columns)
    grouped = joined.groupby(["label", "metric", "higher_is_better"], sort=False)["score"]
    return grouped.agg(["count", "mean"]).reset_index().set_axis(columns, axis=1)


def validation_measures(measures: pd.DataFrame, observations: pd.DataFrame, decides: str) -> pd.DataFrame:
    """Every metric of every report on the validation set, with its objective.

    Args:
        measures: The measures table; empty for a folder of an older version.
        observations: The observations table.
        decides: Name of the metric that decides.

    Returns:
        One row per report and metric: trial, iteration, metric, score, objective.
    """
    kept = measures[measures["split"] == VALIDATION]
    if kept.empty:
        return measured_score(observations, decides)
    objective = kept["score"].where(kept["higher_is_better"].astype(bool), -kept["score"])
    return kept[["trial", "iteration", "metric", "score"]].assign(objective=objective)


def measure_curves(measures: pd.DataFrame, observations: pd.DataFrame) -> pd.DataFrame:
    """Mean of each metric on the validation set at each step, over the seeds of each algorithm.

    Args:
        measures: The measures table.
        observations: The observations table.

    Returns:
        One row per metric, label and step: metric, label, step, n, mean.
    """
    kept = measures[measures["split"] == VALIDATION]
    trials = observations.drop_duplicates("trial")
    named = trials.assign(label=trials["algorithm"].fillna(trials["role"]))[["trial", "label"]]
    grouped = kept.merge(named, on="trial").groupby(["metric", "label", "step"], sort=True)["score"]
    return grouped.agg(["count", "mean"]).reset_index().rename(columns={"count": "n"})
