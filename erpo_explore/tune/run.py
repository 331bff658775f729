"""An exploration on Ray Tune, from a search space to a filled results folder, and again after it was cut.

The driver loads the task once and hands it to the workers, so a cluster needs the data on the driver's machine alone.
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import ray
from ray import tune
from ray.tune import TuneError

from erpo_explore.config.experiment import Experiment, Training
from erpo_explore.errors import ResultsError, RunError
from erpo_explore.plan.initial_weights import TRUNK, find_trunk, kept_trunk, trunk_record, trunk_space
from erpo_explore.plan.manifest import experiment_of, manifest
from erpo_explore.plan.methods import check_installed
from erpo_explore.plan.trials import num_reachable_knots, num_suggested, plan_trials
from erpo_explore.rewards import load_function
from erpo_explore.store import ResultsWriter, load_manifest, load_results
from erpo_explore.store.files import Folder, Location, as_location, is_folder, join, resolved
from erpo_explore.store.layout import MANIFEST
from erpo_explore.tasks import Task, load_task
from erpo_explore.trial import TrialSpec
from erpo_explore.trial.assignment import Assignment
from erpo_explore.trial.initial_weights import Trunk, load_trunk
from erpo_explore.tune.callbacks.checkpoints import CheckpointSweeper
from erpo_explore.tune.callbacks.progress import ProgressCallback
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.callbacks.recording import RecordingCallback
from erpo_explore.tune.callbacks.trackers import check_trackers
from erpo_explore.tune.callbacks.tracking import TrackingCallback
from erpo_explore.tune.callbacks.unhealthy_nodes import FullDisks
from erpo_explore.tune.methods import new_scheduler, new_searcher
from erpo_explore.tune.storage import storage_of
from erpo_explore.tune.worker.disk_space import BYTES_PER_PARAMETER
from erpo_explore.tune.worker.trainable import ErpoTrainable

__all__ = ["Outcome", "explore", "resume"]

_log = logging.getLogger(__name__)

_CHECKPOINTS: Final = "checkpoints"
_KEPT_CHECKPOINTS: Final = 2
"""Of each trial, at the most for long: the last one, and one that a snapshot may still name."""

_LEAST_GPU_SHARE: Final = 0.25
_RAYS: Final = {"cpu": "CPU", "gpu": "GPU", "memory": "memory"}
"""Names of what a trial holds, as Tune and as Ray's machines write them."""

_REPORT_BYTES: Final = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an exploration ended.

    Attributes:
        folder: Its results folder.
        status: `finished`, or `interrupted` where trials are left to resume.
        num_failed: Trials that ended with an error.
    """

    folder: Location
    status: Literal["finished", "interrupted"]
    num_failed: int


def explore(space: Experiment, folder: Location, *, address: str | None = None) -> Outcome:
    """Run a search space to its end.

    Args:
        space: What to explore.
        folder: Results folder, a path or a URI such as s3://bucket/results/mine; must not exist yet.
        address: Of a Ray cluster; by default one that this machine is part of, else a new one on this machine.

    Raises:
        ErpoExploreError: Bad data or settings, an existing folder, no room; nothing has been overwritten then.
    """
    folder = as_location(str(folder))
    check_installed(space.search)
    check_trackers(space.tracking, folder)
    task = load_task(space.task)
    _create(space, task, folder)
    _log.info("%s", task.describe())
    with _cluster(address):
        return _run(space, task, folder)


def _create(space: Experiment, task: Task, folder: Location) -> None:
    """Check all that can be checked beforehand, then make the results folder."""
    specs = plan_trials(space, task.metric)
    _check_metrics(specs)
    written, to_train = manifest(space), trunk_space(space)
    num_trials = len(specs) + num_suggested(space)
    if to_train is None:
        checkpoints = find_trunk(space, folder)
        _load_trunk(space, task, checkpoints)
        if checkpoints:
            written[TRUNK] = trunk_record(checkpoints, folder)
    else:
        num_trials += to_train.num_seeds
    ResultsWriter.create(folder, written, needed_bytes=_needed_bytes(space, task, num_trials))


def _run(space: Experiment, task: Task, folder: Location) -> Outcome:
    """Train the trunk where it is still to be trained, then the trials, from where they stand."""
    specs, recorder = plan_trials(space, task.metric), _recorder(space, task, folder)
    is_new = not is_folder(join(folder, _CHECKPOINTS))
    if is_new:
        recorder.begin(specs)
    if not _has_trunk(space, task, folder):
        return _outcome(space, folder)
    trunk = _load_trunk(space, task, kept_trunk(folder))
    num_trials = len(specs) + num_suggested(space)
    trainable = _trainable(space, task, num_trials, trunk)
    _log.info("%d trials of %d steps, results in %s", num_trials, space.training.steps, folder)
    _tell_of_short_walks(specs, space.training)
    if is_new:
        return _fit(_new_tuner(space, task, specs, recorder, trainable), space, folder)
    filesystem, path = storage_of(folder)
    state = f"{path}/{_CHECKPOINTS}"
    if not tune.Tuner.can_restore(state, storage_filesystem=filesystem):
        raise ResultsError(
            f"results folder {folder} was cut before its first checkpoint, so there is nothing to resume; "
            f"remove it and run the search space again"
        )
    tuner = tune.Tuner.restore(
        state, trainable, resume_unfinished=True, resume_errored=True, storage_filesystem=filesystem
    )
    return _fit(tuner, space, folder)


def _has_trunk(space: Experiment, task: Task, folder: Location) -> bool:
    """Train the trunk that is still to be trained; False where that was interrupted."""
    to_train = trunk_space(space)
    if to_train is None or TRUNK in load_manifest(folder):
        return True
    within = join(folder, TRUNK)
    if not Folder.at(within).entries():
        _create(to_train, task, within)
    if _is_open(to_train, within) and _run(to_train, task, within).status == "interrupted":
        return False
    ResultsWriter.open(folder).note({TRUNK: trunk_record(find_trunk(space, folder), folder)})
    return True


def _is_open(space: Experiment, folder: Location) -> bool:
    """Whether a trunk has trials left to train, to try again, or to save: a driver may die before a last checkpoint."""
    outcome = _outcome(space, folder)
    if outcome.status != "finished" or outcome.num_failed > 0:
        return True
    saved = load_results(folder, columns=["trial", "iteration", "checkpoint"]).dropna(subset="checkpoint")
    last = load_results(folder, table="trials").set_index("trial")["num_observations"]
    return bool((saved.groupby("trial")["iteration"].max().reindex(last.index) != last).any())


def _load_trunk(space: Experiment, task: Task, checkpoints: Sequence[Location]) -> Trunk | None:
    """What trials branch from, held to the space's model; None where they begin anew."""
    if space.init_from is None:
        return None
    return load_trunk(
        checkpoints, optimizer=space.init_from.optimizer, first_seed=space.seed, task=task, model=space.model
    )


def _check_metrics(specs: Sequence[TrialSpec]) -> None:
    """Raise ConfigError here, before anything is written, where a worker would not find a user's own metric."""
    rewards = [point.reward for spec in specs for _, point in spec.path.knots]
    for metric in {reward.metric for reward in rewards if reward.task > 0.0 and ":" in reward.metric}:
        load_function(metric)


def _new_tuner(
    space: Experiment, task: Task, specs: Sequence[TrialSpec], recorder: Recorder, trainable: Any
) -> tune.Tuner:
    """Tune with the trials, what chooses and schedules them, and what watches them."""
    num_trials = len(specs) + num_suggested(space)
    searcher = new_searcher(space, specs, task.metric, recorder)
    progress = ProgressCallback(
        exploration=space.name, num_trials=num_trials, steps=space.training.steps, score_name=task.metric
    )
    filesystem, path = storage_of(recorder.folder)
    planned = {"spec": tune.grid_search([spec.to_dict() for spec in specs])}
    return tune.Tuner(
        trainable,
        param_space=Assignment(spec=specs[0]).to_dict() | planned if searcher is None else {},
        tune_config=tune.TuneConfig(
            scheduler=new_scheduler(space, task.metric, recorder),
            search_alg=searcher,
            num_samples=1 if searcher is None else num_trials,
            reuse_actors=True,
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
        ),
        run_config=tune.RunConfig(
            name=_CHECKPOINTS,
            storage_path=path,
            storage_filesystem=filesystem,
            # the store comes first: it takes what the trackers need not see out of a report
            callbacks=[
                RecordingCallback(recorder),
                TrackingCallback(space, recorder.folder),
                progress,
                CheckpointSweeper(),
                FullDisks(_state_bytes(space, task)),
            ],
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1, checkpoint_at_end=True),
            failure_config=tune.FailureConfig(max_failures=space.resources.max_failures),
            verbose=0,
        ),
    )


def resume(folder: Location, *, address: str | None = None) -> Outcome:
    """Go on with an exploration that was interrupted, whose driver died, or some trials of which failed.

    Args:
        folder: Its results folder.
        address: As for `explore`.

    Raises:
        ErpoExploreError: The folder holds no exploration, or its data are no longer what they were.
    """
    folder = as_location(str(folder))
    space = experiment_of(load_manifest(folder), str(join(folder, MANIFEST)))
    outcome = _outcome(space, folder)
    if outcome.status == "finished" and outcome.num_failed == 0:
        # a driver may die between the last report and this
        ResultsWriter.open(folder).compact()
        return outcome
    check_installed(space.search)
    task = load_task(space.task)
    _check_metrics(plan_trials(space, task.metric))
    with _cluster(address):
        return _run(space, task, folder)


def _fit(tuner: tune.Tuner, space: Experiment, folder: Location) -> Outcome:
    """Run Tune until it ends or a person stops it."""
    try:
        tuner.fit()
    except TuneError as error:
        # Tune hands on what a callback raised as the text of its traceback
        raised, _, message = str(error).strip().splitlines()[-1].partition(": ")
        if raised == f"{ResultsError.__module__}.{ResultsError.__name__}":
            raise ResultsError(message) from error
        raise RunError(f"the exploration stopped ({raised}: {message}); resume {folder} goes on with it") from error
    outcome = _outcome(space, folder)
    if outcome.status == "finished":
        ResultsWriter.open(folder).compact()
    return outcome


def _outcome(space: Experiment, folder: Location) -> Outcome:
    trials = load_results(folder, table="trials")
    statuses = trials["status"]
    num_unknown = num_suggested(space) - int((trials["role"] == "optuna").sum())
    return Outcome(
        folder=folder,
        status="interrupted" if trials.empty or num_unknown > 0 or (statuses == "running").any() else "finished",
        num_failed=int((statuses == "failed").sum()),
    )


def _recorder(space: Experiment, task: Task, folder: Location) -> Recorder:
    return Recorder(
        folder=resolved(folder), exploration=space.name, task=task.name, model=space.model.kind, metric=task.metric
    )


def _trainable(space: Experiment, task: Task, num_trials: int, trunk: Trunk | None) -> Any:
    """The Trainable with its task and trunk, on the share of a machine that a trial holds."""
    resources = space.resources
    gpus = resources.gpus_per_trial
    if gpus is None:
        there = float(ray.cluster_resources().get("GPU", 0.0))
        gpus = min(1.0, max(_LEAST_GPU_SHARE, there / num_trials)) if there else 0.0
    trainable = tune.with_parameters(
        ErpoTrainable,
        task=task,
        model=space.model,
        training=space.training,
        resources=resources,
        trunk=trunk,
        test=space.test,
        reseeds_members=space.search.method == "population",
    )
    share = {"cpu": float(resources.cpus_per_trial), "gpu": gpus}
    if resources.memory_per_trial_gb is not None:
        share["memory"] = resources.memory_per_trial_gb * 1e9
    _warn_of_no_place(share)
    return tune.with_resources(trainable, share)


def _warn_of_no_place(share: Mapping[str, float]) -> None:
    """Say so where no machine of the cluster has a trial's share; one that has may yet be started."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(all(each.get(_RAYS[name], 0.0) >= held for name, held in share.items()) for each in machines):
        wanted = ", ".join(f"{name} {held:g}" for name, held in share.items())
        _log.warning("no machine has what a trial holds (%s); they wait for one that has, or lower `resources`", wanted)


def _tell_of_short_walks(specs: Sequence[TrialSpec], training: Training) -> None:
    """Say which paths can't come to their end, however often the score drops that moves them."""
    reached = num_reachable_knots(training)
    walks = {spec.algorithm: len(spec.path.knots) for spec in specs if spec.path.clock == "plateau"}
    for name, num_knots in walks.items():
        if num_knots > reached:
            _log.info(
                "%s moves on where a report has a lower score: this training.interval lets it reach %d of its %d knots",
                name,
                reached,
                num_knots,
            )


def _trial_name(trial: Any) -> str:
    return str(trial.config["spec"]["name"])


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """Ray, quiet: the one that this process already uses, or one for as long as the exploration runs."""
    # Tune would write three more logs a trial, and Ray would send usage statistics, without being asked
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    if ray.is_initialized():
        yield
        return
    _log.info("starting Ray")
    try:
        ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # Ray raises a plain one where a busy machine is too slow to start it
        raise RunError(f"Ray could not be reached at {address or 'this machine'}: {error}") from error
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def _needed_bytes(space: Experiment, task: Task, num_trials: int) -> int:
    """Room for checkpoints and for a report."""
    return num_trials * _KEPT_CHECKPOINTS * _state_bytes(space, task) + _REPORT_BYTES


def _state_bytes(space: Experiment, task: Task) -> int:
    """Of a checkpoint."""
    parameters = space.model.num_parameters(len(task.source_vocabulary), len(task.target_vocabulary))
    return parameters * BYTES_PER_PARAMETER
