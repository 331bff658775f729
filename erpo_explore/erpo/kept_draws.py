"""What the first step on a set of draws keeps for the steps after it (`reuse`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from erpo_explore.erpo.draw import Draw
from erpo_explore.seq2seq import Seq2Seq

__all__ = ["KeptDraws", "dropout_state", "with_dropout_state"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDraws:
    """Draws with their weights, and the probabilities that they were drawn with.

    Attributes:
        draw: The targets.
        weight_N: A of each kept label.
        losses_N: −log p_old of each kept label, without gradient.
        decoder_masks: State of the dropout's generator when the decoder read the targets; None where it is not known.
        encoder_masks: The same when the sources were encoded.
    """

    draw: Draw
    weight_N: Float[Tensor, " N"]
    losses_N: Float[Tensor, " N"]
    decoder_masks: Tensor | None
    encoder_masks: Tensor | None = None


def dropout_state(model: Seq2Seq) -> Tensor | None:
    """State of the generator of the model's dropout; None where it is not known."""
    generator = model.dropout_generator
    return None if generator is None else generator.get_state()


@contextmanager
def with_dropout_state(model: Seq2Seq, state: Tensor | None) -> Iterator[None]:
    """Within this context, the dropout masks are those that followed a state; the generator is restored afterwards."""
    generator = model.dropout_generator
    if generator is None or state is None:
        yield
        return
    before = generator.get_state()
    generator.set_state(state)
    try:
        yield
    finally:
        generator.set_state(before)
