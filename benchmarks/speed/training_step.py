"""Cost of a training step per algorithm and at the points of the goals, as ratios within one run.

    .venv/bin/python -m benchmarks.speed.training_step [--data DIR] [--rounds 15]
    .venv/bin/python -m benchmarks.speed.training_step --device cuda --precision fp32 bf16 --compile

A step is that of a trial: batch, E-step, M-step, backward, clipping, Adam. All points train the same weights in turn at
a learning rate near 0. Some steps of maximum likelihood come first, so that sampled sentences end.
"""

import argparse
import sys
from collections.abc import Mapping
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


_OFFLINE, _SEQUENCE = 1.1, 5.0
_MOST: Final = {
    "label_smoothing": _OFFLINE,
    "data_noising": _OFFLINE,
    "raml": 1.2,
    "raml_stratified": _OFFLINE,
    "raml_ngram": _OFFLINE,
    "spg": 1.7,
    "interpolation": 1.7,
    "rloo": _SEQUENCE,
    "grpo": _SEQUENCE,
}
"""Upper bounds for a step as multiples of `mle`; `rloo` and `grpo` draw 4 targets per source."""


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
        "interpolation half-way": Case(point=halfway, goal=Goal(base="mle", most=_MOST["interpolation"])),
        "raml bleu": Case(
            point=algorithm("raml", metric="bleu", temperature=0.01).path("bleu").end,
            goal=Goal(base="mle", most=_MOST["raml"]),
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
    goals: Mapping[str, Goal]
    left_out: Mapping[str, str]

    def report(self, device: torch.device) -> str:
        """The table, the pieces missing from it, and the machine."""
        missing = [f"{name} failed: {reason}" for name, reason in self.left_out.items()]
        return "\n".join([table(self.figures, self.goals, title="point"), *missing, machine(device)])


def compare(
    task: Task,
    variants: Mapping[Variant, Mapping[str, Case]],
    *,
    device: torch.device,
    rounds: int,
    warm: int,
) -> Comparison:
    """Time the cases of each variant, interleaved; a case that fails in its first step is left out."""
    start = trained_run(task, device, warm).state()
    work: dict[str, Work] = {}
    goals: dict[str, Goal] = {}
    left_out: dict[str, str] = {}
    runs = []
    for variant, cases in variants.items():
        run = trained_run(task, device, 0, learning_rate=1e-9, precision=variant.precision)
        run.load_state(start)
        runs.append(run)
        if variant.compiled:
            _compile(run)
        for name, case in cases.items():
            piece, name = _step(run, case.point), name + variant.suffix
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

    figures = interleaved(work, rounds, device=device, before=next_batch)
    return Comparison(
        figures=figures,
        goals={name: goal for name, goal in goals.items() if goal.base in figures},
        left_out=left_out,
    )


def _step(run: TrainingRun, point: Point) -> Work:
    return lambda _: run.train_step(point)


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
    comparison = compare(multi30k(chosen.data), variants, device=device, rounds=chosen.rounds, warm=chosen.warm)
    print(comparison.report(device))
    return 1 if comparison.left_out else 0


if __name__ == "__main__":
    sys.exit(main())
