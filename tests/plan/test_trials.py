import itertools
from collections import Counter

import pytest

from erpo_explore.config.experiment import Experiment, Training
from erpo_explore.errors import ConfigError
from erpo_explore.plan.trials import num_reachable_knots, num_suggested, plan_trials
from erpo_explore.search.proposals import random_point
from erpo_explore.search.streams import keyed_generator
from erpo_explore.space import Path, Point, Reward, algorithm
from erpo_explore.trial.schedule import ScheduleState
from tests.plan.test_warm_start import write
from tests.tiny_exploration import TINY

TRUTH = Point(reward=Reward(truth=1.0))
PAPERS = {"papers": algorithm("interpolation").path("bleu").to_dict()}
SEARCHES = {
    "population": {"members": 5, "evolve_every": [1]},
    "random": {"members": 5},
    "grid": {"levels": 2, "ranges": {"task": [0.0, 0.4], "temperature": [0.01, 0.1]}},
    "none": {},
    "optuna": {"members": 5},
    "pbt": {"members": 5},
    "pb2": {"members": 5},
}


def experiment_of(method="population", **changes):
    search = {"method": method} | SEARCHES[method] | changes.pop("search", {})
    baselines = [*changes.pop("baselines", TINY["baselines"]), PAPERS]
    return Experiment.from_dict(TINY | {"search": search, "seed": 7, "num_seeds": 2, "baselines": baselines} | changes)


@pytest.mark.parametrize(
    ("method", "roles"),
    [
        ("population", {"member": 5}),
        ("random", {"random": 5}),
        ("grid", {"grid": 4}),
        ("none", {}),
        ("optuna", {}),
        ("pbt", {"member": 5}),
        ("pb2", {"member": 5}),
    ],
)
def test_baselines_and_paths_run_once_per_seed_beside_the_search(method, roles):
    specs = plan_trials(experiment_of(method), "bleu")
    assert Counter(spec.role for spec in specs) == {"algorithm": 4, "path": 2} | roles


def test_an_algorithm_has_its_settings_the_tasks_metric_and_each_seed():
    experiment = experiment_of("none", baselines=[{"spg": {"weight": 4}}])
    baselines = [spec for spec in plan_trials(experiment, "rouge") if spec.role == "algorithm"]
    assert [(spec.name, spec.algorithm, spec.seed) for spec in baselines] == [
        ("spg-s7", "spg", 7),
        ("spg-s8", "spg", 8),
    ]
    assert {spec.path for spec in baselines} == {algorithm("spg", weight=4).path("rouge")}


def test_a_given_path_is_trained_unchanged_with_each_seed():
    paths = [spec for spec in plan_trials(experiment_of("none"), "rouge") if spec.role == "path"]
    assert [(spec.name, spec.algorithm, spec.seed) for spec in paths] == [
        ("papers-s7", "papers", 7),
        ("papers-s8", "papers", 8),
    ]
    assert {spec.path for spec in paths} == {algorithm("interpolation").path("bleu")}


def members(experiment, metric="bleu"):
    return [spec for spec in plan_trials(experiment, metric) if spec.role == "member"]


def test_members_go_from_the_start_to_different_points_in_the_first_interval():
    found = members(experiment_of())
    assert [(spec.name, spec.seed, spec.algorithm) for spec in found] == [
        (f"member-{i}", 7 + i, None) for i in range(5)
    ]
    for spec in found:
        assert [at for at, _ in spec.path.knots] == [0.0, 3 / 12]
        assert spec.path.at(0.0) == TRUTH
    assert len({spec.path.end for spec in found}) == 5


def test_more_members_leave_the_first_ones_unchanged():
    assert members(experiment_of(search={"members": 7}))[:5] == members(experiment_of())


def test_members_with_longer_periods_have_a_later_first_knot():
    found = members(experiment_of(search={"members": 8, "evolve_every": [1, 2]}))
    assert [spec.path.knots[-1][0] for spec in found] == [3 / 12, 6 / 12] * 4


def test_another_seed_plans_other_points():
    ends = [{spec.path.end for spec in members(experiment_of(seed=seed))} for seed in (7, 1007)]
    assert not ends[0] & ends[1]


def test_with_one_interval_the_first_knot_is_at_the_end():
    experiment = experiment_of(training=TINY["training"] | {"interval": 12})
    assert {spec.path.knots[1][0] for spec in members(experiment)} == {1.0}


def test_random_search_tries_constant_points_with_the_same_seed():
    experiment = experiment_of("random")
    found = [spec for spec in plan_trials(experiment, "bleu") if spec.role == "random"]
    assert [spec.name for spec in found] == [f"random-{i}" for i in range(5)]
    assert {spec.seed for spec in found} == {7}
    expected = [Path.constant(random_point(experiment.search, "bleu", keyed_generator(7, 0, i))) for i in range(5)]
    assert [spec.path for spec in found] == expected


def test_only_optuna_suggests_trials():
    assert {method: num_suggested(experiment_of(method)) for method in SEARCHES} == dict.fromkeys(SEARCHES, 0) | {
        "optuna": 5
    }


@pytest.mark.parametrize(("knots", "positions"), [(1, [0.0]), (2, [0.0, 1.0]), (5, [0.0, 0.25, 0.5, 0.75, 1.0])])
def test_a_random_path_has_free_knots_at_even_positions(knots, positions):
    specs = plan_trials(experiment_of("random", search={"knots": knots}), "bleu")
    found = [spec.path for spec in specs if spec.role == "random"]
    assert {tuple(at for at, _ in path.knots) for path in found} == {tuple(positions)}
    assert len({point for path in found for _, point in path.knots}) == 5 * knots


def test_more_knots_leave_the_first_one_unchanged():
    constant, free = (
        [spec.path.knots[0] for spec in plan_trials(experiment_of("random", search={"knots": knots}), "bleu")]
        for knots in (1, 3)
    )
    assert constant == free


def test_a_grid_of_paths_has_all_sequences_of_points():
    points = [spec.path.end for spec in plan_trials(experiment_of("grid"), "bleu") if spec.role == "grid"]
    specs = [spec for spec in plan_trials(experiment_of("grid", search={"knots": 2}), "bleu") if spec.role == "grid"]
    assert len(specs) == len(points) ** 2
    assert {tuple(point for _, point in spec.path.knots) for spec in specs} == set(itertools.product(points, points))


def test_populations_of_tune_begin_with_the_same_members():
    assert members(experiment_of("pbt")) == members(experiment_of("pb2")) == members(experiment_of())


def test_the_metric_of_the_search_replaces_that_of_the_task():
    for metric, given in (("bleu", None), ("rouge", None), ("edit", "edit")):
        found = members(experiment_of(search={"metric": given}), "bleu" if given else metric)
        assert {spec.path.end.reward.metric for spec in found} == {metric}


def test_a_grid_without_a_point_is_an_error():
    experiment = experiment_of("grid", search={"ranges": {"task": [0.8, 1.0], "model": [0.5, 1.0]}})
    with pytest.raises(ConfigError, match=r"search\.ranges has no point on the simplex.*got task \[0\.8, 1\.0\]"):
        plan_trials(experiment, "bleu")


class TestWarmStart:
    @pytest.fixture
    def earlier(self, tmp_path):
        """Results of a member with a task weight of 0.3 at half of its budget."""
        return write(tmp_path / "earlier", (1.0, 2.0), (0.1, 0.3))

    def test_the_first_member_goes_to_the_point_of_the_best_earlier_path_at_that_time(self, earlier):
        experiment = experiment_of(training=TINY["training"] | {"interval": 4}, search={"warm_start": [earlier]})
        cold = experiment_of(training=TINY["training"] | {"interval": 4})
        warmed, others = members(experiment)[0], members(experiment)[1:]
        assert [at for at, _ in warmed.path.knots] == [0.0, 4 / 12]
        # a third of the budget lies a third of the way between knots at 1/4 and 1/2
        assert warmed.path.end.reward.task == pytest.approx(0.1 + 0.2 / 3.0)
        assert others == members(cold)[1:]

    def test_an_earlier_point_outside_the_ranges_is_clipped(self, earlier):
        experiment = experiment_of(search={"warm_start": [earlier], "ranges": {"task": [0.2, 0.4]}})
        assert members(experiment)[0].path.end.reward.task == 0.2


@pytest.mark.parametrize(("steps", "interval"), [(12, 3), (12, 12), (24, 12), (600, 25)])
def test_reachable_knots_are_those_of_a_run_whose_score_drops_at_every_report(steps, interval):
    state, trained = ScheduleState(algorithm("interpolation").path("bleu")), set()
    for number, start in enumerate(range(0, steps, interval)):
        trained.add(state.point(start / steps))
        state.observe_objective(-float(number), min(1.0, (start + interval) / steps))
    num_knots = len(state.path.knots)
    assert len(trained) == min(num_knots, num_reachable_knots(Training(steps=steps, interval=interval)))
