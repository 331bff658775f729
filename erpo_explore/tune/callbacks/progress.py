"""Progress of a running exploration: a live table on a terminal, one line per report elsewhere.

Tune pickles its callbacks with the run, so the console is opened when the run starts and is no part of the state.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ray import tune
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from erpo_explore.tune.callbacks.recorder import reported_status
from erpo_explore.tune.trial_view import TrialView

__all__ = ["ProgressCallback"]

_ENDED = ("diverged", "stopped")
"""Statuses of a report that are shown instead of Tune's."""

_STATES = {"PENDING": "waits", "PAUSED": "waits", "RUNNING": "trains", "TERMINATED": "finished", "ERROR": "failed"}


class ProgressCallback(tune.Callback):
    """Shows trials, steps, points, scores and the time left."""

    def __init__(self, *, exploration: str, num_trials: int, steps: int, score_name: str) -> None:
        """Begin without reports.

        Args:
            exploration: Name of the exploration.
            num_trials: Number of trials.
            steps: Budget of each trial in optimizer steps.
            score_name: Name of the task's own metric.
        """
        self._title = exploration
        self._num_trials = num_trials
        self._steps = steps
        self._score_name = score_name
        self._reports: dict[str, Mapping[str, Any]] = {}
        self._live: Live | None = None
        self._console: Console | None = None
        self._started = 0.0
        self._started_steps = 0
        self._states: dict[str, str] = {}

    def __getstate__(self) -> dict[str, Any]:
        """State without the console, which belongs to one process."""
        return self.__dict__ | {"_live": None, "_console": None}

    def setup(self, *args: Any, **info: Any) -> None:
        """Open the console."""
        del args, info
        self._started, self._started_steps = time.monotonic(), self._steps_done()
        self._console = Console(stderr=True)
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, get_renderable=lambda: self._render())
            self._live.start()

    def get_state(self) -> dict[str, Any]:
        """Reports so far, which a resumed run shows."""
        return {"reports": dict(self._reports)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_state` returned."""
        self._reports = dict(state["reports"])
        self._started_steps = self._steps_done()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: Mapping[str, Any], **info: Any
    ) -> None:
        """Show one report."""
        del iteration, trials, info
        name = TrialView(trial).name
        self._reports[name] = {key: result[key] for key in ("step", "score", "objective", "parent")} | {
            "status": reported_status(result),
            # the name of an algorithm says what it trains on
            "point": "" if TrialView(trial).spec.algorithm is not None else _brief(result),
        }
        if self._live is None and self._console is not None:
            self._console.print(self._line(name), highlight=False, soft_wrap=True, markup=False)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Note which trials train and which wait."""
        del iteration, info
        self._states = {TrialView(trial).name: _STATES.get(trial.status, trial.status.lower()) for trial in trials}

    def close(self) -> None:
        """Stop updating, and leave the last table on the screen."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def on_experiment_end(self, trials: Sequence[Any], **info: Any) -> None:
        """Close the table when the run has ended."""
        del trials, info
        self.close()

    def _steps_done(self) -> int:
        return sum(int(report["step"]) for report in self._reports.values())

    def _seconds_left(self) -> float | None:
        done = self._steps_done()
        new = done - self._started_steps
        ended: int = sum(
            self._steps - report["step"] for report in self._reports.values() if report["status"] in _ENDED
        )
        if new <= 0:
            return None
        left = self._num_trials * self._steps - ended - done
        return (time.monotonic() - self._started) / new * left

    def _line(self, name: str) -> str:
        report = self._reports[name]
        score = "diverged" if report["score"] is None else f"{self._score_name} {report['score']:.2f}"
        left = f"{_duration(self._seconds_left())} left"
        events = f"cloned {report['parent']}" if report["parent"] else ""
        events += "stopped early" if report["status"] == "stopped" else ""
        parts = (f"{name:<18} step {report['step']}/{self._steps}", score, left, report["point"], events)
        return "  ".join(part for part in parts if part)

    def _render(self) -> Group:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column, justify in (
            ("trial", "left"),
            ("state", "left"),
            ("step", "right"),
            (self._score_name, "right"),
            ("point", "left"),
            ("cloned", "left"),
        ):
            table.add_column(column, justify=justify, no_wrap=column != "point")  # type: ignore[arg-type]
        states = self._states
        best = max((r["objective"] for r in self._reports.values() if r["objective"] is not None), default=None)
        for name in sorted(states):
            report = self._reports.get(name)
            if report is None:
                table.add_row(name, states[name], f"0/{self._steps}", "", "", "")
                continue
            score = "" if report["score"] is None else f"{report['score']:.2f}"
            state = report["status"] if report["status"] in _ENDED else states[name]
            row = (name, state, f"{report['step']}/{self._steps}", score, report["point"], report["parent"] or "")
            table.add_row(
                *row, style="green" if report["objective"] is not None and report["objective"] == best else None
            )
        total, done = self._num_trials * self._steps, self._steps_done()
        head = Text.assemble((self._title, "bold"), f"  {done}/{total} steps, {_duration(self._seconds_left())} left")
        return Group(head, ProgressBar(total=total, completed=done, width=60), Text(), table)


def _brief(result: Mapping[str, Any]) -> str:
    """The point of a report in a few words: the weights of its reward, then α and β where they are not usual.

    >>> weights = {"reward_truth": 0.787, "reward_noise": 0.204, "reward_task": 0.0, "reward_model": 0.009}
    >>> _brief(weights | {"alpha": 0.0, "beta": 1.0})
    'truth 0.79 noise 0.20 model 0.01'
    >>> _brief({"reward_truth": 0.0, "reward_task": 1.0, "metric": "bleu", "alpha": 0.5, "beta": 0.1})
    'bleu 1.00 α=0.5 β=0.1'
    """
    weights = ((name, result.get(f"reward_{name}", 0.0)) for name in ("truth", "noise", "task", "model"))
    words = [f"{result['metric'] if name == 'task' else name} {weight:.2f}" for name, weight in weights if weight]
    words += [f"α={result['alpha']:.3g}"] if result["alpha"] else []
    words += [f"β={result['beta']:.3g}"] if result["beta"] not in (1.0, 0.0) else []
    return " ".join(words)


def _duration(seconds: float | None) -> str:
    """A duration in its two largest units, such as `3 min 07 s`."""
    if seconds is None:
        return "…"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
