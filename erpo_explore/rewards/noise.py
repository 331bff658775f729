"""What the noise weight puts in a word's place.

Legend: V vocabulary.

    unigram  u(v) = how often v is among the training targets' words
    uniform  u(v) = 1 / (words that may be drawn), EOS not among them
    blank    u(v) = 1[v = blank], with the unknown token for a blank: read, but never said (Xie et al. 2017)
"""

import torch
from jaxtyping import Float
from torch import Tensor

from erpo_explore.space.reward import Noise
from erpo_explore.symbols import Symbols

__all__ = ["noise_distribution"]


def noise_distribution(kind: Noise, unigram_V: Float[Tensor, " V"], symbols: Symbols) -> Float[Tensor, " V"]:
    """Probabilities u(v).

    Args:
        kind: Which noise.
        unigram_V: Relative frequencies of the training targets' tokens, 0 for special ones.
        symbols: Ids of the special tokens.
    """
    match kind:
        case "unigram":
            return unigram_V
        case "uniform":
            weights_V = torch.ones_like(unigram_V)
            weights_V[[*symbols.never_drawn, symbols.eos]] = 0.0
            return weights_V / weights_V.sum()
        case "blank":
            blank_V = torch.zeros_like(unigram_V)
            blank_V[symbols.unk] = 1.0
            return blank_V
