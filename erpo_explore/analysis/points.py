"""Observations as one row per trial, per algorithm, or per point of the space."""

import numpy as np
import pandas as pd

from erpo_explore.stats.seeds import confidence_interval
from erpo_explore.store.columns import BROKEN

__all__ = ["comparison", "higher_is_better", "map_points", "point_table", "scored", "seed_scores"]

COORDINATES = [
    "alpha",
    "beta",
    "rho",
    "tau",
    "reward_truth",
    "reward_noise",
    "reward_task",
    "reward_model",
    "metric",
]


def higher_is_better(frame: pd.DataFrame) -> bool:
    """Whether more of the score is better: the objective is the score, not its negative.

    Args:
        frame: Rows with `score` and `objective`.
    """
    known = frame.dropna(subset="score")
    return bool((known["objective"] == known["score"]).all())


def scored(frame: pd.DataFrame) -> pd.DataFrame:
    """Select observations that have a score and are not of a diverged or failed run."""
    return frame[frame["score"].notna() & ~frame["status"].isin(BROKEN)]


def point_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Summarise each trial, the best first and those without a score last.

    Args:
        frame: Observations.

    Returns:
        One row per trial: trial, role, algorithm, label (the algorithm, or the role where it has no name), seed, status
        and steps of the last report, best_score, best_objective, best_step, final_score, and the coordinates of the
        point at the best score (at the last report, for a trial without a score).
    """
    used = ["trial", "iteration", "role", "algorithm", "seed", "status", "step", "score", "objective", *COORDINATES]
    ordered = frame[used].sort_values(["trial", "iteration"], kind="stable")
    last = ordered.groupby("trial", sort=True).tail(1).set_index("trial")
    counted = scored(ordered)
    best = counted.sort_values(["objective", "step"], ascending=[False, True], kind="stable").groupby("trial").head(1)
    best = best.set_index("trial")
    table = last[["role", "algorithm", "seed", "status"]].copy()
    table["label"] = _label(last)
    table["steps"] = ordered.groupby("trial")["step"].max()
    table["best_score"], table["best_objective"] = best["score"], best["objective"]
    table["best_step"] = best["step"].astype("Int64")
    table["final_score"] = counted.groupby("trial").tail(1).set_index("trial")["score"]
    seen_at = pd.concat([best, last[~last.index.isin(best.index)]])
    table[COORDINATES] = seen_at[COORDINATES]
    by_best = table.reset_index().sort_values(
        ["best_objective", "best_step", "trial"], ascending=[False, True, True], kind="stable", na_position="last"
    )
    return by_best.reset_index(drop=True)


def comparison(frame: pd.DataFrame) -> pd.DataFrame:
    """Summarise each algorithm over its seeds, the best mean first.

    Trials without an algorithm's name are grouped by role. Each is another point, not only another seed. Their spread
    is therefore no estimate of noise, and they get no interval.

    Args:
        frame: Observations.

    Returns:
        One row per label: label, over ("seeds" or "points"), n, num_unscored (trials without a score, left out of the
        mean), mean, sd, low and high of the 95 % t-interval (null when n = 1 or over points), best. Scores are each
        trial's best; a seed that ran twice counts once, with its mean.
    """
    table, more = point_table(frame), higher_is_better(frame)
    rows: list[dict[str, str | float | None]] = []
    by_seed = seed_scores(table)
    for label, trials in table.groupby("label", sort=True):
        over_seeds = bool(trials["algorithm"].notna().all())
        scores = trials["best_score"].dropna()
        kept = list(by_seed.get(str(label), {}).values()) if over_seeds else scores.tolist()
        row: dict[str, str | float | None] = {
            "label": str(label),
            "over": "seeds" if over_seeds else "points",
            "n": len(kept),
        }
        row |= {"num_unscored": int(trials["best_score"].isna().sum())}
        if kept:
            summary = confidence_interval(kept)
            low, high = (summary.low, summary.high) if over_seeds else (None, None)
            best = float(scores.max() if more else scores.min())
            row |= {"mean": summary.mean, "sd": summary.sd, "low": low, "high": high, "best": best}
        rows.append(row)
    columns = ["label", "over", "n", "num_unscored", "mean", "sd", "low", "high", "best"]
    result = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[4:], "float64"))
    return result.sort_values("mean", ascending=not more, kind="stable", na_position="last", ignore_index=True)


def seed_scores(trials: pd.DataFrame) -> dict[str, dict[int, float]]:
    """Best score by algorithm and seed; a seed that ran twice counts once, with its mean.

    Args:
        trials: Result of `point_table`.
    """
    kept = trials[trials["algorithm"].notna() & trials["best_score"].notna()]
    means = kept.groupby(["algorithm", "seed"])[["best_score"]].mean().reset_index()
    scores: dict[str, dict[int, float]] = {}
    for row in means.to_dict("records"):
        scores.setdefault(row["algorithm"], {})[row["seed"]] = row["best_score"]
    return scores


def map_points(frame: pd.DataFrame, *, every: bool = False) -> pd.DataFrame:
    """Locate scores in the space.

    Args:
        frame: Observations.
        every: Whether to keep all scored observations; otherwise only each trial's best.

    Returns:
        One row per observation: trial, role, algorithm, label, row (the observation's index), seed, step, score,
        objective, metric, rho, tau, log10_tau, and truth, noise, task, model, the reward's weights as shares of their
        sum.

        log10_tau is +inf for policy gradient, which figures draw at a position of its own, and null for a temperature
        of 0, which the space excludes. The shares are null where the reward is constant: it has no direction.
    """
    counted = scored(
        frame[["trial", "role", "algorithm", "seed", "step", "score", "objective", "status", *COORDINATES]]
    )
    if not every:
        ordered = counted.sort_values(["objective", "step"], ascending=[False, True], kind="stable")
        counted = ordered.groupby("trial").head(1).sort_values("trial", kind="stable")
    points = counted[
        ["trial", "role", "algorithm", "seed", "step", "score", "objective", "metric", "rho", "tau"]
    ].copy()
    points["label"] = _label(counted)
    points["row"] = counted.index
    points["log10_tau"] = np.log10(counted["tau"].where(counted["tau"] > 0.0).to_numpy())
    weights = counted[["reward_truth", "reward_noise", "reward_task", "reward_model"]]
    total = weights.sum(axis=1)
    shares = weights.div(total.where(total > 0), axis=0)
    points[["truth", "noise", "task", "model"]] = shares.to_numpy()
    return points.reset_index(drop=True)


def _label(frame: pd.DataFrame) -> "pd.Series[str]":
    """Label of each trial: its algorithm's name, or else its role."""
    return frame["algorithm"].fillna(frame["role"])
