"""Ray Tune's `Tuner` for a plan, which may continue from the snapshot of an interrupted exploration.

A continued exploration has the callbacks, the scheduler and the searcher of its plan, not those that Tune pickled when
it began: these name the folder in which it began, and the settings that it began with. Trials and the searcher's
history come from the snapshot.
"""

from typing import Any

from ray import tune

from erpo_explore.callables import registered
from erpo_explore.plan.methods import find_method
from erpo_explore.plan.plan import Plan
from erpo_explore.store.files import Folder, join
from erpo_explore.store.layout import CHECKPOINTS
from erpo_explore.trial.assignment import Assignment
from erpo_explore.tune._ray_internals import SNAPSHOT, resuming
from erpo_explore.tune.callbacks.checkpoints import CheckpointSweeper
from erpo_explore.tune.callbacks.progress import ProgressCallback
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.callbacks.recording import RecordingCallback
from erpo_explore.tune.callbacks.restored_trials import RestoredTrials
from erpo_explore.tune.callbacks.tracking import TrackingCallback
from erpo_explore.tune.callbacks.unhealthy_nodes import UnhealthyNodes
from erpo_explore.tune.generators import PlannedTrials, SuggestedTrials
from erpo_explore.tune.methods import new_scheduler, new_searcher
from erpo_explore.tune.resources import trial_resources
from erpo_explore.tune.search_path import searched_last
from erpo_explore.tune.trial_home import TrialHome
from erpo_explore.tune.trial_view import TrialView
from erpo_explore.tune.worker.trainable import ErpoTrainable

__all__ = ["has_snapshot", "new_trainable", "new_tuner"]


def has_snapshot(plan: Plan) -> bool:
    """Whether Tune has written its state into the results folder, from which it can continue."""
    written = Folder.at(join(plan.folder, CHECKPOINTS)).entries()
    return any(entry.base_name.startswith(SNAPSHOT) for entry in written)


def new_trainable(plan: Plan) -> Any:
    """The Trainable with its data, on the resources of one trial."""
    experiment = plan.experiment
    trainable = tune.with_parameters(
        ErpoTrainable,
        callables=registered(),
        search_path=searched_last(),
        task=plan.task,
        model=experiment.model,
        training=experiment.training,
        resources=experiment.resources,
        initial_weights=plan.initial_weights,
        test=experiment.test,
        reseeds_members=find_method(experiment.search.method).reseeds_members,
    )
    return tune.with_resources(trainable, trial_resources(experiment.resources, plan.num_trials))


def new_tuner(plan: Plan, recorder: Recorder, trainable: Any, *, continues: bool) -> tune.Tuner:
    """Tune with the plan's trials, their scheduler and searcher, and the callbacks.

    Args:
        plan: The plan.
        recorder: Writes the results.
        trainable: What `new_trainable` returned.
        continues: Whether Tune continues from its last snapshot in the results folder; unfinished and failed trials
            go on. The folder may have been moved or copied since it was written.
    """
    experiment, metric = plan.experiment, plan.task.reward_metric
    home = TrialHome.within(plan.folder)
    searcher = new_searcher(experiment, plan.specs, metric, recorder)
    return tune.Tuner(
        trainable,
        param_space=_param_space(plan) if searcher is None else {},
        tune_config=tune.TuneConfig(
            scheduler=new_scheduler(experiment, metric, recorder),
            search_alg=PlannedTrials(home)
            if searcher is None
            else SuggestedTrials(searcher, home, recorder.scoreboard),
            num_samples=1 if searcher is None else plan.num_trials,
            reuse_actors=True,
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
        ),
        run_config=tune.RunConfig(
            name=home.name,
            storage_path=home.storage_path,
            storage_filesystem=home.filesystem,
            callbacks=_callbacks(plan, recorder, home, continues=continues),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1, checkpoint_at_end=True),
            failure_config=tune.FailureConfig(max_failures=experiment.resources.max_failures),
            verbose=0,
        ),
        **(resuming() if continues else {}),
    )


def _param_space(plan: Plan) -> dict[str, Any]:
    """All planned trials, in their order."""
    return Assignment(spec=plan.specs[0]).to_dict() | {
        "spec": tune.grid_search([spec.to_dict() for spec in plan.specs])
    }


def _callbacks(plan: Plan, recorder: Recorder, home: TrialHome, *, continues: bool) -> list[tune.Callback]:
    """In an order that must not change: Tune restores their states by index."""
    experiment = plan.experiment
    callbacks: list[tune.Callback] = [
        # first: it removes from a report what the others need not see
        RecordingCallback(recorder),
        TrackingCallback(experiment, recorder.folder),
        ProgressCallback(
            exploration=experiment.name,
            num_trials=plan.num_trials,
            steps=experiment.training.steps,
            score_name=plan.task.metric_title,
        ),
        CheckpointSweeper(experiment.resources.keep_checkpoints, recorder.scoreboard),
        UnhealthyNodes(plan.checkpoint_bytes),
    ]
    restored = RestoredTrials(
        home,
        max_failures=experiment.resources.max_failures,
        reseeds_members=find_method(experiment.search.method).reseeds_members,
        scoreboard=recorder.scoreboard,
    )
    return [*callbacks, restored] if continues else callbacks


def _trial_name(trial: Any) -> str:
    return TrialView(trial).name
