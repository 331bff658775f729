"""The noise distribution u, which replaces a word of the reference.

Legend: V vocabulary.

    unigram  u(v) = relative frequency of v among the words of the training targets
    uniform  u(v) = 1 / (number of words that may be drawn), without EOS
    blank    u(v) = 1[v = blank]; the blank is the unknown token, an input but never a label (Xie et al. 2017)
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
        kind: Kind of the noise.
        unigram_V: Relative frequencies of the training targets' tokens, 0 for special tokens.
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
