"""One training step's loss at a point: encode, E-step, M-step.

Legend: B batch, S source length, T target length.
"""

from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.erpo.e_step import allowed_log_p, draw_targets
from erpo_explore.erpo.m_step import cross_entropy, policy_gradient_loss
from erpo_explore.rewards import MixtureReward, Reference, sequence_rewards
from erpo_explore.seq2seq import Memory, Seq2Seq, greedy
from erpo_explore.space import Point

__all__ = ["StepLoss", "step_loss"]

_LENGTH_SLACK: Final = 5
"""Words that a drawn target may be longer than the longest reference of its batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLoss:
    """A loss to step on, and what was seen on the way.

    Attributes:
        loss: Scalar with gradient, in nats a token.
        num_tokens: Labels that it is the mean of.
        entropy_nats: Mean entropy of q̃; None where q̃ was not needed.
        mean_reward: Mean of Σ_t r_t over the drawn targets, without the mixture: only at the corner task = 1; else
        None.
    """

    loss: Float[Tensor, ""]
    num_tokens: int
    entropy_nats: float | None
    mean_reward: float | None


def step_loss(
    point: Point,
    reward: MixtureReward,
    model: Seq2Seq,
    source_BS: Int[Tensor, "B S"],
    source_keep_BS: Bool[Tensor, "B S"],
    reference: Reference,
    generator: torch.Generator,
) -> StepLoss:
    """The loss of one batch at one point.

    The model is sampled in the mode that it is in, on the very encoding that it is trained on, so that a step encodes
    once.

    Args:
        point: Where in the space.
        reward: The point's reward, bound to the task.
        model: p_θ.
        source_BS: x with EOS, then padding.
        source_keep_BS: True on x and its EOS.
        reference: y*.
        generator: Of every draw.
    """
    memory = model.encode(source_BS, source_keep_BS)
    max_tokens = reference.tokens_BT.shape[1] + _LENGTH_SLACK
    draw = draw_targets(point, reward, model, memory, reference, max_tokens=max_tokens, generator=generator)
    logits_BTV = model.decode(memory, draw.inputs_BT)
    if point.is_policy_gradient and draw.reward_B is not None:
        baseline_B = _greedy_rewards(reward, model, memory, reference, max_tokens)
        # the draws are the model's over what a target may hold, and so must be the probabilities that they raise
        log_p_BTV = allowed_log_p(logits_BTV, reference.symbols)
        loss = policy_gradient_loss(log_p_BTV, draw, draw.reward_B - baseline_B)
    else:
        loss = cross_entropy(logits_BTV, draw)
    at_task = point.reward.task == 1.0 and draw.reward_B is not None
    return StepLoss(
        loss=loss,
        num_tokens=int(draw.keep_BT.sum()),
        entropy_nats=draw.entropy_nats,
        mean_reward=float(draw.reward_B.mean()) * point.reward.temperature
        if at_task and draw.reward_B is not None
        else None,
    )


@torch.no_grad()
def _greedy_rewards(
    reward: MixtureReward, model: Seq2Seq, memory: Memory, reference: Reference, max_tokens: int
) -> Float[Tensor, " B"]:
    """The self-critical baseline (Rennie et al. 2017): R of what the model would say for sure."""
    tokens_BT = greedy(model, memory, reference.symbols, max_tokens)
    return sequence_rewards(reward, reference, tokens_BT, tokens_BT != reference.symbols.pad)
