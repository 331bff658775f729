"""Canary: whether the installed Ray still has the private names that `_ray_internals` uses. No cluster is started.

A failure here names what is missing. Read the function of `_ray_internals` that uses it, find what replaced it in the
new release, and only then raise `RAY_RELEASE` and the bounds in pyproject.toml.
"""

import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyarrow import fs
from ray import tune
from ray._private import state
from ray.actor import ActorHandle
from ray.exceptions import ActorDiedError, RayActorError, RayTaskError
from ray.train._internal.checkpoint_manager import _CheckpointManager
from ray.train._internal.session import _TrainingResult
from ray.train._internal.storage import StorageContext
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.experiment import trial as trial_module
from ray.tune.schedulers import FIFOScheduler, PopulationBasedTraining, TrialScheduler
from ray.tune.schedulers.pb2 import PB2
from ray.tune.schedulers.pbt import _PBTTrialState

from erpo_explore.errors import ConfigError
from erpo_explore.tune import _ray_internals
from erpo_explore.tune._ray_internals import RAY_RELEASE, check_ray_version
from tests.tune.failed_trial import failed_trial, raised_in_worker

HOOK = ("self", "tune_controller", "trial")

SIGNATURES: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
    (TuneController, "_set_trial_status", ("self", "trial", "status")),
    (TuneController, "_mark_trial_to_checkpoint", ("self", "trial")),
    (TuneController, "_schedule_trial_restore", ("self", "trial")),
    (TuneController, "_trial_task_failure", ("self", "trial", "exception")),
    (TuneController, "pause_trial", ("self", "trial", "should_checkpoint")),
    (TuneController, "get_trials", ("self",)),
    (Trial, "set_config", ("self", "config")),
    (Trial, "set_status", ("self", "status")),
    (Trial, "set_storage", ("self", "new_storage")),
    (Trial, "is_finished", ("self",)),
    (Trial, "should_recover", ("self",)),
    (tune.Trainable, "is_actor", ("self",)),
    (tune.Trainable, "setup", ("self", "config")),
    (tune.Trainable, "reset_config", ("self", "new_config")),
    (tune.Trainable, "restore", ("self", "checkpoint_path")),
    (tune.Trainable, "save_checkpoint", ("self", "checkpoint_dir")),
    (tune.Trainable, "load_checkpoint", ("self", "checkpoint")),
    (PopulationBasedTraining, "_get_new_config", ("self", "trial", "trial_to_clone")),
    (PB2, "_get_new_config", ("self", "trial", "trial_to_clone")),
    *((scheduler, "on_trial_add", HOOK) for scheduler in (PopulationBasedTraining, FIFOScheduler)),
    *((scheduler, "on_trial_result", (*HOOK, "result")) for scheduler in (PopulationBasedTraining, FIFOScheduler)),
    (PopulationBasedTraining, "choose_trial_to_run", ("self", "tune_controller")),
)
"""Owner, method and its parameters."""

ATTRIBUTES = (
    (TuneController, "_pending_trials"),
    (tune.Trainable, "_storage"),
    (tune.Trainable, "_last_result"),
    (Trial, "run_metadata"),
    (Trial, "max_failures"),
    (StorageContext, "storage_filesystem"),
    (StorageContext, "storage_fs_path"),
    (StorageContext, "experiment_dir_name"),
    (PopulationBasedTraining, "_trial_state"),
    (_PBTTrialState, "last_score"),
    (trial_module._TemporaryTrialState, "ray_actor"),
    (RayActorError, "actor_id"),
    (RayTaskError, "cause"),
    (trial_module._TrainingRunMetadata, "num_failures"),
    (trial_module._TrainingRunMetadata, "last_result"),
    (trial_module._TrainingRunMetadata, "checkpoint_manager"),
    (_CheckpointManager, "_checkpoint_results"),
    (_CheckpointManager, "_latest_checkpoint_result"),
)
"""Owner, and an attribute that its constructor sets."""

PROPERTIES = (
    (Trial, "latest_checkpoint_result"),
    (Trial, "last_result"),
    (Trial, "is_saving"),
    (Trial, "error_file"),
    (Trial, "pickled_error_file"),
    (_CheckpointManager, "best_checkpoint_results"),
    (_CheckpointManager, "latest_checkpoint_result"),
    (StorageContext, "trial_fs_path"),
    (StorageContext, "trial_working_directory"),
    (StorageContext, "experiment_fs_path"),
    (RayActorError, "preempted"),
    (RayActorError, "actor_init_failed"),
    (ActorHandle, "_actor_id"),
)

ADVICE = f"Ray {version('ray')} has changed what erpo_explore/tune/_ray_internals.py relies on: "


@pytest.mark.parametrize(("owner", "method", "parameters"), SIGNATURES)
def test_methods_have_the_expected_parameters(owner: Any, method: str, parameters: tuple[str, ...]) -> None:
    found = getattr(owner, method, None)
    assert found is not None, f"{ADVICE}{owner.__name__}.{method} is gone"
    # Ray adds a parameter of its own to a class that has become an actor
    names = tuple(name for name in inspect.signature(found).parameters if name != "_ray_trace_ctx")
    assert names == parameters, f"{ADVICE}{owner.__name__}.{method} has parameters {names}, expected {parameters}"


def test_a_task_of_a_trial_can_be_scheduled() -> None:
    names = set(inspect.signature(TuneController._schedule_trial_task).parameters)
    needed = {"trial", "method_name", "args", "on_result", "on_error"}
    assert needed <= names, f"{ADVICE}TuneController._schedule_trial_task lacks {sorted(needed - names)}"


def test_an_actor_error_can_be_a_preemption() -> None:
    names = set(inspect.signature(RayActorError).parameters)
    assert {"error_msg", "preempted"} <= names, f"{ADVICE}RayActorError has parameters {sorted(names)}"


@pytest.mark.parametrize(("owner", "attribute"), ATTRIBUTES)
def test_constructors_set_the_attributes(owner: Any, attribute: str) -> None:
    constructor = owner.__init__.__code__
    assert attribute in constructor.co_names, f"{ADVICE}{owner.__name__}.{attribute} is gone"


@pytest.mark.parametrize(("owner", "name"), PROPERTIES)
def test_properties_exist(owner: Any, name: str) -> None:
    assert isinstance(getattr(owner, name, None), property), f"{ADVICE}{owner.__name__}.{name} is no property"


def test_metadata_can_be_written_anew() -> None:
    found = getattr(trial_module._TrainingRunMetadata, "invalidate_cache", None)
    assert callable(found), f"{ADVICE}_TrainingRunMetadata.invalidate_cache is gone"


def test_a_scheduler_can_leave_a_trial_with_its_worker() -> None:
    found = {name: getattr(TrialScheduler, name, None) for name in ("CONTINUE", "PAUSE", "STOP", "NOOP")}
    assert None not in found.values(), f"{ADVICE}decisions of a scheduler are {found}"


class TestCheckpoints:
    """The accessors against Tune's own checkpoint manager."""

    @pytest.fixture
    def trial(self) -> Any:
        manager = _CheckpointManager(tune.CheckpointConfig())
        metadata = SimpleNamespace(checkpoint_manager=manager)
        trial = SimpleNamespace(run_metadata=metadata)
        for iteration in (1, 2):
            checkpoint = tune.Checkpoint(f"/checkpoint_{iteration}")
            manager.register_checkpoint(_TrainingResult(checkpoint, metrics={"training_iteration": iteration}))
        return trial

    def test_another_trials_checkpoint_becomes_the_latest(self, trial: Any) -> None:
        donors = _TrainingResult(tune.Checkpoint("/donor"), metrics={"training_iteration": 7})
        _ray_internals.set_latest_checkpoint(trial, donors)
        latest = trial.run_metadata.checkpoint_manager.latest_checkpoint_result
        assert latest is not donors
        assert (latest.checkpoint.path, latest.metrics) == ("/donor", {"training_iteration": 7})

    def test_checkpoints_are_kept_until_they_are_forgotten(self, trial: Any) -> None:
        first, second = _ray_internals.kept_checkpoints(trial)
        _ray_internals.forget_checkpoint(trial, first)
        assert _ray_internals.kept_checkpoints(trial) == [second]

    def test_a_restored_checkpoint_has_a_folder_of_its_own(self, trial: Any) -> None:
        saved, _ = _ray_internals.kept_checkpoints(trial)
        before = saved.checkpoint._uuid  # names the folder
        _ray_internals.with_checkpoint_of_its_own(saved, tune.Checkpoint)
        assert saved.checkpoint.path == "/checkpoint_1"
        assert saved.checkpoint._uuid != before


class TestMoving:
    """A trial of Tune's in another results folder than the one in which it began."""

    @pytest.fixture
    def trial(self, tmp_path: Path) -> Any:
        """A clone that has one checkpoint of its own, and continues from its donor's."""
        files = fs.LocalFileSystem()
        storage = StorageContext(str(tmp_path), "before", storage_filesystem=files, trial_dir_name="member-1")
        trial: Any = Trial("stub", stub=True, trial_id="f00d_00000", storage=storage)
        manager = trial.run_metadata.checkpoint_manager
        own = tune.Checkpoint(f"{tmp_path}/before/member-1/checkpoint_000000", files)
        manager.register_checkpoint(_TrainingResult(own, metrics={"training_iteration": 1}))
        donors = tune.Checkpoint(f"{tmp_path}/before/member-12/checkpoint_000004", files)
        _ray_internals.set_latest_checkpoint(trial, _TrainingResult(donors, metrics={"training_iteration": 5}))
        return trial

    def test_its_checkpoints_and_its_donors_are_found_in_the_new_folder(self, trial: Any, tmp_path: Path) -> None:
        files = fs.LocalFileSystem()
        _ray_internals.move_trial(trial, files, str(tmp_path / "other"), "after/checkpoints")
        assert trial.storage.trial_fs_path == f"{tmp_path}/other/after/checkpoints/member-1"
        latest = _ray_internals.latest_checkpoint(trial)
        (kept,) = _ray_internals.kept_checkpoints(trial)
        assert kept.checkpoint.path == f"{tmp_path}/other/after/checkpoints/member-1/checkpoint_000000"
        assert latest.checkpoint.path == f"{tmp_path}/other/after/checkpoints/member-12/checkpoint_000004"
        assert latest.metrics == {"training_iteration": 5}

    def test_a_trial_of_this_folder_stays(self, trial: Any, tmp_path: Path) -> None:
        before = trial.get_json_state()
        _ray_internals.move_trial(trial, trial.storage.storage_filesystem, str(tmp_path), "before")
        latest = _ray_internals.latest_checkpoint(trial).checkpoint.path
        assert latest == f"{tmp_path}/before/member-12/checkpoint_000004"
        assert len(before) == len(trial.get_json_state())

    def test_a_trial_of_an_object_store_continues_from_a_disk(self, trial: Any, tmp_path: Path) -> None:
        trial.storage.storage_filesystem = fs.S3FileSystem(region="us-east-1", anonymous=True)
        trial.storage.storage_fs_path = "bucket/results"
        trial.placement_group_factory = tune.PlacementGroupFactory([{"CPU": 1}])
        snapshot = trial.get_json_state()
        restored: Any = Trial.from_json_state(snapshot[0], stub=True)
        restored.restore_run_metadata(snapshot[1])
        _ray_internals.move_trial(restored, fs.LocalFileSystem(), "/", f"{tmp_path}/fetched/checkpoints".lstrip("/"))
        latest = _ray_internals.latest_checkpoint(restored).checkpoint
        assert latest.path == f"{tmp_path}/fetched/checkpoints/member-12/checkpoint_000004"
        assert isinstance(latest.filesystem, fs.LocalFileSystem)
        assert isinstance(restored.storage.storage_filesystem, fs.LocalFileSystem)

    def test_a_new_tuner_takes_the_arguments_that_resume(self) -> None:
        (name,) = _ray_internals.resuming()
        assert name in inspect.signature(tune.Tuner).parameters, f"{ADVICE}tune.Tuner has no {name}"
        assert "resume_config" in inspect.signature(tune.run).parameters, f"{ADVICE}tune.run has no resume_config"

    def test_snapshots_have_the_expected_name(self) -> None:
        assert TuneController.CKPT_FILE_TMPL.startswith(_ray_internals.SNAPSHOT), ADVICE


class TestErrors:
    """What is kept of a failure, by Tune's own `Trial.handle_error`."""

    def test_the_exception_of_a_task_is_kept_with_its_cause(self, tmp_path: Path) -> None:
        trial = failed_trial(tmp_path, raised_in_worker(OSError(28, "full")))
        error = _ray_internals.last_error(trial)
        assert isinstance(error, RayTaskError)
        assert isinstance(error.cause, OSError), f"{ADVICE}the cause is {error.cause!r}"
        assert error.cause.errno == 28

    def test_the_exception_of_a_constructor_is_kept(self, tmp_path: Path) -> None:
        raised = RayTaskError("__init__", "Traceback", OSError(28, "full"), "ray::__init__", 7, "192.0.2.1", None, "3f")
        error = _ray_internals.last_error(failed_trial(tmp_path, ActorDiedError(raised)))
        assert isinstance(error, ActorDiedError)
        assert (error.actor_init_failed, error.actor_id, error.args[0].cause.errno) == (True, "3f", 28), ADVICE

    def test_the_actor_table_is_found_by_id(self) -> None:
        names = tuple(inspect.signature(state.actors).parameters)
        assert names[0] == "actor_id", f"{ADVICE}ray._private.state.actors has parameters {names}"

    def test_a_trial_without_a_worker_has_no_actor(self, tmp_path: Path) -> None:
        assert _ray_internals.worker_of(failed_trial(tmp_path)) is None


class TestVersion:
    def test_the_installed_one_is_accepted(self) -> None:
        check_ray_version()

    @pytest.mark.parametrize("installed", ["2.59.1", "2.61.0", "3.60.0", "2.6.0"])
    def test_another_release_is_refused_with_the_command_that_mends_it(self, installed: str) -> None:
        expected = rf"Ray {installed} is installed, but .* needs ray\[tune\]>=2\.60,<2\.61; pip install 'ray\[tune\]"
        with pytest.raises(ConfigError, match=expected):
            check_ray_version(installed)

    def test_the_bounds_of_the_package_are_the_same(self) -> None:
        project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        major, minor = RAY_RELEASE
        bounds = f">={major}.{minor},<{major}.{minor + 1}"
        assert f"ray[tune]{bounds}" in project["dependencies"]
        assert project["optional-dependencies"]["cluster"] == [f"ray[default]{bounds}"]
