"""RAML in the version of Tan et al. (2018): a few n-gram replacements, one of them drawn by its reward.

Legend: R rows, K candidates per row, N = R · K, T target length, v words that may be drawn.

    y_1 = y*,   y_k = y* with n ~ U{1, …, min(4, |y*|)} adjacent words, from a position ~ U, replaced by draws from v
    P(y = y_k) ∝ exp(R(y_k | y*) / τ)

It needs neither the model nor increments, so it works with every reward. The code of Tan et al. never replaces the last
word, a full stop; here every word may be replaced.
"""

from typing import Final

import torch
from jaxtyping import Int
from torch import Tensor

from erpo_explore.erpo.categorical import draw_indices, draw_uniform
from erpo_explore.erpo.draw import Draw, shifted
from erpo_explore.rewards import MixtureReward, Reference

__all__ = ["ngram_candidates", "sample_ngram_replacements"]

_MAX_WORDS: Final = 4
"""Longest n-gram that is replaced, as in the code of Tan et al. (2018)."""


@torch.no_grad()
def sample_ngram_replacements(
    reward: MixtureReward, reference: Reference, *, num_candidates: int, temperature: float, generator: torch.Generator
) -> Draw:
    """Draw one of K candidates per row.

    Args:
        reward: The reward, a metric alone.
        reference: y*, one row per target.
        num_candidates: K, including the reference itself.
        temperature: τ.
        generator: Source of every random draw.
    """
    R = len(reference.tokens_BT)
    row_N = torch.arange(R, device=reference.tokens_BT.device).repeat_interleave(num_candidates)
    repeated = reference.take(row_N)
    tokens_NT = ngram_candidates(repeated, generator)
    tokens_NT = torch.where(
        (torch.arange(len(row_N), device=row_N.device) % num_candidates == 0)[:, None], repeated.tokens_BT, tokens_NT
    )
    reward_RK = reward.score(repeated, tokens_NT, repeated.keep_BT).view(R, num_candidates)
    weight_RK = (reward_RK / temperature).softmax(1)
    chosen_R = draw_indices(weight_RK, generator)
    index_R = torch.arange(R, device=row_N.device) * num_candidates + chosen_R
    tokens_RT = tokens_NT[index_R]
    return Draw(
        inputs_RT=shifted(tokens_RT, reference.symbols),
        labels_RT=tokens_RT,
        keep_RT=reference.keep_BT,
        finished_R=torch.ones_like(chosen_R, dtype=torch.bool),
        reward_R=reward_RK.gather(1, chosen_R[:, None])[:, 0],
    )


def ngram_candidates(reference: Reference, generator: torch.Generator) -> Int[Tensor, "N T"]:
    """Each reference with one n-gram replaced; a reference without words is returned unchanged.

    Args:
        reference: y*, one row per candidate.
        generator: Source of every random draw.
    """
    tokens_NT, words_NT = reference.tokens_BT, reference.words_BT
    N, T = tokens_NT.shape
    num_words_N = words_NT.sum(1)
    longest_N = num_words_N.clamp(max=_MAX_WORDS)
    length_N = 1 + (draw_uniform(N, generator) * longest_N).long()
    first_N = (draw_uniform(N, generator) * (num_words_N - length_N + 1)).long()
    step_T = torch.arange(T, device=tokens_NT.device)
    replaced_NT = (step_T >= first_N[:, None]) & (step_T < (first_N + length_N)[:, None]) & words_NT
    word_v = reference.drawable_words_v
    drawn_NT = word_v[torch.randint(len(word_v), (N, T), generator=generator, device=tokens_NT.device)]
    return torch.where(replaced_NT, drawn_NT, tokens_NT)
