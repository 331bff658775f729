from pathlib import Path

import pytest

from erpo_explore.config.experiment import Experiment
from erpo_explore.config.init_from import CHECKPOINT_FILE, FromCheckpoint, FromFolder, FromResults
from erpo_explore.config.path_file import PathFile, save_path
from erpo_explore.config.resolve import resolve
from erpo_explore.errors import ConfigError
from erpo_explore.space import algorithm

SMALLEST = {"name": "mine", "task": {"name": "toy"}}
PATH = algorithm("interpolation").path("bleu")
LOCAL = SMALLEST | {
    "baselines": ["mle", "best_path.yaml", {"other": "other.yml"}],
    "init_from": "start",
    "model": {"kind": "pretrained", "name": "model"},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder that holds what `LOCAL` names."""
    save_path(PATH, tmp_path / "best_path.yaml")
    save_path(PATH, tmp_path / "other.yml")
    for name in ("start", "model"):
        (tmp_path / name).mkdir()
    (tmp_path / "start" / CHECKPOINT_FILE).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_parsed_does_not_depend_on_the_working_folder(folder, monkeypatch, tmp_path_factory):
    here = Experiment.from_dict(LOCAL)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert Experiment.from_dict(LOCAL) == here
    assert Experiment.from_dict(here.to_dict()) == here


def test_path_files_are_read(folder):
    experiment = Experiment.from_dict(LOCAL)
    assert experiment.baselines["best_path"] == PathFile(location="best_path.yaml")
    with pytest.raises(ConfigError, match=r"baselines\.best_path: best_path\.yaml must be read first"):
        _ = experiment.paths
    assert resolve(experiment).paths == {"best_path": PATH, "other": PATH}


def test_a_missing_path_file_is_named(tmp_path):
    experiment = Experiment.from_dict(SMALLEST | {"baselines": {"mine": str(tmp_path / "found.yaml")}})
    with pytest.raises(ConfigError, match=r"baselines\.mine: .*found\.yaml: does not exist"):
        resolve(experiment)


def test_a_folder_with_a_state_is_a_checkpoint_and_any_other_one_results(folder):
    experiment = Experiment.from_dict(LOCAL)
    assert experiment.init_from == FromFolder(folder="start")
    start = str(folder / "start")
    assert resolve(experiment).init_from == FromCheckpoint(checkpoint=start)
    (folder / "start" / CHECKPOINT_FILE).unlink()
    assert resolve(experiment).init_from == FromResults(results=start)


def test_local_data_and_earlier_results_are_named_from_the_root(folder):
    search = {"warm_start": ["results/before", "s3://bucket/results"]}
    files = Experiment.from_dict({"name": "mine", "task": {"name": "files", "data": "data"}, "search": search})
    assert resolve(files).task.data == folder / "data"
    assert resolve(files).search.warm_start == (str(folder / "results/before"), "s3://bucket/results")
    docstrings = Experiment.from_dict({"name": "mine", "task": {"name": "docstrings", "roots": ["code", "/usr"]}})
    assert resolve(docstrings).task.roots == (folder / "code", Path("/usr"))
    hub = {"name": "hub", "dataset": "model", "source": "de", "target": "en"}
    for written, expected in ((hub, str(folder / "model")), (hub | {"dataset": "some/set"}, "some/set")):
        assert resolve(Experiment.from_dict({"name": "mine", "task": written})).task.dataset == expected


def test_a_local_model_is_named_from_the_root(folder):
    resolved = resolve(Experiment.from_dict(LOCAL))
    assert resolved.model.name == resolved.task.vocabulary.name == str(folder / "model")


def test_a_model_of_the_hub_keeps_its_name(folder):
    experiment = Experiment.from_dict(SMALLEST | {"model": {"kind": "pretrained", "name": "some/model"}})
    assert resolve(experiment) == experiment


def test_a_resolved_experiment_stays_as_it_is(folder):
    resolved = resolve(Experiment.from_dict(LOCAL))
    assert resolve(resolved) == resolved
    assert Experiment.from_dict(resolved.to_dict()) == resolved
    plain = Experiment.from_dict(SMALLEST)
    assert resolve(plain) is plain
