"""One training step's loss at a point: encode, E-step, M-step.

Legend: B sources, K draws of each, R = B · K rows, S source length, T target length, N kept labels, V vocabulary.
"""

from dataclasses import dataclass, replace
from typing import Final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.erpo.draw import Draw
from erpo_explore.erpo.e_step import draw_targets
from erpo_explore.erpo.m_step import (
    cross_entropy,
    first_of_its_kind,
    label_losses,
    minimum_risk_loss,
    projected_label_losses,
    soft_label_losses,
    target_policy_loss,
)
from erpo_explore.erpo.sampling import Proposal, sample
from erpo_explore.erpo.weights import (
    advantages,
    effective_sample_size,
    self_normalised,
    standardised,
    target_policy,
)
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.seq2seq import Memory, Seq2Seq
from erpo_explore.space import Point
from erpo_explore.symbols import Symbols

__all__ = ["StepLoss", "step_loss"]

_LENGTH_SLACK: Final = 5
"""Words that a drawn target may be longer than the longest reference of its batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLoss:
    """A loss to step on, and what was seen on the way.

    Attributes:
        loss: Scalar with gradient; in nats a token but for α → ∞ and the losses of whole targets.
        num_tokens: Labels that were trained on.
        num_units: What the loss is a mean over: labels, each with what it counts, or sources.
        entropy_nats: Entropy of q̃ a token, as the mean of −log q̃ of what was drawn; None where nothing was drawn.
        mean_reward: Mean metric of the targets, where the reward is the metric alone and they were scored; else None.
        effective_sample_size: Mean over the sources, between 1 and K; None where draws are not weighted as wholes.
    """

    loss: Float[Tensor, ""]
    num_tokens: int
    num_units: float
    entropy_nats: float | None = None
    mean_reward: float | None = None
    effective_sample_size: float | None = None


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
        reference: y*, each with at least one token.
        generator: Of every draw.

    Raises:
        ValueError: A target is empty, or reward and model forbid every token after some prefix.
        FloatingPointError: The model's probabilities are no numbers.
    """
    if not bool(reference.keep_BT.any(1).all()):
        raise ValueError("every target must keep at least one token, its EOS; got an empty one")
    memory = model.encode(source_BS, source_keep_BS)
    max_tokens = reference.tokens_BT.shape[1] + _LENGTH_SLACK
    draws_nothing = point.reward.is_truth or point.forced == 1.0
    K = 1 if draws_nothing else point.estimator.draws_per_source
    if K > 1:
        row_R = torch.arange(len(source_BS), device=source_BS.device).repeat_interleave(K)
        memory, reference = memory.take(row_R), reference.take(row_R)
    if not draws_nothing and (point.sampler_reads_model or point.prefix == "model"):
        memory = model.settle(memory, max_tokens)
    draw = draw_targets(point, reward, model, memory, reference, max_tokens=max_tokens, generator=generator)
    if draw.is_reference:
        logits_NV = model.project(model.features(memory, draw.inputs_RT)[draw.keep_RT])
        loss = cross_entropy(logits_NV, draw.labels_RT[draw.keep_RT])
        return StepLoss(loss=loss, num_tokens=len(logits_NV), num_units=float(len(logits_NV)))
    step = _Step(point=point, reward=reward, reference=reference, draw=draw, num_draws=K)
    if not (point.is_policy_gradient or point.estimator.kind == "target_policy"):
        losses_N, model_q_N = _losses(model, memory, draw, reference.symbols, over_allowed=False)
        return replace(step, model_q_N=model_q_N).on_draws(losses_N)
    greedy_B = None
    if point.estimator.kind == "token" and point.estimator.chosen_baseline == "self_critical":
        row_B = torch.arange(0, len(reference.tokens_BT), K, device=source_BS.device)
        proposal = Proposal(point=point, reward=reward, model=model, greedy=True)
        greedy_B = _greedy_rewards(proposal, memory.take(row_B), reference.take(row_B), max_tokens, generator)
    losses_N, _ = _losses(model, memory, draw, reference.symbols, over_allowed=True)
    return step.on_rewards(losses_N, greedy_B)


def _losses(
    model: Seq2Seq, memory: Memory, draw: Draw, symbols: Symbols, *, over_allowed: bool
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"] | None]:
    """Of each kept label, or of the distribution that stands for it; and what the model's share adds to its q̃.

    Args:
        model: p_θ.
        memory: The encoded sources, one row a target.
        draw: What was drawn.
        symbols: What a target never holds.
        over_allowed: Whether p_θ is to be over what a target may hold, as draws from the model are.
    """
    forbidden = symbols.never_drawn if over_allowed else ()
    features_RTH, keep_RT = model.features(memory, draw.inputs_RT), draw.keep_RT
    if draw.logits is not None and model.output_layer is not None:
        place = (draw.logits.row_N, draw.logits.step_N)
        in_steps_N = projected_label_losses(
            features_RTH[place], model.output_layer, draw.logits.logits_NV, draw.labels_RT[place], forbidden
        )
        return torch.zeros(keep_RT.shape, device=keep_RT.device).index_put(place, in_steps_N)[keep_RT], None
    logits_NV, labels_N = model.project(features_RTH[keep_RT]), draw.labels_RT[keep_RT]
    if draw.soft_labels is not None:
        losses_N = soft_label_losses(logits_NV, draw.soft_labels.kept(keep_RT))
    else:
        losses_N = label_losses(logits_NV, labels_N, forbidden)
    model_q_N = None
    if draw.model_share > 0.0:
        model_q_N = draw.model_share * (-label_losses(logits_NV.detach(), labels_N, symbols.never_drawn)).exp()
    if draw.forced_RT is None:
        return losses_N, model_q_N
    # a forced label may be what no draw may, such as an unknown word
    return torch.where(draw.forced_RT[keep_RT], label_losses(logits_NV, labels_N), losses_N), model_q_N


@torch.no_grad()
def _greedy_rewards(
    proposal: Proposal, memory: Memory, reference: Reference, max_tokens: int, generator: torch.Generator
) -> Float[Tensor, " B"]:
    """R of what the model would say for sure (Rennie et al. 2017), behind the words that are forced."""
    draw = sample(proposal, memory, reference, max_tokens=max_tokens, generator=generator)
    return proposal.reward.score(reference, draw.labels_RT, draw.keep_RT)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """Targets that were drawn, on their way to a loss.

    Attributes:
        point: Where in the space.
        reward: Its reward.
        reference: y*, one row a target.
        draw: The targets.
        num_draws: K.
        model_q_N: What the model's share adds to q̃ of each kept label, where the draw does not have it yet.
    """

    point: Point
    reward: MixtureReward
    reference: Reference
    draw: Draw
    num_draws: int
    model_q_N: Float[Tensor, " N"] | None = None

    def on_draws(self, losses_N: Float[Tensor, " N"]) -> StepLoss:
        """Finite α: the mean over what was drawn, or over what it counts where targets are weighted as wholes."""
        reward_R = self.draw.reward_R
        if self.point.estimator.kind != "sequence":
            return self._outcome(losses_N.mean(), losses_N, len(losses_N) / self.num_draws, reward_R)
        log_weight_R, finished_R = self.draw.log_z_R, self.draw.finished_R
        if log_weight_R is None or finished_R is None:
            raise ValueError("targets that are weighted as wholes need their log Z and how they ended")
        if not self.point.reward.has_increments:
            reward_R = self._scores()
            log_weight_R = log_weight_R + reward_R / self.point.tau
        weight_BK = self_normalised(self._grouped(log_weight_R), self._grouped(finished_R))
        count_N = weight_BK.reshape(-1, 1).expand(self.draw.keep_RT.shape)[self.draw.keep_RT]
        total = count_N.sum()
        return replace(
            self._outcome((count_N * losses_N).sum() / total, losses_N, float(total), None),
            mean_reward=None if reward_R is None else self._metric((weight_BK * self._grouped(reward_R)).sum(1)),
            effective_sample_size=float(effective_sample_size(weight_BK).mean()),
        )

    def on_rewards(self, losses_N: Float[Tensor, " N"], greedy_B: Float[Tensor, " B"] | None) -> StepLoss:
        """Targets of the model's own, weighted by what they turned out to be worth."""
        reward_R, estimator = self._scores(), self.point.estimator
        reward_BK = self._grouped(reward_R)
        num_sources = float(len(reward_BK))
        if estimator.kind == "token":
            advantage_R1 = advantages(reward_BK, estimator.chosen_baseline, greedy_B).reshape(-1, 1)
            count_RT = advantage_R1.expand(self.draw.keep_RT.shape)
            if self.draw.forced_RT is not None:
                count_RT = count_RT.masked_fill(self.draw.forced_RT, 1.0)
            loss = (count_RT[self.draw.keep_RT] * losses_N).mean()
            return self._outcome(loss, losses_N, len(losses_N) / self.num_draws, reward_R)
        log_p_BK = -self._grouped(_row_sums(losses_N, self.draw.keep_RT))
        if estimator.kind == "minimum_risk":
            tokens_RT = self.draw.labels_RT
            distinct_BK = first_of_its_kind(tokens_RT.view(-1, self.num_draws, tokens_RT.shape[1]))
            loss = minimum_risk_loss(log_p_BK, reward_BK, distinct_BK, estimator.sharpness)
            return self._outcome(loss, losses_N, num_sources, reward_R)
        score_BK = standardised(reward_BK) if estimator.chosen_baseline == "group" else reward_BK
        target_BK = target_policy(log_p_BK.detach(), score_BK / self.point.tau, self.point.rho)
        return replace(
            self._outcome(target_policy_loss(log_p_BK, target_BK), losses_N, num_sources, reward_R),
            effective_sample_size=float(effective_sample_size(target_BK).mean()),
        )

    def _grouped(self, value_R: Tensor) -> Tensor:
        """[B, K] of one value a row."""
        return value_R.view(-1, self.num_draws)

    def _scores(self) -> Float[Tensor, " R"]:
        return self.reward.score(self.reference, self.draw.labels_RT, self.draw.keep_RT)

    def _metric(self, reward: Tensor) -> float:
        """The mean of R as the metric itself, without its temperature."""
        return float(reward.mean()) * self.point.reward.temperature

    def _outcome(
        self, loss: Tensor, losses_N: Tensor, num_units: float, reward_R: Float[Tensor, " R"] | None
    ) -> StepLoss:
        return StepLoss(
            loss=loss,
            num_tokens=len(losses_N),
            num_units=num_units,
            entropy_nats=self._entropy_nats,
            mean_reward=None if reward_R is None else self._metric(reward_R),
        )

    @property
    def _entropy_nats(self) -> float | None:
        """Mean of −log q̃ over the drawn labels; the model's share of q̃ is that of the M-step's own pass."""
        draw = self.draw
        if draw.q_RT is None:
            return None
        q_N = draw.q_RT[draw.keep_RT]
        if self.model_q_N is not None:
            q_N = q_N + self.model_q_N
        if draw.forced_RT is not None:
            q_N = q_N[~draw.forced_RT[draw.keep_RT]]
        return float(-q_N.clamp(min=torch.finfo(q_N.dtype).tiny).log().mean()) if len(q_N) > 0 else None


def _row_sums(value_N: Float[Tensor, " N"], keep_RT: Bool[Tensor, "R T"]) -> Float[Tensor, " R"]:
    """Sums over the kept places of each row."""
    return torch.zeros(keep_RT.shape, device=value_N.device).masked_scatter(keep_RT, value_N).sum(1)
