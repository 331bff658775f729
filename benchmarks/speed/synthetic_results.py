"""Synthetic exploration of any size in the store's schema, to measure the report on.

Scores come from a formula instead of training: a hill over the space that moves from the reference toward task and
model during training, with noise between seeds. 24 trials are a population that clones; the others are baselines on
five seeds and random points.
"""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq

from erpo_explore.store import ResultsWriter
from erpo_explore.store.layout import part_key, part_name
from erpo_explore.store.rows import rows_to_arrow
from erpo_explore.store.schema import TABLES

__all__ = ["FEWEST_TRIALS", "write_synthetic"]

MEMBERS: Final = 24
SEEDS: Final = 5
INTERVAL: Final = 50
NUM_SENTENCES: Final = 200
NUM_SAMPLES: Final = 8
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
WORDS: Final = (
    "the",
    "a",
    "small",
    "big",
    "house",
    "tree",
    "dog",
    "cat",
    "stands",
    "sits",
    "near",
    "on",
    "lake",
    "hill",
)

# algorithm: weights (truth, noise, task, model), alpha, beta
ALGORITHMS: Final[dict[str, tuple[tuple[float, float, float, float], float, float]]] = {
    "mle": ((1.0, 0.0, 0.0, 0.0), 0.0, 1.0),
    "data_noising": ((0.9, 0.1, 0.0, 0.0), 0.0, 1.0),
    "raml": ((0.0, 0.0, 1.0, 0.0), 0.0, 0.2),
    "spg": ((0.0, 0.0, 1.0, 0.0), 1.0, 0.0),
    "policy_gradient": ((0.0, 0.0, 1.0, 0.0), math.inf, 0.0),
    "scheduled_sampling": ((0.75, 0.0, 0.0, 0.25), 0.0, 1.0),
}
FEWEST_TRIALS: Final = MEMBERS + SEEDS * len(ALGORITHMS)

Row = dict[str, Any]


def write_synthetic(folder: Path, *, num_trials: int, num_reports: int) -> Path:
    """Write an exploration with one part per trial; returns its folder.

    Args:
        folder: New folder.
        num_trials: Number of trials, including members and baselines; at least `FEWEST_TRIALS`.
        num_reports: Reports per trial.
    """
    generator = np.random.default_rng(0)
    writer = ResultsWriter.create(folder, {"exploration": folder.name, "seed": 0, "versions": {}, "git_commit": None})
    for trial, start in _starts(generator, num_trials):
        rows = list(_reports(generator, folder.name, trial, start, num_reports))
        _write_part(folder, "observations", rows)
        if start["algorithm"] is not None:
            _write_part(folder, "sentences", [_sentences(generator, row) for row in rows])
            writer.append("samples", [_sample(generator, rows[-1], index) for index in range(NUM_SAMPLES)])
    for member in range(MEMBERS):
        _write_part(folder, "lineage", list(_decisions(generator, folder.name, member, num_reports)))
    return folder


def _starts(generator: np.random.Generator, num_trials: int) -> Iterator[tuple[str, Row]]:
    """Name of each trial, and the fields common to its reports."""
    for algorithm, (weights, alpha, beta) in ALGORITHMS.items():
        for seed in range(SEEDS):
            yield (
                f"{algorithm}-s{seed}",
                {"role": "algorithm", "algorithm": algorithm, "seed": seed, "from": _point(weights, alpha, beta)},
            )
    for number in range(num_trials - len(ALGORITHMS) * SEEDS):
        weights = tuple(generator.dirichlet([4.0, 0.3, 1.0, 0.7]).tolist())
        point = _point(weights, float(generator.uniform()), float(10 ** generator.uniform(-1.5, 0.5)))
        role = "member" if number < MEMBERS else "random"
        name = f"{role}-{number if role == 'member' else number - MEMBERS}"
        yield name, {"role": role, "algorithm": None, "seed": number, "from": point}


def _point(weights: tuple[float, ...], alpha: float, beta: float) -> Row:
    """Columns of a point."""
    names = ("reward_truth", "reward_noise", "reward_task", "reward_model")
    columns: Row = {
        "alpha": alpha,
        "beta": beta,
        "tau": alpha + beta,
        "metric": "bleu",
        **dict(zip(names, weights, strict=True)),
    }
    return columns | {"rho": 1.0 if math.isinf(alpha) else alpha / (alpha + beta)}


def _reports(generator: np.random.Generator, name: str, trial: str, start: Row, num_reports: int) -> Iterator[Row]:
    """Reports of a trial; the path of a member leads from the reference to its point."""
    bias = float(generator.normal(0.0, 0.4))
    for number in range(1, num_reports + 1):
        progress = number / num_reports
        point = dict(start["from"])
        if start["role"] == "member":
            share = min(1.0, 1.2 * progress)
            for weight in ("reward_truth", "reward_noise", "reward_task", "reward_model"):
                point[weight] = share * point[weight] + (1.0 - share) * (weight == "reward_truth")
        score = _hill(point, progress) + bias + float(generator.normal(0.0, 0.15))
        yield {
            **point,
            "exploration": name, "trial": trial, "role": start["role"], "iteration": number,
            "generation": (number - 1) // 4 if start["role"] == "member" else 0,
            "seed": start["seed"], "task": "synthetic", "model": "lstm", "algorithm": start["algorithm"],
            "step": number * INTERVAL, "progress": progress, "prefix": "q", "label": "sampled",
            "score": score, "bleu": score, "signature": "made up", "elapsed_s": number * (9.0 + 6.0 * point["rho"]),
            "device": "cpu", "status": "finished" if number == num_reports else "running", "path": "{}",
            "reported_at": START + timedelta(seconds=number), "node": "nowhere",
        }  # fmt: skip


def _hill(point: Row, progress: float) -> float:
    """Expected score, 0-100: exploration lowers it first and raises it later."""
    explored = 1.0 - point["reward_truth"]
    best = 0.1 + 0.35 * progress
    heat = 0.0 if math.isinf(point["tau"]) else math.exp(-((math.log10(point["tau"]) + 0.3 * point["rho"]) ** 2))
    return 30.0 * (1.0 - math.exp(-4.0 * progress)) * math.exp(-((explored - best) ** 2)) + 3.0 * heat * progress


def _decisions(generator: np.random.Generator, name: str, member: int, num_reports: int) -> Iterator[Row]:
    """Decisions of a member, one every fourth report; about one in five is a clone."""
    for generation in range((num_reports + 3) // 4):
        donor = (member + 1 + int(generator.integers(MEMBERS - 1))) % MEMBERS
        clones = generation > 0 and generator.uniform() < 0.2
        step = generation * 4 * INTERVAL
        score = _hill(_point((0.8, 0.0, 0.1, 0.1), 0.2, 0.8), step / (INTERVAL * num_reports)) if generation else None
        yield {
            "exploration": name, "trial": f"member-{member}", "generation": generation, "step": step,
            "action": "start" if generation == 0 else "clone" if clones else "continue",
            "donor": f"member-{donor}" if clones else None, "score": score, "donor_score": score if clones else None,
            "knot": "{}", "path": "[]", "reason": "made up", "decided_at": START + timedelta(seconds=step),
        }  # fmt: skip


def _sentences(generator: np.random.Generator, row: Row) -> Row:
    """Sentence statistics with the score as mean."""
    scores_N = row["score"] + generator.normal(0.0, 10.0, NUM_SENTENCES)
    values = np.clip(scores_N - scores_N.mean() + row["score"], 0.0, 100.0).astype(np.float32)
    same = {name: row[name] for name in ("exploration", "trial", "iteration", "step")}
    return same | {"split": "validation", "kind": "mean", "num_sentences": NUM_SENTENCES, "values": values.tolist()}


def _sample(generator: np.random.Generator, row: Row, index: int) -> Row:
    """A sentence, and a hypothesis with some words replaced."""
    reference = np.random.default_rng(index).choice(WORDS, 12)
    hypothesis = np.where(generator.uniform(size=12) < 0.15, generator.choice(WORDS, 12), reference)
    same = {name: row[name] for name in ("exploration", "trial", "iteration", "step")}
    texts = {"source": " ".join(reference[::-1]), "reference": " ".join(reference), "hypothesis": " ".join(hypothesis)}
    return same | texts | {"index": index, "sentence_score": float(100.0 * np.mean(hypothesis == reference))}


def _write_part(folder: Path, table: str, rows: list[Row]) -> None:
    """Write all rows of a trial as one part, as compaction does."""
    kind = TABLES[table]
    pq.write_table(rows_to_arrow(kind, rows), folder / table / part_name(kind, part_key(kind, rows[-1])))
