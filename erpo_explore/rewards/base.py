"""One interface for every reward: what each possible next token adds.

Legend: B batch, T reference length (its EOS counted), L hypothesis length, V vocabulary, N rows that are picked.

    R(y | y*) = Σ_t r_t(y_t),    r_t(v) = Φ(y_<t v) − Φ(y_<t),    Φ(empty) = 0,    Φ(finished y) = R(y)

A reward is asked for the increments of every candidate at once and is then told which token was taken. What it keeps of
the prefix is a frozen state of tensors on the references' device, so one reward object serves any number of batches.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.rewards.increments import Increments
from erpo_explore.rows import Rows
from erpo_explore.symbols import Symbols

__all__ = ["MetricReward", "Reference", "TokenReward"]

State = TypeVar("State", bound=Rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(Rows):
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

    def truth_B(self, step: int) -> Int[Tensor, " B"]:
        """The token after so many; EOS behind the end."""
        if step >= self.tokens_BT.shape[1]:
            return torch.full_like(self.tokens_BT[:, 0], self.symbols.eos)
        return self.tokens_BT[:, step].masked_fill(~self.keep_BT[:, step], self.symbols.eos)

    @property
    def drawable_V(self) -> Float[Tensor, " V"]:
        """1 for every token that a drawn target may hold, EOS among them, else 0."""
        drawable_V = torch.ones(self.num_tokens, device=self.tokens_BT.device)
        drawable_V[list(self.symbols.never_drawn)] = 0.0
        return drawable_V

    @property
    def drawable_words_v(self) -> Int[Tensor, " v"]:
        """Ids of the words that a drawn target may hold."""
        word_v = self.drawable_V.nonzero()[:, 0]
        return word_v[word_v != self.symbols.eos]

    @property
    def length_B(self) -> Float[Tensor, " B"]:
        """Words in each reference, EOS not counted."""
        return self.words_BT.sum(1).float()


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

    @final
    def take(self, state: State, row_N: Int[Tensor, " N"]) -> State:
        """The state of some rows, as when those that have ended are dropped or each is to go on in several ways."""
        return state.take(row_N)

    def score(
        self, reference: Reference, tokens_BL: Int[Tensor, "B L"], keep_BL: Bool[Tensor, "B L"]
    ) -> Float[Tensor, " B"]:
        """R(y | y*) of each hypothesis; one without EOS has the value of its prefix, Φ(y).

        Args:
            reference: One row a hypothesis.
            tokens_BL: Hypotheses with their EOS.
            keep_BL: True on hypotheses and their EOS.

        Raises:
            ValueError: The reward reads the model, so that a target has no value of its own.
        """
        state = self.begin(reference)
        total_B = torch.zeros(tokens_BL.shape[0], device=tokens_BL.device)
        for t in range(tokens_BL.shape[1]):
            total_B = total_B + torch.where(keep_BL[:, t], self._value_of(state, tokens_BL[:, t]), 0.0)
            state = self.advance(state, tokens_BL[:, t])
        return total_B

    def _value_of(self, state: State, token_B: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """r_t of one token a row."""
        return self.increments(state).gather(1, token_B[:, None])[:, 0]


class MetricReward(TokenReward[State]):
    """A reward that tells the words of the reference and EOS from each other, and all other tokens alike."""

    @abstractmethod
    def candidates(self, state: State) -> Increments:
        """r_t(v) of every candidate, as a few slots and one value for the rest."""

    @final
    def increments(self, state: State, log_p_BV: Float[Tensor, "B V"] | None = None) -> Float[Tensor, "B V"]:
        """The candidates, spread over the vocabulary."""
        return self.candidates(state).dense()

    @final
    def _value_of(self, state: State, token_B: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        return self.candidates(state).of(token_B)
