"""Summary of an exploration in sentences that claim no more than the numbers support."""

from collections.abc import Sequence
from typing import Final

import pandas as pd

from erpo_explore.analysis.points import point_table, scored
from erpo_explore.analysis.reward_effects import RewardEffect
from erpo_explore.store import best_row
from erpo_explore.store.columns import BROKEN, SCORES, Role

__all__ = ["effect_lines", "score_name", "summary_sentence"]

_MAX_EFFECTS: Final = 3

SEARCHED: dict[Role, str] = {
    "algorithm": "an algorithm",
    "member": "a member of the population",
    "path": "a given path",
    "grid": "a grid point",
    "random": "a random point",
    "optuna": "a point suggested by Optuna",
    "branch": "a branch of the search",
}


def score_name(observations: pd.DataFrame, trials: pd.DataFrame) -> str:
    """Name of the task's metric: from the trials table, else the column that equals the score, else "score".

    Args:
        observations: The observations table.
        trials: The trials table; may still be empty.
    """
    named = trials["score_name"].dropna()
    if not named.empty:
        return str(named.iloc[0])
    counted = scored(observations)
    return next((name for name in SCORES if len(counted) and (counted[name] == counted["score"]).all()), "score")


def summary_sentence(observations: pd.DataFrame, metric: str) -> str:
    """Describe the best observation, how many it was chosen from, and the limits of that result.

    Args:
        observations: The observations table, with at least one score.
        metric: Name of the score.
    """
    best = best_row(observations)
    trials = point_table(observations)
    what = SEARCHED[best["role"]] if pd.isna(best["algorithm"]) else str(best["algorithm"])
    broken = int(trials["status"].isin(BROKEN).sum())
    running = int((trials["status"] == "running").sum())
    parts = [
        f"Best so far: {what} (trial {best['trial']}, seed {best['seed']}) with {metric} {best['score']:.2f} at step "
        f"{best['step']}. This is the best of {len(scored(observations))} evaluations of {len(trials)} trials on "
        "the validation set, and therefore optimistic."
    ]
    if pd.isna(best["algorithm"]):
        parts.append("It is a single run: replay its path from scratch with several seeds to test the difference.")
    if running:
        parts.append(f"{running} of the trials {'is' if running == 1 else 'are'} still running.")
    if stopped := int((trials["status"] == "stopped").sum()):
        parts.append(f"{stopped} {'was' if stopped == 1 else 'were'} stopped early.")
    if broken:
        parts.append(f"{broken} diverged or failed.")
    return " ".join(parts)


def effect_lines(effects: Sequence[RewardEffect]) -> list[str]:
    """A warning per trial and metric that fell while the reward rose, the largest falls first; at most three."""
    lines = [f"warning: {effect}" for effect in effects[:_MAX_EFFECTS]]
    if len(effects) > _MAX_EFFECTS:
        lines.append(f"warning: {len(effects) - _MAX_EFFECTS} more rewards rose while a metric got worse")
    return lines
