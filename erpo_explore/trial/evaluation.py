"""How good a model is on the valid set: decoded, scored on words by sacrebleu and rouge-score.

Legend: B batch, S source length, T target length, V target vocabulary, N target tokens that count; of values_ND,
N sentences and D statistics of each.

Scores are 0–100. Text is scored as the task gives it (`tokenize none`), and each score carries the signature of the
package that computed it, so that it can be compared with numbers from elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, Final, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from sacrebleu.metrics.bleu import BLEU

from erpo_explore.seq2seq import Memory, Seq2Seq, beam_search, greedy
from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.symbols import Symbols
from erpo_explore.tasks import Batch, Split, Task, evaluation_batches

__all__ = ["Sample", "Scores", "evaluate", "score_sentences", "score_texts"]

_ROUGES: Final = ("rouge1", "rouge2", "rougeL")
_BATCH_SIZE: Final = 128
_LENGTH_SLACK: Final = 10
"""Tokens that a hypothesis may be longer than the longest reference of its split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One decoded sentence.

    Attributes:
        index: Its place in the valid set.
        source: What was read.
        reference: What a person wrote.
        hypothesis: What the model says.
        sentence_score: The task's metric of this sentence, 0–100.
    """

    index: int
    source: str
    reference: str
    hypothesis: str
    sentence_score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One evaluation.

    Attributes:
        validation_nll_nats: Mean −log p_θ of a reference token, EOS counted.
        bleu: Corpus BLEU; None for a task that is not scored so.
        rouge1: ROUGE-1 F1; None likewise.
        rouge2: ROUGE-2 F1.
        rougel: ROUGE-L F1.
        score: What is maximised: BLEU, or the mean of the three ROUGE scores.
        signature: Of the scorer.
        statistics: What each sentence adds to the score, in the order of the split; None where it is not known.
        samples: The first sentences, decoded.
    """

    validation_nll_nats: float
    bleu: float | None = None
    rouge1: float | None = None
    rouge2: float | None = None
    rougel: float | None = None
    score: float
    signature: str
    statistics: CorpusStatistics | None = None
    samples: tuple[Sample, ...] = ()


@torch.no_grad()
def evaluate(
    model: Seq2Seq,
    task: Task,
    split: Split,
    *,
    num_samples: int = 0,
    beam_width: int = 1,
    length_penalty: float = 1.0,
) -> Scores:
    """Decode a split and score it.

    Args:
        model: What is evaluated; its mode is put back afterwards.
        task: Vocabularies and metric.
        split: What to decode.
        num_samples: How many decoded sentences to keep.
        beam_width: Hypotheses a sentence; 1 decodes greedily.
        length_penalty: Exponent of a beam's length penalty; 0 is none.
    """
    was_training = model.training
    model.eval()
    hypotheses = [""] * len(split.references)
    nll_nats, num_tokens = 0.0, 0
    # of the split, not of the batch, so that no score depends on how the split is cut into batches
    max_tokens = max(len(ids) for ids in split.target_ids) + _LENGTH_SLACK
    for cpu_batch in evaluation_batches(split, task.symbols, _BATCH_SIZE):
        batch = cpu_batch.to(model.device)
        memory = model.encode(batch.source_BS, batch.source_keep_BS)
        nll_nats += _reference_nll_nats(model, memory, batch, task.symbols)
        num_tokens += batch.num_target_tokens
        if beam_width == 1:
            tokens_BT = greedy(model, memory, task.symbols, max_tokens)
        else:
            tokens_BT = beam_search(
                model, memory, task.symbols, max_tokens, width=beam_width, length_penalty=length_penalty
            )
        for index, tokens in zip(batch.index_B.tolist(), tokens_BT.tolist(), strict=True):
            hypotheses[index] = task.target_vocabulary.decode(tokens)
    model.train(was_training)
    return Scores(
        validation_nll_nats=nll_nats / num_tokens,
        samples=_samples(task.metric, split, hypotheses[:num_samples]),
        **score_texts(task.metric, hypotheses, split.references),
    )


def _reference_nll_nats(model: Seq2Seq, memory: Memory, batch: Batch, symbols: Symbols) -> float:
    """Σ −log p_θ of the references' tokens."""
    inputs_BT = torch.nn.functional.pad(batch.target_BT[:, :-1], (1, 0), value=symbols.bos)
    kept_NV = model.project(model.features(memory, inputs_BT)[batch.target_keep_BT])
    kept_N = batch.target_BT[batch.target_keep_BT]
    return float(torch.nn.functional.cross_entropy(kept_NV, kept_N, reduction="sum"))


def _samples(metric: Literal["bleu", "rouge"], split: Split, hypotheses: Sequence[str]) -> tuple[Sample, ...]:
    """The first sentences of a split, of which these are the hypotheses."""
    sentence_scores = score_sentences(metric, hypotheses, split.references[: len(hypotheses)])
    return tuple(
        Sample(
            index=index,
            source=split.sources[index],
            reference=split.references[index],
            hypothesis=hypotheses[index],
            sentence_score=sentence_score,
        )
        for index, sentence_score in enumerate(sentence_scores)
    )


def score_texts(
    metric: Literal["bleu", "rouge"], hypotheses: Sequence[str], references: Sequence[str]
) -> dict[str, Any]:
    """Score a corpus.

    Args:
        metric: Corpus BLEU, or the mean over sentences of ROUGE-1, -2 and -L F1.
        hypotheses: What the model says, words split at spaces.
        references: What a person wrote, one each.

    Returns:
        The fields of `Scores` that the metric fills, with score, signature and statistics.
    """
    if metric == "bleu":
        values_ND = _bleu_statistics(hypotheses, references)
        hypothesis_length, reference_length, *counts = values_ND.sum(axis=0).tolist()
        bleu = BLEU.compute_bleu(
            counts[:4], counts[4:], hypothesis_length, reference_length, smooth_method=_bleu_scorer().smooth_method
        ).score
        scores = {"bleu": bleu, "score": bleu, "signature": f"BLEU|{_bleu_scorer().get_signature()}"}
        return scores | {"statistics": CorpusStatistics(kind="bleu", values_ND=values_ND.astype(np.float32))}
    values_ND = _rouge_scores(hypotheses, references)
    rouge = {name.lower(): float(mean) for name, mean in zip(_ROUGES, values_ND.mean(axis=0), strict=True)}
    signature = f"ROUGE|f1|mean:1,2,L|stem:no|tok:default|version:{version('rouge-score')}"
    scores = {**rouge, "score": sum(rouge.values()) / len(rouge), "signature": signature}
    return scores | {"statistics": CorpusStatistics(kind="mean", values_ND=values_ND.astype(np.float32))}


def score_sentences(
    metric: Literal["bleu", "rouge"], hypotheses: Sequence[str], references: Sequence[str]
) -> list[float]:
    """The metric of each sentence on its own, 0–100; BLEU smoothed with add-k, k = 1, as the reward is."""
    if metric == "bleu":
        scorer = BLEU(tokenize="none", force=True, smooth_method="add-k", smooth_value=1, effective_order=True)
        return [
            float(scorer.sentence_score(hypothesis, [reference]).score)
            for hypothesis, reference in zip(hypotheses, references, strict=True)
        ]
    return [float(mean) for mean in _rouge_scores(hypotheses, references).mean(axis=1)]


def _bleu_statistics(hypotheses: Sequence[str], references: Sequence[str]) -> Int[np.ndarray, "N 10"]:
    """Each sentence's lengths, n-gram matches and n-grams, as `CorpusStatistics` has them."""
    # of all that the scorer says only counts are read, and those are the same with `effective_order`, without which
    # it warns of every sentence
    scorer = BLEU(tokenize="none", force=True, effective_order=True)
    scores = [
        scorer.sentence_score(hypothesis, [reference])
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]
    return np.array([[score.sys_len, score.ref_len, *score.counts, *score.totals] for score in scores])


def _rouge_scores(hypotheses: Sequence[str], references: Sequence[str]) -> Float[np.ndarray, "N 3"]:
    """ROUGE-1, -2 and -L F1 of each sentence, 0–100."""
    scores = [
        _rouge_scorer().score(reference, hypothesis)
        for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]
    values_ND = np.array([[score[name].fmeasure for name in _ROUGES] for score in scores], dtype=np.float64)
    return 100.0 * values_ND.reshape(-1, len(_ROUGES))


@cache
def _bleu_scorer() -> BLEU:
    """Of corpora; it has scored one, since its signature says of how many references."""
    scorer = BLEU(tokenize="none", force=True)
    scorer.corpus_score(["a"], [["a"]])
    return scorer


@cache
def _rouge_scorer() -> Any:
    # it brings NLTK and scikit-learn along: a quarter of the time that a worker takes to start
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(_ROUGES))
