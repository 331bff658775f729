"""Pareto-optimal trials: score against cost.

Trial i counts with its best objective s_i, the score or its negative where less is better, and the cost c_i of the
weights that reached it. It is Pareto-optimal if no trial j has s_j ≥ s_i and c_j ≤ c_i with one of the two strict.
Equivalently, s_i is the best score at cost c_i and exceeds every score at a lower cost. Trials that are equal in both
are kept together.

Left out: noise. Each score is of one seed, so a trial just outside the set may belong inside.
"""

from typing import Literal

import pandas as pd

from erpo_explore.analysis.points import scored

__all__ = ["Cost", "pareto_set"]

Cost = Literal["elapsed_s", "step"]


def pareto_set(observations: pd.DataFrame, cost: Cost = "elapsed_s") -> pd.DataFrame:
    """Select the Pareto-optimal trials.

    Args:
        observations: The observations table.
        cost: Cost of weights: seconds of training and evaluation, those before a clone included, or optimizer steps.

    Returns:
        One row per trial, the cheapest first: trial, role, algorithm, score, step and elapsed_s at its best score (the
        earliest of equals).
    """
    ordered = scored(observations).sort_values(["objective", "step"], ascending=[False, True], kind="stable")
    trials = ordered.groupby("trial", sort=False).head(1)
    trials = trials.sort_values([cost, "objective", "trial"], ascending=[True, False, True], kind="stable")
    # the best score at a strictly lower cost, and at the same cost
    cheaper = trials.groupby(cost)["objective"].max().cummax().shift(fill_value=float("-inf"))
    same = trials.groupby(cost)["objective"].transform("max")
    kept = (trials["objective"] == same) & (trials["objective"] > trials[cost].map(cheaper))
    columns = ["trial", "role", "algorithm", "score", "step", "elapsed_s"]
    return trials.loc[kept, columns].reset_index(drop=True)
