"""A plan's cost, and a plan that fits into the time that there is."""

from functools import cache

from erpo_explore.advice.cost import Estimate, PricedTrial, Timings, estimate
from erpo_explore.advice.fit import Sizes, changes, fit
from erpo_explore.config.experiment import Experiment
from erpo_explore.config.init_from import FromTraining
from erpo_explore.plan.plan import Plan
from erpo_explore.plan.prices import priced_trials, resized, sizes_of

__all__ = ["estimated", "fitted_sizes"]

_FIXED_TRIALS = ("grid", "none")
"""Search methods that do not read `search.members`."""


def estimated(plan: Plan, timings: Timings) -> Estimate:
    """The cost of a plan, with the trainings of its initial checkpoints."""
    return _estimate(
        plan, plan.experiment, tuple(priced_trials(plan.experiment, plan.task.reward_metric, plan.specs)), timings
    )


def fitted_sizes(plan: Plan, timings: Timings, seconds: float, *, can_grow: bool) -> tuple[Sizes, tuple[str, ...]]:
    """Steps, members and replications with which a plan takes at most so long.

    Args:
        plan: The exploration that is wanted.
        timings: What its steps cost.
        seconds: Time that there is for it.
        can_grow: Whether replications may be added.

    Returns:
        The sizes, and what they change, for people.

    Raises:
        ConfigError: Even its smallest version takes longer.
    """
    experiment, wanted = plan.experiment, sizes_of(plan.experiment)

    @cache
    def trials(members: int, num_seeds: int) -> tuple[PricedTrial, ...]:
        sizes = Sizes(steps=wanted.steps, interval=wanted.interval, members=members, num_seeds=num_seeds)
        return tuple(priced_trials(resized(experiment, sizes), plan.task.reward_metric))

    def cost(sizes: Sizes) -> float:
        smaller = resized(experiment, sizes)
        return _estimate(plan, smaller, trials(sizes.members, sizes.num_seeds), timings).seconds

    fitted = fit(
        wanted,
        seconds,
        cost,
        can_drop_members=experiment.search.method not in _FIXED_TRIALS,
        # those that train the initial checkpoints stop at a multiple of the interval
        keeps_interval=isinstance(experiment.init_from, FromTraining),
        can_grow=can_grow,
    )
    return fitted, changes(wanted, fitted)


def _estimate(plan: Plan, experiment: Experiment, trials: tuple[PricedTrial, ...], timings: Timings) -> Estimate:
    training = experiment.training
    main = estimate(trials, timings, steps=training.steps, interval=training.interval)
    return main.after(estimated(plan.first, timings)) if plan.first is not None else main
