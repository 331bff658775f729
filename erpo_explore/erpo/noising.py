"""Targets of truth and noise alone, drawn at all positions at once.

Legend: R rows, L maximum target length, T longest drawn target, J and V as in `soft_labels`.

    q̃(y_t = v) = λ_truth·1[v = y*_t] + λ_noise·u(v)

does not depend on the prefix (Xie et al. 2017), so the positions are independent. It is normalised, so log Z_t = 0.
"""

import torch
from torch import Tensor

from erpo_explore.erpo.draw import Draw, num_forced, shifted
from erpo_explore.erpo.mixture import MixtureConditional, is_mixture
from erpo_explore.erpo.soft_labels import SparseLabels
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.space import Point

__all__ = ["is_noising", "sample_noised"]


def is_noising(point: Point) -> bool:
    """Whether no position of a target depends on another."""
    reward = point.reward
    return is_mixture(point) and reward.task == 0.0 and reward.model == 0.0 and point.prefix != "model"


@torch.no_grad()
def sample_noised(
    point: Point, reward: MixtureReward, reference: Reference, *, max_tokens: int, generator: torch.Generator
) -> Draw:
    """Draw a label at every position; after the reference's end the truth is EOS.

    Args:
        point: A point of truth and noise, with prefix q or truth.
        reward: Its reward, bound to the task.
        reference: y*, one row per target.
        max_tokens: Maximum target length, at least that of the references; a longer target is cut and gets no EOS.
        generator: Source of every random draw.
    """
    symbols, R = reference.symbols, len(reference.tokens_BT)
    ended_BT = reference.tokens_BT.masked_fill(~reference.keep_BT, symbols.eos)
    truth_RL = torch.nn.functional.pad(ended_BT, (0, max_tokens - ended_BT.shape[1]), value=symbols.eos)
    conditional = MixtureConditional(
        weights=point.reward.weights,
        truth_N=truth_RL.flatten(),
        noise_V=reward.noise_V(reference),
        drawable_V=reference.drawable_V,
        metric=None,
        logits=None,
        symbols=symbols,
    )
    drawn_N, q_N = conditional.draw(generator)
    labels_RL, q_RL = drawn_N.view(R, max_tokens), q_N.view(R, max_tokens)
    forced_RL = None
    if point.forced > 0.0:
        forced_R = num_forced(point.forced, reference)
        forced_RL = torch.arange(max_tokens, device=forced_R.device) < forced_R[:, None]
        labels_RL = torch.where(forced_RL, truth_RL, labels_RL)
    input_RL = truth_RL if point.prefix == "truth" else labels_RL
    is_end_RL = input_RL == symbols.eos
    keep_RL = _until_first(is_end_RL)
    keep_on_host_RL = keep_RL.cpu()
    T = int(keep_on_host_RL.any(0).sum())
    return Draw(
        inputs_RT=shifted(input_RL, symbols)[:, :T],
        labels_RT=labels_RL[:, :T],
        keep_RT=keep_RL[:, :T],
        keep_on_host_RT=keep_on_host_RL[:, :T],
        finished_R=is_end_RL.any(1),
        forced_RT=None if forced_RL is None else forced_RL[:, :T],
        soft_labels=_in_rows(conditional.soft(), R, max_tokens, T) if point.label == "expected" else None,
        q_RT=q_RL[:, :T],
        log_z_R=torch.zeros_like(q_RL[:, 0]),
    )


def _until_first(end_RL: Tensor) -> Tensor:
    """True up to and including the first True of each row."""
    return end_RL.cumsum(1) - end_RL.long() == 0


def _in_rows(labels: SparseLabels, num_rows: int, max_tokens: int, num_kept: int) -> SparseLabels:
    """Labels of a flat list of positions as [R, T] rows, cut after the longest target."""

    def rows(flat: Tensor) -> Tensor:
        return flat.view(num_rows, max_tokens, -1)[:, :num_kept]

    return SparseLabels(
        token_XJ=rows(labels.token_XJ),
        weight_XJ=rows(labels.weight_XJ),
        base_weight_XM=rows(labels.base_weight_XM),
        base_MV=labels.base_MV,
    )
