"""What every search method must do, among them one from outside the package."""

import json
import subprocess
import sys

import pytest

from erpo_explore.config.experiment import Experiment
from erpo_explore.config.methods import METHODS
from erpo_explore.config.search import Search
from erpo_explore.errors import ConfigError
from erpo_explore.plan.methods import SearchMethod, check_installed, find_method
from erpo_explore.plan.methods.method import Requirement
from erpo_explore.plan.trials import num_suggested, plan_trials
from erpo_explore.space import Path, Point, Reward
from erpo_explore.store.schema import ROLES
from erpo_explore.trial import TrialSpec
from tests.tiny_exploration import TINY

EXTERNAL = "tests.plan.test_methods:TASK_WEIGHTS"
ALL = [*METHODS, EXTERNAL]
SETTINGS = {"grid": {"levels": 2, "ranges": {"task": [0.0, 0.4], "temperature": [0.01, 0.1]}}}


def _plan_task_weights(experiment, metric):
    """One constant point per value of `search.levels`, with more and more of the task's reward."""
    weights = [level / experiment.search.levels for level in range(experiment.search.levels)]
    return [
        TrialSpec(
            name=f"weight-{index}",
            role="random",
            algorithm=None,
            seed=experiment.seed,
            path=Path.constant(Point(reward=Reward(truth=1.0 - weight, task=weight, temperature=0.1, metric=metric))),
        )
        for index, weight in enumerate(weights)
    ]


TASK_WEIGHTS = SearchMethod(plan=_plan_task_weights)
NO_METHOD = 3
MISSING = SearchMethod(
    plan=_plan_task_weights, requirement=Requirement(name="Nowhere", module="nowhere_at_all", install="nowhere[all]")
)


def experiment_of(method, **search):
    return Experiment.from_dict(TINY | {"search": {"method": method} | SETTINGS.get(method, {}) | search, "seed": 7})


def searched(experiment, metric="bleu"):
    return [spec for spec in plan_trials(experiment, metric) if spec.role not in ("algorithm", "path")]


@pytest.mark.parametrize("method", ALL)
class TestEveryMethod:
    def test_trials_follow_the_baselines(self, method):
        specs = plan_trials(experiment_of(method), "bleu")
        assert [spec.name for spec in specs[:2]] == ["mle-s7", "interpolation-s7"]
        assert specs[2:] == find_method(method).plan(experiment_of(method), "bleu")

    def test_roles_are_those_of_the_store(self, method):
        assert {spec.role for spec in searched(experiment_of(method))} <= set(ROLES)

    def test_names_are_unique_and_can_name_folders(self, method):
        names = [spec.name for spec in plan_trials(experiment_of(method), "bleu")]
        assert len(set(names)) == len(names)
        assert not set("".join(names)) & set("/\\ ")

    def test_one_experiment_has_one_plan(self, method):
        written = json.loads(json.dumps(experiment_of(method).to_dict()))
        assert plan_trials(Experiment.from_dict(written), "bleu") == plan_trials(experiment_of(method), "bleu")

    def test_trials_survive_serialisation(self, method):
        for spec in plan_trials(experiment_of(method), "bleu"):
            assert TrialSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec

    def test_trials_are_planned_or_suggested(self, method):
        assert num_suggested(experiment_of(method)) == 0 or searched(experiment_of(method)) == []

    def test_planning_reads_no_field_that_is_said_to_have_no_effect(self, method):
        read = set()

        class Watched(Search):
            def __getattribute__(self, name):
                if name in Search.model_fields:
                    read.add(name)
                return super().__getattribute__(name)

        experiment = experiment_of(method)
        watched = Watched.model_construct(**{name: getattr(experiment.search, name) for name in Search.model_fields})
        plan_trials(experiment.model_copy(update={"search": watched}), "bleu")
        stated = METHODS[method].reads if method in METHODS else None
        assert stated is None or read <= stated | {"method"}

    def test_its_requirements_are_installed_here(self, method):
        check_installed(experiment_of(method).search)

    def test_its_scheduler_and_searcher_exist(self, method):
        from erpo_explore.named_function import load_named

        found = find_method(method)
        for factory in filter(None, (found.scheduler, found.searcher)):
            load_named("search.method", factory, "a factory")


def test_planning_imports_no_ray():
    code = (
        "import sys; from erpo_explore.config.experiment import Experiment; from erpo_explore.plan.trials import "
        "plan_trials; from tests.plan.test_methods import ALL, experiment_of;"
        "[plan_trials(experiment_of(method), 'bleu') for method in ALL];"
        "sys.exit('ray' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class TestAMethodFromOutside:
    def test_its_settings_are_those_of_the_search(self):
        specs = searched(experiment_of(EXTERNAL, levels=4, knots=2, early_stopping="median"), "rouge")
        assert [spec.path.end.reward.task for spec in specs] == [0.0, 0.25, 0.5, 0.75]
        assert {spec.path.end.reward.metric for spec in specs[1:]} == {"rouge"}

    def test_reading_an_experiment_imports_nothing(self):
        assert experiment_of("nowhere_at_all:METHOD").search.method == "nowhere_at_all:METHOD"

    @pytest.mark.parametrize(
        ("method", "expected"),
        [
            ("nowhere_at_all:METHOD", r"^search\.method=nowhere_at_all:METHOD: the module nowhere_at_all cannot be"),
            ("tests.plan.test_methods:ABSENT", r"tests\.plan\.test_methods has no ABSENT"),
            ("tests.plan.test_methods:NO_METHOD", r"must be an erpo_explore\.plan\.methods\.SearchMethod, got int$"),
        ],
    )
    def test_what_is_no_method_is_named(self, method, expected):
        with pytest.raises(ConfigError, match=expected):
            plan_trials(experiment_of(method), "bleu")

    def test_a_missing_requirement_is_named(self):
        with pytest.raises(
            ConfigError,
            match=r"^search\.method tests\.plan\.test_methods:MISSING needs Nowhere, which is not installed; "
            r"pip install 'nowhere\[all\]'$",
        ):
            check_installed(experiment_of("tests.plan.test_methods:MISSING").search)


@pytest.mark.parametrize("method", ["luck", "a:", ":b", "a b:c", 3, None, ["random"]])
def test_an_unknown_method_is_named(method):
    with pytest.raises(ConfigError, match=r"search\.method: must be package\.module:object, or one of 'population', "):
        Experiment.from_dict(TINY | {"search": {"method": method}})
