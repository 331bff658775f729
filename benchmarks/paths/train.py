"""Train every path of a benchmark for one seed, sharing what paths have in common.

    python -m benchmarks.paths.train --task pronunciations --seed 1 --out results/paths
    python -m benchmarks.paths.train --task pronunciations --seed 6 --out results/paths --paths mmmm llms lmss

With A algorithms and Q phases, A + A² + … + A^Q trainings of one phase give all A^Q paths. They are trained depth
first, so at most Q checkpoints are held, in memory. The same command goes on where it was killed; at most Q − 1 phases
are then trained again, and must give the same scores.

All paths of a seed are paired: the same initial weights, the same batches in the same order, and the same sentences to
score. The draws of a phase (targets, dropout masks) come from streams that (seed, first step of the phase) name. So a
score depends on seed and path alone, not on what else was trained before.
"""

import argparse
import platform
import subprocess
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from typing_extensions import override

from benchmarks.paths.log import PhaseRow, TreeLog, pack_sentences
from benchmarks.paths.tasks import BENCHMARKS, Benchmark
from erpo_explore.errors import ConfigError, ErpoExploreError
from erpo_explore.tasks import Task
from erpo_explore.trial import TrainingRun, TrialSpec
from erpo_explore.trial.evaluation import Scores
from erpo_explore.trial.schedule import ScheduleState

__all__ = ["all_paths", "train_tree"]


def main() -> None:
    """Train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=list(BENCHMARKS), required=True)
    parser.add_argument("--seed", type=int, required=True, help="seed of weights, batches and draws")
    parser.add_argument("--out", type=Path, required=True, help="folder of the logs, one per task and seed")
    parser.add_argument("--data", type=Path, help="folder of the text, for a task that does not come with the package")
    parser.add_argument("--paths", nargs="+", metavar="LETTERS", help="train these paths; default: all")
    options = parser.parse_args()
    torch.set_num_threads(1)
    benchmark = BENCHMARKS[options.task]
    try:
        log = TreeLog(options.out / f"{options.task}-{options.seed}.jsonl", settings_of(benchmark), circumstances())
        task = benchmark.load(options.data)
        print(task.describe(), flush=True)
        train_tree(benchmark, task, options.seed, log, options.paths or all_paths(benchmark))
    except ErpoExploreError as error:
        parser.exit(2, f"{error}\n")


def settings_of(benchmark: Benchmark) -> dict[str, Any]:
    """What determines the rows, as plain values."""
    return {
        "task": benchmark.name,
        "model": benchmark.model.model_dump(mode="json"),
        "training": benchmark.training.model_dump(mode="json"),
        "points": {letter: point.to_dict() for letter, point in benchmark.points.items()},
    }


def circumstances() -> dict[str, str]:
    """Commit, versions and processor."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "commit": commit or "unknown",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }


def all_paths(benchmark: Benchmark) -> list[str]:
    """Every path, in the order in which it is trained."""
    paths = [""]
    for _ in range(benchmark.num_phases):
        paths = [path + letter for path in paths for letter in benchmark.points]
    return paths


def train_tree(benchmark: Benchmark, task: Task, seed: int, log: TreeLog, paths: Collection[str]) -> None:
    """Train the missing phases of some paths, depth first.

    Args:
        benchmark: Algorithms, model and budget.
        task: The loaded task.
        seed: Seed of weights, batches and draws.
        log: Takes a row per phase.
        paths: Whole paths.

    Raises:
        ConfigError: A path has an unknown letter or another number of phases.
        ResultsError: A phase that was trained again has another score.
    """
    for path in paths:
        if len(path) != benchmark.num_phases or set(path) - set(benchmark.points):
            raise ConfigError(
                f"--paths must have {benchmark.num_phases} letters of {''.join(benchmark.points)}, got {path!r}"
            )
    prefixes = {path[:length] for path in paths for length in range(1, benchmark.num_phases + 1)}

    def visit(prefix: str, state: Mapping[str, Any] | None) -> None:
        for letter in benchmark.points:
            path = prefix + letter
            missing = [other for other in prefixes if other.startswith(path) and other not in log.rows]
            if not missing:
                continue
            row, after = _train_phase(benchmark, task, seed, path, state)
            log.add(row)
            print(f"{path} {row.score:.3f} {row.train_s:.2f} + {row.evaluation_s:.2f} CPU-seconds", flush=True)
            if len(path) < benchmark.num_phases:
                visit(path, after)

    visit("", None)


def _train_phase(
    benchmark: Benchmark, task: Task, seed: int, path: str, before: Mapping[str, Any] | None
) -> tuple[PhaseRow, dict[str, Any]]:
    """Train the last phase of a path from the state before it.

    Raises:
        ConfigError: The loss became non-finite.
    """
    schedule = benchmark.path(path)
    spec = TrialSpec(name=path, role="path", algorithm=None, seed=seed, path=schedule)
    run = _TimedRun(task, benchmark.model, benchmark.training, spec, torch.device("cpu"))
    if before is not None:
        # the state is that of another trial, so the draws are those of (seed, step)
        run.load_state({**before, "schedule": ScheduleState(schedule).state()})
    started = time.process_time()
    scores = run.advance().scores
    took_s = time.process_time() - started
    if scores is None or scores.statistics is None:
        raise ConfigError(f"{path}: the loss became non-finite; lower the learning rate")
    row = PhaseRow(
        path=path,
        score=scores.score,
        validation_nll_nats=round(scores.validation_nll_nats, 5),
        train_s=round(took_s - run.evaluation_s, 3),
        evaluation_s=round(run.evaluation_s, 3),
        sentences=pack_sentences(scores.statistics) if len(path) == benchmark.num_phases else "",
    )
    return row, run.state()


class _TimedRun(TrainingRun):
    """A run that measures the CPU-seconds of its last evaluation."""

    evaluation_s = 0.0

    @override
    def _evaluate(self, num_samples: int) -> Scores:
        started = time.process_time()
        scores = super()._evaluate(num_samples)
        self.evaluation_s = time.process_time() - started
        return scores


if __name__ == "__main__":
    main()
