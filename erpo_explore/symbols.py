"""Ids of the special tokens.

They are a value and no constants, because each pretrained model has its own ids.
"""

import functools
from dataclasses import dataclass

__all__ = ["Symbols", "runs_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """Ids of the special tokens of one vocabulary.

    Pretrained models may start with padding (T5, Marian) or EOS (BART), so `bos` may equal `pad` or `eos`. `pad` never
    equals `eos`.

    Attributes:
        pad: Fills a row after its end; never read, never scored.
        bos: First decoder input; never a target, unless it equals EOS.
        eos: Ends a target, and is trained like any other token.
        unk: Replaces every token outside the vocabulary. Two such tokens may be different words.
        unused: Further ids that no target contains: ids without a token, and other special tokens of a pretrained
            tokenizer.
    """

    pad: int = 0
    bos: int = 1
    eos: int = 2
    unk: int = 3
    unused: tuple[int, ...] = ()

    @property
    def never_drawn(self) -> tuple[int, ...]:
        """Ids that have no mass in any target distribution, sorted and without duplicates."""
        return tuple(sorted({self.pad, self.bos, self.unk, *self.unused} - {self.eos}))


@functools.cache
def runs_of(ids: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Runs of adjacent ids, which rise, as (first, end): a slice needs no tensor of indices.

    Example:
        >>> runs_of((0, 1, 3))
        ((0, 2), (3, 4))
    """
    runs: list[tuple[int, int]] = []
    for each in ids:
        if runs and runs[-1][1] == each:
            runs[-1] = (runs[-1][0], each + 1)
        else:
            runs.append((each, each + 1))
    return tuple(runs)
