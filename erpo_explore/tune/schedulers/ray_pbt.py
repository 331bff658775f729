"""Ray Tune's own PBT and PB2, as they are, to compare with.

PBT is Jaderberg et al. 2017, PB2 Parker-Holder et al. 2020. Both run asynchronously, as Tune's defaults do: a member
decides as it arrives, on the last scores of the others. A member's searched coordinates are a flat mapping in its Tune
config; PBT multiplies them by 0.8 or 1.2 or draws them anew, PB2 takes them, in the unit cube, from its Gaussian
process. What is added makes them comparable, and their results the store's:

- trials that are no members run beside the population and are no part of it;
- coordinates are kept within their ranges, which Tune's PBT does not see to, and become the knot that a clone walks to
  in its next interval, so that the walked path is in the observations and can be replayed;
- a clone keeps its own name and seed, and is a row of lineage;
- Tune draws from process-wide generators; they are seeded for each report from (seed, member, iteration), and put back.

A clone of a donor that is behind repeats an iteration, and its report replaces the one of the weights it gave up. Which
report arrives first depends on the workers' speed, and a restored driver has forgotten the last scores (and PB2's
data), so the same seed does not promise the same decisions.
"""

import functools
import random  # noqa: TID251 - Tune's schedulers draw from it, so it is seeded around them
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from jaxtyping import Float
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler
from ray.tune.schedulers.pb2 import PB2

from erpo_explore.config.experiment import Experiment
from erpo_explore.config.search import CATEGORIES
from erpo_explore.search.decisions import Decision
from erpo_explore.search.region import LOG_SCALED, Region
from erpo_explore.search.streams import keyed_generator
from erpo_explore.space import Path, Point
from erpo_explore.trial.assignment import Assignment
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.trial_view import ITERATION, TrialView

__all__ = ["TunePb2", "TunePbt"]


class _TunePopulation(PopulationBasedTraining):
    """What both need to be methods of an exploration; the algorithm is that of the class beside it."""

    def __init__(self, space: Experiment, metric: str, recorder: Recorder, **algorithm: Any) -> None:
        super().__init__(
            time_attr=ITERATION,
            metric="score",
            mode="max",
            perturbation_interval=1,
            quantile_fraction=space.search.quantile,
            log_config=False,
            **algorithm,
        )
        self._space = space
        self._region = Region.from_search(space.search, metric)
        self._recorder = recorder

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """A member's coordinates are those of its first knot."""
        view = TrialView(trial)
        if not view.is_member:
            return
        unit_D, categories = self._region.to_unit(view.spec.path.end)
        view.add_to_config(self._coordinates(unit_D) | dict(zip(CATEGORIES, categories, strict=True)))
        super().on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Tune's decision on a member; others go on, and so does a member without a score, which ends by itself."""
        view = TrialView(trial)
        if not view.is_member or result["score"] is None:
            return str(TrialScheduler.CONTINUE)
        index = view.seed - self._space.seed
        with _seeded(self._space.seed, index, result[ITERATION]):
            members: Any = _Members(tune_controller)
            return str(super().on_trial_result(members, trial, result))

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Members first, the one that has run least; then the others."""
        members: Any = _Members(tune_controller)
        member = super().choose_trial_to_run(members)
        others = (trial for trial in tune_controller.get_trials() if not TrialView(trial).is_member)
        return member or next((trial for trial in others if trial.status in (Trial.PENDING, Trial.PAUSED)), None)

    def _get_new_config(self, trial: Trial, trial_to_clone: Trial) -> tuple[dict[str, Any], dict[str, Any]]:
        explored, operations = super()._get_new_config(trial, trial_to_clone)
        knot = self._region.point(self._place(explored), tuple(explored[name] for name in CATEGORIES))
        donor = TrialView(trial_to_clone)
        reported = donor.last_report[ITERATION]
        assignment = Assignment(
            spec=TrialView(trial).spec, until=reported + 1, generation=reported, parent=donor.name, next_knot=knot
        )
        self._record(trial, trial_to_clone, knot)
        coordinates = {name: explored[name] for name in (*self._region.ranges, *CATEGORIES)}
        return assignment.to_dict() | coordinates, operations

    def _record(self, trial: Trial, donor: Trial, knot: Point) -> None:
        scores = {other: state.last_score for other, state in self._trial_state.items() if state.last_score is not None}
        given, donor_name = TrialView(donor).last_report, TrialView(donor).name
        decision = Decision(
            member=TrialView(trial).name,
            action="clone",
            donor=donor_name,
            score=scores[trial],
            donor_score=scores[donor],
            p_value=None,
            rank=1 + sum(score > scores[trial] for score in scores.values()),
            population=len(scores),
            period=1,
            generation=given[ITERATION],
            path=Path.from_dict(given["path"]),
            next_knot=knot,
            until=given[ITERATION] + 1,
            reason=f"{type(self).__bases__[-1].__name__}: among the worst, clones {donor_name}",
        )
        self._recorder.decide([decision], interval=self._space.training.interval)

    def _coordinates(self, unit_D: Float[np.ndarray, " D"]) -> dict[str, float]:
        """A place of the region as it stands in a member's config."""
        return self._region.coordinates(unit_D)

    def _place(self, config: Mapping[str, Any]) -> Float[np.ndarray, " D"]:
        """The place in the unit cube that `_coordinates` was made of; within the region, whatever Tune made of it."""
        return self._region.unit_vector(_searched(config, self._region))


class TunePbt(_TunePopulation):
    """Tune's PBT, as a method of an exploration."""

    def __init__(self, space: Experiment, metric: str, recorder: Recorder) -> None:
        """Bind to an exploration; arguments as for `PopulationBasedAnnealing`."""
        region = Region.from_search(space.search, metric)
        mutations: dict[str, Any] = {
            name: (tune.loguniform if name in LOG_SCALED else tune.uniform)(low, high)
            for name, (low, high) in region.ranges.items()
        }
        mutations |= {
            name: list(values) for name, values in zip(CATEGORIES, region.choices, strict=True) if len(values) > 1
        }
        super().__init__(
            space,
            metric,
            recorder,
            hyperparam_mutations=mutations,
            resample_probability=space.search.resample,
            custom_explore_fn=functools.partial(_keep_within, region=region),
        )


class TunePb2(_TunePopulation, PB2):
    """Tune's PB2, as a method of an exploration. It knows no categories: a clone has its donor's."""

    def __init__(self, space: Experiment, metric: str, recorder: Recorder) -> None:
        """Bind to an exploration; arguments as for `PopulationBasedAnnealing`."""
        super().__init__(
            space,
            metric,
            recorder,
            hyperparam_bounds={name: [0.0, 1.0] for name in Region.from_search(space.search, metric).ranges},
        )

    def _coordinates(self, unit_D: Float[np.ndarray, " D"]) -> dict[str, float]:
        return dict(zip(self._region.ranges, unit_D.tolist(), strict=True))

    def _place(self, config: Mapping[str, Any]) -> Float[np.ndarray, " D"]:
        return np.array([config[name] for name in self._region.ranges], np.float64)


class _Members:
    """Tune's controller as a population sees it: without the trials beside it."""

    def __init__(self, tune_controller: Any) -> None:
        self._tune_controller = tune_controller

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tune_controller, name)

    def get_trials(self) -> list[Trial]:
        """The members."""
        return [trial for trial in self._tune_controller.get_trials() if TrialView(trial).is_member]


@contextmanager
def _seeded(*key: int) -> Iterator[None]:
    """The process-wide generators as a function of whole numbers, for as long as Tune draws from them."""
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    seed = int(keyed_generator(*key).integers(2**32))
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002


def _keep_within(config: dict[str, Any], *, region: Region) -> dict[str, Any]:
    return config | region.coordinates(region.unit_vector(_searched(config, region)))


def _searched(config: Mapping[str, Any], region: Region) -> dict[str, float]:
    return {name: config[name] for name in region.ranges}
