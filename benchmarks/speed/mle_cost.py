"""What a training step costs in the settings of `multi30k_mle.yaml`, in CPU time of one thread, at some baselines.

    .venv/bin/python -m benchmarks.speed.mle_cost --data DIR [--rows lstm quarter-transformer] [--baselines mle spg]
        [--rounds 8]

CPU time, not the clock, so that it can be taken beside other work. All baselines train the same weights on the same
batches, at a learning rate near 0, after some steps of maximum likelihood, so that draws end where sentences do.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Final

import torch

from benchmarks.speed.timing import number
from benchmarks.studies.mle_plan import Planned, load_plan, plan_of
from erpo_explore.space import ALGORITHMS, Point, algorithm
from erpo_explore.tasks import Task, load_task
from erpo_explore.trial import TrainingRun, TrialSpec

__all__ = ["costs_ms"]

_ALGORITHMS: Final = ("mle", "label_smoothing", "raml", "scheduled_sampling", "spg", "policy_gradient", "interpolation")


def main() -> None:
    """Print a row a setting: milliseconds of maximum likelihood, and how many times that each algorithm takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.de, train.en, valid.de, …")
    parser.add_argument("--rows", nargs="+", default=["lstm"], help="rows of the plan")
    parser.add_argument(
        "--baselines", nargs="+", choices=ALGORITHMS, default=list(_ALGORITHMS), help="compared with mle"
    )
    parser.add_argument("--rounds", type=int, default=8, help="steps of each algorithm")
    parser.add_argument("--warm", type=int, default=150, help="steps of maximum likelihood before them")
    options = parser.parse_args()
    torch.set_num_threads(1)
    baselines = [name for name in options.baselines if name != "mle"]
    planned = {one.row: one for one in load_plan(plan_of("multi30k"), options.data)}
    print(f"| row | mle, CPU ms | labels a CPU second | {' | '.join(baselines)} |")
    print("| --- |" + " ---: |" * (2 + len(baselines)))
    for row in options.rows:
        taken, labels_per_s = costs_ms(planned[row], ["mle", *baselines], rounds=options.rounds, warm=options.warm)
        ratios = [f"{taken[name] / taken['mle']:.2f}" for name in baselines]
        print(f"| {' | '.join([f'`{row}`', number(taken['mle']), number(labels_per_s), *ratios])} |", flush=True)


def costs_ms(planned: Planned, baselines: list[str], *, rounds: int, warm: int) -> tuple[dict[str, float], float]:
    """Median CPU milliseconds of a step at each algorithm's half-way point, and labels of the first a CPU second."""
    task = load_task(planned.space.task)
    points = {name: algorithm(name).path(task.metric).at(0.5) for name in baselines}
    run = _warm_run(planned, task, points["mle"], warm)
    times: dict[str, list[float]] = {name: [] for name in baselines}
    num_labels = 0
    # the first round is not clocked: memory and kernels are prepared in it
    for index in range(rounds + 1):
        for name, point in points.items():
            began_s = time.process_time()
            outcome = run.train_step(point)
            if index > 0:
                times[name].append(time.process_time() - began_s)
                num_labels += outcome.num_tokens if name == baselines[0] else 0
        run.step += 1
    taken = {name: 1e3 * statistics.median(seconds) for name, seconds in times.items()}
    return taken, num_labels / sum(times[baselines[0]])


def _warm_run(planned: Planned, task: Task, mle: Point, steps: int) -> TrainingRun:
    """A run after so many steps, whose learning rate is near 0 from there on."""
    space = planned.space
    spec = TrialSpec(
        name="cost", role="algorithm", algorithm="mle", seed=planned.seed, path=algorithm("mle").path(task.metric)
    )
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
