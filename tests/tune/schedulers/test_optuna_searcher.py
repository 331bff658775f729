"""Optuna's searcher without Ray; `test_methods` runs it on Ray."""

import subprocess
import sys

import pytest

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.trials import plan_trials
from erpo_explore.space import Path
from erpo_explore.store import ResultsWriter, load_results
from erpo_explore.trial import TrialSpec
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.schedulers.optuna_searcher import PlannedThenOptuna
from erpo_explore.tune.scoreboard import Scoreboard
from tests.tiny_exploration import TINY
from tests.tune.reports import observe, report

SEARCH = {"method": "optuna", "members": 12, "knots": 2, "choices": {"metric": ["bleu", "edit"]}}


def searcher_of(folder, **changes):
    space = Experiment.from_dict(TINY | {"search": SEARCH, "seed": 5} | changes)
    if not folder.exists():
        ResultsWriter.create(folder, {"exploration": "tiny"})
    recorder = Recorder(exploration="tiny", task="toy", model="lstm", metric="bleu", scoreboard=Scoreboard(folder))
    return PlannedThenOptuna(space, plan_trials(space, "bleu"), "bleu", recorder)


def run(searcher, first, last, *, sign=1.0):
    """Take suggestions, and report a score for each that depends on its task weights; a negative sign for a rate."""
    specs = []
    for number in range(first, last):
        spec = TrialSpec.from_dict(searcher.suggest(f"id{number}")["spec"])
        score = 100.0 * sum(point.reward.task for _, point in spec.path.knots) / len(spec.path.knots)
        result = {"score": score, "objective": sign * score}
        for iteration in (1, 2):
            searcher.on_trial_result(f"id{number}", {"training_iteration": iteration} | result)
        searcher.on_trial_complete(f"id{number}", {"training_iteration": 3} | result)
        specs.append(spec)
    return specs


def test_planned_trials_come_first_and_are_unknown_to_optuna(tmp_path):
    specs = run(searcher_of(tmp_path / "tiny"), 0, 6)
    names = ["mle-s1", "interpolation-s1"]
    assert [spec.name for spec in specs] == [name.replace("-s1", "-s5") for name in names] + [
        f"optuna-{index}" for index in range(4)
    ]
    assert [spec.role for spec in specs] == ["algorithm"] * 2 + ["optuna"] * 4


def test_a_suggestion_is_a_path_within_the_region(tmp_path):
    specs = run(searcher_of(tmp_path / "tiny"), 0, 14)[2:]
    assert {tuple(at for at, _ in spec.path.knots) for spec in specs} == {(0.0, 1.0)}
    points = [point for spec in specs for _, point in spec.path.knots]
    assert {point.reward.metric for point in points} == {"bleu", "edit"}
    for point in points:
        assert 0.0 <= point.reward.task <= 0.4
        assert 0.002 <= point.reward.temperature <= 0.5


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["more is better", "less is better"])
def test_suggestions_learn_from_scores(sign, tmp_path):
    specs = run(searcher_of(tmp_path / "tiny"), 0, 32, sign=sign)[2:]
    tasks = [sum(point.reward.task for _, point in spec.path.knots) for spec in specs]
    assert sign * sum(tasks[-10:]) / 10 > sign * sum(tasks[:6]) / 6


def test_the_same_seed_and_scores_give_the_same_suggestions_in_a_fresh_process(tmp_path):
    code = (
        "import sys, pathlib; from tests.tune.schedulers.test_optuna_searcher import run, searcher_of\n"
        "print([str(spec.path) for spec in run(searcher_of(pathlib.Path(sys.argv[1])), 0, 14)])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "other")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    here = [str(spec.path) for spec in run(searcher_of(tmp_path / "tiny"), 0, 14)]
    assert done.stdout.splitlines()[-1] == str(here)
    assert here != [str(spec.path) for spec in run(searcher_of(tmp_path / "third", seed=6), 0, 14)]


def test_a_saved_searcher_continues_as_if_undisturbed(tmp_path):
    undisturbed = run(searcher_of(tmp_path / "one"), 0, 14)
    searcher = searcher_of(tmp_path / "two")
    run(searcher, 0, 9)
    searcher.save(str(tmp_path / "saved"))
    restored = searcher_of(tmp_path / "two")
    shared = restored._recorder
    restored.restore(str(tmp_path / "saved"))
    assert restored._recorder is shared
    assert run(restored, 9, 14) == undisturbed[9:]


@pytest.mark.parametrize("error", [True, False])
def test_trials_without_a_score_are_not_learned_from(error, tmp_path):
    searcher = searcher_of(tmp_path / "tiny")
    run(searcher, 0, 2)
    searcher.suggest("lost")
    searcher.on_trial_result("lost", {"training_iteration": 1, "score": None, "objective": None})
    searcher.on_trial_complete(
        "lost", None if error else {"training_iteration": 1, "score": None, "objective": None}, error
    )
    assert len(run(searcher, 3, 14)) == 11


def test_a_suggestion_is_recorded_before_it_runs_and_its_lost_reports_are_removed(tmp_path):
    searcher = searcher_of(tmp_path / "tiny")
    run(searcher, 0, 2)
    lost = TrialSpec(
        name="optuna-0", role="optuna", algorithm=None, seed=5, path=Path.constant(searcher._experiment.search.start)
    )
    observe(searcher._recorder, lost, report(1, 10.0))
    observe(searcher._recorder, lost, report(2, 20.0))
    searcher.suggest("again")
    trials = load_results(tmp_path / "tiny", table="trials").set_index("trial")
    assert trials.loc["optuna-0", ["role", "status", "num_observations"]].tolist() == ["optuna", "running", 0]
    assert load_results(tmp_path / "tiny").empty
    assert load_results(tmp_path / "tiny", table="samples").empty
