"""CPU time of the decisions of a search by branches, without training and without Ray's processes.

    python -m benchmarks.speed.branch_cost                   # 8, 32, 64 and 256 trials

Real: the searcher, its model, what it records in the results folder, and what is handed over after every trial.
Simulated: training. A phase adds an effect of its algorithm and some luck, so scores cost nothing. The time is given
per phase that is trained, as a share of a phase of one 60 s interval. Longer phases make the share smaller.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.trials import plan_trials
from erpo_explore.store import ResultsWriter
from erpo_explore.trial.assignment import Assignment
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.schedulers.branch_searcher import PlannedThenBranches
from erpo_explore.tune.scoreboard import Scoreboard, Scored

__all__ = ["decision_times"]

_INTERVAL_S: Final = 60.0
_PHASES: Final = 4
_COSTS: Final = {"mle": 1.0, "label_smoothing": 1.0, "raml": 1.05, "data_noising": 1.0, "grpo": 4.0}


def decision_times(num_trials: int, folder: Path) -> tuple[int, list[float]]:
    """Phases that are trained, and CPU seconds of each decision with what is recorded at it.

    Args:
        num_trials: Trials that are trained, one after the other.
        folder: New results folder.
    """
    candidates = {name: {} for name in _COSTS} | {"raml": {"temperature": 0.1}}
    experiment = Experiment.from_dict(
        {
            "name": "cost",
            "task": {"name": "toy"},
            "training": {"steps": _PHASES, "interval": 1},
            "search": {"method": "branch", "members": num_trials, "phases": _PHASES, "candidates": candidates},
            "baselines": ["mle"],
        }
    )
    ResultsWriter.create(folder, {"exploration": "cost", "search_costs": _COSTS})
    board = Scoreboard(folder, frozenset(range(1, _PHASES)))
    recorder = Recorder(exploration="cost", task="toy", model="none", metric="bleu", scoreboard=board)
    searcher = PlannedThenBranches(experiment, plan_trials(experiment, "bleu"), "bleu", recorder, slots=lambda: 1)
    effect_QA = np.random.default_rng(0).normal(0.0, 0.3, (_PHASES, len(_COSTS)))
    effect_QA[:, 0] = 0.0
    scores: dict[tuple[int, tuple[int, ...]], float] = {}
    num_phases, times = 0, []
    for number in range(num_trials):
        started = time.process_time()
        config: Any = searcher.suggest(f"id{number}")
        spent = time.process_time() - started
        if not isinstance(config, dict):
            raise TypeError(f"{number} of {num_trials} trials, then {config}")
        assignment = Assignment.from_dict(config)
        letters = searcher._turns.letters_of(assignment.spec.path)
        for phase in range(assignment.generation, _PHASES):
            before = scores.get((assignment.spec.seed, letters[:phase]), 0.0)
            luck = np.random.default_rng((assignment.spec.seed, *letters[: phase + 1])).normal(0.0, 0.2)
            score = before + 5.0 + float(effect_QA[phase, letters[phase]]) + float(luck)
            scores[assignment.spec.seed, letters[: phase + 1]] = score
            board.note_score(assignment.spec.name, phase + 1, Scored(phase + 1, score, score))
            board.note_checkpoints(assignment.spec.name, {phase + 1: object()})
            num_phases += 1
        started = time.process_time()
        searcher.on_trial_complete(f"id{number}", {})
        times.append(spent + time.process_time() - started)
    return num_phases, times


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[8, 32, 64, 256], help="trials per search")
    chosen = parser.parse_args()
    print("| trials | phases | CPU, ms per phase | of a 60 s phase | slowest decision, ms |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    for num_trials in chosen.trials:
        with tempfile.TemporaryDirectory() as folder:
            num_phases, times = decision_times(num_trials, Path(folder) / "results")
        each_s = sum(times) / num_phases
        share = 100.0 * each_s / _INTERVAL_S
        slowest = 1e3 * max(times)
        print(f"| {num_trials} | {num_phases} | {1e3 * each_s:.0f} | {share:.2f} % | {slowest:.0f} |", flush=True)


if __name__ == "__main__":
    main()
