"""One interface for every reward: what each possible next token adds.

Legend: B batch, T reference length (its EOS counted), V vocabulary.

    R(y | y*) = Σ_t r_t(y_t),    r_t(v) = Φ(y_<t v) − Φ(y_<t),    Φ(empty) = 0,    Φ(finished y) = R(y)

A reward is asked for the increments of every candidate at once and is then told which token was taken. What it keeps of
the prefix is a frozen state of tensors on the references' device, so one reward object serves any number of batches.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.symbols import Symbols

__all__ = ["Reference", "TokenReward", "sequence_rewards"]

State = TypeVar("State")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The references of a batch.

    Attributes:
        tokens_BT: y* with its EOS, then padding.
        keep_BT: True on y* and its EOS.
        num_tokens: V, the vocabulary's size.
        symbols: Ids of the special tokens.
    """

    tokens_BT: Int[Tensor, "B T"]
    keep_BT: Bool[Tensor, "B T"]
    num_tokens: int
    symbols: Symbols

    @property
    def words_BT(self) -> Bool[Tensor, "B T"]:
        """True on the words of y*: what is kept, without EOS."""
        return self.keep_BT & (self.tokens_BT != self.symbols.eos)

    @property
    def matchable_BT(self) -> Bool[Tensor, "B T"]:
        """True on the words that a hypothesis can match; two unknown words are not known to be the same."""
        return self.words_BT & (self.tokens_BT != self.symbols.unk)

    @property
    def length_B(self) -> Float[Tensor, " B"]:
        """Words in each reference, EOS not counted."""
        return self.words_BT.sum(1).to(torch.get_default_dtype())


class TokenReward(ABC, Generic[State]):
    """A reward that is a sum of increments."""

    reads_model: bool = False
    """Whether `increments` needs the model's log-probabilities."""

    @abstractmethod
    def begin(self, reference: Reference) -> State:
        """The state of the empty prefix."""

    @abstractmethod
    def increments(self, state: State, log_p_BV: Float[Tensor, "B V"] | None = None) -> Float[Tensor, "B V"]:
        """r_t(v) of every candidate; −∞ where the reward forbids it.

        Args:
            state: Of the prefix y_<t.
            log_p_BV: log p_θ(v | y_<t, x), for a reward with `reads_model`.
        """

    @abstractmethod
    def advance(self, state: State, token_B: Int[Tensor, " B"]) -> State:
        """The state after one more token; a row that has ended may be fed anything and is not read again."""


def sequence_rewards(
    reward: TokenReward[State], reference: Reference, tokens_BT: Int[Tensor, "B L"], keep_BT: Bool[Tensor, "B L"]
) -> Float[Tensor, " B"]:
    """R(y | y*) = Σ_t r_t(y_t) of each hypothesis; one without EOS has the value of its prefix, Φ(y).

    Args:
        reward: One that does not read the model.
        reference: The references.
        tokens_BT: Hypotheses with their EOS.
        keep_BT: True on hypotheses and their EOS.
    """
    state = reward.begin(reference)
    total_B = torch.zeros(tokens_BT.shape[0], device=tokens_BT.device)
    for t in range(tokens_BT.shape[1]):
        step_B = reward.increments(state).gather(1, tokens_BT[:, t, None])[:, 0]
        total_B = total_B + torch.where(keep_BT[:, t], step_B, 0.0)
        state = reward.advance(state, tokens_BT[:, t])
    return total_B
