"""The beam width and length penalty with the best score on a validation set.

Legend: B sentences, M hypotheses per sentence, T target length.

One search per width serves all penalties, since only the ranking of ended hypotheses depends on them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch

from erpo_explore.metrics import Scorer, load_scorer
from erpo_explore.seq2seq import Seq2Seq
from erpo_explore.seq2seq.beam import best_hypotheses
from erpo_explore.tasks import Split, Task, evaluation_batches
from erpo_explore.trial.evaluation import LENGTH_SLACK

__all__ = ["PENALTIES", "WIDTHS", "Decoder", "scored_decoders", "tuned_decoding"]

WIDTHS: Final = (1, 2, 5, 10)
"""Beam widths that are tried."""

PENALTIES: Final = (0.0, 0.5, 1.0, 1.5)
"""Length penalties that are tried; greedy decoding has none."""

_BATCH_SIZE: Final = 32

TextsByPenalty = Mapping[float, Sequence[str]]
"""One hypothesis per sentence for each length penalty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoder:
    """Decoding settings that were tried, and their score.

    Attributes:
        beam_width: Hypotheses per sentence; 1 is greedy.
        length_penalty: Exponent of the length penalty; without effect on greedy decoding.
        score: Score on the validation set, in the units of the metric.
    """

    beam_width: int
    length_penalty: float
    score: float


def scored_decoders(
    decode: Callable[[int, tuple[float, ...]], TextsByPenalty], references: Sequence[str], scorer: Scorer
) -> tuple[Decoder, ...]:
    """Score several beam widths and length penalties.

    Args:
        decode: Decodes all sentences with a beam width, and ranks its hypotheses by each penalty.
        references: One reference per sentence.
        scorer: Metric that decides.

    Returns:
        All that was tried, the best first. Of equal ones, the narrower beam comes first.
    """
    tried = []
    for width in WIDTHS:
        for penalty, texts in decode(width, PENALTIES if width > 1 else (1.0,)).items():
            value = scorer.corpus(list(texts), list(references)).value
            tried.append(Decoder(beam_width=width, length_penalty=penalty, score=value))
    return tuple(sorted(tried, key=lambda each: scorer.objective(each.score), reverse=True))


@torch.no_grad()
def tuned_decoding(model: Seq2Seq, task: Task, split: Split) -> Decoder:
    """Decode a split with several settings, and return the best one.

    Args:
        model: The model; its mode (training or evaluation) is restored afterwards.
        task: Vocabularies and metric.
        split: The sentences to decode.
    """
    was_training = model.training
    model.eval()
    tried = scored_decoders(
        lambda width, penalties: _texts(model, task, split, width, penalties),
        split.references,
        load_scorer(task.metric),
    )
    model.train(was_training)
    return tried[0]


def _texts(
    model: Seq2Seq, task: Task, split: Split, width: int, penalties: tuple[float, ...]
) -> dict[float, list[str]]:
    """The best hypothesis of each sentence for each penalty."""
    longest = max(map(len, split.target_ids)) + LENGTH_SLACK
    texts = {penalty: [""] * len(split) for penalty in penalties}
    for cpu_batch in evaluation_batches(split, task.symbols, _BATCH_SIZE):
        batch = cpu_batch.to(model.device)
        memory = model.encode(batch.source_BS, batch.source_keep_BS)
        beams = best_hypotheses(model, memory, task.symbols, longest, num_best=width, width=width)
        is_open_BMT = (beams.tokens_BMT == task.symbols.eos).cumsum(-1) == 0
        num_tokens_BM = (is_open_BMT.sum(-1) + 1).clamp(max=beams.tokens_BMT.shape[-1])
        found_BM = beams.score_BM.isfinite()
        for penalty in penalties:
            score_BM = beams.log_p_BM / ((5 + num_tokens_BM) / 6) ** penalty
            best_B = score_BM.masked_fill(~found_BM, -torch.inf).argmax(1)
            best_BT = beams.tokens_BMT[torch.arange(len(best_B), device=best_B.device), best_B]
            for index, tokens in zip(batch.index_B.tolist(), best_BT.tolist(), strict=True):
                texts[penalty][index] = task.target_vocabulary.decode(tokens)
    return texts
