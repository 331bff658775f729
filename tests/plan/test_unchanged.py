"""A resumed exploration has the experiment and the data that it began with."""

import subprocess
import sys

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
    resumable,
    warn_of_changed_data,
    with_data,
)
from erpo_explore.store import ResultsWriter, load_manifest
from erpo_explore.tune.run import _create_folder, resume
from tests.store.example_rows import TRIAL
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

    def test_a_test_set_that_has_gone(self, begun):
        for file in (begun.parent / "data").glob("test.*"):
            file.unlink()
        refused(begun, DataError, r"data/test\.de: has gone")

    def test_a_new_test_set(self, begun):
        file = begun / "exploration.yaml"
        written = yaml.safe_load(file.read_text())
        for name in ("test.de", "test.en"):
            del written["data"]["files"][name]
        file.write_text(yaml.safe_dump(written))
        refused(begun, DataError, r"data/test\.de: has been added")

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


def test_results_of_other_data_are_named_in_a_warning(begun, caplog):
    same = {name: load_manifest(begun)[name] for name in ("data",)}
    warn_of_changed_data([begun], same, "scores differ")
    assert caplog.messages == []
    other = data_record(same["data"]["files"] | {"train.en": "0a", "valid.en": "0b"}, {})
    warn_of_changed_data([begun], other, "scores differ")
    assert caplog.messages == [f"train.en and valid.en changed since {begun} was trained: scores differ"]


def test_a_file_is_hashed_again_once_it_has_changed(begun):
    file = begun.parent / "data" / "train.en"
    experiment = resumable(begun, None)
    file.write_text(file.read_text().replace("house", "mouse"))
    with pytest.raises(DataError, match=r"train\.en: has changed"):
        check_files(load_manifest(begun), experiment, begun)


def test_the_library_refuses_it_before_ray_is_imported(begun):
    """As the command line, in a process that has imported nothing."""
    ResultsWriter.open(begun).append("trials", [TRIAL | {"status": "running"}])
    edit(begun, lambda space: space["training"].update(batch_size=7))
    code = (
        "import sys; from erpo_explore.api.explore import resume; from erpo_explore.errors import ConfigError\n"
        "try: resume(sys.argv[1])\n"
        "except ConfigError as error: print(error, 'torch' in sys.modules or 'ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(begun)], capture_output=True, text=True, check=True)
    assert "training.batch_size must be 16" in done.stdout
    assert done.stdout.endswith("False\n")
