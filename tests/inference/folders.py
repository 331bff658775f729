"""Results folders of a real training run, written without Ray."""

import json
from pathlib import Path
from typing import Any

import torch

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.plan import make_plan
from erpo_explore.store import ResultsWriter
from erpo_explore.store.layout import VOCABULARY
from erpo_explore.trial.checkpoint import save_checkpoint
from erpo_explore.trial.training import TrainingRun
from tests.trial.tiny import stored

TOY = {"name": "toy", "difficulty": 0.0, "train_pairs": 120, "validation_pairs": 12, "test_pairs": 30}
MODELS: dict[str, dict[str, Any]] = {
    "lstm": {"kind": "lstm", "hidden_size": 16, "dropout": 0.0},
    "transformer": {"kind": "transformer", "hidden_size": 16, "feed_forward": 32, "layers": 1, "heads": 2},
}
STEPS = 40


def trained(
    folder: Path,
    model: str | dict[str, Any] = "lstm",
    task: dict[str, Any] | None = None,
    *,
    trials: int = 1,
    intervals: int = 2,
    steps: int = STEPS,
    **training: Any,
) -> Path:
    """Train and write a results folder with all checkpoints."""
    written = {
        "name": "tiny",
        "task": task or TOY,
        "model": MODELS[model] if isinstance(model, str) else model,
        "training": {"steps": steps, "interval": steps // intervals, "batch_size": 16, "learning_rate": 0.02}
        | training,
        "search": {"method": "none"},
        "baselines": ["mle"],
        "num_seeds": trials,
    }
    plan = make_plan(Experiment.from_dict(written, origin="test"), folder)
    ResultsWriter.create(folder, plan.manifest())
    writer = ResultsWriter.open(folder)
    writer.write_file(VOCABULARY, plan.task.vocabularies.to_json())
    for spec in plan.specs:
        run = TrainingRun(plan.task, plan.experiment.model, plan.experiment.training, spec, torch.device("cpu"))
        for iteration in range(1, intervals + 1):
            row = stored(run.advance().to_row(), iteration)
            place = f"checkpoints/{spec.name}/checkpoint_{iteration:06d}"
            (folder / place).mkdir(parents=True)
            save_checkpoint(run.state(), folder / place)
            own = {
                "path": json.dumps(spec.path.to_dict()),
                "trial": spec.name,
                "algorithm": spec.algorithm,
                "seed": spec.seed,
                "checkpoint": place,
            }
            writer.append("observations", [row | own])
    return folder
