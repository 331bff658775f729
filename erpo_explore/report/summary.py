"""What an exploration found, in sentences that claim no more than the numbers carry."""

import pandas as pd

from erpo_explore.analysis.points import point_table, scored
from erpo_explore.store import best_row

__all__ = ["score_name", "summary_sentence"]

SEARCHED = {
    "algorithm": "an algorithm",
    "member": "a member of the search",
    "path": "a given path",
    "grid": "a point of the grid",
    "random": "a random point of the search",
    "optuna": "a point that Optuna chose",
}


def score_name(observations: pd.DataFrame, trials: pd.DataFrame) -> str:
    """The name of the task's own metric: as the trials say, or the column that equals the score, or just "score".

    Args:
        observations: The observations table.
        trials: The trials table; may still be empty.
    """
    named = trials["score_name"].dropna()
    if not named.empty:
        return str(named.iloc[0])
    counted = scored(observations)
    metrics = ("bleu", "rouge1", "rouge2", "rougel")
    return next((name for name in metrics if len(counted) and (counted[name] == counted["score"]).all()), "score")


def summary_sentence(observations: pd.DataFrame, metric: str) -> str:
    """The best observation, what it is the best of, and what it does not show.

    Args:
        observations: The observations table, with at least one score.
        metric: Name of the score.
    """
    best = best_row(observations)
    trials = point_table(observations)
    what = SEARCHED[best["role"]] if pd.isna(best["algorithm"]) else str(best["algorithm"])
    broken = int(trials["status"].isin(["diverged", "failed"]).sum())
    running = int((trials["status"] == "running").sum())
    parts = [
        f"Best so far: {what} (trial {best['trial']}, seed {best['seed']}) with {metric} {best['score']:.2f} at step "
        f"{best['step']}, the highest of {len(scored(observations))} evaluations of {len(trials)} trials on the valid "
        "set, and so an optimistic number."
    ]
    if pd.isna(best["algorithm"]):
        parts.append("It is one run: replay its path from scratch with several seeds before believing the difference.")
    if running:
        parts.append(f"{running} of the trials {'is' if running == 1 else 'are'} still running.")
    if stopped := int((trials["status"] == "stopped").sum()):
        parts.append(f"{stopped} {'was' if stopped == 1 else 'were'} stopped early.")
    if broken:
        parts.append(f"{broken} diverged or failed.")
    return " ".join(parts)
