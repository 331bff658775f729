"""What a training step costs in the settings of `multi30k_mle.yaml`, in CPU time of one thread, at some dots.

    .venv/bin/python -m benchmarks.speed.mle_cost --data DIR [--rows lstm quarter-transformer] [--dots mle spg]
        [--rounds 8]

CPU time, not the clock, so that it can be taken beside other work. All dots train the same weights on the same batches,
at a learning rate near 0, after some steps of maximum likelihood, so that draws end where sentences do.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Final

import torch

from benchmarks.speed.timing import number
from benchmarks.studies.mle_plan import Planned, load_plan, plan_of
from erpo_explore.space import DOTS, Point, dot
from erpo_explore.tasks import Task, load_task
from erpo_explore.trial import TrainingRun, TrialSpec

__all__ = ["costs_ms"]

_DOTS: Final = ("mle", "label_smoothing", "raml", "scheduled_sampling", "spg", "policy_gradient", "interpolation")


def main() -> None:
    """Print a row a setting: milliseconds of maximum likelihood, and how many times that each dot takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.de, train.en, valid.de, …")
    parser.add_argument("--rows", nargs="+", default=["lstm"], help="rows of the plan")
    parser.add_argument("--dots", nargs="+", choices=DOTS, default=list(_DOTS), help="compared with mle")
    parser.add_argument("--rounds", type=int, default=8, help="steps of each dot")
    parser.add_argument("--warm", type=int, default=150, help="steps of maximum likelihood before them")
    options = parser.parse_args()
    torch.set_num_threads(1)
    dots = [name for name in options.dots if name != "mle"]
    planned = {one.row: one for one in load_plan(plan_of("multi30k"), options.data)}
    print(f"| row | mle, CPU ms | labels a CPU second | {' | '.join(dots)} |")
    print("| --- |" + " ---: |" * (2 + len(dots)))
    for row in options.rows:
        taken, labels_per_s = costs_ms(planned[row], ["mle", *dots], rounds=options.rounds, warm=options.warm)
        ratios = [f"{taken[name] / taken['mle']:.2f}" for name in dots]
        print(f"| {' | '.join([f'`{row}`', number(taken['mle']), number(labels_per_s), *ratios])} |", flush=True)


def costs_ms(planned: Planned, dots: list[str], *, rounds: int, warm: int) -> tuple[dict[str, float], float]:
    """Median CPU milliseconds of a step at each dot's half-way point, and labels of the first a CPU second."""
    task = load_task(planned.space.task)
    points = {name: dot(name, metric=task.metric).at(0.5) for name in dots}
    run = _warm_run(planned, task, points["mle"], warm)
    times: dict[str, list[float]] = {name: [] for name in dots}
    num_labels = 0
    # the first round is not clocked: memory and kernels are prepared in it
    for index in range(rounds + 1):
        for name, point in points.items():
            began_s = time.process_time()
            outcome = run.train_step(point)
            if index > 0:
                times[name].append(time.process_time() - began_s)
                num_labels += outcome.num_tokens if name == dots[0] else 0
        run.step += 1
    taken = {name: 1e3 * statistics.median(seconds) for name, seconds in times.items()}
    return taken, num_labels / sum(times[dots[0]])


def _warm_run(planned: Planned, task: Task, mle: Point, steps: int) -> TrainingRun:
    """A run after so many steps, whose learning rate is near 0 from there on."""
    space = planned.space
    spec = TrialSpec(name="cost", role="dot", dot="mle", seed=planned.seed, path=dot("mle", metric=task.metric))
    warm_training = space.training.model_copy(update={"steps": 1_000_000, "interval": 1})
    warmed = TrainingRun(task, space.model, warm_training, spec, torch.device("cpu"))
    for _ in range(steps):
        warmed.train_step(mle)
        warmed.step += 1
    still = warm_training.model_copy(update={"learning_rate": 1e-9})
    run = TrainingRun(task, space.model, still, spec, torch.device("cpu"))
    run.load_state(warmed.state())
    return run


if __name__ == "__main__":
    main()
