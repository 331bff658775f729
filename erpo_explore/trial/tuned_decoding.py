"""The beam width and length penalty with the best score on a validation set.

Legend: B sentences, M hypotheses per sentence, T target length.

One search per width serves all penalties, since only the ranking of ended hypotheses depends on them.
"""

from dataclasses import dataclass
from typing import Final

import torch

from erpo_explore.metrics import load_scorer
from erpo_explore.seq2seq import Seq2Seq
from erpo_explore.seq2seq.beam import best_hypotheses
from erpo_explore.tasks import Split, Task, evaluation_batches
from erpo_explore.trial.evaluation import LENGTH_SLACK

__all__ = ["PENALTIES", "WIDTHS", "TunedDecoding", "tuned_decoding"]

WIDTHS: Final = (1, 2, 5, 10)
"""Beam widths that are tried."""

PENALTIES: Final = (0.0, 0.5, 1.0, 1.5)
"""Length penalties that are tried."""

_BATCH_SIZE: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedDecoding:
    """Decoding settings and their score.

    Attributes:
        beam_width: Hypotheses per sentence.
        length_penalty: Exponent of the length penalty.
        score: Score of the task's metric on the validation set.
    """

    beam_width: int
    length_penalty: float
    score: float


@torch.no_grad()
def tuned_decoding(model: Seq2Seq, task: Task, split: Split) -> TunedDecoding:
    """Decode a split with several settings, and return the best; of equal ones, the first and narrowest.

    Args:
        model: The model; its mode (training or evaluation) is restored afterwards.
        task: Vocabularies and metric.
        split: The sentences to decode.
    """
    scorer, was_training = load_scorer(task.metric), model.training
    model.eval()
    tried = []
    for width in WIDTHS:
        penalties = PENALTIES if width > 1 else (1.0,)
        texts = _texts(model, task, split, width, penalties)
        for penalty in penalties:
            score = scorer.corpus(texts[penalty], split.references).value
            tried.append(TunedDecoding(beam_width=width, length_penalty=penalty, score=score))
    model.train(was_training)
    return max(tried, key=lambda each: scorer.objective(each.score))


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
