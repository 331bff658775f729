import json

import pytest

from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.plan.trials import plan_trials
from erpo_explore.plan.warm_start import load_warm_start
from erpo_explore.search.proposals import nearest_knot
from erpo_explore.space import Path, Point, Reward
from erpo_explore.store import ResultsWriter
from tests.store.example_rows import OBSERVATION, TRIAL

TRUTH = Point(reward=Reward(truth=1.0))


def knot(task):
    return Point(reward=Reward(truth=1.0 - task, task=task, temperature=0.1))


def write(folder, scores, tasks=(0.1, 0.2, 0.3), *, task="toy", score_name="bleu", sign=1.0):
    """Results of one member, with a knot per report."""
    writer = ResultsWriter.create(folder, {"exploration": folder.name})
    path = Path.constant(TRUTH)
    for iteration, (score, weight) in enumerate(zip(scores, tasks, strict=False), start=1):
        path = path.then(iteration / 4, knot(weight))
        changes = {
            "iteration": iteration,
            "step": 100 * iteration,
            "progress": iteration / 4,
            "score": score,
            "objective": None if score is None else sign * score,
        }
        writer.append("observations", [OBSERVATION | changes | {"task": task, "path": json.dumps(path.to_dict())}])
    writer.append("trials", [TRIAL | {"score_name": score_name}])
    return str(folder)


def loaded(*folders):
    return load_warm_start(folders, task="toy", score_name="bleu")


def test_path_of_the_best_score_in_any_folder(tmp_path):
    one, two = write(tmp_path / "one", (1.0, 3.0, 4.0)), write(tmp_path / "two", (2.0, 9.0), (0.3, 0.4))
    path = loaded(one, two)
    assert [at for at, _ in path.knots] == [0.0, 0.25, 0.5]
    assert path.end == knot(0.4)
    assert loaded(two, one) == path


def test_where_less_is_better_the_path_of_the_fewest_errors(tmp_path):
    rates = write(tmp_path / "one", (30.0, 10.0, 20.0), sign=-1.0), write(tmp_path / "two", (40.0,), sign=-1.0)
    assert loaded(*rates).end == loaded(*reversed(rates)).end == knot(0.2)


def test_no_folders_give_no_path():
    assert loaded() is None


def test_another_task_is_refused(tmp_path):
    folder = write(tmp_path / "other", (1.0,), task="files")
    with pytest.raises(ConfigError, match=r"search\.warm_start: .*other must have the task .*, toy, got files; leave"):
        loaded(folder)


def test_another_metric_is_refused(tmp_path):
    folder = write(tmp_path / "other", (1.0,), score_name="rouge")
    with pytest.raises(ConfigError, match=r"warm_start: .*other must have the score_name .*, bleu, got rouge; leave"):
        loaded(folder)


@pytest.mark.parametrize("path", ['{"knots": []}', "torn", '{"knots": [{"at": 0, "point": {"reward": "luck"}}]}'])
def test_an_unreadable_path_is_an_error_with_its_folder(tmp_path, path):
    folder = write(tmp_path / "old", (1.0, 2.0))
    ResultsWriter.open(tmp_path / "old").append("observations", [OBSERVATION | {"trial": "x", "path": path}])
    with pytest.raises(ResultsError, match=r"warm_start: .*old holds a path that can't be read \(.*\); leave it out"):
        loaded(folder)


def test_a_folder_without_a_score_or_an_exploration_is_an_error(tmp_path):
    with pytest.raises(ResultsError, match=r"no observation has a score yet"):
        loaded(write(tmp_path / "young", (None,)))
    with pytest.raises(ResultsError, match=r"nowhere does not exist"):
        loaded(str(tmp_path / "nowhere"))


def test_text_files_are_recognised_by_the_name_of_their_folder(tmp_path):
    written = {
        "name": "mine",
        "task": {"name": "files", "data": str(tmp_path / "pairs"), "metric": "bleu"},
        "search": {"members": 2, "warm_start": [write(tmp_path / "old", (1.0, 2.0), task="pairs")]},
    }
    experiment = Experiment.from_dict(written)
    first, _ = plan_trials(experiment, "bleu")
    best = load_warm_start(experiment.search.warm_start, task="pairs", score_name="bleu")
    assert first.path.end == nearest_knot(best.at(first.path.knots[-1][0]), experiment.search, "bleu")
