"""Early stopping of searched trials, by one of Ray Tune's rules.

Both rules wait for a third of the budget, since a point that explores begins slowly. Asynchronous successive halving
(ASHA, Li et al. 2020) stops a trial at one third and at two thirds of the budget if its score is below the median of
the trials that got there before it. The median rule (Golovin et al. 2017) can stop a trial at any report from one third
on: if its best score is below the median of the other trials' mean scores since then, and there are at least three.

Baselines and given paths are never stopped, and no trial is compared with them. A decision depends on the order in
which reports arrive, so two runs with one seed may stop different trials. A restored driver feeds the rule with the
reports in the store, and repeats decisions that were taken instead of deciding again.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler

from erpo_explore.config.experiment import Experiment
from erpo_explore.store import load_results
from erpo_explore.tune.scoreboard import Scoreboard
from erpo_explore.tune.trial_view import ITERATION, TrialView

__all__ = ["EarlyStopping"]

_SEARCHED: Final = ("random", "grid", "optuna")
_GRACE_SHARE: Final = 3
_HALVING: Final = 2


class EarlyStopping(FIFOScheduler):
    """Tune's scheduler for an exploration whose searched trials may be stopped."""

    def __init__(self, experiment: Experiment, scoreboard: Scoreboard) -> None:
        """Bind to an exploration.

        Args:
            experiment: The rule, and the number of intervals.
            scoreboard: Source of the reports to earlier drivers.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._rule = _rule(experiment)
        self._scoreboard = scoreboard
        self._past: dict[str, list[tuple[int, float, str]]] | None = None

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Add a trial to the rule, with its reports to earlier drivers."""
        if not _is_searched(trial):
            return
        if self._past is None:
            self._past = _decided(self._scoreboard)
        self._rule.on_trial_add(tune_controller, trial)
        view = TrialView(trial)
        if view.role == "optuna" and view.checkpoint is None:
            self._past.pop(view.name, None)  # suggested again, perhaps with another path than before
        for iteration, objective, _ in self._past.get(view.name, ()):
            # the only call with which either rule remembers a score without judging it
            self._rule.on_trial_complete(tune_controller, trial, {ITERATION: iteration, "objective": objective})
            self._rule.on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Stop or continue."""
        if not _is_searched(trial) or result["score"] is None:
            return str(TrialScheduler.CONTINUE)
        for iteration, _, decision in (self._past or {}).get(TrialView(trial).name, ()):
            if iteration == result[ITERATION]:
                return decision
        return str(self._rule.on_trial_result(tune_controller, trial, result))

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Pass on the last score, which a run that diverged does not have."""
        if _is_searched(trial) and result.get("score") is not None:
            self._rule.on_trial_complete(tune_controller, trial, result)

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """Remove a trial that will not run."""
        if _is_searched(trial):
            self._rule.on_trial_remove(tune_controller, trial)


def _rule(experiment: Experiment) -> TrialScheduler:
    num_intervals = experiment.training.steps // experiment.training.interval
    judged: Mapping[str, Any] = {
        "time_attr": ITERATION,
        "metric": "objective",
        "mode": "max",
        "grace_period": math.ceil(num_intervals / _GRACE_SHARE),
    }
    if experiment.search.early_stopping == "asha":
        return AsyncHyperBandScheduler(**judged, max_t=num_intervals, reduction_factor=_HALVING)
    # infinite, so that a trial that is too young to be judged continues instead of giving up its worker
    return MedianStoppingRule(**judged, min_time_slice=math.inf)  # type: ignore[arg-type]


def _decided(scoreboard: Scoreboard) -> dict[str, list[tuple[int, float, str]]]:
    """(iteration, objective, decision) of the reports in the store, by trial.

    The last report of a trial that is still running is left out: it has no decision yet.
    """
    frame = load_results(scoreboard.folder, columns=["trial", "iteration", "objective", "status"])
    decided: dict[str, list[tuple[int, float, str]]] = {}
    for name, reports in frame.groupby("trial"):
        status = reports["status"].iloc[-1]
        past = reports.iloc[:-1] if status == "running" else reports
        decisions = [str(TrialScheduler.CONTINUE)] * len(past)
        if status == "stopped":
            decisions[-1] = str(TrialScheduler.STOP)
        decided[str(name)] = [
            (int(iteration), float(objective), decision)
            for iteration, objective, decision in zip(past["iteration"], past["objective"], decisions, strict=True)
            if not math.isnan(objective)
        ]
    return decided


def _is_searched(trial: Trial) -> bool:
    return TrialView(trial).role in _SEARCHED
