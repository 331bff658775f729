"""A resumed exploration has the experiment and the data that it began with."""

import shutil

import pytest
import yaml

from erpo_explore.config.experiment import Experiment
from erpo_explore.errors import ConfigError, DataError
from erpo_explore.plan.plan import make_plan
from erpo_explore.plan.unchanged import (
    changed_data,
    check_experiment,
    check_files,
    check_text,
    data_record,
    keep_experiment,
    with_data,
)
from erpo_explore.store import load_manifest
from erpo_explore.tune.run import _create_folder, resume
from tests.tasks.example_tasks import write_files
from tests.tiny_exploration import TINY


@pytest.fixture
def begun(tmp_path):
    """The folder of an exploration of text files that has just begun."""
    task = {"name": "files", "data": str(write_files(tmp_path / "data"))}
    _create_folder(make_plan(Experiment.from_dict(TINY | {"task": task}), tmp_path / "results"))
    return tmp_path / "results"


def edit(folder, change):
    """Edit exploration.yaml, as a user would."""
    file = folder / "exploration.yaml"
    written = yaml.safe_load(file.read_text())
    change(written["space"])
    file.write_text(yaml.safe_dump(written))


def refused(folder, error, match, **options):
    before = dates(folder)
    with pytest.raises(error, match=match):
        resume(folder, **options)
    assert dates(folder) == before


def dates(folder):
    """Dates of all files but the lock."""
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.name != ".writer"}


class TestResumeRefusesBeforeAnythingStarts:
    @pytest.mark.parametrize("name", ["train.en", "valid.en"])
    def test_reversed_lines(self, begun, name):
        file = begun.parent / "data" / name
        file.write_text("".join(reversed(file.read_text().splitlines(keepends=True))))
        refused(begun, DataError, rf"{file}: has changed since .*results began; .*put it back, or run .* new folder")

    def test_one_new_word(self, begun):
        file = begun.parent / "data" / "train.en"
        file.write_text(file.read_text().replace("a house", "a shed"))
        refused(begun, DataError, r"train\.en: has changed")

    @pytest.mark.parametrize(("change", "said"), [("gone", "has gone"), ("added", "has been added")])
    def test_a_test_set_that_is_gone_or_new(self, begun, change, said):
        data = begun.parent / "data"
        if change == "gone":
            for file in data.glob("test.*"):
                file.unlink()
        else:
            shutil.copy(data / "test.en", data / "test.en.gz")
        refused(begun, DataError, rf"test\.\w+(\.gz)?: {said}")

    def test_an_edited_model(self, begun):
        edit(begun, lambda space: space["model"].update(hidden_size=16))
        refused(
            begun, ConfigError, r"exploration\.yaml: model\.hidden_size must be 8, .* got 16; set it back .* new folder"
        )

    def test_an_edited_budget(self, begun):
        edit(begun, lambda space: space["training"].update(steps=24))
        refused(begun, ConfigError, r"training\.steps must be 12, .* got 24; .*Only resources and tracking may change")

    def test_another_baseline(self, begun):
        edit(begun, lambda space: space["baselines"].update(raml={}))
        refused(begun, ConfigError, r"baselines\.raml must be left out")

    def test_data_that_lie_elsewhere_now(self, begun):
        (begun.parent / "data").rename(begun.parent / "moved")
        refused(begun, DataError, r"data: no such folder, .* name the folder that has them: resume RESULTS --data DIR")

    def test_other_data_in_the_new_place(self, begun, tmp_path):
        other = write_files(tmp_path / "other")
        (other / "valid.de").write_text("eins\nzwei\ndrei\nvier\n")
        refused(begun, DataError, r"other/valid\.de: has changed", data=other)


def test_resources_and_tracking_may_change(begun):
    edit(begun, lambda space: space["resources"].update(max_failures=7, cpus_per_trial=2))
    edit(begun, lambda space: space["tracking"].update(tensorboard=True))
    check_experiment(Experiment.from_dict(load_manifest(begun)["space"]), begun)


def test_a_folder_of_an_older_version_is_not_checked(tmp_path):
    check_experiment(Experiment.from_dict(TINY), tmp_path)
    check_files({}, Experiment.from_dict(TINY), tmp_path)
    check_text({}, {"train": "0a"}, tmp_path)


def test_an_unchanged_exploration_passes(begun):
    written = load_manifest(begun)
    experiment = Experiment.from_dict(written["space"])
    check_experiment(experiment, begun)
    check_files(written, experiment, begun)


def test_moved_data_pass_where_they_are_now(begun):
    data = begun.parent / "data"
    moved = data.rename(begun.parent / "moved")
    written = load_manifest(begun)
    experiment = with_data(Experiment.from_dict(written["space"]), moved, begun)
    assert experiment.task.data == moved
    check_files(written, experiment, begun)


def test_data_can_be_named_for_text_files_alone(tmp_path):
    with pytest.raises(ConfigError, match=r"--data is for text files, but .* has the task toy; leave it out"):
        with_data(Experiment.from_dict(TINY), tmp_path, tmp_path / "results")


def test_other_text_of_a_split_is_refused(tmp_path):
    written = data_record({}, {"train": "0a", "validation": "0b"})
    check_text(written, {"train": "0a", "validation": "0b"}, tmp_path)
    with pytest.raises(DataError, match=r"the validation split has other text than when .* began"):
        check_text(written, {"train": "0a", "validation": "0c"}, tmp_path)


def test_the_kept_experiment_is_the_one_of_the_manifest(tmp_path):
    experiment = Experiment.from_dict(TINY)
    keep_experiment(experiment, tmp_path)
    check_experiment(experiment, tmp_path)


@pytest.mark.parametrize(
    ("theirs", "ours", "changed"),
    [
        (({"train.en": "a"}, {}), ({"train.en": "a"}, {}), ()),
        (({"train.en": "a", "train.de": "b"}, {}), ({"train.en": "c", "train.de": "b"}, {}), ("train.en",)),
        (({"train.en": "a"}, {}), ({}, {}), ()),
        (({}, {"train": "a"}), ({}, {"train": "b"}), ("train",)),
    ],
)
def test_changed_data_are_named(theirs, ours, changed):
    assert changed_data(data_record(*theirs), data_record(*ours)) == changed
