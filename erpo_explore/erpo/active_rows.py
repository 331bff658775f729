"""The rows that the sampler has not finished, with their reward states and decoder states.

Rows that have ended leave, or stay and are masked (`seq2seq.ended_rows`). Where they stay, what happens to them is
never read, and the decoder keeps tensors of one shape from the first token to the last.

Legend: R rows (sources times draws), N active rows, n kept rows, T target length, H features, V vocabulary.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.erpo.conditional import (
    Conditional,
    allowed_log_p,
    general_conditional,
    metric_conditional,
    model_conditional,
)
from erpo_explore.erpo.draw import shifted
from erpo_explore.erpo.mixture import Logits, MetricSoftmax, MixtureConditional, OtherTokens, is_mixture
from erpo_explore.erpo.proposal import Proposal
from erpo_explore.rewards import Increments, Reference
from erpo_explore.seq2seq import Memory
from erpo_explore.seq2seq.ended_rows import masks_ended_rows

__all__ = ["ActiveRows"]


class ActiveRows:
    """Rows whose targets have no EOS yet.

    Attributes:
        reference: y* of the active rows.
        row_N: Their indices among all R rows.
        step: Length of their prefixes.
        masked: Whether rows that have ended stay among them.
    """

    def __init__(self, proposal: Proposal, memory: Memory, reference: Reference, max_tokens: int) -> None:
        """All rows, with empty prefixes.

        Args:
            proposal: What to draw from.
            memory: The encoded sources, one row per reference.
            reference: y*, one row per target.
            max_tokens: Maximum target length.
        """
        self._proposal = proposal
        self._memory = memory
        self.masked = masks_ended_rows(reference.tokens_BT.device)
        self._max_logits = len(reference.tokens_BT) * max_tokens
        self._logits: Tensor | None = None
        self._num_logits = 0
        self._features_RTH: Tensor | None = None
        self.reference = reference
        self.row_N = torch.arange(len(reference.tokens_BT), device=reference.tokens_BT.device)
        self._drawable_V = reference.drawable_V
        self._noise_V = proposal.reward.noise_V(reference)
        self.step = 0
        self._adds_gains = proposal.point.reward.task == 1.0 and proposal.point.alpha > 0.0
        self._state: Any = proposal.reward.begin(reference) if proposal.reads_reward else None
        self._decoder: Any = None
        if proposal.reads_model:
            if proposal.point.prefix == "truth":
                inputs_RT = shifted(reference.tokens_BT, reference.symbols)
                self._features_RTH = proposal.model.features(memory, inputs_RT)
            elif self.masked:
                self._decoder = proposal.model.begin_static(memory, max_tokens)
            else:
                self._decoder = proposal.model.begin(memory)
        increments = self._increments()
        self._others = None
        if increments is not None and is_mixture(proposal.point):
            self._others = OtherTokens.of(increments)

    @property
    def logits_NV(self) -> Tensor | None:
        """All recorded logits, in the order of the steps."""
        return None if self._logits is None else self._logits[: self._num_logits]

    @property
    def truth_N(self) -> Int[Tensor, " N"]:
        """The reference's next token; EOS after its end."""
        return self.reference.truth_B(self.step)

    def read(self, token_N: Int[Tensor, " N"]) -> Float[Tensor, "N H"] | None:
        """The decoder's features after one more token; None where the model is not needed."""
        if self._features_RTH is not None:
            features_RH = self._features_RTH[:, self.step]
            return features_RH if self.masked else features_RH.index_select(0, self.row_N)
        if self._decoder is None:
            return None
        features_NH: Tensor
        features_NH, self._decoder = self._proposal.model.advance(self._memory, self._decoder, token_N)
        return features_NH

    def conditional(self, features_NH: Float[Tensor, "N H"] | None) -> tuple[Conditional, Increments | None]:
        """q̃ after the prefixes, and the metric's increments where the reward is the metric alone."""
        proposal, point, symbols = self._proposal, self._proposal.point, self.reference.symbols
        if proposal.is_model and features_NH is not None:
            return model_conditional(self._project(features_NH), symbols), None
        increments = self._increments()
        alone = increments if point.reward.task == 1.0 else None
        if is_mixture(point) and not (point.label == "expected" and point.reward.model > 0.0):
            return self._mixture(increments, features_NH), alone
        if self._adds_gains and features_NH is not None:
            logits_NV = self._project(features_NH)
            return metric_conditional(point, increments, logits_NV, symbols, with_z=proposal.with_z), alone
        log_p_NV = None
        if point.sampler_reads_model and features_NH is not None:
            log_p_NV = allowed_log_p(self._project(features_NH), symbols)
        return general_conditional(point, proposal.reward.increments(self._state, log_p_NV), log_p_NV), alone

    def advance(self, token_N: Int[Tensor, " N"], unfinished_N: Bool[Tensor, " N"]) -> None:
        """Append one token to each prefix, and drop the rows that it finishes, unless they are masked."""
        if self._state is not None:
            self._state = self._proposal.reward.advance(self._state, token_N)
        self.step += 1
        if not self.masked and not bool(unfinished_N.all()):
            self._keep(unfinished_N.nonzero()[:, 0])

    def _project(self, features_NH: Float[Tensor, "N H"]) -> Float[Tensor, "N V"]:
        """The logits, as a tensor that the caller may overwrite."""
        logits_NV = self._proposal.model.project(features_NH)
        # on a GPU one more projection costs less than the copies
        if self._proposal.keeps_logits and not self.masked:
            N, V = logits_NV.shape
            if self._logits is None:
                # allocated once at full size: pages that are never written take no memory
                self._logits = logits_NV.new_empty(self._max_logits, V)
            self._logits[self._num_logits : self._num_logits + N] = logits_NV
            self._num_logits += N
        return logits_NV

    def _logits_of(self, features_NH: Float[Tensor, "N H"]) -> Logits:
        project = self._proposal.model.project
        return lambda row_n: project(features_NH if row_n is None else features_NH[row_n])

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
        reward = self._proposal.reward
        if self._adds_gains:  # the logits exclude the tokens that no target holds
            return reward.allowed_candidates(self._state)
        return reward.task_candidates(self._state)

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
            logits=None if features_NH is None else self._logits_of(features_NH),
            symbols=self.reference.symbols,
        )
