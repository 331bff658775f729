"""The plan of an exploration: all that is known and checked before it runs. Made once, then handed on.

Left out: what only a cluster knows, such as the share of a GPU that a trial gets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from erpo_explore.config.experiment import Experiment
from erpo_explore.config.resolve import resolve
from erpo_explore.erpo import check_divisible, load_estimator
from erpo_explore.metrics import load_scorer
from erpo_explore.plan.earlier_paths import load_prior
from erpo_explore.plan.initial_weights import (
    INITIAL,
    checkpoint_record,
    find_checkpoints,
    has_kept_checkpoints,
    initial_experiment,
    initial_folder,
    kept_checkpoints,
)
from erpo_explore.plan.manifest import manifest
from erpo_explore.plan.methods import find_method
from erpo_explore.plan.methods.branch import with_default_candidates
from erpo_explore.plan.trials import num_suggested, plan_trials
from erpo_explore.plan.unchanged import data_record, warn_of_changed_data
from erpo_explore.plan.warm_start import load_warm_start
from erpo_explore.rewards import load_metric, text_scorer
from erpo_explore.search.path_prior import PathPrior
from erpo_explore.store.files import Location
from erpo_explore.tasks import Task, load_task, steps_per_epoch
from erpo_explore.tasks.digests import file_digests
from erpo_explore.tasks.reader import task_name
from erpo_explore.trial import TrialSpec
from erpo_explore.trial.averaging import num_copies
from erpo_explore.trial.checkpoint import BYTES_PER_COPY, BYTES_PER_PARAMETER
from erpo_explore.trial.initial_weights import InitialWeights, load_initial_weights

__all__ = ["Plan", "make_plan"]

_CHECKPOINTS_PER_TRIAL: Final = 2
"""At most, for long: the last one, and one that a snapshot of Tune's may still name."""

_REPORT_BYTES: Final = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An exploration that is ready to run.

    Attributes:
        experiment: What is explored; its budget is in steps, and its metrics have all options.
        folder: Results folder.
        task: The loaded data.
        specs: All trials that are known beforehand, in their order.
        num_suggested: Number of trials that are suggested while the exploration runs.
        first: Plan of the exploration that trains the initial checkpoints before this one; None where there are none to
            train.
        checkpoints: Folders of the initial checkpoints, one per seed; none where trials begin with fresh weights, or
            where `first` has yet to train them.
        initial_weights: The weights in these checkpoints.
        checkpoint_bytes: Size of one checkpoint of a trial.
        data: The field of `exploration.yaml` by which a resumed exploration recognises its data.
        search_costs: Time of a whole training at each algorithm that the search lets take turns, in that of maximum
            likelihood; empty before it was measured, and for other searches.
        search_prior: What earlier results let expect of the paths; None where nothing is, and where the exploration
            resumes, since `exploration.yaml` has it then.
    """

    experiment: Experiment
    folder: Location
    task: Task
    specs: tuple[TrialSpec, ...]
    num_suggested: int
    first: "Plan | None"
    checkpoints: tuple[Location, ...]
    initial_weights: InitialWeights | None
    checkpoint_bytes: int
    data: Mapping[str, Any]
    search_costs: Mapping[str, float] = field(default_factory=dict)
    search_prior: PathPrior | None = None

    @property
    def num_trials(self) -> int:
        """Number of trials, without those that train initial checkpoints."""
        return len(self.specs) + self.num_suggested

    @property
    def needed_bytes(self) -> int:
        """Disk space for checkpoints and for a report."""
        num_trained = self.num_trials + (self.first.num_trials if self.first is not None else 0)
        num_kept = _CHECKPOINTS_PER_TRIAL + self.experiment.resources.keep_checkpoints - 1
        return num_trained * num_kept * self.checkpoint_bytes + _REPORT_BYTES

    def manifest(self) -> dict[str, Any]:
        """What `exploration.yaml` holds when the exploration begins."""
        return (
            manifest(self.experiment)
            | self.initial_record()
            | dict(self.data)
            | {"vocabulary": self.task.vocabularies.sha256()}
            | ({"search_costs": dict(self.search_costs)} if self.search_costs else {})
            | ({"search_prior": self.search_prior.to_dict()} if self.search_prior else {})
        )

    def initial_record(self) -> dict[str, Any]:
        """The field of `exploration.yaml` that names the initial checkpoints; empty where there are none."""
        return {INITIAL: checkpoint_record(self.checkpoints, self.folder)} if self.checkpoints else {}

    def with_experiment(self, experiment: Experiment) -> "Plan":
        """The plan of an experiment that differs in its sizes alone, such as steps and members; the data are the same.

        Args:
            experiment: Resolved, and with a budget in steps.
        """
        plan = _plan(experiment, self.task, self.folder, self.data, resumes=False)
        return replace(plan, search_prior=self.search_prior)

    def after_first(self) -> "Plan":
        """The plan once `first` has trained the initial checkpoints.

        Raises:
            ResultsError: A trial of `first` has not finished, or has kept no checkpoint.
        """
        checkpoints = find_checkpoints(self.experiment, self.folder, self.data)
        weights = _load_weights(self.experiment, self.task, checkpoints)
        return replace(self, first=None, checkpoints=tuple(checkpoints), initial_weights=weights)


def make_plan(experiment: Experiment, folder: Location, *, resumes: bool = False, task: Task | None = None) -> Plan:
    """Plan an exploration, and check all that can be checked before it runs. Writes nothing.

    Args:
        experiment: What is explored.
        folder: Results folder.
        resumes: Whether the folder holds an exploration to go on with. Its initial checkpoints must then be those that
            it began with.
        task: The data of the experiment, if they have been loaded.

    Raises:
        ErpoExploreError: The data, a metric, a search method, earlier results or an initial checkpoint cannot be used.
    """
    experiment = resolve(experiment)
    task = load_task(experiment.task) if task is None else task
    experiment = _measured_alike(experiment, task)
    search = with_default_candidates(experiment.search, len(task.target_vocabulary))
    experiment = experiment.model_copy(update={"search": search})
    if experiment.training.epochs is not None:
        experiment = experiment.in_steps(_steps_per_epoch(experiment, task))
    data = data_record(file_digests(experiment.task), task.digests)
    warn_of_changed_data(experiment.search.warm_start, data, "its scores and those of this exploration differ in kind")
    plan = _plan(experiment, task, folder, data, resumes=resumes)
    return plan if resumes else replace(plan, search_prior=_prior(experiment, task))


def _prior(experiment: Experiment, task: Task) -> PathPrior | None:
    """What `search.prior` says, for methods whose paths are algorithms that take turns."""
    turns_of = find_method(experiment.search.method).turns
    if turns_of is None or not experiment.search.prior:
        return None
    turns = turns_of(experiment, task.reward_metric)
    return load_prior(experiment.search.prior, turns, score_name=task.metric_title)


def _measured_alike(experiment: Experiment, task: Task) -> Experiment:
    """The experiment with every option of its metrics, which its text has decided.

    It is stored this way. So another text, as of a test set, does not change the measure later.
    """
    fitted = {"metric": task.metric, "also": task.also}
    fields = type(experiment.task).model_fields.keys() & fitted
    changed = experiment.task.model_copy(update={name: fitted[name] for name in fields})
    return experiment.model_copy(update={"task": changed})


def _steps_per_epoch(experiment: Experiment, task: Task) -> int:
    return steps_per_epoch(task.train, experiment.training.batch_size, experiment.training.batch_tokens)


def _plan(experiment: Experiment, task: Task, folder: Location, data: Mapping[str, Any], *, resumes: bool) -> Plan:
    load_warm_start(experiment.search.warm_start, task=task_name(experiment.task), score_name=task.metric_title)
    specs = plan_trials(experiment, task.reward_metric)
    _check_implementations(specs, task, divides=experiment.training.micro_batch is not None)
    first: Plan | None = None
    checkpoints: list[Location] = []
    if resumes and has_kept_checkpoints(folder):
        checkpoints = kept_checkpoints(folder)
    elif (trains := initial_experiment(experiment, folder)) is not None:
        first = _plan(trains, task, initial_folder(folder), data, resumes=False)
    else:
        checkpoints = find_checkpoints(experiment, folder, data)
    weights = _load_weights(experiment, task, checkpoints)
    num_parameters = experiment.model.num_parameters(len(task.source_vocabulary), len(task.target_vocabulary))
    return Plan(
        experiment=experiment,
        folder=folder,
        task=task,
        specs=tuple(specs),
        num_suggested=num_suggested(experiment),
        first=first,
        checkpoints=tuple(checkpoints),
        initial_weights=weights,
        checkpoint_bytes=num_parameters * (BYTES_PER_PARAMETER + _num_copies(experiment, specs) * BYTES_PER_COPY),
        data=data,
    )


def _num_copies(experiment: Experiment, specs: Sequence[TrialSpec]) -> int:
    """Copies of the weights in a checkpoint: of their average, and of a path's anchors."""
    return num_copies(experiment.training.average) + max((len(spec.path.anchors) for spec in specs), default=0)


def _load_weights(experiment: Experiment, task: Task, checkpoints: Sequence[Location]) -> InitialWeights | None:
    """Initial weights that fit the experiment's model; None where trials begin with fresh ones."""
    if experiment.init_from is None or not checkpoints:
        return None
    return load_initial_weights(
        checkpoints,
        optimizer=experiment.init_from.optimizer,
        first_seed=experiment.seed,
        task=task,
        model=experiment.model,
    )


def _check_implementations(specs: Sequence[TrialSpec], task: Task, *, divides: bool) -> None:
    """Import metrics, rewards and estimators, so that a missing one is an error before anything is written.

    Args:
        specs: The planned trials.
        task: The task.
        divides: Whether batches are divided, which not every point admits.
    """
    scorers = [load_scorer(metric) for metric in (task.metric, *task.also)]
    words, references = task.target_vocabulary.tokens_are_words, task.validation.references
    points = [part for spec in specs for _, point in spec.path.knots for _, part in point.parts]
    for name in {point.reward.metric for point in points if point.reward.task > 0.0}:
        if text_scorer(name, scorers, tokens_are_words=words, references=references) is None:
            load_metric(name)
    for point in points:
        load_estimator(point.estimator.kind).check(point)
        if divides:
            check_divisible(point)
