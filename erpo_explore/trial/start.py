"""The weights that a run began with, and how far its model has moved from them.

Legend: B batch, T target length, N target tokens that count, n tokens of a part, H features, V target vocabulary.

    KL(p_θ ‖ p_start) = 1/N Σ_n Σ_v p_θ(v | y*_<n, x) (log p_θ(v | y*_<n, x) − log p_start(v | y*_<n, x))

The mean is over the tokens of the first validation references, EOS included: the same ones at every report.
"""

import copy
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from erpo_explore.seq2seq import Seq2Seq
from erpo_explore.symbols import Symbols
from erpo_explore.tasks import Batch, Split, collate

__all__ = ["Start"]

_NUM_PAIRS: Final = 128
_TOKENS_AT_ONCE: Final = 512
"""Tokens whose distributions are in memory at once, each of the size of the vocabulary."""


class Start:
    """A copy of a model before its training."""

    def __init__(self, model: Seq2Seq, validation: Split, symbols: Symbols, *, generator: torch.Generator) -> None:
        """Copy the model as it is.

        Args:
            model: The model, whose later training leaves the copy unchanged.
            validation: The pairs whose first ones are compared on.
            symbols: Ids of the special tokens.
            generator: The generator that the model's dropout holds. The copy shares it, and never draws from it.
        """
        # the generator itself must not be copied: the run restores its state in place
        self._model = copy.deepcopy(model, {id(generator): generator}).requires_grad_(False).eval()
        self._batch = collate(validation, range(min(_NUM_PAIRS, len(validation))), symbols)
        self._symbols = symbols

    @torch.no_grad()
    def kl_nats(self, model: Seq2Seq) -> float:
        """KL divergence of the model from its start, in nats per reference token.

        Args:
            model: The model; its mode (training or evaluation) is restored afterwards.
        """
        was_training = model.training
        model.eval()
        batch = self._batch.to(model.device)
        features_NH, start_NH = _features(model, batch, self._symbols), _features(self._model, batch, self._symbols)
        total = 0.0
        for first in range(0, len(features_NH), _TOKENS_AT_ONCE):
            part = slice(first, first + _TOKENS_AT_ONCE)
            log_p_nV = torch.log_softmax(model.project(features_NH[part]).float(), dim=-1)
            log_start_nV = torch.log_softmax(self._model.project(start_NH[part]).float(), dim=-1)
            p_nV = log_p_nV.exp()
            # a token that neither model can generate adds 0, not the difference of two infinities
            total += float((p_nV * (log_p_nV - log_start_nV)).masked_fill_(p_nV == 0.0, 0.0).sum())
        model.train(was_training)
        return total / len(features_NH)


def _features(model: Seq2Seq, batch: Batch, symbols: Symbols) -> Float[Tensor, "N H"]:
    """The decoder's features before each token of the references."""
    inputs_BT = torch.nn.functional.pad(batch.target_BT[:, :-1], (1, 0), value=symbols.bos)
    memory = model.encode(batch.source_BS, batch.source_keep_BS)
    return model.features(memory, inputs_BT)[batch.target_keep_BT]
