"""Trains in a fresh process: the paths of `tiny`, from scratch and from checkpoints, and every algorithm."""

import sys
from pathlib import Path

import torch

from erpo_explore.space import ALGORITHMS, algorithm
from erpo_explore.space import Path as ErpoPath
from erpo_explore.trial import TrainingRun
from erpo_explore.trial.checkpoint import load_checkpoint

from .tiny import PATHS, measured, run_of, weights

NUM_BEFORE, NUM_AFTER = 2, 2
"""Number of intervals before and after the checkpoint."""


ALGORITHM_PATHS = {name: ErpoPath.constant(algorithm(name).path("bleu").at(0.75)) for name in ALGORITHMS}
"""Each algorithm at a point where it draws targets: within its path, if it has one."""


def outcome(run: TrainingRun, num_intervals: int) -> tuple[list[object], dict[str, torch.Tensor]]:
    return [measured(run.advance(num_samples=1)) for _ in range(num_intervals)], weights(run)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    outcomes = {}
    for name, path in PATHS.items():
        resumed = run_of(path)
        resumed.load_state(load_checkpoint(folder / name))
        outcomes[name] = {
            "resumed": outcome(resumed, NUM_AFTER),
            "repeated": outcome(run_of(path), NUM_BEFORE + NUM_AFTER),
        }
    baselines = {name: outcome(run_of(path), 1) for name, path in ALGORITHM_PATHS.items()}
    torch.save((outcomes, baselines), folder / "outcomes.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
