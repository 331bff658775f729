"""A task: sources and references in three splits, with their vocabularies.

Legend: V target vocabulary.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from erpo_explore.errors import DataError
from erpo_explore.symbols import Symbols
from erpo_explore.tasks.metric import WrittenMetric, metric_name, reward_metric
from erpo_explore.tasks.sentences import Sentences
from erpo_explore.tasks.texts import Texts
from erpo_explore.tasks.vocabulary import Vocabulary
from erpo_explore.tasks.vocabulary_file import Vocabularies

__all__ = ["Split", "Task", "TokenPairs"]

_TOKENS_AT_ONCE: Final = 1_000_000
"""Tokens that are counted at once, since numpy counts a copy of eight bytes per token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPairs:
    """Sentence pairs as tokens, which is all that most training needs.

    Attributes:
        source_ids: Tokens of the sources without EOS, possibly cut.
        target_ids: Tokens of the references without BOS and EOS.
        target_texts: Text of the references that their tokens do not give back, for rewards that read text.
    """

    source_ids: Sentences
    target_ids: Sentences
    target_texts: Texts = field(default_factory=lambda: Texts.of(()))

    def __post_init__(self) -> None:
        if len(self.source_ids) != len(self.target_ids):
            raise DataError(
                "split: source_ids and target_ids must have equal lengths, "
                f"got {len(self.source_ids)}, {len(self.target_ids)}; give each pair one entry in each"
            )

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.source_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split(TokenPairs):
    """Sentence pairs with their text; the entries with the same index in all four fields are one pair.

    Attributes:
        sources: Lines of source text.
        references: Lines of target text, as written by people.
    """

    sources: tuple[str, ...]
    references: tuple[str, ...]

    def __post_init__(self) -> None:
        lengths = [len(self.sources), len(self.references), len(self.source_ids), len(self.target_ids)]
        if len(set(lengths)) > 1:
            raise DataError(
                "split: sources, references, source_ids and target_ids must have equal lengths, "
                f"got {', '.join(map(str, lengths))}; give each pair one entry in each"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Data of a task, and the metric that scores a model. It can be pickled, since it is sent to the workers.

    The text of the train pairs is not kept, but for references that their tokens do not give back: a copy per worker
    would be large.

    Attributes:
        name: Name of the language, folder or data set.
        metric: Metric that decides, as it is written, with the options that the text decides.
        also: Further metrics of each evaluation, likewise.
        score_name: Name of the metric in results; empty for the name that it is written with.
        remarks: What was chosen for the metrics and is worth a line.
        source_vocabulary: Encodes sources.
        target_vocabulary: Encodes targets and decodes hypotheses; has the same special ids as the source's.
        train: Pairs for training.
        validation: Pairs for the evaluations that the search decides by.
        test: Pairs for the final scores; may be empty.
        digests: Digest of the text of each split, where no file of the task shows a change.
    """

    name: str
    metric: WrittenMetric
    source_vocabulary: Vocabulary
    target_vocabulary: Vocabulary
    train: TokenPairs
    validation: Split
    test: Split
    digests: Mapping[str, str] = field(default_factory=dict)
    also: tuple[WrittenMetric, ...] = ()
    score_name: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def metric_title(self) -> str:
        """Name of the metric in results."""
        return self.score_name or metric_name(self.metric)

    @property
    def reward_metric(self) -> str:
        """The metric that rewards have where they name none."""
        return reward_metric(self.metric)

    @property
    def symbols(self) -> Symbols:
        """Ids of the special tokens, the same on both sides."""
        return self.target_vocabulary.symbols

    @property
    def vocabularies(self) -> Vocabularies:
        """The vocabularies of both sides, as they are written to a file."""
        return Vocabularies(source=self.source_vocabulary, target=self.target_vocabulary)

    @property
    def unigram_V(self) -> Float[np.ndarray, " V"]:
        """Relative frequency of each token in the train targets, float32; 0 for special tokens.

        Computed at each access, so callers should keep it.

        Raises:
            DataError: The train targets contain no known word.
        """
        counts_V = self._target_counts().astype(np.float64)
        counts_V[[*self.symbols.never_drawn, self.symbols.eos]] = 0.0
        if not counts_V.sum() > 0:
            raise DataError(f"task {self.name}: its train targets have no known word; lower vocabulary.min_count")
        frequencies_V: Float[np.ndarray, " V"] = (counts_V / counts_V.sum()).astype(np.float32)
        return frequencies_V

    def _target_counts(self) -> Int[np.ndarray, " V"]:
        """Occurrences of each token in the train targets."""
        tokens_N, size = self.train.target_ids.tokens_N, len(self.target_vocabulary)
        counts_V = np.zeros(size, np.int64)
        for start in range(0, len(tokens_N), _TOKENS_AT_ONCE):
            counts_V += np.bincount(tokens_N[start : start + _TOKENS_AT_ONCE], minlength=size)
        return counts_V

    def _describe_metrics(self) -> str:
        also = ", ".join(metric_name(metric) for metric in self.also)
        return f"{self.metric_title}{_options(self.metric)}" + (f", also {also}" if also else "")

    def describe(self) -> str:
        """One line: pairs, vocabulary sizes, mean lengths in tokens, metric."""
        pairs = " / ".join(f"{len(split):,}" for split in (self.train, self.validation, self.test))
        sizes = f"{len(self.source_vocabulary):,} → {len(self.target_vocabulary):,}"
        lengths = f"{_mean_length(self.train.source_ids):.1f} → {_mean_length(self.train.target_ids):.1f}"
        return (
            f"{self.name}: {pairs} train / validation / test pairs, vocabulary {sizes}, "
            f"mean length {lengths} tokens, {self._describe_metrics()}"
        )


def _options(written: WrittenMetric) -> str:
    """Options of a metric that a reader should see; the usual order of BLEU is none."""
    shown = {"tokenize": "{}", "tokenizer": "{}", "unit": "per {}", "max_ngram_order": "{}-grams"}
    given = written if isinstance(written, Mapping) else {}
    texts = [form.format(given[name]) for name, form in shown.items() if given.get(name) not in (None, 4)]
    return f" ({', '.join(texts)})" if texts else ""


def _mean_length(rows: Sentences) -> float:
    return len(rows.tokens_N) / max(1, len(rows))
