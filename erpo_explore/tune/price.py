"""From a plan to its cost, and to a plan that fits into the time that there is."""

from dataclasses import dataclass, replace
from typing import Final

from erpo_explore.advice.cost import Estimate, Timings, relative_costs
from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ConfigError
from erpo_explore.plan.fitted import estimated, fitted_sizes
from erpo_explore.plan.methods import find_method
from erpo_explore.plan.plan import Plan
from erpo_explore.plan.prices import resized
from erpo_explore.tune.deadline import TimeLimit
from erpo_explore.tune.timing import time_plan

__all__ = ["Priced", "price"]

_USED: Final = 0.9
"""Share of the time that is planned with; the price of a step changes by about a tenth from minute to minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """An exploration whose cost is known.

    Attributes:
        plan: The exploration.
        experiment: What is explored, as its user would write it.
        estimate: Its cost.
    """

    plan: Plan
    experiment: Experiment
    estimate: Estimate

    @classmethod
    def of(cls, plan: Plan, experiment: Experiment, timings: Timings) -> "Priced":
        """A plan that was timed, with the costs of the algorithms that take turns in it."""
        training, turns = plan.experiment.training, find_method(plan.experiment.search.method).turns
        if turns is not None:
            found = turns(plan.experiment, plan.task.reward_metric)
            points = dict(zip(found.names, found.points, strict=True))
            costs = relative_costs(points, timings, steps=training.steps, interval=training.interval)
            plan = replace(plan, search_costs=costs)
        return cls(plan=plan, experiment=experiment, estimate=estimated(plan, timings))


def price(plan: Plan, experiment: Experiment, time_limit: TimeLimit, *, can_grow: bool) -> Priced:
    """Time a plan, and make it fit where the time is limited. Ray must be connected; nothing is written.

    Args:
        plan: The exploration.
        experiment: The experiment that it was made from.
        time_limit: Time that there is for it.
        can_grow: Whether replications may be added where there is time for them.

    Raises:
        ConfigError: Even the smallest version of the experiment takes longer.
        RunError: A step or an evaluation fails.
    """
    timings = time_plan(plan)
    if not time_limit.is_limited:
        return Priced.of(plan, experiment, timings)
    time_limit.keep_for_closing(timings.startup_s)
    try:
        sizes, changed = fitted_sizes(plan, timings, _USED * time_limit.deadline.left_s, can_grow=can_grow)
    except ConfigError as error:
        raise ConfigError(f"{error}; as it is, {estimated(plan, timings).sentence}") from error
    if changed:
        plan, experiment = plan.with_experiment(resized(plan.experiment, sizes)), resized(experiment, sizes)
    priced = Priced.of(plan, experiment, timings)
    return replace(priced, estimate=replace(priced.estimate, changed=changed))
