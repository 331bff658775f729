"""Which checkpoints a space branches from, and explorations that branch, on a real Ray."""

import shutil
import signal

import pandas as pd
import pytest
import torch
import yaml

import erpo_explore as erpo
from erpo_explore.config.experiment import Experiment
from erpo_explore.config.init_from import ResultsTrunk
from erpo_explore.errors import ResultsError
from erpo_explore.plan.baselines import Rivals
from erpo_explore.plan.initial_weights import find_trunk, kept_trunk, trunk_record, trunk_space
from erpo_explore.plan.manifest import manifest
from erpo_explore.plan.replay import replay_space
from erpo_explore.plan.trials import plan_trials
from erpo_explore.store import ResultsWriter, load_manifest
from erpo_explore.tasks import load_task
from erpo_explore.trial import TrainingRun
from erpo_explore.trial.checkpoint import load_checkpoint
from erpo_explore.trial.initial_weights import load_trunk
from erpo_explore.tune.run import explore, resume
from tests.store.example_rows import OBSERVATION, TRIAL
from tests.tiny_exploration import TINY
from tests.tune.driver import start_driver, wait_for_reports
from tests.tune.ray_warnings import RAY_WARNINGS
from tests.tune.test_run import _comparable

TRAINED = {"algorithm": "mle", "steps": 6, "num_seeds": 2}
BRANCHED = TINY | {"training": TINY["training"] | {"decay": "linear"}, "init_from": TRAINED}


def experiment_of(init_from, **changes):
    return Experiment.from_dict(TINY | {"init_from": init_from} | changes)


@pytest.fixture
def recorded(tmp_path):
    """A results folder of two seeds of mle and one of raml, whose checkpoints are named and not there."""
    folder = tmp_path / "recorded"
    writer = ResultsWriter.create(folder, manifest(Experiment.from_dict(TINY)))
    for name, algorithm, seed in (("mle-s9", "mle", 9), ("mle-s10", "mle", 10), ("raml-s9", "raml", 9)):
        row = {"trial": name, "algorithm": algorithm, "seed": seed}
        writer.append("trials", [TRIAL | row])
        for iteration in (1, 2):
            place = f"checkpoints/{name}/{iteration}"
            writer.append("observations", [OBSERVATION | row | {"iteration": iteration, "checkpoint": place}])
    return writer


class TestFinding:
    def test_nothing_is_branched_from_where_nothing_is_said(self, tmp_path):
        assert find_trunk(experiment_of(None), tmp_path) == []

    def test_the_last_checkpoints_of_a_algorithm_come_by_seed(self, recorded, tmp_path):
        folder = recorded.folder
        found = find_trunk(experiment_of({"results": str(folder), "algorithm": "mle"}), tmp_path)
        assert found == [folder / "checkpoints/mle-s9/2", folder / "checkpoints/mle-s10/2"]

    def test_of_several_baselines_one_must_be_named(self, recorded, tmp_path):
        with pytest.raises(
            ResultsError, match=r"init_from\.algorithm of .*recorded: must be one of mle, raml, got None"
        ):
            find_trunk(experiment_of(str(recorded.folder)), tmp_path)
        with pytest.raises(ResultsError, match=r"must be one of mle, raml, got 'spg'"):
            find_trunk(experiment_of({"results": str(recorded.folder), "algorithm": "spg"}), tmp_path)

    @pytest.mark.parametrize(("status", "remedy"), [("running", "resume"), ("diverged", "lower")])
    def test_a_trial_that_has_not_ended_well_is_named(self, recorded, tmp_path, status, remedy):
        recorded.append("trials", [TRIAL | {"trial": "mle-s10", "algorithm": "mle", "seed": 10, "status": status}])
        with pytest.raises(ResultsError, match=rf"trial mle-s10 of .* must be finished, got {status}; {remedy} "):
            find_trunk(experiment_of({"results": str(recorded.folder), "algorithm": "mle"}), tmp_path)

    def test_weights_of_another_task_are_refused_since_their_ids_stand_for_other_words(self, recorded, tmp_path):
        other = experiment_of(
            {"results": str(recorded.folder), "algorithm": "mle"}, task=TINY["task"] | {"train_pairs": 300}
        )
        with pytest.raises(ResultsError, match=r"task\.train_pairs is 200 there and 300 here; where both"):
            find_trunk(other, tmp_path)

    def test_a_changed_file_is_refused_with_both_sums(self, tmp_path):
        (tmp_path / "one").mkdir()
        (tmp_path / "one" / "state.pt").write_bytes(b"1")
        record = trunk_record([tmp_path / "one"], tmp_path)
        assert record[0]["checkpoint"] == "one"
        ResultsWriter.create(tmp_path / "results", {"trunk": [record[0] | {"checkpoint": str(tmp_path / "one")}]})
        assert kept_trunk(tmp_path / "results") == [tmp_path / "one"]
        (tmp_path / "one" / "state.pt").write_bytes(b"2")
        with pytest.raises(
            ResultsError, match=r"one: must be what .*results began from, sha256 6b86b273f.*got d4735e3a"
        ):
            kept_trunk(tmp_path / "results")


def test_a_trunk_trains_its_algorithm_alone_at_a_learning_rate_that_does_not_fall():
    space = Experiment.from_dict(BRANCHED | {"baselines": [{"mle": {}}, "spg"], "seed": 4, "test": {}})
    trunk = trunk_space(space)
    assert (trunk.name, trunk.baselines, trunk.num_seeds, trunk.seed) == ("tiny-trunk", {"mle": {}}, 2, 4)
    assert (trunk.training.steps, trunk.training.interval, trunk.training.decay) == (6, 3, "none")
    assert (trunk.search.method, trunk.init_from, trunk.test, trunk.task) == ("none", None, None, space.task)
    assert trunk_space(trunk) is None


ray_test = [
    pytest.mark.ray,
    *RAY_WARNINGS,
]


@pytest.fixture(scope="module")
def branched(tmp_path_factory, two_slots):
    """An exploration that has trained its trunk first."""
    folder = tmp_path_factory.mktemp("explorations") / "branched"
    assert explore(Experiment.from_dict(BRANCHED), folder).status == "finished"
    return folder


def in_ray(test):
    for mark in ray_test:
        test = mark(test)
    return test


@in_ray
class TestExplorations:
    def test_the_trunk_is_trained_first_once_a_seed(self, branched):
        trunk = erpo.load_results(branched / "trunk")
        assert trunk.groupby("trial")["step"].apply(list).to_dict() == {"mle-s1": [3, 6], "mle-s2": [3, 6]}
        frame = erpo.load_results(branched)
        assert set(frame["step"]) == {3, 6, 9, 12}
        assert trunk["reported_at"].max() < frame["reported_at"].min()

    def test_a_algorithm_has_gone_on_from_the_trunk_of_its_seed(self, branched):
        space, frame = Experiment.from_dict(BRANCHED), erpo.load_results(branched)
        task = load_task(space.task)
        trunk = load_trunk(
            find_trunk(space, branched), optimizer=True, first_seed=space.seed, task=task, model=space.model
        )
        spec = plan_trials(space, task.metric)[0]
        run = TrainingRun(task, space.model, space.training, spec, torch.device("cpu"))
        run.take_weights(trunk.of(spec.seed))
        reports = frame[frame["trial"] == spec.name]
        assert [run.advance().scores.validation_nll_nats for _ in range(4)] == reports["validation_nll_nats"].tolist()

    def test_the_manifest_names_the_weights_by_their_sum(self, branched):
        kept = load_manifest(branched)["trunk"]
        assert [len(entry["sha256"]) for entry in kept] == [64, 64]
        assert [entry["checkpoint"].split("/")[:3] for entry in kept] == [
            ["trunk", "checkpoints", f"mle-s{seed}"] for seed in (1, 2)
        ]

    def test_a_replay_starts_from_the_trunk_again(self, branched, tmp_path):
        space = replay_space(branched, space_file=None, against=Rivals.parse("mle"), num_seeds=2)
        assert space.init_from == ResultsTrunk(results=str(branched / "trunk"), algorithm="mle")
        explore(space, tmp_path / "replay")
        kept = [load_manifest(folder)["trunk"] for folder in (branched, tmp_path / "replay")]
        assert [entry["sha256"] for entry in kept[0]] == [entry["sha256"] for entry in kept[1]]
        anew = explore(Experiment.from_dict(space.to_dict() | {"init_from": None}), tmp_path / "anew")
        first = [
            erpo.load_results(folder).query("step == 3").groupby("algorithm")["validation_nll_nats"].mean()
            for folder in (tmp_path / "replay", anew.folder)
        ]
        assert (first[0] < first[1]).all()

    def test_weights_of_a_results_folder_serve_another_exploration_until_they_change(self, branched, tmp_path):
        copy, folder = tmp_path / "copy", tmp_path / "other"
        shutil.copytree(branched / "trunk", copy)
        space = experiment_of({"results": str(copy), "optimizer": False}, search={"method": "none"}, baselines=["mle"])
        explore(space, folder)
        trials = erpo.load_results(folder, "trials")
        ResultsWriter.open(folder).append("trials", [trials.iloc[0].dropna().to_dict() | {"status": "running"}])
        (state,) = copy.glob("checkpoints/mle-s1/checkpoint_000001/state.pt")
        state.write_bytes(state.read_bytes() + b"\0")
        with pytest.raises(ResultsError, match=r"checkpoint_000001: must be what .*other began from, sha256"):
            resume(folder)

    def test_a_checkpoint_that_does_not_fit_is_refused_before_anything_is_written(self, branched, tmp_path):
        checkpoint = branched / load_manifest(branched)["trunk"][0]["checkpoint"]
        assert load_checkpoint(checkpoint)["step"] == 6
        with pytest.raises(ResultsError, match=r"in the checkpoint and .* in the space"):
            explore(experiment_of(str(checkpoint), model={"hidden_size": 16}), tmp_path / "none")
        assert not (tmp_path / "none").exists()

    @pytest.mark.parametrize(("stage", "num_reports"), [("trunk", 1), ("", 3)], ids=["in the trunk", "behind it"])
    def test_a_killed_driver_is_resumed_at_either_stage(self, branched, tmp_path, stage, num_reports):
        file, folder = tmp_path / "space.yaml", tmp_path / "killed"
        file.write_text(yaml.safe_dump(BRANCHED))
        driver = start_driver(folder, file)
        while not (folder / stage / "observations").exists():
            assert driver.poll() is None
        wait_for_reports(driver, folder / stage, num_reports)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        assert ("trunk" in load_manifest(folder)) == (stage == "")
        assert resume(folder).status == "finished"
        pd.testing.assert_frame_equal(_comparable(folder), _comparable(branched))
        pd.testing.assert_frame_equal(_comparable(folder / "trunk"), _comparable(branched / "trunk"))
        assert resume(folder).status == "finished"
