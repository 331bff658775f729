from pathlib import Path

import pytest

from erpo_explore.config.anchored import anchored
from erpo_explore.config.experiment import Experiment, load_experiment
from erpo_explore.config.init_from import FromCheckpoint, FromFolder, FromResults
from erpo_explore.config.path_file import PathFile, save_path
from erpo_explore.config.resolve import resolve
from erpo_explore.space import algorithm

SMALLEST = {"name": "mine", "task": {"name": "toy"}}
FILES = {"name": "files", "data": "text"}


def read(folder: Path, **fields) -> Experiment:
    return anchored(Experiment.from_dict(SMALLEST | fields), folder)


def test_text_files_are_relative_to_the_folder(tmp_path):
    assert read(tmp_path, task=FILES).task.data == tmp_path / "text"
    assert read(tmp_path, task=FILES | {"data": "../text"}).task.data == tmp_path.parent / "text"
    assert read(tmp_path, task={"name": "docstrings", "roots": ["a", "/b"]}).task.roots == (tmp_path / "a", Path("/b"))


def test_the_home_folder_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read(tmp_path / "elsewhere", task=FILES | {"data": "~/text"}).task.data == tmp_path / "text"


def test_path_files_and_earlier_results_are_relative_to_the_folder(tmp_path):
    experiment = read(tmp_path, baselines={"mine": "mine.yaml"}, search={"warm_start": ["old", "s3://bucket/old"]})
    assert experiment.baselines["mine"] == PathFile(location=str(tmp_path / "mine.yaml"))
    assert experiment.search.warm_start == (str(tmp_path / "old"), "s3://bucket/old")
    searched = {"method": "branch", "prior": ["old", "s3://bucket/old"]}
    assert read(tmp_path, search=searched).search.prior == experiment.search.warm_start


@pytest.mark.parametrize(
    ("written", "kind", "field"),
    [
        ("start", FromFolder, "folder"),
        ({"checkpoint": "start"}, FromCheckpoint, "checkpoint"),
        ({"results": "start"}, FromResults, "results"),
    ],
)
def test_initial_weights_are_relative_to_the_folder(tmp_path, written, kind, field):
    found = read(tmp_path, init_from=written).init_from
    assert found == kind(**{field: str(tmp_path / "start")})


def test_a_name_of_the_hub_is_a_folder_only_where_it_exists(tmp_path):
    hub = {"name": "hub", "dataset": "some/data", "source": "de", "target": "en"}
    model = {"kind": "pretrained", "name": "some/model"}
    experiment = read(tmp_path, task=hub, model=model)
    assert (experiment.task.dataset, experiment.model.name) == ("some/data", "some/model")
    for name in ("data", "model"):
        (tmp_path / "some" / name).mkdir(parents=True)
    experiment = read(tmp_path, task=hub, model=model)
    assert experiment.model.name == experiment.task.vocabulary.name == str(tmp_path / "some" / "model")
    assert experiment.task.dataset == str(tmp_path / "some" / "data")


def test_an_experiment_without_files_is_returned_as_it_is(tmp_path):
    experiment = Experiment.from_dict(SMALLEST)
    assert anchored(experiment, tmp_path) is experiment


def test_a_yaml_file_means_the_same_from_every_working_folder(tmp_path, monkeypatch):
    """The case `relative_path.yaml`: a path's file beside the YAML, read from another working folder."""
    (tmp_path / "paths").mkdir()
    path = algorithm("mle").path("bleu")
    save_path(path, tmp_path / "paths" / "mine.yaml")
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\ntask: {name: files, data: text}\nbaselines: {mine: paths/mine.yaml}\n")
    read_from = []
    for folder in (tmp_path, tmp_path / "paths"):
        monkeypatch.chdir(folder)
        read_from.append(resolve(load_experiment(Path("../mine.yaml") if folder != tmp_path else Path("mine.yaml"))))
    assert read_from[0] == read_from[1]
    assert read_from[0].paths == {"mine": path}
    assert read_from[0].task.data == tmp_path / "text"


def test_what_python_names_is_relative_to_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve(Experiment.from_dict(SMALLEST | {"task": FILES})).task.data == tmp_path / "text"
