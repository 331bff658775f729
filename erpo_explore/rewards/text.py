"""A metric that counts the tokens of the text, for targets in other tokens, as a sum of increments.

Legend: B batch, T reference length, L hypothesis length, X any length, J slots of candidates (the last one is EOS).

    r_t(v)   = Φ(y_<t v) − Φ(y_<t)               Φ the metric's potential on the target's own tokens
    r_t(EOS) = R(text of y_<t) − Φ(y_<t)         so Σ_t r_t(y_t) = R(text of y)

Byte-pair pieces are no words, and `13a` splits punctuation off. So the reward of a finished target is computed on the
tokens that the task's scorer counts, and equals what the scorer says of its text. The potential on the target's tokens
still values every next token. The potential of prefixes does not change the reward of whole targets (Ng, Harada &
Russell 1999).

The text of a reference with unknown words is kept beside its tokens. Elsewhere an unknown token is one word, which
matches nothing: the text `<unk>` would be three tokens of `13a`. No drawn target has one; edits of a reference may.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress, groupby
from typing import Any, Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from typing_extensions import override

from erpo_explore.rewards.base import MetricReward, PotentialReward, Reference
from erpo_explore.rewards.finished import Decode
from erpo_explore.rewards.increments import Increments
from erpo_explore.rows import Rows
from erpo_explore.symbols import Symbols

__all__ = ["TextReward", "TextState"]

_SYMBOLS: Final = Symbols()
_FIRST_WORD: Final = max(_SYMBOLS.never_drawn) + 1
"""Id of the first word of a batch; the ids before it are special tokens."""
_UNKNOWN: Final = ""
"""Stands for a word that is not known. No metric has an empty token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextState(Rows):
    """The prefix, its potential, and the words of the references.

    Attributes:
        prefix_BL: The tokens of the prefix.
        potential: State of the metric on the target's own tokens.
        words: The references in the metric's tokens, numbered by `ids`.
        ids: The number of each word of any reference of the batch.
        unk: The unknown token of targets.
    """

    prefix_BL: Int[Tensor, "B L"]
    potential: Any
    words: Reference
    ids: Mapping[str, int]
    unk: int


class TextReward(MetricReward[TextState]):
    """R on the metric's tokens, with the potential on the target's tokens."""

    def __init__(self, metric: PotentialReward[Any], words_of: Callable[[str], list[str]], decode: Decode) -> None:
        """A metric on the tokens of a text.

        Args:
            metric: Reward of tokens, used on both kinds of tokens.
            words_of: From a text to the tokens that the scorer counts.
            decode: Maps target ids to text.
        """
        self._metric = metric
        self._words_of = words_of
        self._decode = decode

    @override
    def begin(self, reference: Reference) -> TextState:
        rows = self._words_of_references(reference)
        distinct = dict.fromkeys(word for row in rows for word in row)
        ids = {word: _FIRST_WORD + at for at, word in enumerate(distinct)} | {_UNKNOWN: _SYMBOLS.unk}
        tokens_BT, keep_BT = _padded(rows, ids, reference.tokens_BT.device)
        return TextState(
            prefix_BL=reference.tokens_BT[:, :0],
            potential=self._metric.begin(reference),
            words=Reference(
                tokens_BT=tokens_BT, keep_BT=keep_BT, num_tokens=_FIRST_WORD + len(ids) + 1, symbols=_SYMBOLS
            ),
            ids=ids,
            unk=reference.symbols.unk,
        )

    @override
    def candidates(self, state: TextState) -> Increments:
        increments = self._metric.candidates(state.potential)
        finished_B = self._finished(state, state.prefix_BL, torch.ones_like(state.prefix_BL, dtype=torch.bool))
        value_BJ = increments.value_BJ.clone()
        value_BJ[:, -1] = finished_B - self._metric.potential(state.potential)
        return replace(increments, value_BJ=value_BJ)

    @override
    def advance(self, state: TextState, token_B: Int[Tensor, " B"]) -> TextState:
        prefix_BL = torch.cat([state.prefix_BL, token_B[:, None]], dim=1)
        return replace(state, prefix_BL=prefix_BL, potential=self._metric.advance(state.potential, token_B))

    @override
    def score(
        self, reference: Reference, tokens_BL: Int[Tensor, "B L"], keep_BL: Bool[Tensor, "B L"]
    ) -> Float[Tensor, " B"]:
        """R of each text; Φ of a hypothesis without EOS."""
        finished_B = self._finished(self.begin(reference), tokens_BL, keep_BL)
        ended_B = (keep_BL & (tokens_BL == reference.symbols.eos)).any(1)
        if bool(ended_B.all()):
            return finished_B
        return torch.where(ended_B, finished_B, self._metric.score(reference, tokens_BL, keep_BL))

    def _finished(
        self, state: TextState, tokens_BX: Int[Tensor, "B X"], keep_BX: Bool[Tensor, "B X"]
    ) -> Float[Tensor, " B"]:
        """R of the texts of some tokens, as if each had ended."""
        words_BL, keep_BL = _padded(self._words(tokens_BX, keep_BX, state.unk), state.ids, tokens_BX.device)
        return self._metric.score(state.words, words_BL, keep_BL)

    def _words_of_references(self, reference: Reference) -> list[list[str]]:
        """The metric's tokens of each reference, of its text where its tokens do not give that back."""
        texts = reference.kept_texts()
        known = {text: self._words_of(text) for text in dict.fromkeys(texts) if text is not None}
        rows = self._words(reference.tokens_BT, reference.keep_BT, reference.symbols.unk)
        return [row if text is None else known[text] for row, text in zip(rows, texts, strict=True)]

    def _words(self, tokens_BX: Int[Tensor, "B X"], keep_BX: Bool[Tensor, "B X"], unk: int) -> list[list[str]]:
        """The metric's tokens of each row; equal rows, as of draws that begin alike, are read once."""
        known: dict[tuple[int, ...], list[str]] = {}
        rows = [tuple(compress(*row)) for row in zip(tokens_BX.tolist(), keep_BX.tolist(), strict=True)]
        for row in rows:
            if row not in known:
                known[row] = self._words_of_target(row, unk)
        return [known[row] for row in rows]

    def _words_of_target(self, tokens: tuple[int, ...], unk: int) -> list[str]:
        if unk not in tokens:
            return self._words_of(self._decode(tokens))
        words: list[str] = []
        for is_unknown, group in groupby(tokens, key=unk.__eq__):
            part = tuple(group)
            words += [_UNKNOWN] * len(part) if is_unknown else self._words_of(self._decode(part))
        return words


def _padded(
    rows: Sequence[Iterable[str]], ids: Mapping[str, int], device: torch.device
) -> tuple[Int[Tensor, "B L"], Bool[Tensor, "B L"]]:
    """Numbers of words with EOS, then padding, and a mask that is False there. Words of no reference share a number."""
    other = _FIRST_WORD + len(ids)
    numbers = [[*(ids.get(word, other) for word in row), _SYMBOLS.eos] for row in rows]
    longest = max(map(len, numbers), default=0)
    tokens_BL = torch.tensor(
        [[*row, *[_SYMBOLS.pad] * (longest - len(row))] for row in numbers], dtype=torch.long, device=device
    ).view(len(rows), longest)
    return tokens_BL, tokens_BL != _SYMBOLS.pad
