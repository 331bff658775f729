"""How far a model has moved from its anchor, or from the weights that its run began with.

Legend: B batch, T target length, N target tokens that count, n tokens of a part, H features, V target vocabulary.

    KL(p_θ ‖ p_origin) = 1/N Σ_n Σ_v p_θ(v | y*_<n, x) (log p_θ(v | y*_<n, x) − log p_origin(v | y*_<n, x))

The mean is over the tokens of the first validation references, EOS included: the same ones at every report.
"""

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from erpo_explore.seq2seq import Seq2Seq
from erpo_explore.symbols import Symbols
from erpo_explore.tasks import Batch, Split, collate

__all__ = ["Divergence"]

_NUM_PAIRS: Final = 128
_TOKENS_AT_ONCE: Final = 512
"""Tokens whose distributions are in memory at once, each of the size of the vocabulary."""


class Divergence:
    """KL divergence of a model from another, on validation references."""

    def __init__(self, validation: Split, symbols: Symbols) -> None:
        """Keep the pairs to compare on.

        Args:
            validation: The pairs whose first ones are compared on.
            symbols: Ids of the special tokens.
        """
        self._batch = collate(validation, range(min(_NUM_PAIRS, len(validation))), symbols)
        self._symbols = symbols

    @torch.no_grad()
    def kl_nats(self, model: Seq2Seq, origin: Seq2Seq) -> float:
        """KL divergence of the model from its origin, in nats per reference token.

        Args:
            model: The model; its mode (training or evaluation) is restored afterwards.
            origin: What it is compared with, in evaluation mode.
        """
        was_training = model.training
        model.eval()
        batch = self._batch.to(model.device)
        features_NH, origin_NH = _features(model, batch, self._symbols), _features(origin, batch, self._symbols)
        total = 0.0
        for first in range(0, len(features_NH), _TOKENS_AT_ONCE):
            part = slice(first, first + _TOKENS_AT_ONCE)
            log_p_nV = torch.log_softmax(model.project(features_NH[part]).float(), dim=-1)
            log_origin_nV = torch.log_softmax(origin.project(origin_NH[part]).float(), dim=-1)
            p_nV = log_p_nV.exp()
            # a token that neither model can generate adds 0, not the difference of two infinities
            total += float((p_nV * (log_p_nV - log_origin_nV)).masked_fill_(p_nV == 0.0, 0.0).sum())
        model.train(was_training)
        return total / len(features_NH)


def _features(model: Seq2Seq, batch: Batch, symbols: Symbols) -> Float[Tensor, "N H"]:
    """The decoder's features before each token of the references."""
    inputs_BT = torch.nn.functional.pad(batch.target_BT[:, :-1], (1, 0), value=symbols.bos)
    memory = model.encode(batch.source_BS, batch.source_keep_BS)
    return model.features(memory, inputs_BT)[batch.target_keep_BT]
