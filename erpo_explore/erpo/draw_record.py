"""The targets that the sampler has drawn so far.

Legend: R rows (sources times draws), N active rows, T target length, V vocabulary.
"""

import torch
from torch import Tensor

from erpo_explore.erpo.active_rows import ActiveRows
from erpo_explore.erpo.conditional import Conditional
from erpo_explore.erpo.draw import Draw, KnownLogits, shifted
from erpo_explore.erpo.proposal import Proposal
from erpo_explore.erpo.soft_labels import SoftLabels, stacked
from erpo_explore.rewards import Increments, Reference

__all__ = ["DrawRecord"]


class DrawRecord:
    """Collects one sampling step after the other, and returns them as a `Draw`."""

    def __init__(self, proposal: Proposal, reference: Reference, max_tokens: int) -> None:
        """Empty targets.

        Args:
            proposal: What is drawn from, and what to record.
            reference: y*, one row per target.
            max_tokens: Maximum target length.
        """
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
        rows: ActiveRows,
        token_N: Tensor,
        label_N: Tensor,
        q_N: Tensor,
        is_forced_N: Tensor | None,
        conditional: Conditional,
        increments: Increments | None,
    ) -> None:
        """Add one step of the active rows.

        Args:
            rows: The active rows, before they advance.
            token_N: The token that each prefix continues with.
            label_N: The label after each prefix.
            q_N: q̃ of the drawn label.
            is_forced_N: True where the label is forced; None where no label is.
            conditional: q̃ after each prefix.
            increments: The metric's increments, where the reward is the metric alone.
        """
        row_N, t = rows.row_N, rows.step
        self._tokens_RT[row_N, t], self._labels_RT[row_N, t] = token_N, label_N
        self._keep_RT[row_N, t], self._q_RT[row_N, t] = True, q_N
        if self._forced_RT is not None and is_forced_N is not None:
            self._forced_RT[row_N, t] = is_forced_N
        if self._proposal.with_z:
            self._log_z_R[row_N] += conditional.log_z_N
        if increments is not None and self._proposal.point.prefix != "truth":
            self._add_reward(row_N, token_N, increments)
        if self._proposal.point.label == "expected":
            self._soft.append(conditional.soft())
        self._rows.append(row_N)
        self._num_steps = t + 1

    def _add_reward(self, row_N: Tensor, token_N: Tensor, increments: Increments) -> None:
        if self._reward_R is None:
            self._reward_R = torch.zeros_like(self._log_z_R)
        # an unknown word is never drawn but may be forced; it has the increment of any other word
        is_unknown_N = token_N == self._reference.symbols.unk
        self._reward_R[row_N] += torch.where(is_unknown_N, increments.other_B, increments.of(token_N))

    def draw(self, logits_NV: Tensor | None) -> Draw:
        """All targets, cut to the longest one.

        Args:
            logits_NV: The recorded logits of all steps; None where they were not recorded.
        """
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
            model_share=proposal.model_share,
            log_z_R=self._log_z_R if proposal.with_z else None,
            reward_R=self._reward_R,
            logits=None if logits_NV is None else self._known(logits_NV),
        )

    def _known(self, logits_NV: Tensor) -> KnownLogits:
        steps = [torch.full_like(row_N, t) for t, row_N in enumerate(self._rows)]
        return KnownLogits(logits_NV=logits_NV, row_N=torch.cat(self._rows), step_N=torch.cat(steps))
