"""Ray Tune's `Tuner` for a plan: new, or restored from the snapshot of an interrupted exploration."""

from typing import Any, Final

from ray import tune

from erpo_explore.callables import registered
from erpo_explore.errors import ResultsError
from erpo_explore.plan.methods import find_method
from erpo_explore.plan.plan import Plan
from erpo_explore.store.files import is_folder, join
from erpo_explore.trial.assignment import Assignment
from erpo_explore.tune.callbacks.checkpoints import CheckpointSweeper
from erpo_explore.tune.callbacks.progress import ProgressCallback
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.callbacks.recording import RecordingCallback
from erpo_explore.tune.callbacks.tracking import TrackingCallback
from erpo_explore.tune.callbacks.unhealthy_nodes import UnhealthyNodes
from erpo_explore.tune.methods import new_scheduler, new_searcher
from erpo_explore.tune.resources import trial_resources
from erpo_explore.tune.storage import storage_of
from erpo_explore.tune.trial_view import TrialView
from erpo_explore.tune.worker.trainable import ErpoTrainable

__all__ = ["has_begun", "new_trainable", "new_tuner", "restored_tuner"]

_CHECKPOINTS: Final = "checkpoints"
"""Folder within the results for Tune's snapshots and the trials' checkpoints."""


def has_begun(plan: Plan) -> bool:
    """Whether Tune has run in the results folder before."""
    return is_folder(join(plan.folder, _CHECKPOINTS))


def new_trainable(plan: Plan) -> Any:
    """The Trainable with its data, on the resources of one trial."""
    experiment = plan.experiment
    trainable = tune.with_parameters(
        ErpoTrainable,
        callables=registered(),
        task=plan.task,
        model=experiment.model,
        training=experiment.training,
        resources=experiment.resources,
        initial_weights=plan.initial_weights,
        test=experiment.test,
        reseeds_members=find_method(experiment.search.method).reseeds_members,
    )
    return tune.with_resources(trainable, trial_resources(experiment.resources, plan.num_trials))


def new_tuner(plan: Plan, recorder: Recorder, trainable: Any) -> tune.Tuner:
    """Tune with the plan's trials, their scheduler and searcher, and the callbacks."""
    experiment, metric = plan.experiment, plan.task.metric
    searcher = new_searcher(experiment, plan.specs, metric, recorder)
    filesystem, path = storage_of(recorder.folder)
    return tune.Tuner(
        trainable,
        param_space=_param_space(plan) if searcher is None else {},
        tune_config=tune.TuneConfig(
            scheduler=new_scheduler(experiment, metric, recorder),
            search_alg=searcher,
            num_samples=1 if searcher is None else plan.num_trials,
            reuse_actors=True,
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
        ),
        run_config=tune.RunConfig(
            name=_CHECKPOINTS,
            storage_path=path,
            storage_filesystem=filesystem,
            callbacks=_callbacks(plan, recorder),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1, checkpoint_at_end=True),
            failure_config=tune.FailureConfig(max_failures=experiment.resources.max_failures),
            verbose=0,
        ),
    )


def restored_tuner(plan: Plan, trainable: Any) -> tune.Tuner:
    """Tune from its last snapshot; unfinished and failed trials go on.

    Raises:
        ResultsError: There is no snapshot.
    """
    filesystem, path = storage_of(plan.folder)
    state = f"{path}/{_CHECKPOINTS}"
    if not tune.Tuner.can_restore(state, storage_filesystem=filesystem):
        raise ResultsError(
            f"results folder {plan.folder} was interrupted before its first checkpoint, so there is nothing to resume; "
            f"remove it and run the experiment again"
        )
    return tune.Tuner.restore(
        state, trainable, resume_unfinished=True, resume_errored=True, storage_filesystem=filesystem
    )


def _param_space(plan: Plan) -> dict[str, Any]:
    """All planned trials, in their order."""
    return Assignment(spec=plan.specs[0]).to_dict() | {
        "spec": tune.grid_search([spec.to_dict() for spec in plan.specs])
    }


def _callbacks(plan: Plan, recorder: Recorder) -> list[tune.Callback]:
    experiment = plan.experiment
    return [
        # first: it removes from a report what the others need not see
        RecordingCallback(recorder),
        TrackingCallback(experiment, recorder.folder),
        ProgressCallback(
            exploration=experiment.name,
            num_trials=plan.num_trials,
            steps=experiment.training.steps,
            score_name=plan.task.metric,
        ),
        CheckpointSweeper(),
        UnhealthyNodes(plan.checkpoint_bytes),
    ]


def _trial_name(trial: Any) -> str:
    return TrialView(trial).name
