"""Text of the speed benchmarks: Multi30k, or random words with its lengths and vocabulary sizes.

Multi30k de→en has 12.4 → 13.0 words per sentence and vocabularies of 7,859 / 5,921 words with count ≥ 2. The random
pairs have its target lengths, its spread of source lengths around them (standard deviation 2.2), and words by Zipf's
law. They are batched like the real pairs but carry no meaning: use `--data` if the result depends on learning.
"""

import argparse
from pathlib import Path
from typing import Final

import torch

from erpo_explore.symbols import Symbols
from erpo_explore.tasks import FilesConfig, Sentences, Split, Task, WordVocabulary, load_task

__all__ = ["BATCH_SIZE", "UNITS", "add_data_option", "multi30k"]

BATCH_SIZE: Final = 64
UNITS: Final = 256

_NUM_SOURCE, _NUM_TARGET, _NUM_PAIRS, _NUM_SPECIAL = 7_859, 5_921, 8_192, 4
# words per English sentence: the minimum, the quantiles in steps of 5 %, and a very long sentence
_LENGTHS: Final = (4, 8, 9, 9, 10, 10, 11, 11, 11, 12, 12, 13, 13, 14, 14, 15, 16, 17, 18, 20, 30)
_LONGER, _SPREAD = 0.58, 2.16


def add_data_option(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Add the option for the folder of the real text."""
    parser.add_argument(
        "--data",
        type=Path,
        required=required,
        help="folder with train.de, train.en, valid.de, …; default: random words",
    )


def multi30k(data: Path | None) -> Task:
    """Load the text of a folder, or make random words like it.

    Args:
        data: Folder with train.de, train.en, valid.de, …; None for random words.
    """
    if data is None:
        return _random_words()
    written = {"data": data, "source": "de", "target": "en", "metric": "bleu", "vocabulary": {"min_count": 2}}
    return load_task(FilesConfig.model_validate(written))


def _random_words() -> Task:
    generator = torch.Generator().manual_seed(0)
    knots = torch.tensor(_LENGTHS, dtype=torch.float64)
    position_N = torch.rand(_NUM_PAIRS, generator=generator, dtype=torch.float64) * (len(knots) - 1)
    below_N = position_N.long()
    target_N = torch.lerp(knots[below_N], knots[below_N + 1], position_N - below_N).round()
    longer_N = torch.randn(_NUM_PAIRS, generator=generator, dtype=torch.float64) * _SPREAD + _LONGER
    source_N = (target_N - longer_N).round().clamp(min=2.0)
    source_ids = _zipf_rows(source_N.long(), _NUM_SOURCE, generator)
    target_ids = _zipf_rows(target_N.long(), _NUM_TARGET, generator)
    source_words, target_words = _numbered_words(_NUM_SOURCE), _numbered_words(_NUM_TARGET)
    pairs = Split(
        sources=tuple(source_words.decode(ids) for ids in source_ids),
        references=tuple(target_words.decode(ids) for ids in target_ids),
        source_ids=source_ids,
        target_ids=target_ids,
    )
    return Task(
        name="random words",
        metric="bleu",
        source_vocabulary=source_words,
        target_vocabulary=target_words,
        train=pairs,
        validation=pairs,
        test=pairs,
    )


def _zipf_rows(length_N: torch.Tensor, size: int, generator: torch.Generator) -> Sentences:
    """Words with frequency proportional to 1 / rank; the most frequent is about one in nine."""
    weight_V = 1.0 / torch.arange(1, size - _NUM_SPECIAL + 1)
    flat = torch.multinomial(weight_V, int(length_N.sum()), replacement=True, generator=generator) + _NUM_SPECIAL
    return Sentences.from_rows(row.tolist() for row in torch.split(flat, length_N.tolist()))


def _numbered_words(size: int) -> WordVocabulary:
    return WordVocabulary([f"w{rank}" for rank in range(size - _NUM_SPECIAL)], Symbols())
