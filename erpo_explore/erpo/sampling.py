"""The token-level sampler: one loop for the whole space.

Legend: R rows (sources times draws), N rows that go on, T target length, V vocabulary.

    label y_t ~ q̃(· | y_<t),      then the prefix goes on with y_t, the model's own draw, or the reference's token

A row that has ended leaves the batch, its states with it, so a step costs what is left to draw. The model is asked only
where q̃ or the prefix needs it, and only for the rows that do.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.erpo.conditional import (
    Conditional,
    DenseConditional,
    allowed_log_p,
    general_conditional,
    metric_conditional,
    model_conditional,
)
from erpo_explore.erpo.draw import Draw, KnownLogits, num_forced, shifted
from erpo_explore.erpo.mixture import MetricSoftmax, MixtureConditional, OtherTokens, is_mixture
from erpo_explore.erpo.soft_labels import SoftLabels, stacked
from erpo_explore.rewards import Increments, MixtureReward, Reference
from erpo_explore.seq2seq import Memory, Seq2Seq
from erpo_explore.space import Point

__all__ = ["Proposal", "sample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the sampler draws from, and what it is to write down.

    Attributes:
        point: Whose q̃ it is; its prefix, label and forced share.
        reward: The point's reward, bound to the task.
        model: p_θ.
        with_z: Whether Σ log Z_t is wanted.
        with_logits: Whether the model's logits are wanted, where each step computes all of them.
        greedy: Take the likeliest token of the model instead; the baseline of self-critical training.
    """

    point: Point
    reward: MixtureReward
    model: Seq2Seq
    with_z: bool = False
    with_logits: bool = False
    greedy: bool = False

    @property
    def is_model(self) -> bool:
        """Whether targets are the model's own: at α → ∞, and for estimators that weight them afterwards."""
        return self.greedy or self.point.is_policy_gradient or self.point.estimator.kind == "target_policy"

    @property
    def writes_prefix(self) -> bool:
        """Whether the model writes the prefix and q̃ says the labels."""
        return self.point.prefix == "model" and not self.is_model

    @property
    def reads_model(self) -> bool:
        """Whether the model must be fed the prefix."""
        return self.is_model or self.writes_prefix or self.point.sampler_reads_model

    @property
    def keeps_logits(self) -> bool:
        """Whether every step projects every row, and the labels are what the prefix goes on with."""
        whole = self.is_model or (self.point.sampler_reads_model and not is_mixture(self.point))
        return self.with_logits and whole and self.point.prefix == "q" and self.point.label == "sampled"

    @property
    def reads_reward(self) -> bool:
        """Whether q̃ depends on the reward of a token."""
        return not self.is_model and (self.point.reward.task < 1.0 or self.point.reward.has_increments)


class _Rows:
    """The rows that go on: which they are, and where reward and model stand in them."""

    def __init__(self, proposal: Proposal, memory: Memory, reference: Reference, max_tokens: int) -> None:
        self._proposal = proposal
        self._memory = memory
        self._max_logits = len(reference.tokens_BT) * max_tokens
        self._logits: Tensor | None = None
        self._num_logits = 0
        self._features_RTH: Tensor | None = None
        self.reference = reference
        self.row_N = torch.arange(len(reference.tokens_BT), device=reference.tokens_BT.device)
        self._drawable_V = reference.drawable_V
        self._noise_V = proposal.reward.noise_V(reference)
        self.step = 0
        self._state: Any = proposal.reward.begin(reference) if proposal.reads_reward else None
        self._decoder: Any = None
        if proposal.reads_model:
            if proposal.point.prefix == "truth":
                inputs_RT = shifted(reference.tokens_BT, reference.symbols)
                self._features_RTH = proposal.model.features(memory, inputs_RT)
            else:
                self._decoder = proposal.model.begin(memory)
        increments = self._increments()
        self._others = None
        if increments is not None and is_mixture(proposal.point):
            self._others = OtherTokens.of(increments)

    @property
    def logits_NV(self) -> Tensor | None:
        """All that were kept, step after step."""
        return None if self._logits is None else self._logits[: self._num_logits]

    @property
    def truth_N(self) -> Int[Tensor, " N"]:
        """The reference's next token; EOS behind its end."""
        return self.reference.truth_B(self.step)

    def read(self, token_N: Int[Tensor, " N"]) -> Float[Tensor, "N H"] | None:
        """What the model tells the next token from after reading one more; None where it is not asked."""
        if self._features_RTH is not None:
            return self._features_RTH[self.row_N, self.step]
        if self._decoder is None:
            return None
        features_NH: Tensor
        features_NH, self._decoder = self._proposal.model.advance(self._memory, self._decoder, token_N)
        return features_NH

    def conditional(self, features_NH: Float[Tensor, "N H"] | None) -> tuple[Conditional, Increments | None]:
        """q̃ after the prefixes, and the metric's increments where the reward is a metric alone."""
        proposal, point, symbols = self._proposal, self._proposal.point, self.reference.symbols
        if proposal.is_model and features_NH is not None:
            return model_conditional(self._project(features_NH), symbols), None
        increments = self._increments()
        alone = increments if point.reward.task == 1.0 else None
        if is_mixture(point) and not (point.label == "expected" and point.reward.model > 0.0):
            return self._mixture(increments, features_NH), alone
        if point.reward.task == 1.0 and features_NH is not None and point.alpha > 0.0:
            logits_NV = self._project(features_NH)
            return metric_conditional(point, increments, logits_NV, symbols, with_z=proposal.with_z), alone
        log_p_NV = None
        if point.sampler_reads_model and features_NH is not None:
            log_p_NV = allowed_log_p(self._project(features_NH), symbols)
        return general_conditional(point, proposal.reward.increments(self._state, log_p_NV), log_p_NV), alone

    def advance(self, token_N: Int[Tensor, " N"], going_N: Bool[Tensor, " N"]) -> None:
        """One token further, without the rows that have ended."""
        if self._state is not None:
            self._state = self._proposal.reward.advance(self._state, token_N)
        self.step += 1
        if not bool(going_N.all()):
            self._keep(going_N.nonzero()[:, 0])

    def _project(self, features_NH: Float[Tensor, "N H"]) -> Float[Tensor, "N V"]:
        """The logits, as a tensor that may be written over."""
        logits_NV = self._proposal.model.project(features_NH)
        if self._proposal.keeps_logits:
            N, V = logits_NV.shape
            if self._logits is None:
                self._logits = logits_NV.new_empty(self._max_logits, V)  # memory that is never reached costs nothing
            self._logits[self._num_logits : self._num_logits + N] = logits_NV
            self._num_logits += N
        return logits_NV

    def _keep(self, row_n: Int[Tensor, " n"]) -> None:
        self.row_N = self.row_N[row_n]
        self.reference = self.reference.take(row_n)
        if self._state is not None:
            self._state = self._proposal.reward.take(self._state, row_n)
        if self._others is not None:
            self._others = self._others.take(row_n)
        if self._decoder is not None:
            self._memory, self._decoder = self._memory.take(row_n), self._decoder.take(row_n)

    def _increments(self) -> Increments | None:
        if self._state is None or self._proposal.point.reward.task == 0.0:
            return None
        return self._proposal.reward.task_candidates(self._state)

    def _mixture(self, increments: Increments | None, features_NH: Tensor | None) -> MixtureConditional:
        metric = None
        if increments is not None and self._others is not None:
            metric = MetricSoftmax.of(increments, self._others, self._proposal.point.tau)
        return MixtureConditional(
            weights=self._proposal.point.reward.weights,
            truth_N=self.truth_N,
            noise_V=self._noise_V,
            drawable_V=self._drawable_V,
            metric=metric,
            logits=None if features_NH is None else lambda row_n: self._proposal.model.project(features_NH[row_n]),
            symbols=self.reference.symbols,
        )


@torch.no_grad()
def sample(
    proposal: Proposal, memory: Memory, reference: Reference, *, max_tokens: int, generator: torch.Generator
) -> Draw:
    """Draw a label after each prefix, token after token.

    Args:
        proposal: What to draw from.
        memory: The encoded sources, one row a reference.
        reference: y*, one row a target that is drawn.
        max_tokens: Longest target; it is cut there, not ended.
        generator: Of every draw.
    """
    point, symbols = proposal.point, reference.symbols
    rows, record = _Rows(proposal, memory, reference, max_tokens), _Record(proposal, reference, max_tokens)
    forced_R = num_forced(point.forced, reference) if point.forced > 0.0 else None
    token_N = torch.full_like(rows.row_N, symbols.bos)
    while rows.step < max_tokens and len(rows.row_N) > 0:
        features_NH = rows.read(token_N)
        conditional, increments = rows.conditional(features_NH)
        if proposal.greedy and isinstance(conditional, DenseConditional):
            label_N, q_N = conditional.likeliest()
        else:
            label_N, q_N = conditional.draw(generator)
        is_forced_N = None
        if forced_R is not None:
            is_forced_N = rows.step < forced_R[rows.row_N]
            label_N = torch.where(is_forced_N, rows.truth_N, label_N)
        token_N = label_N
        if proposal.writes_prefix and features_NH is not None:
            token_N, _ = model_conditional(proposal.model.project(features_NH), symbols).draw(generator)
        elif point.prefix == "truth":
            token_N = rows.truth_N
        record.write(rows, token_N, label_N, q_N, is_forced_N, conditional, increments)
        going_N = token_N != symbols.eos
        rows.advance(token_N, going_N)
        token_N = token_N[going_N]
    return record.draw(rows.logits_NV)


class _Record:
    """What has been drawn, row by row, as it grows."""

    def __init__(self, proposal: Proposal, reference: Reference, max_tokens: int) -> None:
        R, device = len(reference.tokens_BT), reference.tokens_BT.device
        self._proposal = proposal
        self._reference = reference
        self._tokens_RT = torch.full((R, max_tokens), reference.symbols.pad, device=device)
        self._labels_RT = self._tokens_RT.clone()
        self._keep_RT = torch.zeros(R, max_tokens, dtype=torch.bool, device=device)
        self._forced_RT = torch.zeros_like(self._keep_RT) if proposal.point.forced > 0.0 else None
        self._q_RT = torch.zeros(R, max_tokens, device=device)
        self._log_z_R = torch.zeros(R, device=device)
        self._reward_R: Tensor | None = None
        self._soft: list[SoftLabels] = []
        self._rows: list[Tensor] = []
        self._num_steps = 0

    def write(
        self,
        rows: _Rows,
        token_N: Tensor,
        label_N: Tensor,
        q_N: Tensor,
        is_forced_N: Tensor | None,
        conditional: Conditional,
        increments: Increments | None,
    ) -> None:
        """One step of the rows that go on."""
        row_N, t = rows.row_N, rows.step
        self._tokens_RT[row_N, t], self._labels_RT[row_N, t] = token_N, label_N
        self._keep_RT[row_N, t], self._q_RT[row_N, t] = True, q_N
        if self._forced_RT is not None and is_forced_N is not None:
            self._forced_RT[row_N, t] = is_forced_N
        if self._proposal.with_z:
            self._log_z_R[row_N] += conditional.log_z_N
        if increments is not None and self._proposal.point.prefix != "truth":
            if self._reward_R is None:
                self._reward_R = torch.zeros_like(self._log_z_R)
            # an unknown word is not drawn, but it may be forced, and is worth what any other word is
            is_unknown_N = token_N == self._reference.symbols.unk
            self._reward_R[row_N] += torch.where(is_unknown_N, increments.other_B, increments.of(token_N))
        if self._proposal.point.label == "expected":
            self._soft.append(conditional.soft())
        self._rows.append(row_N)
        self._num_steps = t + 1

    def draw(self, logits_NV: Tensor | None) -> Draw:
        """All of it."""
        proposal, T = self._proposal, self._num_steps
        keep_RT, tokens_RT = self._keep_RT[:, :T], self._tokens_RT[:, :T]
        if proposal.point.prefix == "truth":
            keep_RT = keep_RT & self._reference.keep_BT[:, :T]
        return Draw(
            inputs_RT=shifted(tokens_RT, self._reference.symbols),
            labels_RT=self._labels_RT[:, :T],
            keep_RT=keep_RT,
            finished_R=(tokens_RT == self._reference.symbols.eos).any(1),
            forced_RT=None if self._forced_RT is None else self._forced_RT[:, :T],
            soft_labels=stacked(self._soft, self._rows, len(tokens_RT)) if self._soft else None,
            q_RT=None if proposal.greedy else self._q_RT[:, :T],
            model_share=0.0 if proposal.is_model else _model_share(proposal.point),
            log_z_R=self._log_z_R if proposal.with_z else None,
            reward_R=self._reward_R,
            logits=None if logits_NV is None else self._known(logits_NV),
        )

    def _known(self, logits_NV: Tensor) -> KnownLogits:
        steps = [torch.full_like(row_N, t) for t, row_N in enumerate(self._rows)]
        return KnownLogits(logits_NV=logits_NV, row_N=torch.cat(self._rows), step_N=torch.cat(steps))


def _model_share(point: Point) -> float:
    """The share of q̃ that `MixtureConditional` leaves out of what it reports."""
    return point.reward.model if is_mixture(point) and point.label != "expected" else 0.0
