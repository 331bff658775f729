"""Hypotheses of the best trials for the same sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

__all__ = ["Hypothesis", "Sentence", "sample_trials", "side_by_side"]

MAX_TRIALS: Final = 5
MAX_SENTENCES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """Output of one trial for a sentence.

    Attributes:
        label: Algorithm of the trial, or its role.
        trial: Name of the trial.
        step: Optimizer step of the weights that decoded.
        text: The decoded sentence.
        score: Score of the sentence, 0–100; None where it was not scored.
    """

    label: str
    trial: str
    step: int
    text: str
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence of the validation set with its hypotheses, that of the best trial first."""

    source: str
    reference: str
    hypotheses: Sequence[Hypothesis]


def sample_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """Select the best trial of each of the best algorithms.

    Args:
        trials: Result of `points.point_table`.
    """
    scored = trials[trials["best_score"].notna()]
    return scored.groupby("label", sort=False).head(1).head(MAX_TRIALS)


def side_by_side(trials: pd.DataFrame, samples: pd.DataFrame) -> list[Sentence]:
    """Collect the hypotheses of several trials for the same sentences.

    Args:
        trials: Result of `sample_trials`.
        samples: Rows of the samples table, of these trials at least.

    Returns:
        Sentences in the order of the validation set, eight at most. Hypotheses of a trial are those of its last
        report with samples up to its best score. A trial without a sample of a sentence is missing there.
    """
    sentences: dict[int, tuple[str, str, list[Hypothesis]]] = {}
    for row in trials.to_dict("records"):
        kept = samples[samples["trial"] == row["trial"]]
        before = kept[kept["step"] <= row["best_step"]]
        last = (kept if before.empty else before)["iteration"].max()
        for line in kept[kept["iteration"] == last].to_dict("records"):
            score = None if pd.isna(line["sentence_score"]) else float(line["sentence_score"])
            one = Hypothesis(
                label=str(row["label"]),
                trial=str(row["trial"]),
                step=int(line["step"]),
                text=line["hypothesis"],
                score=score,
            )
            sentences.setdefault(int(line["index"]), (line["source"], line["reference"], []))[2].append(one)
    return [
        Sentence(source=source, reference=reference, hypotheses=tuple(hypotheses))
        for _, (source, reference, hypotheses) in sorted(sentences.items())[:MAX_SENTENCES]
    ]
