"""CPU time of a training step per algorithm, in the settings of `multi30k_mle.yaml`, in one thread.

    .venv/bin/python -m benchmarks.speed.mle_cost --data DIR [--rows lstm quarter-transformer] [--algorithms raml spg]
        [--rounds 8]

CPU time, not wall time, so that other work on the machine does not distort it. All algorithms train the same weights on
the same batches at a learning rate near 0. Some steps of maximum likelihood come first, so that sampled sentences end.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Final

import torch

from benchmarks.speed.timing import number
from benchmarks.studies.mle_plan import PlannedRun, load_plan, plan_file
from erpo_explore.space import ALGORITHMS, Point, algorithm
from erpo_explore.tasks import Task, load_task
from erpo_explore.trial import TrainingRun, TrialSpec

__all__ = ["costs_ms"]

_ALGORITHMS: Final = ("mle", "label_smoothing", "raml", "scheduled_sampling", "spg", "policy_gradient", "interpolation")


def main() -> None:
    """Print one row per setting: milliseconds of maximum likelihood, and each algorithm as a multiple of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.de, train.en, valid.de, …")
    parser.add_argument("--rows", nargs="+", default=["lstm"], help="rows of the plan")
    parser.add_argument(
        "--algorithms", nargs="+", choices=ALGORITHMS, default=list(_ALGORITHMS), help="algorithms compared with mle"
    )
    parser.add_argument("--rounds", type=int, default=8, help="steps of each algorithm")
    parser.add_argument("--warm", type=int, default=150, help="steps of maximum likelihood before the measurement")
    options = parser.parse_args()
    torch.set_num_threads(1)
    algorithms = [name for name in options.algorithms if name != "mle"]
    planned = {one.row: one for one in load_plan(plan_file("multi30k"), options.data)}
    print(f"| row | mle, CPU ms | labels per CPU second | {' | '.join(algorithms)} |")
    print("| --- |" + " ---: |" * (2 + len(algorithms)))
    for row in options.rows:
        taken, labels_per_s = costs_ms(planned[row], ["mle", *algorithms], rounds=options.rounds, warm=options.warm)
        ratios = [f"{taken[name] / taken['mle']:.2f}" for name in algorithms]
        print(f"| {' | '.join([f'`{row}`', number(taken['mle']), number(labels_per_s), *ratios])} |", flush=True)


def costs_ms(planned: PlannedRun, algorithms: list[str], *, rounds: int, warm: int) -> tuple[dict[str, float], float]:
    """Median CPU milliseconds per step at the middle of each path, and labels per CPU second of the first."""
    task = load_task(planned.experiment.task)
    points = {name: algorithm(name).path(task.reward_metric).at(0.5) for name in algorithms}
    run = _warm_run(planned, task, points["mle"], warm)
    times: dict[str, list[float]] = {name: [] for name in algorithms}
    num_labels = 0
    # the first round is a warm-up: it prepares memory and kernels
    for index in range(rounds + 1):
        for name, point in points.items():
            began_s = time.process_time()
            outcome = run.train_step(point)
            if index > 0:
                times[name].append(time.process_time() - began_s)
                num_labels += outcome.num_tokens if name == algorithms[0] else 0
        run.step += 1
    taken = {name: 1e3 * statistics.median(seconds) for name, seconds in times.items()}
    return taken, num_labels / sum(times[algorithms[0]])


def _warm_run(planned: PlannedRun, task: Task, mle: Point, steps: int) -> TrainingRun:
    """A run after a number of steps, with a learning rate near 0 from then on."""
    experiment = planned.experiment
    spec = TrialSpec(
        name="cost",
        role="algorithm",
        algorithm="mle",
        seed=planned.seed,
        path=algorithm("mle").path(task.reward_metric),
    )
    warm_training = experiment.training.model_copy(update={"steps": 1_000_000, "interval": 1})
    warmed = TrainingRun(task, experiment.model, warm_training, spec, torch.device("cpu"))
    for _ in range(steps):
        warmed.train_step(mle)
        warmed.step += 1
    frozen = warm_training.model_copy(update={"learning_rate": 1e-9})
    run = TrainingRun(task, experiment.model, frozen, spec, torch.device("cpu"))
    run.load_state(warmed.state())
    return run


if __name__ == "__main__":
    main()
