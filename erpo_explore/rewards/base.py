"""The interface of a reward: the increment of every possible next token.

Legend: B batch, T reference length (with EOS), L hypothesis length, V vocabulary, v words that may be drawn, N selected
rows.

    R(y | y*) = Σ_t r_t(y_t),    r_t(v) = Φ(y_<t v) − Φ(y_<t),    Φ(empty) = 0,    Φ(finished y) = R(y)

`increments` returns the increments of every candidate at once; `advance` appends the token that was chosen. The state
of the prefix is a frozen value with tensors on the references' device, so one reward object serves any number of
batches.
"""

import itertools
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, TypeVar, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from typing_extensions import override

from erpo_explore.rewards.increments import Increments
from erpo_explore.rows import Rows
from erpo_explore.symbols import Symbols
from erpo_explore.tasks.texts import Texts

__all__ = ["MetricReward", "PotentialReward", "Reference", "TokenReward"]

State = TypeVar("State", bound=Rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(Rows):
    """The references of a batch.

    Attributes:
        tokens_BT: y* with its EOS, then padding.
        keep_BT: True on y* and its EOS.
        num_tokens: V, the size of the vocabulary.
        symbols: Ids of the special tokens.
        index_B: Index of each reference among those of `texts`; None without `texts`.
        texts: Text of the references that their tokens do not give back.
    """

    tokens_BT: Int[Tensor, "B T"]
    keep_BT: Bool[Tensor, "B T"]
    num_tokens: int
    symbols: Symbols
    index_B: Int[Tensor, " B"] | None = None
    texts: Texts | None = None

    def kept_texts(self) -> list[str | None]:
        """Text of each reference that its tokens do not give back; None for the others."""
        if self.index_B is None or self.texts is None:
            return [None] * len(self.tokens_BT)
        return self.texts.at(self.index_B.tolist())

    @property
    def words_BT(self) -> Bool[Tensor, "B T"]:
        """True on the words of y*: the kept tokens without EOS."""
        return self.keep_BT & (self.tokens_BT != self.symbols.eos)

    @property
    def matchable_BT(self) -> Bool[Tensor, "B T"]:
        """True on the words that a hypothesis can match; an unknown word matches nothing, not even itself."""
        return self.words_BT & (self.tokens_BT != self.symbols.unk)

    def truth_B(self, step: int) -> Int[Tensor, " B"]:
        """The token after `step` tokens; EOS after the end."""
        if step >= self.tokens_BT.shape[1]:
            return torch.full_like(self.tokens_BT[:, 0], self.symbols.eos)
        return self.tokens_BT[:, step].masked_fill(~self.keep_BT[:, step], self.symbols.eos)

    @property
    def drawable_V(self) -> Float[Tensor, " V"]:
        """1 for every token that a drawn target may hold, including EOS, else 0."""
        drawable_V = torch.ones(self.num_tokens, device=self.tokens_BT.device)
        drawable_V[list(self.symbols.never_drawn)] = 0.0
        return drawable_V

    @property
    def drawable_words_v(self) -> Int[Tensor, " v"]:
        """Ids of the words that a drawn target may hold."""
        bounds = sorted({-1, self.num_tokens, self.symbols.eos, *self.symbols.never_drawn})
        device = self.tokens_BT.device
        return torch.cat([torch.arange(low + 1, high, device=device) for low, high in itertools.pairwise(bounds)])

    @property
    def length_B(self) -> Float[Tensor, " B"]:
        """Number of words in each reference, without EOS."""
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
            state: State of the prefix y_<t.
            log_p_BV: log p_θ(v | y_<t, x), for a reward with `reads_model`.
        """

    @abstractmethod
    def advance(self, state: State, token_B: Int[Tensor, " B"]) -> State:
        """The state after one more token. A finished row may get any token; its state is not read again."""

    @final
    def take(self, state: State, row_N: Int[Tensor, " N"]) -> State:
        """The state of the selected rows; a row may be selected several times or not at all."""
        return state.take(row_N)

    def score(
        self, reference: Reference, tokens_BL: Int[Tensor, "B L"], keep_BL: Bool[Tensor, "B L"]
    ) -> Float[Tensor, " B"]:
        """R(y | y*) of each hypothesis; Φ(y) for one without EOS.

        Args:
            reference: y*, one row per hypothesis.
            tokens_BL: Hypotheses with their EOS.
            keep_BL: True on hypotheses and their EOS.

        Raises:
            ValueError: The reward depends on the model, so that a target alone has no score.
        """
        state = self.begin(reference)
        total_B = torch.zeros(tokens_BL.shape[0], device=tokens_BL.device)
        for t in range(tokens_BL.shape[1]):
            total_B = total_B + torch.where(keep_BL[:, t], self._value_of(state, tokens_BL[:, t]), 0.0)
            state = self.advance(state, tokens_BL[:, t])
        return total_B

    def _value_of(self, state: State, token_B: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """r_t of one token per row."""
        return self.increments(state).gather(1, token_B[:, None])[:, 0]


class MetricReward(TokenReward[State]):
    """A reward with increments of their own for the words of the reference and EOS; all other tokens share one."""

    @abstractmethod
    def candidates(self, state: State) -> Increments:
        """r_t(v) of every candidate, as a few slots and one value for all other tokens."""

    @final
    @override
    def increments(self, state: State, log_p_BV: Float[Tensor, "B V"] | None = None) -> Float[Tensor, "B V"]:
        return self.candidates(state).dense()

    @final
    @override
    def _value_of(self, state: State, token_B: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        return self.candidates(state).of(token_B)


class PotentialReward(MetricReward[State]):
    """A metric that counts tokens, with its potential Φ by itself. The last slot of its increments is EOS."""

    @abstractmethod
    def potential(self, state: State) -> Float[Tensor, " B"]:
        """Φ of the prefix."""
