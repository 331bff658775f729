"""From a task's config to a task: read the text, build the vocabularies, encode the text."""

import logging

import numpy as np

from erpo_explore.errors import DataError
from erpo_explore.named_function import load_object
from erpo_explore.tasks.bpe import BpeVocabulary
from erpo_explore.tasks.config import LearnedVocabularyConfig, PretrainedVocabularyConfig, TaskSection
from erpo_explore.tasks.corpus import Pair
from erpo_explore.tasks.digests import text_digests
from erpo_explore.tasks.pretrained import PretrainedVocabulary
from erpo_explore.tasks.reader import TaskReader
from erpo_explore.tasks.task import Split, Task, TokenPairs
from erpo_explore.tasks.texts import Texts
from erpo_explore.tasks.vocabulary import Vocabulary, WordVocabulary

__all__ = ["load_task"]

_log = logging.getLogger(__name__)


def load_task(config: TaskSection) -> Task:
    """Build the task of a config. The same config and data give the same task.

    Vocabularies are learned from the train split alone, after `train_limit`.

    Raises:
        ConfigError: A package that the task or its metric needs is not installed, `vocabulary.size` is too small, or a
        pretrained
            tokenizer cannot be loaded.
        DataError: The text cannot be used, a metric cannot rank it, or the train or validation split is empty.
    """
    reader: TaskReader = load_object("task.name", config.reader)
    corpus = reader.read(config)
    train = corpus.train[: config.train_limit]
    for name, pairs in (("train", train), ("validation", corpus.validation)):
        if not pairs:
            raise DataError(f"task {config.name}: its {name} split has no pair; {reader.remedy}")
    source_vocabulary, target_vocabulary = _build_vocabularies(config.vocabulary, train)

    def encoded(pairs: tuple[Pair, ...]) -> TokenPairs:
        return _encode(pairs, source_vocabulary, target_vocabulary)

    def split(pairs: tuple[Pair, ...]) -> Split:
        tokens = encoded(pairs)
        return Split(
            sources=tuple(source for source, _ in pairs),
            references=tuple(target for _, target in pairs),
            source_ids=tokens.source_ids.cut(config.max_source_tokens),
            target_ids=tokens.target_ids,
            target_texts=tokens.target_texts,
        )

    references = [target for _, target in corpus.validation]
    # the metrics are above the tasks, so their module is named, not imported
    fit = load_object("task.metric", "erpo_explore.metrics.fit:fit_metrics")
    metric, *also = fit(reader.metric(config), config.also, references, text=reader.preprocessing(config))
    return Task(
        name=reader.name(config),
        metric=metric.written,
        also=tuple(each.written for each in also),
        score_name=metric.name,
        remarks=tuple(dict.fromkeys(remark for each in (metric, *also) for remark in each.remarks)),
        source_vocabulary=source_vocabulary,
        target_vocabulary=target_vocabulary,
        train=_short_enough(encoded(train), config),
        validation=split(corpus.validation),
        test=split(corpus.test),
        digests=text_digests(corpus) if reader.may_change else {},
    )


def _build_vocabularies(
    config: LearnedVocabularyConfig | PretrainedVocabularyConfig, train: tuple[Pair, ...]
) -> tuple[Vocabulary, Vocabulary]:
    """Vocabularies of source and target."""
    if isinstance(config, PretrainedVocabularyConfig):
        return (
            PretrainedVocabulary(config.name, config.revision, "source", config.source_prefix),
            PretrainedVocabulary(config.name, config.revision, "target"),
        )
    sources, targets = ([pair[side] for pair in train] for side in (0, 1))
    return _learn_vocabulary(config, sources), _learn_vocabulary(config, targets)


def _learn_vocabulary(config: LearnedVocabularyConfig, lines: list[str]) -> Vocabulary:
    if config.kind == "bpe":
        return BpeVocabulary.from_lines(lines, size=config.size, min_count=config.min_count)
    return WordVocabulary.from_lines(lines, size=config.size, min_count=config.min_count)


def _encode(pairs: tuple[Pair, ...], source_vocabulary: Vocabulary, target_vocabulary: Vocabulary) -> TokenPairs:
    targets = [target for _, target in pairs]
    target_ids = target_vocabulary.encode_lines(targets)
    lost = target_vocabulary.not_restored(targets, target_ids)
    return TokenPairs(
        source_ids=source_vocabulary.encode_lines([source for source, _ in pairs]),
        target_ids=target_ids,
        target_texts=Texts.of((index, targets[index]) for index in lost),
    )


def _short_enough(train: TokenPairs, config: TaskSection) -> TokenPairs:
    """Train pairs within both length limits."""
    fits_N = (train.source_ids.lengths <= config.max_source_tokens) & (
        train.target_ids.lengths <= config.max_target_tokens
    )
    if fits_N.all():
        return train
    kept = np.flatnonzero(fits_N)
    if len(kept) == 0:
        raise DataError(
            f"task {config.name}: no train pair has at most max_source_tokens={config.max_source_tokens} and "
            f"max_target_tokens={config.max_target_tokens}; raise them"
        )
    _log.info("task %s: left out %d of %d train pairs as too long", config.name, len(train) - len(kept), len(train))
    return TokenPairs(
        source_ids=train.source_ids.take(kept),
        target_ids=train.target_ids.take(kept),
        target_texts=train.target_texts.take(kept),
    )
