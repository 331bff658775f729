"""The trials of an experiment that are known before it runs."""

from erpo_explore.config.experiment import Experiment, Training
from erpo_explore.plan.methods import find_method
from erpo_explore.space import Algorithm
from erpo_explore.trial import TrialSpec

__all__ = ["num_reachable_knots", "num_suggested", "plan_trials"]


def plan_trials(experiment: Experiment, metric: str) -> list[TrialSpec]:
    """All trials that are known before the exploration begins: baselines, given paths, then those of the search.

    Those of `optuna` are not among them, since each depends on the scores of earlier ones.

    Args:
        experiment: Baselines, paths, search and seeds.
        metric: The metric of rewards that name none.

    Raises:
        ConfigError: The grid has no point, `search.warm_start` names results of another task, or `search.method` cannot
            be found.
        ResultsError: Earlier results cannot be read.
    """
    seeds = range(experiment.seed, experiment.seed + experiment.num_seeds)
    fixed = [
        ("algorithm", name, Algorithm(name=name, settings=settings).path(metric))
        for name, settings in experiment.algorithms.items()
    ]
    fixed += [("path", name, path) for name, path in experiment.paths.items()]
    specs = [
        TrialSpec(name=f"{name}-s{seed}", role=role, algorithm=name, seed=seed, path=path)  # type: ignore[arg-type]
        for role, name, path in fixed
        for seed in seeds
    ]
    return specs + find_method(experiment.search.method).plan(experiment, metric)


def num_suggested(experiment: Experiment) -> int:
    """Number of trials that are suggested while the exploration runs, beside the planned ones."""
    return find_method(experiment.search.method).num_suggested(experiment.search)


def num_reachable_knots(training: Training) -> int:
    """Knots that a path on the clock `plateau` can reach: the first, and one more per drop of the validation score.

    The first report cannot be a drop, and after the last one nothing is trained.
    """
    return max(1, training.steps // training.interval - 1)
