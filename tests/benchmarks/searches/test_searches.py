import random  # noqa: TID251 - Tune draws from it

import numpy as np
import pytest
from ray import tune
from ray.tune.schedulers import PopulationBasedTraining

from benchmarks.searches.population import MEMBERS
from benchmarks.searches.searches import METHODS, VARIANTS
from benchmarks.searches.surface import Surface, path_coordinates
from benchmarks.searches.surface_paths import INTERVALS, RANGES
from benchmarks.searches.tune_methods import seeded
from benchmarks.searches.tune_stand_ins import StandInController, StandInTrial
from tests.benchmarks.searches.made_up import surface

QUICK = [name for name in METHODS if name != "PB2"]


class Counting(Surface):
    """Surface that counts the simulated intervals."""

    def __init__(self, inner):
        self.__dict__.update(inner.__dict__)
        self.num_intervals = 0

    def advance(self, states, knot_NC, generator=None):
        self.num_intervals += len(knot_NC)
        return super().advance(states, knot_NC, generator)


@pytest.mark.parametrize("name", QUICK)
def test_methods_have_the_same_budget_and_return_a_path_per_share_of_it(name):
    counting = Counting(surface())
    paths = METHODS[name](counting, 3)

    assert counting.num_intervals == MEMBERS * INTERVALS
    assert len(paths) == INTERVALS


@pytest.mark.parametrize("name", QUICK)
def test_same_seed_gives_the_same_paths(name):
    first, again, other = (METHODS[name](surface(), seed) for seed in (5, 5, 6))

    assert first == again
    assert first != other


@pytest.mark.parametrize("name", QUICK)
def test_points_lie_in_the_ranges(name):
    for path in METHODS[name](surface(), 1):
        for _, point in path.knots:
            searched = RANGES if point.reward.task > 0.0 else ("noise", "model")
            for coordinate in searched:
                low, high = RANGES[coordinate]
                assert low - 1e-9 <= getattr(point.reward, coordinate) <= high + 1e-9, coordinate


@pytest.mark.parametrize("name", ["PBT", *VARIANTS])
def test_path_of_a_population_starts_at_maximum_likelihood_and_ends_at_its_interval(name):
    paths = METHODS[name](surface(), 2)

    for interval, path in enumerate(paths, 1):
        assert path.knots[0][1].reward.is_truth
        assert path.knots[-1][0] == pytest.approx(interval / INTERVALS)


def test_process_wide_generators_are_seeded_and_restored():
    # no whole search here, because the type checks of the tests draw from the same generator
    before, numpy_before = random.getstate(), np.random.get_state()  # noqa: NPY002
    drawn = []
    for _ in range(2):
        with seeded(3):
            drawn.append((random.random(), np.random.uniform()))  # noqa: NPY002

    assert drawn[0] == drawn[1]
    assert random.getstate() == before
    assert (np.random.get_state()[1] == numpy_before[1]).all()  # noqa: NPY002


def test_random_search_returns_the_path_with_the_best_observed_score():
    class Exact(Counting):
        """Surface without luck and without evaluation noise."""

        def advance(self, states, knot_NC, generator=None):
            return super().advance(states, knot_NC)

        def observe(self, states, generator):
            self.last = states.score_N
            return states.score_N[:, None]

    exact = Exact(surface())
    best = METHODS["random paths"](exact, 4)[-1]

    assert surface().final_scores(path_coordinates(best)[None])[0] == pytest.approx(exact.last.max())


def test_tunes_scheduler_clones_the_best_quarter_into_the_worst():
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration", metric="score", mode="max", perturbation_interval=1,
        hyperparam_mutations={"noise": tune.uniform(0.0, 1.0)}, log_config=False, synch=True,
    )  # fmt: skip
    trials = [StandInTrial(f"trial-{index}", {"noise": index / 10}) for index in range(8)]
    controller = StandInController(trials)
    for trial in trials:
        scheduler.on_trial_add(controller, trial)
    for index, trial in enumerate(trials):
        metrics = {"training_iteration": 1, "score": float(index)}
        trial.save((index,), metrics)
        scheduler.on_trial_result(controller, trial, metrics)

    assert [trial.checkpoint[0] for trial in trials[2:]] == [2, 3, 4, 5, 6, 7]
    assert {trial.checkpoint[0] for trial in trials[:2]} <= {6, 7}
    assert [trial.config["noise"] for trial in trials[2:]] == [index / 10 for index in range(2, 8)]
