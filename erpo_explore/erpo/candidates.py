"""Candidates: the best targets of a frozen model, found once and scored once.

Legend: B sources, K candidates per source, T longest candidate.

    q(y_k) = exp(R(y_k) / τ) / Σ_j exp(R(y_j) / τ)          y_1 … y_K the likeliest targets that beam search finds

The beam has K slots and no length penalty. Where it finds fewer targets, q is over those.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.erpo.categorical import draw_indices
from erpo_explore.erpo.draw import Draw, shifted
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.rows import Rows
from erpo_explore.seq2seq import Memory, Seq2Seq
from erpo_explore.seq2seq.beam import best_hypotheses
from erpo_explore.symbols import Symbols

__all__ = ["Candidates", "candidate_weights", "draw_candidates", "find_candidates", "joined"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates(Rows):
    """The candidates of sources.

    Attributes:
        tokens_BKT: Targets with EOS, then padding.
        keep_BKT: True on targets and their EOS.
        reward_BK: R of each in the metric's own unit, −∞ where the beam has found fewer.
    """

    tokens_BKT: Int[Tensor, "B K T"]
    keep_BKT: Bool[Tensor, "B K T"]
    reward_BK: Float[Tensor, "B K"]


@torch.no_grad()
def find_candidates(
    model: Seq2Seq, reward: MixtureReward, memory: Memory, reference: Reference, *, max_tokens: int, number: int
) -> Candidates:
    """The candidates of a batch of sources.

    Args:
        model: The frozen model, in evaluation mode.
        reward: A metric alone, bound to the task.
        memory: The encoded sources.
        reference: y*, one row per source.
        max_tokens: Longest candidate.
        number: K.
    """
    beams = best_hypotheses(
        model, memory, reference.symbols, max_tokens, num_best=number, width=number, length_penalty=0.0
    )
    tokens_BKT = beams.tokens_BMT
    keep_BKT = tokens_BKT != reference.symbols.pad
    row_N = torch.arange(len(tokens_BKT), device=tokens_BKT.device).repeat_interleave(number)
    score_N = reward.score(reference.take(row_N), tokens_BKT.flatten(0, 1), keep_BKT.flatten(0, 1))
    reward_BK = (score_N * reward.reward.temperature).view(-1, number)
    return Candidates(
        tokens_BKT=tokens_BKT,
        keep_BKT=keep_BKT,
        reward_BK=reward_BK.masked_fill(beams.score_BM == -torch.inf, -torch.inf),
    )


def joined(parts: Sequence[Candidates], order_B: Int[Tensor, " B"], symbols: Symbols) -> Candidates:
    """The candidates of several batches as one, as wide as the widest.

    Args:
        parts: Candidates of batches.
        order_B: The order of their rows.
        symbols: Padding fills the rows.
    """
    width = max(part.tokens_BKT.shape[2] for part in parts)
    padded = [
        torch.nn.functional.pad(part.tokens_BKT, (0, width - part.tokens_BKT.shape[2]), value=symbols.pad)
        for part in parts
    ]
    tokens_BKT = torch.cat(padded)[order_B]
    return Candidates(
        tokens_BKT=tokens_BKT,
        keep_BKT=tokens_BKT != symbols.pad,
        reward_BK=torch.cat([part.reward_BK for part in parts])[order_B],
    )


def candidate_weights(candidates: Candidates, temperature: float) -> Float[Tensor, "B K"]:
    """The q of each candidate.

    Args:
        candidates: The candidates.
        temperature: τ τ_R, in the metric's unit.
    """
    return (candidates.reward_BK / temperature).softmax(1)


def draw_candidates(
    candidates: Candidates, symbols: Symbols, *, tau: float, reward_temperature: float, generator: torch.Generator
) -> Draw:
    """One candidate of each source, by q.

    Args:
        candidates: The candidates of the sources.
        symbols: Ids of the special tokens.
        tau: τ.
        reward_temperature: τ_R, by which the metric is divided.
        generator: Source of the draws.
    """
    chosen_B = draw_indices(candidate_weights(candidates, tau * reward_temperature), generator)
    row_B = torch.arange(len(chosen_B), device=chosen_B.device)
    tokens_BT, keep_BT = candidates.tokens_BKT[row_B, chosen_B], candidates.keep_BKT[row_B, chosen_B]
    return Draw(
        inputs_RT=shifted(tokens_BT, symbols),
        labels_RT=tokens_BT,
        keep_RT=keep_BT,
        finished_R=(tokens_BT == symbols.eos).any(1),
        reward_R=candidates.reward_BK[row_B, chosen_B] / reward_temperature,
    )
