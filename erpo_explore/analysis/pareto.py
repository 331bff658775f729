"""Score against cost: the trials that no other beats in score without costing more.

Trial i stands where its score was best, with the score s_i and the cost c_i of the weights that reached it. It is in
the Pareto set if no trial j has s_j ≥ s_i and c_j ≤ c_i with one of the two strict, which is to say if s_i is the best
of all that cost c_i and above all that cost less. Trials that are equal in both stand in it together.

Left out: noise. Scores are of one seed each, so a trial that is just outside may well belong inside.
"""

from typing import Literal

import pandas as pd

from erpo_explore.analysis.points import scored

__all__ = ["Cost", "pareto_lines", "pareto_set"]

Cost = Literal["elapsed_s", "step"]


def pareto_set(observations: pd.DataFrame, cost: Cost = "elapsed_s") -> pd.DataFrame:
    """The trials that no other beats in score without costing more.

    Args:
        observations: The observations table.
        cost: Of weights: seconds that they have trained and evaluated, before they were cloned too, or optimizer steps.

    Returns:
        One row a trial, the cheapest first: trial, role, algorithm, score, step and elapsed_s, all where its score
        was best (the earliest of equals).
    """
    ordered = scored(observations).sort_values(["score", "step"], ascending=[False, True], kind="stable")
    trials = ordered.groupby("trial", sort=False).head(1)
    trials = trials.sort_values([cost, "score", "trial"], ascending=[True, False, True], kind="stable")
    # the best of all that cost strictly less, and of all that cost the same
    cheaper = trials.groupby(cost)["score"].max().cummax().shift(fill_value=float("-inf"))
    same = trials.groupby(cost)["score"].transform("max")
    kept = (trials["score"] == same) & (trials["score"] > trials[cost].map(cheaper))
    columns = ["trial", "role", "algorithm", "score", "step", "elapsed_s"]
    return trials.loc[kept, columns].reset_index(drop=True)


def pareto_lines(observations: pd.DataFrame, metric: str) -> list[str]:
    """The Pareto set in words, a line a trial, the cheapest first.

    Args:
        observations: The observations table.
        metric: Name of the score.
    """
    return [
        f"{row['trial']}: {metric} {row['score']:.2f} after {row['elapsed_s']:.0f} s and {row['step']} steps"
        for row in pareto_set(observations).to_dict("records")
    ]
