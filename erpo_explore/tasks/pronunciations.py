"""The task `pronunciations`: from the spelling of a word to its phonemes.

The words are those of the CMU Pronouncing Dictionary, which comes with the package; its licence is in the folder
`cmudict`. Each word has its first pronunciation, without stress. A hash of the word selects its split, and the order
is random, so the first words of a split are a sample of it. Left out: further pronunciations of a word.
"""

import gzip
from importlib.resources import files
from typing import Final

from erpo_explore.tasks.config import PronunciationsConfig
from erpo_explore.tasks.corpus import Corpus, Pair
from erpo_explore.tasks.reader import TaskReader

__all__ = ["PRONUNCIATIONS", "pronunciations_corpus"]

_FOLDER: Final = "cmudict"


def pronunciations_corpus(config: PronunciationsConfig) -> Corpus:
    """Read the dictionary: letters and phonemes are separated by spaces.

    Args:
        config: `train_limit`, the number of train words.
    """
    train = _read_pairs("train", config.train_limit)
    return Corpus(train=train, validation=_read_pairs("valid"), test=_read_pairs("test"))


def _read_pairs(split: str, limit: int | None = None) -> tuple[Pair, ...]:
    content = files(__package__).joinpath(_FOLDER, f"{split}.tsv.gz").read_bytes()
    lines = gzip.decompress(content).decode("ascii").splitlines()[:limit]
    return tuple((" ".join(word), phonemes) for word, phonemes in (line.split("\t") for line in lines))


def _source_line(config: PronunciationsConfig, line: str) -> str:
    """A word as its letters; a line of single letters stays."""
    del config
    pieces = line.lower().split()
    return " ".join(pieces if all(len(piece) == 1 for piece in pieces) else "".join(pieces))


PRONUNCIATIONS: Final = TaskReader(read=pronunciations_corpus, source_line=_source_line)
"""The task `pronunciations`."""
