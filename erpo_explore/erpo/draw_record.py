"""The targets that the sampler has drawn so far.

Legend: R rows (sources times draws), N active rows, T target length, V vocabulary.

Where ended rows leave, each step is written into the targets of the active rows. Where they are masked, a step is kept
as it is, and all steps are joined at the end.
"""

import torch
from jaxtyping import Bool
from torch import Tensor

from erpo_explore.erpo.active_rows import ActiveRows
from erpo_explore.erpo.conditional import Conditional
from erpo_explore.erpo.draw import Draw, KnownLogits, shifted
from erpo_explore.erpo.proposal import Proposal
from erpo_explore.erpo.soft_labels import SoftLabels, stacked
from erpo_explore.rewards import Increments, Reference
from erpo_explore.seq2seq.ended_rows import TOKENS_PER_LOOK, masks_ended_rows

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
        self._masked = masks_ended_rows(device)
        self._log_z_R = torch.zeros(R, device=device)
        self._reward_R: Tensor | None = None
        self._has_increments = False
        self._soft: list[SoftLabels] = []
        self._rows: list[Tensor] = []
        self._num_steps = 0
        self._num_seen = 0
        self._steps: dict[str, list[Tensor]] = {"tokens": [], "labels": [], "keep": [], "q": [], "forced": []}
        if self._masked:
            self._going_R = torch.ones(R, dtype=torch.bool, device=device)
            return
        self._tokens_RT = torch.full((R, max_tokens), reference.symbols.pad, device=device)
        self._labels_RT = self._tokens_RT.clone()
        self._keep_RT = torch.zeros(R, max_tokens, dtype=torch.bool, device=device)
        self._forced_RT = torch.zeros_like(self._keep_RT) if proposal.point.forced > 0.0 else None
        self._q_RT = torch.zeros(R, max_tokens, device=device)

    def is_done(self, rows: ActiveRows) -> bool:
        """Whether every row has ended, as far as the host has looked.

        Raises:
            FloatingPointError: Where ended rows are masked: q̃ was no number, or forbade every token, after a prefix.
        """
        if not self._masked:
            return len(rows.row_N) == 0
        return rows.step > 0 and rows.step % TOKENS_PER_LOOK == 0 and self._look()

    def _look(self) -> bool:
        """Whether every row has ended; counts the steps at which some row was active."""
        window = slice(self._num_seen, None)
        keep_TR = torch.stack(self._steps["keep"][window])
        is_broken_TR = torch.stack(self._steps["q"][window]).isnan() & keep_TR
        seen = torch.stack([keep_TR.any(1).sum(), self._going_R.sum(), is_broken_TR.sum()]).tolist()
        self._num_seen = len(self._steps["keep"])
        self._num_steps += seen[0]
        if seen[2] > 0:
            raise FloatingPointError(
                "the sampler's distribution is not a number, or reward and model forbid every token after some prefix"
            )
        return bool(seen[1] == 0)

    def write(
        self,
        rows: ActiveRows,
        token_N: Tensor,
        label_N: Tensor,
        q_N: Tensor,
        is_forced_N: Tensor | None,
        conditional: Conditional,
        increments: Increments | None,
    ) -> Bool[Tensor, " N"]:
        """Add one step of the active rows, and return which of them go on.

        Args:
            rows: The active rows, before they advance.
            token_N: The token that each prefix continues with.
            label_N: The label after each prefix.
            q_N: q̃ of the drawn label.
            is_forced_N: True where the label is forced; None where none is.
            conditional: q̃ after each prefix.
            increments: The metric's increments, where the reward is the metric alone.
        """
        if self._proposal.point.label == "expected":
            self._soft.append(conditional.soft())
        if self._masked:
            return self._append(token_N, label_N, q_N, is_forced_N, conditional, increments)
        row_N, t = rows.row_N, rows.step
        self._tokens_RT[row_N, t], self._labels_RT[row_N, t] = token_N, label_N
        self._keep_RT[row_N, t], self._q_RT[row_N, t] = True, q_N
        if self._forced_RT is not None and is_forced_N is not None:
            self._forced_RT[row_N, t] = is_forced_N
        if self._proposal.with_z:
            self._log_z_R[row_N] += conditional.log_z_N
        if increments is not None and self._proposal.point.prefix != "truth":
            self._add_reward(row_N, token_N, increments)
        self._rows.append(row_N)
        self._num_steps = t + 1
        return token_N != self._reference.symbols.eos

    def _append(
        self,
        token_R: Tensor,
        label_R: Tensor,
        q_R: Tensor,
        is_forced_R: Tensor | None,
        conditional: Conditional,
        increments: Increments | None,
    ) -> Bool[Tensor, " R"]:
        steps = self._steps
        for name, value in (("tokens", token_R), ("labels", label_R), ("keep", self._going_R), ("q", q_R)):
            steps[name].append(value)
        if is_forced_R is not None:
            steps["forced"].append(is_forced_R)
        if self._proposal.with_z:
            self._log_z_R += torch.where(self._going_R, conditional.log_z_N, 0.0)
        self._has_increments = increments is not None
        self._going_R = self._going_R & (token_R != self._reference.symbols.eos)
        return self._going_R

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

        Raises:
            FloatingPointError: As for `is_done`.
        """
        if self._masked:
            self._join()
        proposal, T = self._proposal, self._num_steps
        keep_RT, tokens_RT = self._keep_RT[:, :T], self._tokens_RT[:, :T]
        if self._has_increments and proposal.point.prefix != "truth":
            self._reward_R = proposal.reward.score(self._reference, tokens_RT, keep_RT)
        if proposal.point.prefix == "truth":
            keep_RT = keep_RT & self._reference.keep_BT[:, :T]
        soft_labels = None
        if self._soft:
            soft_labels = stacked(self._soft[:T], None if self._masked else self._rows, len(tokens_RT))
        return Draw(
            inputs_RT=shifted(tokens_RT, self._reference.symbols),
            labels_RT=self._labels_RT[:, :T],
            keep_RT=keep_RT,
            finished_R=(tokens_RT == self._reference.symbols.eos).any(1),
            forced_RT=None if self._forced_RT is None else self._forced_RT[:, :T],
            soft_labels=soft_labels,
            q_RT=None if proposal.greedy else self._q_RT[:, :T],
            model_share=proposal.model_share,
            log_z_R=self._log_z_R if proposal.with_z else None,
            reward_R=self._reward_R,
            logits=None if logits_NV is None else self._known(logits_NV),
        )

    def _join(self) -> None:
        """All steps side by side, with padding after the end of each row."""
        steps, pad = self._steps, self._reference.symbols.pad
        if not steps["keep"]:
            steps["keep"].append(torch.zeros_like(self._going_R))
            steps["q"].append(torch.zeros_like(self._log_z_R))
            steps["tokens"].append(torch.full_like(self._reference.tokens_BT[:, 0], pad))
            steps["labels"].append(steps["tokens"][0])
        elif self._num_seen < len(steps["keep"]):
            self._look()
        self._keep_RT = torch.stack(steps["keep"], dim=1)
        after_RT = ~self._keep_RT
        self._tokens_RT = torch.stack(steps["tokens"], dim=1).masked_fill(after_RT, pad)
        self._labels_RT = torch.stack(steps["labels"], dim=1).masked_fill(after_RT, pad)
        self._q_RT = torch.stack(steps["q"], dim=1).masked_fill(after_RT, 0.0)
        self._forced_RT = torch.stack(steps["forced"], dim=1) & self._keep_RT if steps["forced"] else None

    def _known(self, logits_NV: Tensor) -> KnownLogits:
        steps = [torch.full_like(row_N, t) for t, row_N in enumerate(self._rows)]
        return KnownLogits(logits_NV=logits_NV, row_N=torch.cat(self._rows), step_N=torch.cat(steps))
