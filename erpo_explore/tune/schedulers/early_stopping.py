"""Early stopping of searched trials that look hopeless, by one of Ray Tune's rules.

Both rules wait for a third of the budget, since a point that explores begins slowly. Asynchronous successive halving
(ASHA, Li et al. 2020) stops a trial at one third and at two thirds of the budget if it is below the median of those
that came as far before it; the median rule (Golovin et al. 2017) at any report from one third on, if its best score is
below the median of the other trials' mean scores since then, where there are three.

Baselines and given paths were asked for by name, so they are never stopped, and nothing is stopped for being worse than
they are. What a rule decides depends on the order in which reports arrive, so two runs with one seed may stop different
trials. A restored driver tells the rule what the store holds, and repeats decisions that were taken instead of asking
again.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, MedianStoppingRule, TrialScheduler

from erpo_explore.config.experiment import Experiment
from erpo_explore.store import load_results
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.trial_view import ITERATION, TrialView

__all__ = ["EarlyStopping"]

_SEARCHED: Final = ("random", "grid", "optuna")
_GRACE_SHARE: Final = 3
_HALVING: Final = 2


class EarlyStopping(FIFOScheduler):
    """Tune's scheduler for an exploration whose searched trials may be stopped."""

    def __init__(self, space: Experiment, recorder: Recorder) -> None:
        """Bind to an exploration.

        Args:
            space: The rule, and how many intervals there are.
            recorder: Tells the results folder, which holds what an earlier driver saw.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._rule = _rule(space)
        self._recorder = recorder
        self._past: dict[str, list[tuple[int, float, str]]] | None = None

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Tell the rule of a trial, and of what it reported to an earlier driver."""
        if not _is_searched(trial):
            return
        if self._past is None:
            self._past = _decided(self._recorder)
        self._rule.on_trial_add(tune_controller, trial)
        view = TrialView(trial)
        if view.role == "optuna" and view.checkpoint is None:
            self._past.pop(view.name, None)  # made up anew, and perhaps another one than before
        for iteration, score, _ in self._past.get(view.name, ()):
            # the one call that makes either rule remember a score without judging it
            self._rule.on_trial_complete(tune_controller, trial, {ITERATION: iteration, "score": score})
            self._rule.on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Stop or go on."""
        if not _is_searched(trial) or result["score"] is None:
            return str(TrialScheduler.CONTINUE)
        for iteration, _, decision in (self._past or {}).get(TrialView(trial).name, ()):
            if iteration == result[ITERATION]:
                return decision
        return str(self._rule.on_trial_result(tune_controller, trial, result))

    def on_trial_complete(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Tell the rule of a last score, which a run that diverged does not have."""
        if _is_searched(trial) and result.get("score") is not None:
            self._rule.on_trial_complete(tune_controller, trial, result)

    def on_trial_remove(self, tune_controller: Any, trial: Trial) -> None:
        """Tell the rule that a trial will not run."""
        if _is_searched(trial):
            self._rule.on_trial_remove(tune_controller, trial)


def _rule(space: Experiment) -> TrialScheduler:
    num_intervals = space.training.steps // space.training.interval
    judged: Mapping[str, Any] = {
        "time_attr": ITERATION,
        "metric": "score",
        "mode": "max",
        "grace_period": math.ceil(num_intervals / _GRACE_SHARE),
    }
    if space.search.early_stopping == "asha":
        return AsyncHyperBandScheduler(**judged, max_t=num_intervals, reduction_factor=_HALVING)
    # a trial that is too early to be judged goes on, instead of giving up its worker
    return MedianStoppingRule(**judged, min_time_slice=math.inf)  # type: ignore[arg-type]


def _decided(recorder: Recorder) -> dict[str, list[tuple[int, float, str]]]:
    """(iteration, score, decision) of each trial's reports in the store that have been decided on.

    Not decided on is only the last report of a trial that was left running.
    """
    frame = load_results(recorder.folder, columns=["trial", "iteration", "score", "status"])
    decided: dict[str, list[tuple[int, float, str]]] = {}
    for name, reports in frame.groupby("trial"):
        status = reports["status"].iloc[-1]
        past = reports.iloc[:-1] if status == "running" else reports
        decisions = [str(TrialScheduler.CONTINUE)] * len(past)
        if status == "stopped":
            decisions[-1] = str(TrialScheduler.STOP)
        decided[str(name)] = [
            (int(iteration), float(score), decision)
            for iteration, score, decision in zip(past["iteration"], past["score"], decisions, strict=True)
            if not math.isnan(score)
        ]
    return decided


def _is_searched(trial: Trial) -> bool:
    return TrialView(trial).role in _SEARCHED
