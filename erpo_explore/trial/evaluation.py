"""Evaluation of a model on a split: negative log-likelihood of the references, and the score of decoded sentences.

Legend: B batch, S source length, T target length, V target vocabulary, N target tokens that count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Int
from torch import Tensor

from erpo_explore.metrics import CorpusScore, Scorer, load_scorer
from erpo_explore.seq2seq import Memory, Seq2Seq, beam_search, greedy
from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.symbols import Symbols
from erpo_explore.tasks import Batch, Split, Task, evaluation_batches

__all__ = ["LENGTH_SLACK", "Measure", "Sample", "Scores", "evaluate"]

_BATCH_SIZE: Final = 128
LENGTH_SLACK: Final = 10
"""Number of tokens by which a hypothesis may exceed the longest reference of its split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One decoded sentence.

    Attributes:
        index: Index in the split.
        source: Source text.
        reference: Reference text.
        hypothesis: Decoded text.
        sentence_score: The task's metric of this sentence.
    """

    index: int
    source: str
    reference: str
    hypothesis: str
    sentence_score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One metric of an evaluation.

    Attributes:
        metric: Name of the metric.
        score: Its score, in its own units.
        higher_is_better: Its direction.
        signature: Scorer, settings and version.
    """

    metric: str
    score: float
    higher_is_better: bool
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One evaluation.

    Attributes:
        validation_nll_nats: Mean −log p_θ per reference token, EOS included.
        bleu: Corpus BLEU; None for a task that is scored by another metric.
        rouge1: ROUGE-1 F1; None likewise.
        rouge2: ROUGE-2 F1; None likewise.
        rougel: ROUGE-L F1; None likewise.
        token_error_rate: Edits per reference token, in percent; None likewise.
        sentence_error_rate: Sentences with an error, in percent; None likewise.
        score: The task's metric, in its own units.
        objective: The score, negated where less is better. A search maximises it.
        signature: Signature of the package that computed the score.
        length_ratio: Tokens of the hypotheses per token of the references, EOS excluded; None where the references
            have no token.
        cut_hypotheses: Share of the hypotheses that were cut before their EOS.
        measures: Every metric of the task: the one that decides first, then the further ones.
        statistics: Contribution of each sentence to the score, in the order of the split; None where it is not known.
        samples: The first sentences, decoded.
    """

    validation_nll_nats: float
    bleu: float | None = None
    rouge1: float | None = None
    rouge2: float | None = None
    rougel: float | None = None
    token_error_rate: float | None = None
    sentence_error_rate: float | None = None
    score: float
    objective: float
    signature: str
    length_ratio: float | None = None
    cut_hypotheses: float | None = None
    measures: tuple[Measure, ...] = ()
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
    max_tokens: int | None = None,
) -> Scores:
    """Decode a split and score it.

    Args:
        model: The model; its mode (training or evaluation) is restored afterwards.
        task: Vocabularies and metric.
        split: The sentences to decode.
        num_samples: Number of decoded sentences to keep.
        beam_width: Hypotheses per sentence; 1 decodes greedily.
        length_penalty: Exponent of the length penalty in beam search; 0 is none.
        max_tokens: Number of tokens at which a hypothesis is cut. Default: ten more than the longest reference.
    """
    scorer = load_scorer(task.metric)
    was_training = model.training
    model.eval()
    hypotheses = [""] * len(split.references)
    nll_nats, num_tokens, num_decoded, num_cut = 0.0, 0, 0, 0
    # from the split, not from the batch, so that no score depends on how the split is cut into batches
    if max_tokens is None:
        max_tokens = max(len(ids) for ids in split.target_ids) + LENGTH_SLACK
    for cpu_batch in evaluation_batches(split, task.symbols, _BATCH_SIZE):
        batch = cpu_batch.to(model.device)
        memory = model.encode(batch.source_BS, batch.source_keep_BS)
        nll_nats += _reference_nll_nats(model, memory, batch, task.symbols)
        num_tokens += batch.num_target_tokens
        tokens_BT = _decode(model, memory, task.symbols, max_tokens, beam_width, length_penalty)
        open_BT = (tokens_BT == task.symbols.eos).cumsum(1) == 0
        num_decoded += int((open_BT & (tokens_BT != task.symbols.pad)).sum())
        num_cut += int(open_BT[:, -1].sum())
        for index, tokens in zip(batch.index_B.tolist(), tokens_BT.tolist(), strict=True):
            hypotheses[index] = task.target_vocabulary.decode(tokens)
    model.train(was_training)
    scored = scorer.corpus(hypotheses, split.references)
    measures = [_measure(scorer, scored)]
    measures += [
        _measure(further, further.corpus(hypotheses, split.references)) for further in map(load_scorer, task.also)
    ]
    num_reference_tokens = num_tokens - len(hypotheses)
    return Scores(
        validation_nll_nats=nll_nats / num_tokens,
        score=scored.value,
        objective=scorer.objective(scored.value),
        signature=scored.signature,
        measures=tuple(measures),
        length_ratio=num_decoded / num_reference_tokens if num_reference_tokens > 0 else None,
        cut_hypotheses=num_cut / len(hypotheses),
        statistics=scored.statistics,
        samples=_samples(scorer, split, hypotheses[:num_samples]),
        **scored.parts,
    )


def _measure(scorer: Scorer, scored: CorpusScore) -> Measure:
    return Measure(
        metric=scorer.name,
        score=scored.value,
        higher_is_better=scorer.higher_is_better,
        signature=scored.signature,
    )


def _decode(
    model: Seq2Seq, memory: Memory, symbols: Symbols, max_tokens: int, beam_width: int, length_penalty: float
) -> Int[Tensor, "B T"]:
    if beam_width == 1:
        return greedy(model, memory, symbols, max_tokens)
    return beam_search(model, memory, symbols, max_tokens, width=beam_width, length_penalty=length_penalty)


def _reference_nll_nats(model: Seq2Seq, memory: Memory, batch: Batch, symbols: Symbols) -> float:
    """Σ −log p_θ over the tokens of the references."""
    inputs_BT = torch.nn.functional.pad(batch.target_BT[:, :-1], (1, 0), value=symbols.bos)
    kept_NV = model.project(model.features(memory, inputs_BT)[batch.target_keep_BT])
    kept_N = batch.target_BT[batch.target_keep_BT]
    return float(torch.nn.functional.cross_entropy(kept_NV, kept_N, reduction="sum"))


def _samples(scorer: Scorer, split: Split, hypotheses: Sequence[str]) -> tuple[Sample, ...]:
    """The first sentences of a split, with their hypotheses."""
    sentence_scores = scorer.sentences(hypotheses, split.references[: len(hypotheses)])
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
