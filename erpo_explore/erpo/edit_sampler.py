"""RAML's sampler for the edit distance: first the number of edits, then the edits (Norouzi et al. 2016, section 2.2).

Legend: R rows, T reference length, S substitutions, I insertions, X tokens before sorting, L length of the longest
edited target, Y interleaved slots, m words in a reference, v words that may be drawn.

    P(s, i) ∝ C(m, s) · C(m − s + i, i) · v^(s + i) · exp(−(s + i) / τ)

for s substitutions and i insertions on m words. Each of the s words is replaced by one of the v − 1 other words, or by
nothing, which is a deletion. The i inserted words are drawn from v words; each stands at the front or after a word that
was not substituted. So all scripts of e edits are equally likely, and one more edit multiplies a script's probability
by exp(−1/τ). The paper counts scripts instead of targets, which is close but not exact: a target that several scripts
lead to is drawn with the sum of their probabilities. On two words of three (i ≤ 7) the total variation from
q ∝ exp(−distance / τ) is 0.003 at τ = 0.15, 0.07 at 0.3 and 0.21 at 0.5.
"""

import math
from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.erpo.categorical import draw_indices, draw_subset
from erpo_explore.erpo.draw import Draw, shifted
from erpo_explore.rewards import Reference

__all__ = ["edit_numbers", "sample_edits"]

_EXTRA_INSERTIONS: Final = 5
"""A row of m words gets at most m + 5 insertions."""


def edit_numbers(
    num_words_R: Int[Tensor, " R"], num_drawable: int, temperature: float, max_insertions: int, most_words: int
) -> Float[Tensor, "R S I"]:
    """P(s, i) per row.

    Args:
        num_words_R: m.
        num_drawable: v.
        temperature: τ > 0.
        max_insertions: Largest i; probabilities are normalised over the smaller ones.
        most_words: At least the largest m.

    Returns:
        Probabilities [R, S, I] with S = most_words + 1 and I = max_insertions + 1; 0 where s > m.
    """
    m_R11 = num_words_R.double()[:, None, None]
    s_1S1 = torch.arange(most_words + 1, device=num_words_R.device).double()[None, :, None]
    i_11I = torch.arange(max_insertions + 1, device=num_words_R.device).double()[None, None, :]
    log_v = math.log(num_drawable) if num_drawable > 0 else -math.inf
    stay_RS1 = (m_R11 - s_1S1).clamp(min=0.0)
    log_RSI = _log_choose(m_R11, s_1S1) + _log_choose(stay_RS1 + i_11I, i_11I)
    log_RSI = log_RSI + (s_1S1 + i_11I) * (log_v - 1.0 / temperature)
    log_RSI = log_RSI.masked_fill(s_1S1 > m_R11, -torch.inf)
    return log_RSI.flatten(1).softmax(1).view_as(log_RSI).float()


@torch.no_grad()
def sample_edits(reference: Reference, temperature: float, generator: torch.Generator) -> Draw:
    """Draw one edited reference per row.

    Args:
        reference: y*, one row per target.
        temperature: τ of exp(−edits / τ). At most m + 5 words are inserted; that limit matters only where
            v exp(−1/τ) is near 1 or above.
        generator: Source of every random draw.
    """
    words_RT = reference.words_BT
    num_words_R = words_RT.sum(1)
    word_v = reference.drawable_words_v
    most_words = words_RT.shape[1] - 1  # from the shape, since the host would wait for the largest m
    max_insertions = most_words + _EXTRA_INSERTIONS
    probability_RSI = edit_numbers(num_words_R, len(word_v), temperature, max_insertions, most_words)
    # per-row limit: a row must not depend on longer rows of its batch
    i_I = torch.arange(max_insertions + 1, device=words_RT.device)
    probability_RSI = probability_RSI * (i_I <= num_words_R[:, None] + _EXTRA_INSERTIONS)[:, None]
    pair_R = draw_indices(probability_RSI.flatten(1), generator)
    num_substituted_R = pair_R // (max_insertions + 1)
    num_inserted_R = pair_R % (max_insertions + 1)

    substituted_RT = draw_subset(words_RT, num_substituted_R, generator)
    other_RT = word_v[_integers(words_RT.shape, len(word_v), generator)]
    token_RT = torch.where(substituted_RT, other_RT, reference.tokens_BT)
    # v choices for v − 1 other words and the deletion: drawing the word itself means deletion
    kept_RT = words_RT & ~(substituted_RT & (other_RT == reference.tokens_BT))
    position_RT = torch.arange(words_RT.shape[1], device=words_RT.device).float().expand_as(token_RT)

    position_RY = _insertions(words_RT & ~substituted_RT, num_inserted_R, max_insertions, generator)
    inserted_RY = word_v[_integers(position_RY.shape, len(word_v), generator)]
    return _assembled(
        torch.cat([token_RT, inserted_RY], dim=1),
        torch.cat([position_RT.masked_fill(~kept_RT, torch.inf), position_RY], dim=1),
        reference,
    )


def _insertions(
    unchanged_RT: Bool[Tensor, "R T"],
    num_inserted_R: Int[Tensor, " R"],
    max_insertions: int,
    generator: torch.Generator,
) -> Float[Tensor, "R Y"]:
    """Positions of the inserted words, each half-way after an unchanged word; +∞ in slots without an insertion."""
    num_unchanged_R = unchanged_RT.sum(1)
    Y = unchanged_RT.shape[1] + max_insertions
    slot_Y = torch.arange(Y, device=unchanged_RT.device)
    used_RY = slot_Y < (num_unchanged_R + num_inserted_R)[:, None]
    is_insertion_RY = draw_subset(used_RY, num_inserted_R, generator)
    num_before_RY = (used_RY & ~is_insertion_RY).cumsum(1)
    # position of the n-th unchanged word; the front is the 0-th, at −1
    position_RT = torch.arange(unchanged_RT.shape[1], device=unchanged_RT.device).float()
    in_order_RT = position_RT.expand(unchanged_RT.shape).masked_fill(~unchanged_RT, torch.inf).sort(1).values
    anchors_RX = torch.nn.functional.pad(in_order_RT, (1, 0), value=-1.0)
    after_RY = anchors_RX.gather(1, num_before_RY.clamp(max=unchanged_RT.shape[1])) + 0.5
    return after_RY.masked_fill(~is_insertion_RY, torch.inf)


def _assembled(token_RX: Int[Tensor, "R X"], position_RX: Float[Tensor, "R X"], reference: Reference) -> Draw:
    """The tokens sorted by position, without those at +∞, and EOS."""
    symbols = reference.symbols
    position_RX, order_RX = position_RX.sort(dim=1, stable=True)
    length_R = position_RX.isfinite().sum(1)
    length_on_host_R = length_R.cpu()
    L = int(length_on_host_R.max()) + 1
    token_RL = torch.nn.functional.pad(token_RX.gather(1, order_RX), (0, 1))[:, :L]
    step_L = torch.arange(L, device=token_RL.device)
    token_RL = token_RL.masked_fill(step_L == length_R[:, None], symbols.eos)
    keep_RL = step_L <= length_R[:, None]
    token_RL = token_RL.masked_fill(~keep_RL, symbols.pad)
    return Draw(
        inputs_RT=shifted(token_RL, symbols),
        labels_RT=token_RL,
        keep_RT=keep_RL,
        keep_on_host_RT=torch.arange(L, device=length_on_host_R.device) <= length_on_host_R[:, None],
        finished_R=torch.ones_like(length_R, dtype=torch.bool),
    )


def _integers(shape: torch.Size, high: int, generator: torch.Generator) -> Int[Tensor, "..."]:
    return torch.randint(high, shape, generator=generator, device=generator.device)


def _log_choose(n: Tensor, k: Tensor) -> Tensor:
    """The logarithm of n over k."""
    return torch.lgamma(n + 1.0) - torch.lgamma(k + 1.0) - torch.lgamma((n - k).clamp(min=0.0) + 1.0)
