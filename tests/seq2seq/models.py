"""Every model that the conformance suite checks, small and untrained."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from erpo_explore.seq2seq import CustomConfig, LstmConfig, PretrainedConfig, Seq2Seq, TransformerConfig, build_model
from erpo_explore.symbols import Symbols
from tests import tiny_pretrained

SYMBOLS = Symbols()
NUM_SOURCE, NUM_TARGET = 11, 9

CONFIGS = {
    "lstm": LstmConfig(hidden_size=8, dropout=0.2),
    "transformer": TransformerConfig(hidden_size=16, heads=2, layers=2, feed_forward=24, dropout=0.1),
}
"""Models with randomly drawn weights."""

CUSTOM = {"custom": CustomConfig(function="examples.my_model:build", settings={"hidden_size": 12})}
"""Models from outside the package: add yours here, and `pytest tests/seq2seq/test_model.py -k custom` checks it."""

KINDS = (*CONFIGS, *CUSTOM, *tiny_pretrained.KINDS)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def build(kind: str, seed: int = 1) -> Seq2Seq:
    if kind not in tiny_pretrained.KINDS:
        return build_model((CONFIGS | CUSTOM)[kind], NUM_SOURCE, NUM_TARGET, pad=SYMBOLS.pad, generator=seeded(seed))
    with TemporaryDirectory() as folder:
        name = tiny_pretrained.save_tiny(kind, Path(folder), num_tokens=NUM_SOURCE)
        config = PretrainedConfig(name=name)
        return build_model(config, NUM_SOURCE, NUM_SOURCE, pad=SYMBOLS.pad, generator=seeded(seed))


def num_target(kind: str) -> int:
    """Target vocabulary size; a pretrained model has the same on both sides."""
    return NUM_SOURCE if kind in tiny_pretrained.KINDS else NUM_TARGET


def sources() -> tuple[torch.Tensor, torch.Tensor]:
    """Three sources of different lengths, padded to the longest."""
    rows = ([5, 9, 4, 10, 7], [6, 2], [8, 4, 4])
    source_BS = torch.tensor([[*row, *[SYMBOLS.pad] * (5 - len(row))] for row in rows])
    return source_BS, source_BS != SYMBOLS.pad


def targets() -> torch.Tensor:
    """Decoder inputs for the sources."""
    return torch.tensor([[1, 4, 5, 6, 4], [1, 8, 8, 2, 0], [1, 3, 7, 7, 7]])
