"""RAML as Tan et al. (2018) run it: a few n-gram replacements, one of them drawn by what it is worth.

Legend: R rows, K candidates, T target length, v words that may be drawn.

    y_1 = y*,   y_k = y* with n ~ U{1, …, min(4, |y*|)} neighbouring words from a place ~ U drawn anew from v words
    P(y = y_k) ∝ exp(R(y_k | y*) / τ)

It asks neither the model nor increments, so any reward will do. Their code spares the last word, a full stop; here all
words are alike.
"""

from typing import Final

import torch
from jaxtyping import Int
from torch import Tensor

from erpo_explore.erpo.draw import Draw, shifted
from erpo_explore.erpo.drawing import draw_places, draw_uniform
from erpo_explore.rewards import MixtureReward, Reference

__all__ = ["ngram_candidates", "replaced"]

_LONGEST: Final = 4


@torch.no_grad()
def replaced(
    reward: MixtureReward, reference: Reference, *, num_candidates: int, temperature: float, generator: torch.Generator
) -> Draw:
    """Draw one of the candidates a row.

    Args:
        reward: What they are worth, a metric alone.
        reference: y*.
        num_candidates: K, the reference among them.
        temperature: τ.
        generator: Of every draw.
    """
    R = len(reference.tokens_BT)
    row_N = torch.arange(R, device=reference.tokens_BT.device).repeat_interleave(num_candidates)
    many = reference.take(row_N)
    tokens_NT = ngram_candidates(many, generator)
    tokens_NT = torch.where(
        (torch.arange(len(row_N), device=row_N.device) % num_candidates == 0)[:, None], many.tokens_BT, tokens_NT
    )
    reward_RK = reward.score(many, tokens_NT, many.keep_BT).view(R, num_candidates)
    weight_RK = (reward_RK / temperature).softmax(1)
    chosen_R = draw_places(weight_RK, generator)
    at_R = torch.arange(R, device=row_N.device) * num_candidates + chosen_R
    tokens_RT = tokens_NT[at_R]
    return Draw(
        inputs_RT=shifted(tokens_RT, reference.symbols),
        labels_RT=tokens_RT,
        keep_RT=reference.keep_BT,
        finished_R=torch.ones_like(chosen_R, dtype=torch.bool),
        reward_R=reward_RK.gather(1, chosen_R[:, None])[:, 0],
    )


def ngram_candidates(reference: Reference, generator: torch.Generator) -> Int[Tensor, "N T"]:
    """Each reference with one n-gram drawn anew; one without words stays as it is.

    Args:
        reference: y*, one row a candidate.
        generator: Of every draw.
    """
    tokens_NT, words_NT = reference.tokens_BT, reference.words_BT
    N, T = tokens_NT.shape
    num_words_N = words_NT.sum(1)
    longest_N = num_words_N.clamp(max=_LONGEST)
    length_N = 1 + (draw_uniform(N, generator) * longest_N).long()
    first_N = (draw_uniform(N, generator) * (num_words_N - length_N + 1)).long()
    step_T = torch.arange(T, device=tokens_NT.device)
    anew_NT = (step_T >= first_N[:, None]) & (step_T < (first_N + length_N)[:, None]) & words_NT
    word_v = reference.drawable_words_v
    drawn_NT = word_v[torch.randint(len(word_v), (N, T), generator=generator, device=tokens_NT.device)]
    return torch.where(anew_NT, drawn_NT, tokens_NT)
