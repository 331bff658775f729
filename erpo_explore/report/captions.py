"""Title and caption of each figure of the report."""

from typing import Final

from erpo_explore.analysis.importance import Importances

__all__ = ["TITLES", "caption"]

TITLES: Final = {
    "candidates": "What the search tried",
    "effects": "Effects of the algorithms, phase by phase",
    "branches": "Tree of branches",
    "score": "Score over training",
    "measures": "All metrics over training",
    "pareto": "Score against cost",
    "simplex": "Map: reward weights",
    "temperature": "Map: trust and temperature",
    "parallel": "Coordinates of the trials",
    "importance": "Importance of the coordinates",
    "lineage": "Lineage of the population",
    "path": "The best path",
}

_CAPTIONS: Final = {
    "candidates": "Candidates against replications: one lane per path, with the number n of its whole runs. "
    "Ticks are their scores. The marker is the score that the model of the search expects over seeds, with its 95 % "
    "interval. The dotted line is maximum likelihood.",
    "effects": "Gain at the end, plus or minus a standard deviation, where an algorithm trains one phase and maximum "
    "likelihood the others, as the model of the search sees it. Blue is a gain and red a loss.",
    "branches": "One lane per trial. Each begins with the initial weights of its seed, or with the checkpoint of "
    "another trial at the end of a phase (dotted), and trains to the end of the budget. Its last score stands at its "
    "end.",
    "score": "Score on the validation set over training. Named algorithms are coloured, with a band over seeds (95 % "
    "t-interval; with few seeds it may extend beyond the axis). Searched trials are grey and dotted. The best trial is "
    "thick.",
    "measures": "Every metric on the validation set, as a mean over the trials of each algorithm. The first one "
    "decides. The arrow shows whether more or less is better. Searched trials share the grey line.",
    "pareto": "Best score of each trial, and the seconds until it was reached.",
    "simplex": "Reward weights: truth, task and noise together, model. The background colour is the expected score, "
    "from a Gaussian process through the trials. It is blank where no trial is near. Diamonds are named algorithms, "
    "circles are searched trials. Lines are the trajectories of trials; the thick one is that of the best weights. "
    "Where all trials lie near one corner, the triangle shows that corner alone.",
    "temperature": "Trust in the model (ρ) against temperature (τ), drawn as above. A temperature of ∞ is policy "
    "gradient.",
    "parallel": "One line per trial, from its mean coordinates to its best score. The best trial is thick.",
    "lineage": "Members of the population over training. An arrow is a clone: it is coloured by the donor's score, and "
    "ends at the member that was replaced.",
    "path": "Reward weights, trust and temperature of the best weights over training, across clones. This path can be "
    "saved and replayed.",
}

_WEAK_R_SQUARED: Final = 0.2


def caption(name: str, importances: Importances | None) -> str:
    """Caption of a figure.

    Args:
        name: Name of the figure.
        importances: What the figure `importance` shows; None where it is not drawn.
    """
    if name != "importance" or importances is None:
        return _CAPTIONS[name]
    explained = f"explains {max(0.0, importances.r_squared):.0%} of the variance of unseen trials"
    uncertainty = ", so little that these bars may be noise" if importances.r_squared < _WEAK_R_SQUARED else ""
    return (
        f"Drop in R² when a coordinate is permuted, over bootstraps of {importances.num_points} points, with 95 % "
        f"intervals. The forest {explained}{uncertainty}. Correlated coordinates, such as the weights of one simplex, "
        "share their importance."
    )
