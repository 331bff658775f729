"""The trials of an experiment as `advice.cost` counts them, and the experiment with other sizes.

A member of a population goes where its scores lead it. It is counted at the knots that it begins with, and at the
candidates as often as it may jump to one. A trial that is only suggested while the exploration runs is counted at a
random point, unless the method says what it costs.
"""

from collections.abc import Sequence
from typing import Final

from erpo_explore.advice.cost import PricedTrial, phases
from erpo_explore.advice.fit import Sizes
from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.methods import PricedPhases, find_method
from erpo_explore.plan.trials import num_suggested, plan_trials
from erpo_explore.search.proposals import candidate_points, random_point
from erpo_explore.search.streams import keyed_generator
from erpo_explore.space import Point
from erpo_explore.trial import TrialSpec

__all__ = ["priced_trials", "resized", "sizes_of"]

_SEARCHED: Final = "search"
"""Group of the trials of the search."""


def priced_trials(experiment: Experiment, metric: str, specs: Sequence[TrialSpec] | None = None) -> list[PricedTrial]:
    """All trials of an experiment.

    Args:
        experiment: The experiment, resolved.
        metric: Name of the task's metric.
        specs: Its planned trials, where they are known already.
    """
    planned = plan_trials(experiment, metric) if specs is None else specs
    candidates = candidate_points(experiment.search, metric)
    trials = [
        PricedTrial(
            group=spec.algorithm or _SEARCHED,
            phases=_with_candidates(phases(spec.path), candidates, experiment.search.p_candidate)
            if spec.role == "member"
            else phases(spec.path),
        )
        for spec in planned
    ]
    return trials + [PricedTrial(group=_SEARCHED, phases=each) for each in _suggested(experiment, metric)]


def _suggested(experiment: Experiment, metric: str) -> list[PricedPhases]:
    """The trials that are only suggested while the exploration runs."""
    if (priced := find_method(experiment.search.method).priced) is not None:
        return priced(experiment, metric)
    generators = (keyed_generator(experiment.seed, 0, index) for index in range(num_suggested(experiment)))
    return [((1.0, random_point(experiment.search, metric, generator)),) for generator in generators]


def sizes_of(experiment: Experiment) -> Sizes:
    """What decides how long an experiment takes. Its budget must be in steps."""
    return Sizes(
        steps=experiment.training.steps,
        interval=experiment.training.interval,
        members=experiment.search.members,
        num_seeds=experiment.num_seeds,
    )


def resized(experiment: Experiment, sizes: Sizes) -> Experiment:
    """The experiment with other sizes.

    What is not written stays unwritten, so that the experiment can be shown as its user wrote it.
    """
    kept = experiment.training.model_dump(exclude_unset=True, exclude={"epochs"}, mode="json")
    training = experiment.training.model_validate(kept | {"steps": sizes.steps, "interval": sizes.interval})
    search = experiment.search.model_copy(update={"members": sizes.members})
    return experiment.model_copy(update={"training": training, "search": search, "num_seeds": sizes.num_seeds})


def _with_candidates(
    own: tuple[tuple[float, Point], ...], candidates: Sequence[Point], share: float
) -> tuple[tuple[float, Point], ...]:
    if not candidates:
        return own
    each = share / len(candidates)
    return (
        *((part * (1.0 - share), point) for part, point in own),
        *((each, candidate) for candidate in candidates),
    )
