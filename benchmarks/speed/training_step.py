"""Cost of a training step per algorithm and at the points of the goals, as ratios within one run.

    .venv/bin/python -m benchmarks.speed.training_step [--data DIR] [--rounds 15] [--cpu-time]
    .venv/bin/python -m benchmarks.speed.training_step --device cuda --precision fp32 bf16 --compile

A step is that of a trial: batch, E-step, M-step, backward, clipping, Adam. All points train the same weights in turn at
a learning rate near 0. Some steps of maximum likelihood come first, so that sampled sentences end. The second table
divides each step by the number of labels that it trained: drawn targets are longer or shorter than references.

With `--cpu-time` and one thread, a table is that of the work alone, also beside other processes.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import torch

from benchmarks.speed.timing import Figures, Goal, Work, interleaved, machine, table
from benchmarks.studies.multi30k import BATCH_SIZE, UNITS, add_data_option, multi30k
from erpo_explore.config.experiment import Training
from erpo_explore.seq2seq import LstmConfig
from erpo_explore.space import ALGORITHMS, Point, algorithm
from erpo_explore.space.estimator import Estimator
from erpo_explore.tasks import Task
from erpo_explore.trial import TrainingRun, TrialSpec

__all__ = ["CASES", "MLE", "Case", "Comparison", "Variant", "compare", "options", "trained_run"]

Precision = Literal["fp32", "bf16"]

MLE: Final = algorithm("mle").path("bleu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A point and the goal for its step."""

    point: Point
    goal: Goal


_OFFLINE, _SEQUENCE = 1.1, 4.6
_MOST: Final = {
    "label_smoothing": _OFFLINE,
    "data_noising": _OFFLINE,
    "raml": 1.2,
    "raml_stratified": _OFFLINE,
    "raml_ngram": _OFFLINE,
    "spg": 1.5,
    "rloo": _SEQUENCE,
    "grpo": _SEQUENCE,
}
"""Upper bounds for a step as multiples of `mle`; `rloo` and `grpo` draw 4 targets per source."""

_PER_LABEL: Final = {"interpolation": 1.7, "raml bleu": 1.3}
"""Upper bounds for a trained label as multiples of one of `mle`."""


def _cases() -> Mapping[str, Case]:
    """Every algorithm at the end of its path, where it is furthest from maximum likelihood, and the goals' points."""
    cases = {
        name: Case(point=algorithm(name).path("bleu").end, goal=Goal(base="mle", most=_MOST.get(name)))
        for name in ALGORITHMS
    }
    raml, spg = cases["raml"].point, cases["spg"].point
    sequence, several = Goal(base="mle", most=_SEQUENCE), {"samples": 4}
    halfway = algorithm("interpolation").path("bleu").at(0.5)
    return cases | {
        "interpolation half-way": Case(point=halfway, goal=Goal(base="mle")),
        "grpo K=2": Case(point=algorithm("grpo", samples=2).path("bleu").end, goal=Goal(base="mle", most=2.6)),
        "raml bleu": Case(
            point=algorithm("raml", metric="bleu", temperature=0.01).path("bleu").end,
            goal=Goal(base="mle"),
        ),
        "raml expected": Case(point=replace(raml, label="expected"), goal=Goal(base="raml", most=1.05)),
        "raml sequence K=4": Case(point=replace(raml, estimator=Estimator(kind="sequence", samples=4)), goal=sequence),
        "spg sequence K=4": Case(point=replace(spg, estimator=Estimator(kind="sequence", samples=4)), goal=sequence),
        "minimum_risk K=4": Case(point=algorithm("minimum_risk", **several).path("bleu").end, goal=sequence),
        "target_policy K=4": Case(point=algorithm("target_policy", **several).path("bleu").end, goal=sequence),
    }


CASES: Final = _cases()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """How a step is computed."""

    precision: Precision = "fp32"
    compiled: bool = False

    @property
    def suffix(self) -> str:
        """Suffix of a piece's name; empty for the default."""
        return (" bf16" if self.precision == "bf16" else "") + (" compiled" if self.compiled else "")


def trained_run(
    task: Task, device: torch.device, steps: int, *, learning_rate: float = 2e-3, precision: Precision = "fp32"
) -> TrainingRun:
    """A run after `steps` steps of maximum likelihood."""
    training = Training(
        batch_size=BATCH_SIZE, learning_rate=learning_rate, precision=precision, steps=1_000_000, interval=1
    )
    spec = TrialSpec(name="benchmark", role="algorithm", algorithm="mle", seed=0, path=MLE)
    run = TrainingRun(task, LstmConfig(hidden_size=UNITS), training, spec, device)
    for _ in range(steps):
        run.train_step(MLE.end)
        run.step += 1
    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Figures and goals by piece, and the pieces that failed, with reasons."""

    figures: Figures
    per_label: Figures
    goals: Mapping[str, Goal]
    left_out: Mapping[str, str]

    def report(self, device: torch.device) -> str:
        """The table, the pieces missing from it, and the machine."""
        missing = [f"{name} failed: {reason}" for name, reason in self.left_out.items()]
        of_labels = {name: replace(goal, most=_PER_LABEL.get(name)) for name, goal in self.goals.items()}
        tables = [table(self.figures, self.goals, title="point")]
        tables.append("\n" + table(self.per_label, of_labels, title="point, per 1,000 labels"))
        return "\n".join([*tables, *missing, machine(device)])


def compare(
    task: Task,
    variants: Mapping[Variant, Mapping[str, Case]],
    *,
    device: torch.device,
    rounds: int,
    warm: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Time the cases of each variant, interleaved; a case that fails in its first step is left out."""
    start = trained_run(task, device, warm).state()
    work: dict[str, Work] = {}
    goals: dict[str, Goal] = {}
    left_out: dict[str, str] = {}
    runs = []
    labels: dict[str, list[int]] = {}
    for variant, cases in variants.items():
        run = trained_run(task, device, 0, learning_rate=1e-9, precision=variant.precision)
        run.load_state(start)
        runs.append(run)
        if variant.compiled:
            _compile(run)
        for name, case in cases.items():
            name = name + variant.suffix
            piece = _step(run, case.point, labels.setdefault(name, []))
            try:
                piece(0)
            except Exception as error:  # any error of a compiler or a missing kernel; the other rows still count
                left_out[name] = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
                continue
            # a variant's mle is compared with the first variant's, everything else with its own
            own = "" if f"{case.goal.base}{variant.suffix}" == name else variant.suffix
            work[name], goals[name] = piece, replace(case.goal, base=f"{case.goal.base}{own}")

    def next_batch(_: int) -> None:
        for run in runs:
            run.step += 1

    figures = interleaved(work, rounds, device=device, before=next_batch, clock=clock)
    return Comparison(
        figures=figures,
        per_label={
            name: [1e3 * seconds / number for seconds, number in zip(values, labels[name][-rounds:], strict=True)]
            for name, values in figures.items()
        },
        goals={name: goal for name, goal in goals.items() if goal.base in figures},
        left_out=left_out,
    )


def _step(run: TrainingRun, point: Point, labels: list[int]) -> Work:
    """A step, which adds the number of labels that it trained."""
    return lambda _: labels.append(run.train_step(point).num_tokens)


def _compile(run: TrainingRun) -> None:
    """Compile the methods that are one graph per call; packing and the choice of kept labels are not."""
    for name in ("features", "advance", "project"):
        setattr(run.model, name, torch.compile(getattr(run.model, name), dynamic=True))


def options(doc: str) -> argparse.ArgumentParser:
    """Options of all benchmarks of training steps."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser)
    parser.add_argument("--rounds", type=int, default=15, help="steps per piece")
    parser.add_argument("--warm", type=int, default=150, help="steps of maximum likelihood before the measurement")
    parser.add_argument("--threads", type=int, default=2, help="threads of PyTorch on the CPU")
    return parser


def main() -> int:
    """Measure and print a table; returns 1 if a piece failed."""
    parser = options(__doc__ or "")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--cpu-time", action="store_true", help="CPU time instead of wall time")
    parser.add_argument(
        "--precision", nargs="+", choices=["fp32", "bf16"], default=["fp32"], help="as in training.precision"
    )
    parser.add_argument("--compile", action="store_true", help="also measure each precision with torch.compile")
    parser.add_argument(
        "--only", nargs="+", choices=list(CASES), default=list(CASES), help="cases to measure beside mle"
    )
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    device, flags = torch.device(chosen.device), [False, True] if chosen.compile else [False]
    cases = {name: case for name, case in CASES.items() if name == "mle" or name in chosen.only}
    variants = {Variant(precision=name, compiled=flag): cases for flag in flags for name in chosen.precision}
    clock = time.process_time if chosen.cpu_time else time.perf_counter
    task = multi30k(chosen.data)
    comparison = compare(task, variants, device=device, rounds=chosen.rounds, warm=chosen.warm, clock=clock)
    print(comparison.report(device))
    return 1 if comparison.left_out else 0


if __name__ == "__main__":
    sys.exit(main())
