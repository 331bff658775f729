"""What several steps on one set of draws save, and what they cost in score: `reuse` 1, 2 and 4.

    .venv/bin/python -m benchmarks.speed.reuse [--seeds 3] [--words 2000] [--units 48] [--steps 600]

Words to phonemes. Half of the steps are maximum likelihood; from these weights each value of `reuse` continues with
RLOO, K = 4, and so does maximum likelihood. They take turns, so that a slow minute slows all of
them. Times are CPU time of training alone; scores are phoneme error rates on 500 words, paired by seed.
"""

import argparse
import sys
import time
from statistics import mean, stdev
from typing import Final

import torch

from erpo_explore.config.experiment import Training
from erpo_explore.seq2seq import LstmConfig
from erpo_explore.space import Estimator, Path, Point, Reward, algorithm
from erpo_explore.tasks import Task, load_task
from erpo_explore.tasks.config import PronunciationsConfig
from erpo_explore.trial import TrainingRun, TrialSpec, evaluate
from erpo_explore.trial.training import first_pairs

__all__ = ["POINTS", "main", "measured"]

_CPU: Final = torch.device("cpu")
_TURNS: Final = 10
_NUM_WORDS: Final = 500


def _rloo(reuse: int) -> Point:
    estimator = Estimator(samples=4, baseline="leave_one_out", reuse=reuse)
    return Point(reward=Reward(task=1.0, metric="edit"), alpha=float("inf"), beta=0.0, estimator=estimator)


POINTS: Final = {"mle": algorithm("mle").path("edit").end} | {f"reuse {n}": _rloo(n) for n in (1, 2, 4)}


def measured(task: Task, units: int, steps: int, seed: int) -> dict[str, tuple[float, float]]:
    """CPU seconds per step and the score at the end, by point."""
    half = steps // 2
    training = Training(steps=steps, interval=half, batch_size=64, learning_rate=4e-3, decay="linear")

    def run_at(point: Point) -> TrainingRun:
        spec = TrialSpec(name="reuse", role="path", algorithm=None, seed=seed, path=Path.constant(point))
        return TrainingRun(task, LstmConfig(hidden_size=units), training, spec, _CPU)

    first = run_at(POINTS["mle"])
    first.advance()
    runs = {name: run_at(point) for name, point in POINTS.items()}
    for run in runs.values():
        run.load_state(first.state())
    seconds = dict.fromkeys(runs, 0.0)
    for _ in range(_TURNS):
        for name, run in runs.items():
            started = time.process_time()
            for _ in range(half // _TURNS):
                run.train_step(POINTS[name])
                run.step += 1
            seconds[name] += time.process_time() - started
    validation = first_pairs(task.validation, _NUM_WORDS)
    return {name: (seconds[name] / half, evaluate(run.model, task, validation).score) for name, run in runs.items()}


def main(arguments: list[str]) -> str:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, default in (("seeds", 3), ("words", 2000), ("units", 48), ("steps", 600)):
        parser.add_argument(f"--{option}", type=int, default=default)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    task = load_task(PronunciationsConfig.model_validate({"train_limit": options.words}))
    found = [measured(task, options.units, options.steps, seed) for seed in range(options.seeds)]
    lines = [
        "| point | CPU ms per step | of reuse 1 | phoneme error | less that of reuse 1 |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in POINTS:
        times, scores = zip(*(each[name] for each in found), strict=True)
        ratio = mean(each[name][0] / each["reuse 1"][0] for each in found)
        gaps = [each[name][1] - each["reuse 1"][1] for each in found]
        error = stdev(gaps) / len(gaps) ** 0.5 if len(gaps) > 1 else float("nan")
        gap = "" if name == "reuse 1" else f"{mean(gaps):+.2f} ± {error:.2f}"
        lines.append(f"| `{name}` | {1e3 * mean(times):.1f} | {ratio:.2f} | {mean(scores):.2f} | {gap} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(main(sys.argv[1:]))
