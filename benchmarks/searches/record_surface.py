"""Record learning curves of the toy task along many paths, as data for the surrogate in `surface.py`.

    .venv/bin/python -m benchmarks.searches.record_surface [--processes 1] [--runs N] [--keep results/surface]

A run takes seconds, and the space has structure: 400 sentence pairs, no dropout and a high learning rate. Maximum
likelihood leads for half of the budget and then overfits, while exploration that lowers the score early ends higher.
Each finished run is a file under `--keep`, so an interrupted recording resumes. All runs are packed into one Parquet
file.

A row per run and interval holds the two knots, the score, the validation NLL, and the inputs of a paired bootstrap: the
standard deviation of the sentence scores, and their correlation between runs.
"""

import argparse
import json
import multiprocessing
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch

from benchmarks.searches.surface_paths import INTERVALS, Planned, load_challengers, plan
from erpo_explore.config.experiment import Training
from erpo_explore.seq2seq import LstmConfig
from erpo_explore.space import Point
from erpo_explore.tasks import Task, load_task
from erpo_explore.tasks.config import ToyConfig
from erpo_explore.trial import TrainingRun, TrialSpec

__all__ = ["DATA", "knot_row", "pack", "record"]

DATA: Final = Path(__file__).parent / "data" / "surface.parquet"
TASK: Final = ToyConfig(difficulty=0.5, train_pairs=400, validation_pairs=250, test_pairs=1)
MODEL: Final = LstmConfig(hidden_size=32, dropout=0.0)
TRAINING: Final = Training(steps=60 * INTERVALS, interval=60, batch_size=32, learning_rate=1.2e-2)


def main() -> None:
    """Train the missing runs, then pack all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=1, help="parallel runs, one core each")
    parser.add_argument(
        "--runs", type=int, default=None, help="number of runs, from the start of the plan; default: all"
    )
    parser.add_argument("--keep", type=Path, default=Path("results/surface"), help="folder of finished runs")
    parser.add_argument("--data", type=Path, default=DATA, help="Parquet file to write")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    wanted = plan(challengers=load_challengers())[: options.runs]
    missing = [(planned, options.keep) for planned in wanted if not _file(planned, options.keep).exists()]
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for done, name in enumerate(pool.imap_unordered(_record_one, missing), 1):
            print(f"{done} of {len(missing)}: {name}", flush=True)
    runs = [json.loads(_file(planned, options.keep).read_text()) for planned in wanted]
    pack(runs).to_parquet(options.data, index=False, compression="zstd")
    print(f"{options.data}: {len(runs)} runs, {options.data.stat().st_size / 1024:.0f} KiB")


def record(planned: Planned, task: Task, training: Training, model: LstmConfig) -> list[dict[str, Any]]:
    """Train one run; returns one row per interval with the score of each sentence."""
    spec = TrialSpec(name=planned.name, role="path", algorithm=None, seed=planned.seed, path=planned.path)
    run = TrainingRun(task, model, training, spec, torch.device("cpu"))
    rows = []
    while not run.finished:
        start = planned.path.at(run.progress)
        seen = run.advance(num_samples=len(task.validation.references))
        if seen.scores is None:
            break
        rows.append(
            {"run": planned.name, "kind": planned.kind, "seed": planned.seed, "interval": len(rows) + 1}
            | knot_row(start, "start_")
            | knot_row(seen.point, "end_")
            | {"score": seen.scores.score, "validation_nll_nats": seen.scores.validation_nll_nats}
            | {"sentences": [round(sample.sentence_score, 2) for sample in seen.scores.samples]}
        )
    return rows


def knot_row(point: Point, prefix: str = "") -> dict[str, float]:
    """Columns of a knot's coordinates."""
    reward = point.reward
    names = ("noise", "task", "model", "temperature")
    return {f"{prefix}{name}": getattr(reward, name) for name in names}


def pack(runs: list[list[dict[str, Any]]]) -> pd.DataFrame:
    """One row per run and interval, with standard deviation and correlation in place of sentence scores.

    The correlation ρ is that of a run's sentence scores with those of another run with about the same score: the median
    over ten such runs. The difference between two runs then has the standard deviation σ √(2 (1 − ρ)) per sentence.
    """
    frame = pd.DataFrame([row for run in runs for row in run])
    sentences_RN = np.asarray(frame.pop("sentences").tolist())
    frame["sentence_sd"] = sentences_RN.std(axis=1, ddof=1)
    frame["sentence_correlation"] = _correlations(sentences_RN, frame["score"].to_numpy(), frame["run"].to_numpy())
    floats = frame.select_dtypes("float64").columns
    return frame.astype(dict.fromkeys(floats, "float32")).sort_values(["run", "interval"], ignore_index=True)


def _correlations(sentences_RN: np.ndarray, score_R: np.ndarray, run_R: np.ndarray, others: int = 10) -> np.ndarray:
    correlation_RR = np.corrcoef(sentences_RN)
    found = []
    for row, (score, run) in enumerate(zip(score_R, run_R, strict=True)):
        near = np.argsort(np.where(run_R == run, np.inf, np.abs(score_R - score)), kind="stable")[:others]
        found.append(np.median(correlation_RR[row, near]))
    return np.asarray(found)


def _record_one(job: tuple[Planned, Path]) -> str:
    planned, keep = job
    torch.set_num_threads(1)
    rows = record(planned, _task(), TRAINING, MODEL)
    aside = _file(planned, keep).with_suffix(".tmp")
    aside.write_text(json.dumps(rows))
    aside.replace(_file(planned, keep))
    return f"{planned.name} {rows[-1]['score']:.1f}" if rows else planned.name


@cache
def _task() -> Task:
    return load_task(TASK)


def _file(planned: Planned, keep: Path) -> Path:
    return keep / f"{planned.name}.json"


if __name__ == "__main__":
    main()
