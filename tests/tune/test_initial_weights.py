"""Explorations whose trials begin with earlier weights, on a real Ray."""

import shutil

import pandas as pd
import pytest
import torch

import erpo_explore as erpo
from erpo_explore.config.experiment import Experiment
from erpo_explore.config.init_from import FromResults
from erpo_explore.errors import ResultsError
from erpo_explore.plan.baselines import read_against
from erpo_explore.plan.initial_weights import find_checkpoints
from erpo_explore.plan.replay import replay_experiment
from erpo_explore.plan.trials import plan_trials
from erpo_explore.store import ResultsWriter, load_manifest
from erpo_explore.tasks import load_task
from erpo_explore.trial import TrainingRun
from erpo_explore.trial.checkpoint import load_checkpoint
from erpo_explore.trial.initial_weights import load_initial_weights
from erpo_explore.tune.run import explore, resume
from tests.plan.test_initial_weights import BRANCHED, experiment_of
from tests.tune.interrupted import copied_at, put_back
from tests.tune.ray_warnings import RAY_WARNINGS
from tests.tune.test_run import _comparable

pytestmark = [pytest.mark.ray, pytest.mark.slow, *RAY_WARNINGS]


@pytest.fixture(scope="module")
def branched(tmp_path_factory, one_slot):
    """An exploration that has trained its initial checkpoints first."""
    folder = tmp_path_factory.mktemp("explorations") / "branched"
    # during the initial checkpoints, which have four reports, and during the trials after them
    with copied_at(folder, 1, 7):
        assert explore(Experiment.from_dict(BRANCHED), folder).status == "finished"
    return folder


def test_initial_checkpoints_are_trained_first_once_per_seed(branched):
    initial = erpo.load_results(branched / "initial")
    assert initial.groupby("trial")["step"].apply(list).to_dict() == {"mle-s1": [3, 6], "mle-s2": [3, 6]}
    frame = erpo.load_results(branched)
    assert set(frame["step"]) == {3, 6, 9, 12}
    assert initial["reported_at"].max() < frame["reported_at"].min()


def test_a_baseline_has_gone_on_from_the_checkpoint_of_its_seed(branched):
    experiment, frame = Experiment.from_dict(BRANCHED), erpo.load_results(branched)
    task = load_task(experiment.task)
    weights = load_initial_weights(
        find_checkpoints(experiment, branched, {}),
        optimizer=True,
        first_seed=experiment.seed,
        task=task,
        model=experiment.model,
    )
    spec = plan_trials(experiment, task.reward_metric)[0]
    run = TrainingRun(task, experiment.model, experiment.training, spec, torch.device("cpu"))
    run.take_weights(weights.for_seed(spec.seed))
    reports = frame[frame["trial"] == spec.name]
    assert [run.advance().scores.validation_nll_nats for _ in range(4)] == reports["validation_nll_nats"].tolist()


def test_the_manifest_names_the_weights_by_their_sum(branched):
    kept = load_manifest(branched)["initial"]
    assert [len(entry["sha256"]) for entry in kept] == [64, 64]
    assert [entry["checkpoint"].split("/")[:3] for entry in kept] == [
        ["initial", "checkpoints", f"mle-s{seed}"] for seed in (1, 2)
    ]


def test_a_replay_begins_with_the_same_weights(branched, tmp_path):
    experiment = replay_experiment(branched, experiment_file=None, against=read_against("mle"), num_seeds=2)
    assert experiment.init_from == FromResults(results=str(branched / "initial"), algorithm="mle")
    explore(experiment, tmp_path / "replay")
    kept = [load_manifest(folder)["initial"] for folder in (branched, tmp_path / "replay")]
    assert [entry["sha256"] for entry in kept[0]] == [entry["sha256"] for entry in kept[1]]
    anew = explore(Experiment.from_dict(experiment.to_dict() | {"init_from": None}), tmp_path / "anew")
    first = [
        erpo.load_results(folder).query("step == 3").groupby("algorithm")["validation_nll_nats"].mean()
        for folder in (tmp_path / "replay", anew.folder)
    ]
    assert (first[0] < first[1]).all()


def test_weights_of_a_results_folder_serve_another_exploration_until_they_change(branched, tmp_path):
    copy, folder = tmp_path / "copy", tmp_path / "other"
    shutil.copytree(branched / "initial", copy)
    experiment = experiment_of({"results": str(copy), "optimizer": False}, search={"method": "none"}, baselines=["mle"])
    explore(experiment, folder)
    trials = erpo.load_results(folder, "trials")
    ResultsWriter.open(folder).append("trials", [trials.iloc[0].dropna().to_dict() | {"status": "running"}])
    (state,) = copy.glob("checkpoints/mle-s1/checkpoint_000001/state.pt")
    state.write_bytes(state.read_bytes() + b"\0")
    with pytest.raises(ResultsError, match=r"checkpoint_000001: must be what .*other began from, sha256"):
        resume(folder)


def test_a_checkpoint_that_does_not_fit_is_refused_before_anything_is_written(branched, tmp_path):
    checkpoint = branched / load_manifest(branched)["initial"][0]["checkpoint"]
    assert load_checkpoint(checkpoint)["step"] == 6
    with pytest.raises(ResultsError, match=r"in the checkpoint and .* in the"):
        explore(experiment_of(str(checkpoint), model={"hidden_size": 16}), tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("moment", "is_begun"), [(1, False), (7, True)], ids=["initial checkpoints", "trials after"])
def test_a_killed_driver_is_resumed_at_either_stage(branched, moment, is_begun):
    with put_back(branched, branched.with_name(f"branched-{moment}")) as whole:
        assert ("initial" in load_manifest(branched)) == is_begun
        assert (erpo.load_results(branched, "trials")["status"] == "running").any()
        assert resume(branched).status == "finished"
        pd.testing.assert_frame_equal(_comparable(branched), _comparable(whole))
        pd.testing.assert_frame_equal(_comparable(branched / "initial"), _comparable(whole / "initial"))
        assert resume(branched).status == "finished"
