"""Population-based annealing: members that begin at one point, each with a first knot of its own."""

from collections.abc import Sequence

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.methods.method import SearchMethod
from erpo_explore.plan.warm_start import load_warm_start
from erpo_explore.search.proposals import first_knot, nearest_knot, start_point
from erpo_explore.search.streams import keyed_generator
from erpo_explore.search.subpopulations import period_of
from erpo_explore.space import Path
from erpo_explore.tasks.reader import task_name
from erpo_explore.trial import TrialSpec

__all__ = ["METHOD", "plan_members"]


def plan_members(experiment: Experiment, metric: str, periods: Sequence[int]) -> list[TrialSpec]:
    """The members of a population, with their paths up to the first knot.

    Args:
        experiment: Seed, ranges, and the earlier results that the first member begins with.
        metric: The metric of rewards that name none.
        periods: Number of evaluation intervals up to the first knot, per member.

    Raises:
        ConfigError: `search.warm_start` names results of another task.
        ResultsError: Earlier results cannot be read.
    """
    search, interval = experiment.search, experiment.training.interval / experiment.training.steps
    positions = [min(1.0, period * interval) for period in periods]
    knots = [first_knot(search, metric, keyed_generator(experiment.seed, 0, index)) for index in range(len(periods))]
    earlier = load_warm_start(search.warm_start, task=task_name(experiment.task))
    if earlier is not None:
        knots[0] = nearest_knot(earlier.at(positions[0]), search, metric)
    return [
        TrialSpec(
            name=f"member-{index}",
            role="member",
            algorithm=None,
            seed=experiment.seed + index,
            path=Path(knots=((0.0, start_point(search, metric)), (at, knot))),
        )
        for index, (at, knot) in enumerate(zip(positions, knots, strict=True))
    ]


def _plan(experiment: Experiment, metric: str) -> list[TrialSpec]:
    search = experiment.search
    return plan_members(experiment, metric, [period_of(index, search) for index in range(search.members)])


METHOD = SearchMethod(
    plan=_plan,
    scheduler="erpo_explore.tune.schedulers.population:PopulationBasedAnnealing",
    reseeds_members=True,
)
