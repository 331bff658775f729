"""Hugging Face data sets, from the hub or a local folder, through `datasets` (the extra `[hub]`).

Code of a data set is never run. Left out: streaming, since a task is held in memory as a whole.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

from erpo_explore.errors import ConfigError, DataError
from erpo_explore.tasks.config import HubConfig
from erpo_explore.tasks.corpus import Corpus, Pair
from erpo_explore.tasks.detokenise import detokenise_13a
from erpo_explore.tasks.reader import TaskReader

__all__ = ["HUB", "hub_corpus"]

_log = logging.getLogger(__name__)

_SPLITS: Final = {"train": ("train",), "validation": ("validation", "valid", "dev"), "test": ("test",)}


def hub_corpus(config: HubConfig) -> Corpus:
    """Load a data set and read its two columns; a missing test split is empty.

    Pairs with an empty side are left out with a logged warning, since a user cannot change a data set of the hub.

    Args:
        config: Data set, columns, and tokenisation of their text.

    Raises:
        ConfigError: `datasets` is not installed.
        DataError: The data set, a split or a column is missing, or a column is not text.
    """
    loaded = _load(config)
    train = _split(loaded, "train")
    if train is not None and config.train_limit is not None:
        train = train.select(range(min(config.train_limit, len(train))))
    validation, test = _split(loaded, "validation"), _split(loaded, "test")
    for name, rows in (("train", train), ("validation", validation)):
        if rows is None:
            raise DataError(
                f"{config.dataset}: must have a split {' or '.join(_SPLITS[name])}, has {', '.join(loaded)}; "
                "choose another dataset or subset"
            )
    return Corpus(
        train=_pairs(config, train, "train"),
        validation=_pairs(config, validation, "validation"),
        test=() if test is None else _pairs(config, test, "test"),
    )


def _load(config: HubConfig) -> Mapping[str, Any]:
    """Load the splits, by name."""
    try:
        import datasets
    except ImportError as error:
        raise ConfigError("task hub: needs the package datasets; pip install 'erpo-explore[hub]'") from error
    folder = Path(config.dataset)
    try:
        if (folder / "dataset_dict.json").is_file():
            loaded = datasets.load_from_disk(config.dataset)
        else:
            loaded = datasets.load_dataset(config.dataset, config.subset, revision=config.revision)
    except Exception as error:  # any error of the hub, the network or a file format
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        remedy = "check dataset, subset and the network"
        if "script" in reason.lower():
            remedy = "set revision to refs/convert/parquet and subset to its folder there"
        raise DataError(f"{config.dataset}: cannot be loaded ({reason}); {remedy}") from error
    if not isinstance(loaded, Mapping):
        raise DataError(
            f"{config.dataset}: must have the splits train and validation, is a single table; save a DatasetDict"
        )
    return loaded


def _split(loaded: Mapping[str, Any], name: str) -> Any | None:
    """Rows of a split under any of its names, or None."""
    found = [loaded[known] for known in _SPLITS[name] if known in loaded]
    return found[0] if found else None


def _pairs(config: HubConfig, rows: Any, split: str) -> tuple[Pair, ...]:
    """Text of both columns of a split, as words separated by single spaces."""
    sources, targets = _column(config, rows, config.source), _column(config, rows, config.target)
    normalize = _normalizer(config)
    pairs = [(normalize(source), normalize(target)) for source, target in zip(sources, targets, strict=True)]
    kept = tuple(pair for pair in pairs if all(pair))
    if len(kept) < len(pairs):
        _log.warning(
            "%s: left out %d of %d %s pairs with an empty side",
            config.dataset,
            len(pairs) - len(kept),
            len(pairs),
            split,
        )
    return kept


def _column(config: HubConfig, rows: Any, name: str) -> Sequence[str]:
    """Texts of a column; missing ones are empty."""
    if name in rows.column_names:
        values = list(rows[name])
    else:
        outer, *inner = name.split(".")
        if outer not in rows.column_names:
            raise DataError(
                f"{config.dataset}: has no column {name}, has {', '.join(rows.column_names)}; "
                "set source and target to two of them"
            )
        values = [_descend(config, value, name, inner) for value in rows[outer]]
    for number, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            raise DataError(
                f"{config.dataset}: column {name} must be text, row {number} has {type(value).__name__} "
                f"{str(value)[:60]!r}; name a column of text; write outer.inner for a nested one"
            )
    return [value or "" for value in values]


def _descend(config: HubConfig, value: Any, name: str, keys: Sequence[str]) -> Any:
    """Resolve the parts of a dotted name after the first."""
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            inside = ", ".join(value) if isinstance(value, Mapping) else type(value).__name__
            raise DataError(f"{config.dataset}: column {name} has no part {key}, has {inside}; name one of these")
        value = value[key]
    return value


def _normalizer(config: HubConfig) -> Callable[[str], str]:
    """Function that turns a text into one line of words separated by single spaces."""
    tokenizer = Tokenizer13a() if config.tokenize else None  # type: ignore[no-untyped-call]  # sacrebleu leaves it untyped

    def normalize(text: str) -> str:
        line = " ".join(text.split())
        if tokenizer is not None and line:
            line = tokenizer(line)
        return line.lower() if config.lowercase else line

    return normalize


def _source_line(config: HubConfig, line: str) -> str:
    return _normalizer(config)(line)


def _target_line(config: HubConfig, text: str) -> str:
    return detokenise_13a(text) if config.tokenize else text


def _preprocessing(config: HubConfig) -> str:
    """What was done to the text, for signatures."""
    return ".".join(name for name, is_done in (("lc", config.lowercase), ("13a", config.tokenize)) if is_done)


HUB: Final = TaskReader(
    read=hub_corpus,
    name=lambda config: str(config.dataset),
    source_line=_source_line,
    reference_line=_source_line,
    target_line=_target_line,
    may_change=True,
    preprocessing=_preprocessing,
)
"""The task `hub`; results name the data set."""
