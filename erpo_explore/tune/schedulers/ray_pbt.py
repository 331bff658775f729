"""Ray Tune's own PBT and PB2, unchanged, for comparison.

PBT is Jaderberg et al. 2017, PB2 Parker-Holder et al. 2020. Both run asynchronously, as Tune's defaults do: a member is
judged when it reports, against the last scores of the others. A member's searched coordinates are a flat mapping in its
Tune config, beside its assignment. PBT multiplies them by 0.8 or 1.2 or draws them anew; PB2 chooses them in the unit
cube with its Gaussian process. Additions make them comparable, and write their results to the store:

- Trials that are no members run beside the population and are no part of it.
- Coordinates are kept within their ranges, which Tune's PBT does not ensure. They become the knot that a clone reaches
  in its next interval, so that the path is in the observations and can be replayed.
- A clone keeps its own name and seed, and is a row of lineage.
- Tune draws from process-wide generators. They are seeded per report and restored; the key is (seed, member, iteration,
  number of the member's reports).

A clone of a donor that is behind repeats an iteration; its report replaces the one of the weights that it gave up. On
fewer slots than members Tune would run it before its donor, and the same clone could be made and dropped for ever. So
among members that have trained equally long, the one with the fewest reports runs first, and no draw is repeated. The
order of reports depends on the workers' speed, and a restored driver does not have the last scores (and PB2's data). So
the same seed does not guarantee the same decisions.
"""

import functools
import random  # noqa: TID251 - Tune's schedulers draw from it, so it is seeded around them
from collections import Counter
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
from erpo_explore.tune._ray_internals import last_scores
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.trial_view import ITERATION, TrialView

__all__ = ["TunePb2", "TunePbt"]


class _TunePopulation(PopulationBasedTraining):
    """Common additions; the second base class (PB2), or this one's base (PBT), is the algorithm."""

    def __init__(self, experiment: Experiment, metric: str, recorder: Recorder, **algorithm: Any) -> None:
        super().__init__(
            time_attr=ITERATION,
            metric="objective",
            mode="max",
            perturbation_interval=1,
            quantile_fraction=experiment.search.quantile,
            log_config=False,
            **algorithm,
        )
        self._experiment = experiment
        self._region = Region.from_search(experiment.search, metric)
        self._recorder = recorder
        self._num_reports: Counter[str] = Counter()
        """Reports of each member that this driver has seen."""

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Give a member the coordinates of its first knot."""
        view = TrialView(trial)
        if not view.is_member:
            return
        unit_D, categories = self._region.to_unit(view.spec.path.end)
        view.add_to_config(self._coordinates(unit_D) | dict(zip(CATEGORIES, categories, strict=True)))
        super().on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Tune's decision on a member; other trials continue, as does a member without a score, which then ends."""
        view = TrialView(trial)
        if not view.is_member or result["score"] is None:
            return str(TrialScheduler.CONTINUE)
        index = view.seed - self._experiment.seed
        self._num_reports[view.name] += 1
        with _seeded(self._experiment.seed, index, result[ITERATION], self._num_reports[view.name]):
            members: Any = _Members(tune_controller, self._num_reports)
            return str(super().on_trial_result(members, trial, result))

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Members first, starting with the one that has trained least; then other trials."""
        members: Any = _Members(tune_controller, self._num_reports)
        member = super().choose_trial_to_run(members)
        others = (trial for trial in tune_controller.get_trials() if not TrialView(trial).is_member)
        return member or next((trial for trial in others if trial.status in (Trial.PENDING, Trial.PAUSED)), None)

    def _get_new_config(self, trial: Trial, trial_to_clone: Trial) -> tuple[dict[str, Any], dict[str, Any]]:
        explored, operations = super()._get_new_config(trial, trial_to_clone)
        knot = self._region.point(self._position(explored), tuple(explored[name] for name in CATEGORIES))
        donor = TrialView(trial_to_clone)
        reported = donor.last_report[ITERATION]
        assignment = Assignment(
            spec=TrialView(trial).spec, until=reported + 1, generation=reported, parent=donor.name, next_knot=knot
        )
        self._record(trial, trial_to_clone, knot)
        coordinates = {name: explored[name] for name in (*self._region.ranges, *CATEGORIES)}
        return assignment.to_dict() | coordinates, operations

    def _record(self, trial: Trial, donor: Trial, knot: Point) -> None:
        objectives = last_scores(self)
        given, donor_name = TrialView(donor).last_report, TrialView(donor).name
        decision = Decision(
            member=TrialView(trial).name,
            action="clone",
            donor=donor_name,
            objective=objectives[trial],
            donor_objective=objectives[donor],
            p_value=None,
            rank=1 + sum(other > objectives[trial] for other in objectives.values()),
            population=len(objectives),
            period=1,
            generation=given[ITERATION],
            path=Path.from_dict(given["path"]),
            next_knot=knot,
            until=given[ITERATION] + 1,
            reason=f"{type(self).__bases__[-1].__name__}: among the worst, clones {donor_name}",
        )
        self._recorder.decide([decision], interval=self._experiment.training.interval)

    def _coordinates(self, unit_D: Float[np.ndarray, " D"]) -> dict[str, float]:
        """Entries of a member's config for a position in the unit cube."""
        return self._region.coordinates(unit_D)

    def _position(self, config: Mapping[str, Any]) -> Float[np.ndarray, " D"]:
        """Position in the unit cube for the entries of a config, moved into the region where Tune left it."""
        return self._region.unit_vector(_searched(config, self._region))


class TunePbt(_TunePopulation):
    """Tune's PBT, as a method of an exploration."""

    def __init__(self, experiment: Experiment, metric: str, recorder: Recorder) -> None:
        """Bind to an exploration; arguments as for `PopulationBasedAnnealing`."""
        region = Region.from_search(experiment.search, metric)
        mutations: dict[str, Any] = {
            name: (tune.loguniform if name in LOG_SCALED else tune.uniform)(low, high)
            for name, (low, high) in region.ranges.items()
        }
        mutations |= {
            name: list(values) for name, values in zip(CATEGORIES, region.choices, strict=True) if len(values) > 1
        }
        super().__init__(
            experiment,
            metric,
            recorder,
            hyperparam_mutations=mutations,
            resample_probability=experiment.search.resample,
            custom_explore_fn=functools.partial(_keep_within, region=region),
        )


class TunePb2(_TunePopulation, PB2):
    """Tune's PB2, as a method of an exploration. It has no categories: a clone has its donor's."""

    def __init__(self, experiment: Experiment, metric: str, recorder: Recorder) -> None:
        """Bind to an exploration; arguments as for `PopulationBasedAnnealing`."""
        super().__init__(
            experiment,
            metric,
            recorder,
            hyperparam_bounds={name: [0.0, 1.0] for name in Region.from_search(experiment.search, metric).ranges},
        )

    def _coordinates(self, unit_D: Float[np.ndarray, " D"]) -> dict[str, float]:
        return dict(zip(self._region.ranges, unit_D.tolist(), strict=True))

    def _position(self, config: Mapping[str, Any]) -> Float[np.ndarray, " D"]:
        return np.array([config[name] for name in self._region.ranges], np.float64)


class _Members:
    """Tune's controller without the trials that are no members, beginning with the member with the fewest reports."""

    def __init__(self, tune_controller: Any, num_reports: Mapping[str, int]) -> None:
        self._tune_controller = tune_controller
        self._num_reports = num_reports

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tune_controller, name)

    def get_trials(self) -> list[Trial]:
        """The members; Tune keeps their order among those that have trained equally long."""
        members = [trial for trial in self._tune_controller.get_trials() if TrialView(trial).is_member]
        return sorted(members, key=lambda trial: self._num_reports.get(TrialView(trial).name, 0))


@contextmanager
def _seeded(*key: int) -> Iterator[None]:
    """Seed the process-wide generators, from which Tune draws, for the duration of the block."""
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
