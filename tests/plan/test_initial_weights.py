"""Which checkpoints an experiment begins with, and their record in the results."""

import pytest

from erpo_explore.config.experiment import Experiment
from erpo_explore.config.init_from import FromResults
from erpo_explore.config.resolve import resolve
from erpo_explore.errors import ResultsError
from erpo_explore.plan.initial_weights import (
    checkpoint_record,
    find_checkpoints,
    has_kept_checkpoints,
    initial_experiment,
    initial_folder,
    kept_checkpoints,
    same_init_from,
)
from erpo_explore.plan.manifest import manifest
from erpo_explore.plan.unchanged import data_record
from erpo_explore.store import ResultsWriter
from tests.store.example_rows import OBSERVATION, TRIAL
from tests.tiny_exploration import TINY

TRAINED = {"algorithm": "mle", "steps": 6, "num_seeds": 2}
BRANCHED = TINY | {"training": TINY["training"] | {"decay": "linear"}, "init_from": TRAINED}


def experiment_of(init_from, **changes):
    return Experiment.from_dict(TINY | {"init_from": init_from} | changes)


def record_trials(folder):
    """A results folder of two seeds of mle and one of raml, whose checkpoints are named but missing."""
    writer = ResultsWriter.create(folder, manifest(Experiment.from_dict(TINY)))
    for name, algorithm, seed in (("mle-s9", "mle", 9), ("mle-s10", "mle", 10), ("raml-s9", "raml", 9)):
        row = {"trial": name, "algorithm": algorithm, "seed": seed}
        writer.append("trials", [TRIAL | row])
        for iteration in (1, 2):
            checkpoint = f"checkpoints/{name}/{iteration}"
            writer.append("observations", [OBSERVATION | row | {"iteration": iteration, "checkpoint": checkpoint}])
    return writer


@pytest.fixture
def recorded(tmp_path):
    return record_trials(tmp_path / "recorded")


FILES = {"train.en": "a", "valid.en": "b"}


class TestChangedData:
    def found(self, recorded, tmp_path, files):
        recorded.note(data_record(FILES, {}))
        branched = experiment_of({"results": str(recorded.folder), "algorithm": "mle"})
        return find_checkpoints(branched, tmp_path, data_record(files, {}))

    def test_results_of_another_train_split_are_refused(self, recorded, tmp_path):
        with pytest.raises(
            ResultsError, match=r"recorded must have been trained on .* data, but train\.en has changed"
        ):
            self.found(recorded, tmp_path, FILES | {"train.en": "c"})

    def test_results_with_another_validation_split_have_the_same_vocabulary(self, recorded, tmp_path):
        assert len(self.found(recorded, tmp_path, FILES | {"valid.en": "c"})) == 2


class TestFindCheckpoints:
    def test_there_are_none_without_init_from(self, tmp_path):
        assert find_checkpoints(experiment_of(None), tmp_path, {}) == []

    def test_the_last_checkpoints_of_an_algorithm_are_ordered_by_seed(self, recorded, tmp_path):
        folder = recorded.folder
        found = find_checkpoints(experiment_of({"results": str(folder), "algorithm": "mle"}), tmp_path, {})
        assert found == [folder / "checkpoints/mle-s9/2", folder / "checkpoints/mle-s10/2"]

    @pytest.mark.parametrize("name", ["initial", "trunk"])
    def test_trained_ones_lie_within_the_results_also_in_an_older_folder(self, tmp_path, name):
        record_trials(tmp_path / "results" / name)
        found = find_checkpoints(experiment_of(TRAINED), tmp_path / "results", {})
        assert found == [tmp_path / "results" / name / f"checkpoints/mle-s{seed}/2" for seed in (9, 10)]

    def test_of_several_algorithms_one_must_be_named(self, recorded, tmp_path):
        with pytest.raises(
            ResultsError, match=r"init_from\.algorithm of .*recorded: must be one of mle, raml, got None"
        ):
            find_checkpoints(resolve(experiment_of(str(recorded.folder))), tmp_path, {})
        with pytest.raises(ResultsError, match=r"must be one of mle, raml, got 'spg'"):
            find_checkpoints(experiment_of({"results": str(recorded.folder), "algorithm": "spg"}), tmp_path, {})

    @pytest.mark.parametrize(("status", "remedy"), [("running", "resume"), ("diverged", "lower")])
    def test_a_trial_that_has_not_finished_is_an_error(self, recorded, tmp_path, status, remedy):
        recorded.append("trials", [TRIAL | {"trial": "mle-s10", "algorithm": "mle", "seed": 10, "status": status}])
        with pytest.raises(ResultsError, match=rf"trial mle-s10 of .* must be finished, got {status}; {remedy} "):
            find_checkpoints(experiment_of({"results": str(recorded.folder), "algorithm": "mle"}), tmp_path, {})

    def test_weights_of_another_task_are_refused_since_their_token_ids_differ(self, recorded, tmp_path):
        other = experiment_of(
            {"results": str(recorded.folder), "algorithm": "mle"}, task=TINY["task"] | {"train_pairs": 300}
        )
        with pytest.raises(ResultsError, match=r"task\.train_pairs is 200 there and 300 here; if both"):
            find_checkpoints(other, tmp_path, {})


class TestKeptCheckpoints:
    @pytest.fixture
    def checkpoint(self, tmp_path):
        (tmp_path / "one").mkdir()
        (tmp_path / "one" / "state.pt").write_bytes(b"1")
        return tmp_path / "one"

    def test_one_within_the_results_is_recorded_relative_to_them(self, checkpoint, tmp_path):
        assert [entry["checkpoint"] for entry in checkpoint_record([checkpoint], tmp_path)] == ["one"]

    @pytest.mark.parametrize("field", ["initial", "trunk"])
    def test_a_changed_file_is_refused_also_in_an_older_folder(self, checkpoint, tmp_path, field):
        ResultsWriter.create(tmp_path / "results", {field: checkpoint_record([checkpoint], tmp_path / "results")})
        assert has_kept_checkpoints(tmp_path / "results")
        assert kept_checkpoints(tmp_path / "results") == [checkpoint]
        (checkpoint / "state.pt").write_bytes(b"2")
        with pytest.raises(
            ResultsError, match=r"one: must be what .*results began from, sha256 6b86b273f.*got d4735e3a"
        ):
            kept_checkpoints(tmp_path / "results")

    def test_a_checkpoint_that_is_gone_is_named(self, checkpoint, tmp_path):
        folder = tmp_path / "results"
        ResultsWriter.create(folder, {"initial": checkpoint_record([checkpoint], folder)})
        checkpoint.rename(tmp_path / "elsewhere")
        with pytest.raises(ResultsError, match=r"one: .*results began from it and needs it; put it back there"):
            kept_checkpoints(folder)

    def test_trials_with_fresh_weights_have_none(self, tmp_path):
        ResultsWriter.create(tmp_path / "results", manifest(Experiment.from_dict(TINY)))
        assert not has_kept_checkpoints(tmp_path / "results")
        assert kept_checkpoints(tmp_path / "results") == []

    @pytest.mark.parametrize("name", ["initial", "trunk"])
    def test_another_exploration_begins_with_the_same_ones(self, checkpoint, tmp_path, name):
        folder = tmp_path / "results"
        ResultsWriter.create(folder, {name: checkpoint_record([checkpoint], folder)})
        (folder / name).mkdir()
        same = same_init_from(experiment_of(TRAINED), folder)
        assert same == FromResults(results=str(folder / name), algorithm="mle").model_dump(mode="json")


class TestInitialExperiment:
    def test_it_trains_its_algorithm_alone_at_a_learning_rate_that_does_not_fall(self, tmp_path):
        experiment = Experiment.from_dict(BRANCHED | {"baselines": [{"mle": {}}, "spg"], "seed": 4, "test": {}})
        initial = initial_experiment(experiment, tmp_path)
        assert (initial.name, initial.algorithms, initial.num_seeds, initial.seed) == (
            "tiny-initial",
            {"mle": {}},
            2,
            4,
        )
        assert (initial.training.steps, initial.training.interval, initial.training.decay) == (6, 3, "none")
        assert (initial.search.method, initial.init_from, initial.test) == ("none", None, None)
        assert initial.task == experiment.task
        assert initial_experiment(initial, tmp_path) is None

    def test_an_older_folder_keeps_its_names(self, tmp_path):
        (tmp_path / "trunk").mkdir()
        assert initial_folder(tmp_path) == tmp_path / "trunk"
        assert initial_experiment(Experiment.from_dict(BRANCHED), tmp_path).name == "tiny-trunk"
