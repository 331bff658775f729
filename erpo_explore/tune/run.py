"""An exploration on Ray Tune, from an experiment to a filled results folder, and again after an interruption.

The driver loads the task once and sends it to the workers, so only the driver's machine needs the data.
"""

import logging
import shlex
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ray import tune
from ray.tune import TuneError

from erpo_explore.advice.cost import Estimate
from erpo_explore.config.experiment import Experiment
from erpo_explore.config.resolve import resolve
from erpo_explore.errors import ResultsError, RunError
from erpo_explore.metrics import load_scorer
from erpo_explore.plan.manifest import check_release, experiment_of
from erpo_explore.plan.methods import check_installed, find_method
from erpo_explore.plan.outcome import Outcome, outcome_of
from erpo_explore.plan.plan import Plan, make_plan
from erpo_explore.plan.trials import num_reachable_knots
from erpo_explore.plan.unchanged import check_text, keep_experiment, resumable
from erpo_explore.store import ResultsWriter, load_manifest, load_results
from erpo_explore.store.files import Folder, Location, as_location, join, resolved
from erpo_explore.store.layout import EXPERIMENT, MANIFEST, VOCABULARY
from erpo_explore.store.writer_lock import locked
from erpo_explore.tasks import Task
from erpo_explore.tune._ray_internals import check_ray_version, retrying_if
from erpo_explore.tune.callbacks.failures import may_retry
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.callbacks.trackers.registry import check_trackers
from erpo_explore.tune.cluster import connected
from erpo_explore.tune.deadline import Deadline, TimeLimit
from erpo_explore.tune.price import price
from erpo_explore.tune.resources import check_resources
from erpo_explore.tune.scoreboard import Scoreboard
from erpo_explore.tune.tuner import has_snapshot, new_trainable, new_tuner
from erpo_explore.tune.watch import watched

__all__ = ["estimate", "explore", "resume"]

_log = logging.getLogger(__name__)


def explore(
    experiment: Experiment,
    folder: Location,
    *,
    address: str | None = None,
    task: Task | None = None,
    tells_cost: bool = False,
    time_limit: TimeLimit | None = None,
    can_grow: bool = False,
    remarks: Sequence[str] = (),
) -> Outcome:
    """Run an experiment to its end.

    Args:
        experiment: What to explore.
        folder: Results folder, a path or a URI such as s3://bucket/results/mine; must not exist yet.
        address: Address of a Ray cluster; by default the one that this machine is part of, else a new one on this
            machine.
        task: The data of the experiment, if they have been loaded.
        tells_cost: Whether steps and an evaluation are timed, and the cost is logged, before it begins.
        time_limit: Time for all of it. Steps, members and replications are reduced until it fits, and what is left
            unfinished at the end of the time is interrupted.
        can_grow: Whether replications may be added where there is time for them.
        remarks: Comment at the beginning of `experiment.yaml`.

    Raises:
        ErpoExploreError: Bad data or settings, an existing folder, too little disk space, or too little time; nothing
            is written then.
    """
    limit = time_limit or TimeLimit.none()
    folder = as_location(str(folder))
    plan = _checked_plan(experiment, folder, task)
    ResultsWriter.check_new(folder, needed_bytes=plan.needed_bytes)
    _log.info("%s", plan.task.describe())
    for remark in plan.task.remarks:
        _log.info("note: %s", remark)
    with connected(address) as is_alone:
        check_resources(plan.experiment.resources, plan.num_trials, is_alone=is_alone)
        takes_turns = find_method(plan.experiment.search.method).turns is not None
        if tells_cost or limit.is_limited or takes_turns:
            priced = price(plan, experiment, limit, can_grow=can_grow)
            plan, experiment = priced.plan, priced.experiment
            for line in priced.estimate.lines if tells_cost or limit.is_limited else ():
                _log.info("%s", line)
        # not before: a start that fails leaves nothing behind
        _create_folder(plan)
        ResultsWriter.open(folder).write_file(EXPERIMENT, resolve(experiment).to_yaml(remarks))
        with locked(folder), watched(folder):
            return _run_interruptibly(plan, limit.deadline)


def estimate(
    experiment: Experiment,
    *,
    address: str | None = None,
    task: Task | None = None,
    time_limit: TimeLimit | None = None,
    can_grow: bool = False,
) -> Estimate:
    """Time what an exploration consists of, and say what it costs. Nothing is written.

    Args:
        experiment: What would be explored.
        address: As for `explore`.
        task: As for `explore`.
        time_limit: As for `explore`.
        can_grow: As for `explore`.

    Raises:
        ErpoExploreError: As `explore`.
    """
    # initial checkpoints would be trained in a folder within this one
    plan = _checked_plan(experiment, as_location(f"results/{experiment.name}"), task)
    with connected(address) as is_alone:
        check_resources(plan.experiment.resources, plan.num_trials, is_alone=is_alone)
        return price(plan, experiment, time_limit or TimeLimit.none(), can_grow=can_grow).estimate


def _checked_plan(experiment: Experiment, folder: Location, task: Task | None) -> Plan:
    check_ray_version()
    check_installed(experiment.search)
    check_trackers(experiment.tracking, folder)
    return make_plan(experiment, folder, task=task)


def resume(
    folder: Location, *, data: Path | None = None, address: str | None = None, time_limit: TimeLimit | None = None
) -> Outcome:
    """Go on with an exploration that was interrupted, whose driver died, or some of whose trials failed.

    Args:
        folder: Its results folder, which may have been moved or copied.
        data: Folder that holds its text files now; by default where they were.
        address: As for `explore`.
        time_limit: Time for it; what is left unfinished then is interrupted again.

    Raises:
        ErpoExploreError: The folder holds no exploration, or its experiment, data or initial checkpoints have changed.
    """
    folder = as_location(str(folder))
    written = load_manifest(folder)
    experiment = experiment_of(written, str(join(folder, MANIFEST)))
    with locked(folder):
        outcome = outcome_of(experiment, folder)
        if outcome.status == "finished" and outcome.num_failed == 0:
            # a driver may die between the last report and this
            ResultsWriter.open(folder).compact()
            return outcome
        check_release(written, folder)
        check_ray_version()
        check_installed(experiment.search)
        found = resumable(folder, data)
        plan = make_plan(found, folder, resumes=True)
        check_text(written, plan.task.digests, folder)
        if data is not None:
            ResultsWriter.open(folder).note({"space": found.to_dict()})
        with connected(address) as is_alone:
            check_resources(plan.experiment.resources, plan.num_trials, is_alone=is_alone)
            with watched(folder):
                return _run_interruptibly(plan, (time_limit or TimeLimit.none()).deadline)


def _create_folder(plan: Plan) -> None:
    ResultsWriter.create(plan.folder, plan.manifest(), needed_bytes=plan.needed_bytes)
    ResultsWriter.open(plan.folder).write_file(VOCABULARY, plan.task.vocabularies.to_json())
    keep_experiment(plan.experiment, plan.folder)


def _run_interruptibly(plan: Plan, deadline: Deadline) -> Outcome:
    """Run a plan to its end, or until Ctrl-C where Tune does not catch it: before its start or a second time."""
    try:
        return _run(plan, deadline)
    except KeyboardInterrupt:
        return replace(outcome_of(plan.experiment, plan.folder), status="interrupted")


def _run(plan: Plan, deadline: Deadline) -> Outcome:
    """Train the initial checkpoints where they are still missing, then the trials, from where they stopped."""
    recorder, continues = _recorder(plan), has_snapshot(plan)
    if not continues:
        recorder.begin(plan.specs)
    if plan.first is not None:
        if not _train_first(plan.first, deadline):
            return replace(outcome_of(plan.experiment, plan.folder), timed_out=deadline.passed)
        plan = plan.after_first()
        ResultsWriter.open(plan.folder).note(plan.initial_record())
    trainable = new_trainable(plan)
    _log.info("%d trials of %d steps, results in %s", plan.num_trials, plan.experiment.training.steps, plan.folder)
    _log_unreachable_knots(plan)
    tuner = new_tuner(plan, recorder, trainable, continues=continues)
    deadline.interrupt(lambda: _fit(tuner, plan.folder))
    outcome = outcome_of(plan.experiment, plan.folder)
    if outcome.status == "finished":
        ResultsWriter.open(plan.folder).compact()
        return outcome
    return replace(outcome, timed_out=deadline.passed)


def _recorder(plan: Plan) -> Recorder:
    experiment, task = plan.experiment, plan.task
    # text files in a folder of another name are still the same task
    recorded = load_results(plan.folder, columns=["task"])["task"].dropna()
    return Recorder(
        exploration=experiment.name,
        task=task.name if recorded.empty else str(recorded.iloc[0]),
        model=experiment.model.kind,
        metric=task.metric_title,
        higher_is_better=load_scorer(task.metric).higher_is_better,
        scoreboard=Scoreboard(resolved(plan.folder), _shared_iterations(plan)),
    )


def _shared_iterations(plan: Plan) -> frozenset[int]:
    """Reports whose checkpoints other trials may begin with."""
    turns = find_method(plan.experiment.search.method).turns
    return frozenset() if turns is None else frozenset(turns(plan.experiment, plan.task.reward_metric).ends[:-1])


def _train_first(first: Plan, deadline: Deadline) -> bool:
    """Train initial checkpoints, or go on with that; False where it was interrupted."""
    if not Folder.at(first.folder).entries():
        _create_folder(first)
    return _is_saved(first) or _run(first, deadline).status == "finished"


def _is_saved(plan: Plan) -> bool:
    """Whether all trials have finished and their last weights are written: a driver may die before the latter."""
    outcome = outcome_of(plan.experiment, plan.folder)
    if outcome.status != "finished" or outcome.num_failed > 0:
        return False
    saved = load_results(plan.folder, columns=["trial", "iteration", "checkpoint"]).dropna(subset="checkpoint")
    last = load_results(plan.folder, table="trials").set_index("trial")["num_observations"]
    return bool((saved.groupby("trial")["iteration"].max().reindex(last.index) == last).all())


def _fit(tuner: tune.Tuner, folder: Location) -> None:
    """Run Tune until all trials have ended or the user interrupts it.

    Raises:
        ResultsError: A callback could not write to the results folder.
        RunError: A callback raised anything else.
    """
    try:
        with retrying_if(may_retry), _ctrl_c_restored():
            tuner.fit()
    except TuneError as error:
        raised = _origin(error)
        message = " ".join(str(raised).split())
        if isinstance(raised, ResultsError):
            raise ResultsError(message) from error
        raise RunError(
            f"the exploration stopped ({type(raised).__name__}: {message}); "
            f"resume {shlex.quote(str(folder))} goes on with it"
        ) from error


@contextmanager
def _ctrl_c_restored() -> Iterator[None]:
    """Keep the handler of Ctrl-C: Tune leaves one of its own, which takes the next Ctrl-C without any effect."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _origin(error: BaseException) -> BaseException:
    """The error that Tune was handling when it raised its own, which holds only the text of a traceback."""
    while isinstance(error, TuneError) and error.__context__ is not None:
        error = error.__context__
    return error


def _log_unreachable_knots(plan: Plan) -> None:
    """Name the paths on the clock `plateau` that have more knots than the score can drop before the end."""
    reached = num_reachable_knots(plan.experiment.training)
    numbers = {spec.algorithm: len(spec.path.knots) for spec in plan.specs if spec.path.clock == "plateau"}
    for name, num_knots in numbers.items():
        if num_knots > reached:
            _log.info(
                "note: %s changes only where the validation score drops; with this few evaluations it gets at most to "
                "point %d of its %d (a lower training.interval evaluates more often)",
                name,
                reached,
                num_knots,
            )
