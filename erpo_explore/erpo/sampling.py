"""The token-level sampler: one loop for every point.

Legend: R rows (sources times draws), N active rows, T target length, V vocabulary.

    label y_t ~ q̃(· | y_<t);  the prefix continues with y_t, with the model's own draw, or with the reference's token

Finished rows leave the batch, with their states, so the cost of a step falls with the number of active rows. The model
is evaluated only where q̃ or the prefix needs it, and only on the rows that need it. Where ended rows are masked
(`seq2seq.ended_rows`), every row stays instead, and the host looks at them every few tokens. The uniform numbers of
each row and step are drawn before the loop, so both ways draw the same targets.
"""

from typing import Final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from erpo_explore.erpo.active_rows import ActiveRows
from erpo_explore.erpo.categorical import Uniforms, UniformTable
from erpo_explore.erpo.conditional import Conditional, DenseConditional, model_conditional
from erpo_explore.erpo.draw import Draw, num_forced
from erpo_explore.erpo.draw_record import DrawRecord
from erpo_explore.erpo.proposal import Proposal
from erpo_explore.rewards import Reference
from erpo_explore.seq2seq import Memory

__all__ = ["sample"]

_UNIFORMS_PER_STEP: Final = 6
"""Most uniform numbers of a row and step: component, noise, two of the metric, the model, and the prefix."""


@torch.no_grad()
def sample(
    proposal: Proposal, memory: Memory, reference: Reference, *, max_tokens: int, generator: torch.Generator
) -> Draw:
    """Draw one target per row, token by token.

    Args:
        proposal: What to draw from.
        memory: The encoded sources, one row per reference.
        reference: y*, one row per target.
        max_tokens: Maximum target length; a longer target is cut and gets no EOS.
        generator: Source of every random draw.
    """
    point, symbols = proposal.point, reference.symbols
    rows, record = ActiveRows(proposal, memory, reference, max_tokens), DrawRecord(proposal, reference, max_tokens)
    table = None
    if not proposal.greedy:
        table = UniformTable(max_tokens, _UNIFORMS_PER_STEP, len(rows.row_N), generator)
    forced_R = num_forced(point.forced, reference) if point.forced > 0.0 else None
    token_N = torch.full_like(rows.row_N, symbols.bos)
    while rows.step < max_tokens and not record.is_done(rows):
        source = None if table is None else table.at(rows.step, None if rows.masked else rows.row_N)
        features_NH = rows.read(token_N)
        conditional, increments = rows.conditional(features_NH)
        label_N, q_N = _drawn_label(conditional, source)
        is_forced_N = None
        if forced_R is not None:
            is_forced_N = rows.step < (forced_R if rows.masked else forced_R[rows.row_N])
            label_N = torch.where(is_forced_N, rows.truth_N, label_N)
        token_N = label_N
        if proposal.writes_prefix and features_NH is not None and source is not None:
            token_N, _ = model_conditional(proposal.model.project(features_NH), symbols).draw(source)
        elif point.prefix == "truth":
            token_N = rows.truth_N
        unfinished_N = record.write(rows, token_N, label_N, q_N, is_forced_N, conditional, increments)
        rows.advance(token_N, unfinished_N)
        if not rows.masked:
            token_N = token_N[unfinished_N]
    return record.draw(rows.logits_NV)


def _drawn_label(conditional: Conditional, source: Uniforms | None) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"]]:
    """One token per prefix and its q̃; the most probable token where nothing is drawn."""
    if source is None:
        if not isinstance(conditional, DenseConditional):
            raise ValueError("only the model's own distribution has a most probable token")
        return conditional.likeliest()
    return conditional.draw(source)
