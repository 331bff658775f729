"""What the best trials say to the same sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

__all__ = ["Said", "Sentence", "sample_trials", "side_by_side"]

MOST_TRIALS: Final = 5
MOST_SENTENCES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A trial's words.

    Attributes:
        label: Its algorithm, or role.
        trial: Its name.
        step: Of the weights that decoded.
        hypothesis: The words.
        score: Of the sentence, 0–100; None where it was not scored.
    """

    label: str
    trial: str
    step: int
    hypothesis: str
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence of the valid set and what each trial made of it, the best trial first."""

    source: str
    reference: str
    said: Sequence[Said]


def sample_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """The best trial of each of the best algorithms.

    Args:
        trials: What `surface.point_table` returns.
    """
    scored = trials[trials["best_score"].notna()]
    return scored.groupby("label", sort=False).head(1).head(MOST_TRIALS)


def side_by_side(trials: pd.DataFrame, samples: pd.DataFrame) -> list[Sentence]:
    """The same sentences as several trials said them.

    Args:
        trials: What `sample_trials` returns.
        samples: The samples table, of these trials at least.

    Returns:
        Each trial speaks with its last weights that kept samples, up to its best score; sentences are in the order of
        the valid set, eight at most, and a trial that kept none of a sentence is not in it.
    """
    sentences: dict[int, tuple[str, str, list[Said]]] = {}
    for row in trials.to_dict("records"):
        kept = samples[samples["trial"] == row["trial"]]
        before = kept[kept["step"] <= row["best_step"]]
        last = (kept if before.empty else before)["iteration"].max()
        for line in kept[kept["iteration"] == last].to_dict("records"):
            score = None if pd.isna(line["sentence_score"]) else float(line["sentence_score"])
            one = Said(
                label=str(row["label"]),
                trial=str(row["trial"]),
                step=int(line["step"]),
                hypothesis=line["hypothesis"],
                score=score,
            )
            sentences.setdefault(int(line["index"]), (line["source"], line["reference"], []))[2].append(one)
    return [
        Sentence(source=source, reference=reference, said=tuple(said))
        for _, (source, reference, said) in sorted(sentences.items())[:MOST_SENTENCES]
    ]
