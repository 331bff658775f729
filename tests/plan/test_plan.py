"""The plan of an exploration: what it holds, and what it refuses before anything is written."""

import shutil

import pytest
import torch

from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.plan.earlier_paths import load_prior
from erpo_explore.plan.manifest import experiment_of
from erpo_explore.plan.methods.branch import turns_of
from erpo_explore.plan.plan import make_plan
from erpo_explore.plan.trials import plan_trials
from erpo_explore.search.path_prior import PathPrior
from erpo_explore.store import ResultsWriter
from erpo_explore.trial import TrainingRun
from erpo_explore.trial.checkpoint import save_checkpoint
from tests.plan.earlier_runs import write_runs
from tests.tiny_exploration import TINY

TRAINED = {"algorithm": "mle", "steps": 6, "num_seeds": 2}


@pytest.fixture
def checkpoint(tmp_path, tiny_space):
    """A checkpoint of an untrained trial."""
    plan = make_plan(tiny_space, tmp_path / "nowhere")
    run = TrainingRun(plan.task, tiny_space.model, tiny_space.training, plan.specs[0], torch.device("cpu"))
    (tmp_path / "checkpoint").mkdir()
    save_checkpoint(run.state(), tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def branched(checkpoint, **changes):
    return Experiment.from_dict(TINY | {"init_from": {"checkpoint": str(checkpoint)}} | changes)


def test_it_holds_all_trials_and_writes_nothing(tiny_space, tmp_path):
    plan = make_plan(tiny_space, tmp_path / "results")
    assert list(plan.specs) == plan_trials(tiny_space, plan.task.reward_metric)
    assert (plan.num_trials, plan.num_suggested, plan.first, plan.initial_weights) == (5, 0, None, None)
    stored = experiment_of(plan.manifest(), "here")
    assert stored.model_copy(update={"task": tiny_space.task}) == tiny_space
    assert list(tmp_path.iterdir()) == []


def test_it_holds_the_options_of_its_metrics_that_the_text_decides(tmp_path):
    task = TINY["task"] | {"metric": "bleu", "also": ["ter"]}
    stored = experiment_of(make_plan(Experiment.from_dict(TINY | {"task": task}), tmp_path).manifest(), "here")
    assert stored.task.metric == {"name": "bleu", "tokenize": "none", "max_ngram_order": 4, "pieces": "none"}
    assert stored.task.also == ({"name": "ter", "normalized": False, "asian_support": False, "pieces": "none"},)
    assert make_plan(stored, tmp_path).experiment == stored


def test_epochs_become_steps_once_the_data_are_loaded(tmp_path):
    plan = make_plan(Experiment.from_dict(TINY | {"training": {"epochs": 2, "batch_size": 16}}), tmp_path / "results")
    assert (plan.experiment.training.steps, plan.experiment.training.interval) == (27, 3)  # of 2 · ⌈200 / 16⌉ = 26
    stored = experiment_of(plan.manifest(), "here").training
    assert (stored.steps, stored.epochs, stored.interval) == (27, None, 3)


def test_suggested_trials_count_and_need_disk_space(tmp_path):
    plans = [
        make_plan(Experiment.from_dict(TINY | {"search": {"method": "optuna", "members": members}}), tmp_path)
        for members in (1, 4)
    ]
    assert [plan.num_trials for plan in plans] == [3, 6]
    assert plans[1].needed_bytes - plans[0].needed_bytes == 3 * 2 * plans[0].checkpoint_bytes


def test_a_checkpoint_has_12_bytes_per_parameter(tmp_path, tiny_space, checkpoint):
    plan = make_plan(tiny_space, tmp_path / "results")
    size = (checkpoint / "state.pt").stat().st_size
    # before the first step Adam has no moments
    assert plan.checkpoint_bytes / 3 < size < plan.checkpoint_bytes


def test_initial_checkpoints_are_loaded_and_recorded(tmp_path, checkpoint):
    plan = make_plan(branched(checkpoint), tmp_path / "results")
    assert plan.checkpoints == (checkpoint,)
    assert plan.initial_weights is not None
    (entry,) = plan.manifest()["initial"]
    assert (entry["checkpoint"], len(entry["sha256"])) == (str(checkpoint), 64)


def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path, checkpoint):
    with pytest.raises(ResultsError, match=r"in the checkpoint and .* in the"):
        make_plan(branched(checkpoint, model={"hidden_size": 16}), tmp_path / "results")


def test_a_resumed_exploration_begins_with_the_same_checkpoints_or_not_at_all(tmp_path, checkpoint):
    folder, experiment = tmp_path / "results", branched(checkpoint)
    ResultsWriter.create(folder, make_plan(experiment, folder).manifest())
    assert make_plan(experiment, folder, resumes=True).checkpoints == (checkpoint,)
    state = checkpoint / "state.pt"
    state.write_bytes(state.read_bytes() + b"\0")
    with pytest.raises(ResultsError, match=r"must be what .*results began from, sha256"):
        make_plan(experiment, folder, resumes=True)


def test_checkpoints_that_are_still_to_be_trained_are_planned_first(tmp_path):
    experiment = Experiment.from_dict(TINY | {"init_from": TRAINED})
    folder = tmp_path / "results"
    plan = make_plan(experiment, folder)
    assert (plan.first.folder, [spec.name for spec in plan.first.specs]) == (folder / "initial", ["mle-s1", "mle-s2"])
    assert (plan.checkpoints, plan.initial_weights, "initial" in plan.manifest()) == ((), None, False)
    assert plan.needed_bytes - plan.first.needed_bytes == 5 * 2 * plan.checkpoint_bytes
    ResultsWriter.create(folder, plan.manifest())
    assert make_plan(experiment, folder, resumes=True).first.specs == plan.first.specs


def test_a_score_that_cannot_be_imported_is_refused(tmp_path):
    task = TINY["task"] | {"metric": "nowhere_at_all:score"}
    experiment = Experiment.from_dict(TINY | {"task": task, "baselines": ["mle"], "search": {"method": "none"}})
    with pytest.raises(ConfigError, match=r"^task.metric=nowhere_at_all:score: the module nowhere_at_all cannot be"):
        make_plan(experiment, tmp_path / "results")


def test_a_metric_that_cannot_be_imported_is_refused(tmp_path):
    experiment = Experiment.from_dict(TINY | {"baselines": [{"minimum_risk": {"metric": "nowhere_at_all:score"}}]})
    with pytest.raises(ConfigError, match="the module nowhere_at_all cannot be imported"):
        make_plan(experiment, tmp_path / "results")


def test_the_prior_is_recorded_and_not_needed_to_resume(tmp_path):
    searched = {"method": "branch", "phases": 2, "candidates": ["label_smoothing"]}
    turns = turns_of(Experiment.from_dict(TINY | {"search": searched}), "bleu")
    paths = (turns.path((0, 0)), turns.path((1, 1)))
    earlier = write_runs(tmp_path / "earlier", [(1, paths[0], 20.0), (1, paths[1], 20.5)])
    experiment = Experiment.from_dict(TINY | {"search": searched | {"prior": [earlier]}})
    plan = make_plan(experiment, tmp_path / "results")
    recorded = PathPrior.from_dict(plan.with_experiment(plan.experiment).manifest()["search_prior"])
    assert recorded == load_prior([earlier], turns, score_name="bleu")
    ResultsWriter.create(tmp_path / "results", plan.manifest())
    shutil.rmtree(earlier)
    assert make_plan(experiment, tmp_path / "results", resumes=True).search_prior is None
