"""The token ids with a meaning of their own.

They are a value that is passed along, not constants, because a pretrained model brings its own numbering.
"""

from dataclasses import dataclass

__all__ = ["Symbols"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbols:
    """Ids of the special tokens of one vocabulary.

    A pretrained model may begin with its padding (T5, Marian) or its EOS (BART), so `bos` may be one of the two; `pad`
    is never `eos`.

    Attributes:
        pad: Fills a row behind its end; never read, never scored.
        bos: First decoder input; never a target, unless it is EOS.
        eos: Ends a target sequence, and is trained like any token.
        unk: Stands for every token outside the vocabulary. Two of them need not be the same word.
        unused: Further ids that no target holds: those of no token, and a pretrained tokenizer's other special ones.
    """

    pad: int = 0
    bos: int = 1
    eos: int = 2
    unk: int = 3
    unused: tuple[int, ...] = ()

    @property
    def never_drawn(self) -> tuple[int, ...]:
        """Ids that no target distribution may give mass to, in order and each once."""
        return tuple(sorted({self.pad, self.bos, self.unk, *self.unused} - {self.eos}))
