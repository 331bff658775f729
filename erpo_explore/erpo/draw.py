"""Targets to train on: what the E-step hands to the M-step.

Legend: R rows (B sources times K draws; the draws of one source are adjacent), T target length, V vocabulary.
"""

from dataclasses import dataclass, field, fields

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from erpo_explore.erpo.soft_labels import SoftLabels
from erpo_explore.rewards import Reference
from erpo_explore.symbols import Symbols

__all__ = ["Draw", "KnownLogits", "beside_reference", "from_reference", "num_forced", "shifted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLogits:
    """The model's logits while targets were sampled from it, in the order of the sampling steps.

    Attributes:
        logits_NV: The logits after each prefix.
        row_N: Index of the target that the prefix belongs to.
        step_N: Length of the prefix.
    """

    logits_NV: Float[Tensor, "N V"]
    row_N: Int[Tensor, " N"]
    step_N: Int[Tensor, " N"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Targets, with what was computed of them while they were drawn.

    Attributes:
        inputs_RT: Decoder inputs: BOS, then the prefix.
        labels_RT: The label after each prefix.
        keep_RT: True where a label counts.
        finished_R: True where the target has its EOS, False where it was cut; None where the labels are the
            reference's own tokens.
        forced_RT: True where the label is the reference's token, whatever q̃ gives; None where no label is forced.
        soft_labels: q̃ after each prefix, where the label is the whole distribution; else None.
        q_RT: q̃ of the drawn token after its prefix, without the share that is the model's own distribution; None
            where targets were not drawn token by token.
        model_share: The share of q̃ that is p_θ itself and is missing in `q_RT`.
        log_z_R: Σ_t log Z_t(y_<t), Z_t = Σ_v exp((α log p_θ(v) + r_t(v)) / τ); None where it was not requested.
        reward_R: R(y | y*) of each target under the point's reward; None where it was not needed, where the reward is
            a mixture, and where the decoder inputs are the reference.
        logits: The logits of the labels, where the M-step would compute the same ones again; else None.
        keep_on_host_RT: `keep_RT` on the CPU, where it is known there already; else None.
    """

    inputs_RT: Int[Tensor, "R T"]
    labels_RT: Int[Tensor, "R T"]
    keep_RT: Bool[Tensor, "R T"]
    finished_R: Bool[Tensor, " R"] | None = None
    forced_RT: Bool[Tensor, "R T"] | None = None
    soft_labels: SoftLabels | None = None
    q_RT: Float[Tensor, "R T"] | None = None
    model_share: float = 0.0
    log_z_R: Float[Tensor, " R"] | None = None
    reward_R: Float[Tensor, " R"] | None = None
    logits: KnownLogits | None = None
    keep_on_host_RT: Bool[Tensor, "R T"] | None = None
    _kept_N: list[Tensor] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def kept_N(self) -> Int[Tensor, " N"]:
        """Positions of the kept labels in the flattened targets, row after row.

        A mask as an index makes the host wait for the device at each use, so it is turned into positions once.
        """
        if not self._kept_N:
            on_host_RT = self.keep_RT.cpu() if self.keep_on_host_RT is None else self.keep_on_host_RT
            self._kept_N.append(on_host_RT.flatten().nonzero()[:, 0].to(self.keep_RT.device))
        return self._kept_N[0]

    def kept(self, value_RTX: Shaped[Tensor, "R T *X"]) -> Shaped[Tensor, "N *X"]:
        """The values at the kept labels, row after row."""
        return value_RTX.flatten(0, 1).index_select(0, self.kept_N)

    def take(self, row_R: Int[Tensor, " S"]) -> "Draw":
        """The targets of the selected rows, without known logits."""
        taken = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        for name, value in taken.items():
            if isinstance(value, Tensor):
                taken[name] = value[row_R]
            elif isinstance(value, SoftLabels):
                taken[name] = value.take(row_R)
        return Draw(**{**taken, "logits": None, "keep_on_host_RT": None})

    @property
    def is_reference(self) -> bool:
        """Whether the labels are the reference's own tokens, whatever the decoder inputs are."""
        return self.finished_R is None


def from_reference(reference: Reference) -> Draw:
    """The reference itself as the target: q of R_δ at every α and β."""
    return Draw(
        inputs_RT=shifted(reference.tokens_BT, reference.symbols),
        labels_RT=reference.tokens_BT,
        keep_RT=reference.keep_BT,
    )


def beside_reference(draw: Draw, reference: Reference) -> Draw:
    """The reference of each source, followed by its K − 1 draws: K targets per source.

    Args:
        draw: K − 1 adjacent targets per source, drawn as wholes.
        reference: y*, one row per source.
    """
    B, pad = len(reference.tokens_BT), reference.symbols.pad
    width = max(reference.tokens_BT.shape[1], draw.labels_RT.shape[1])

    def joined(first_BT: Tensor, drawn_RT: Tensor, value: int) -> Tensor:
        first_BT, drawn_RT = (
            torch.nn.functional.pad(part, (0, width - part.shape[1]), value=value) for part in (first_BT, drawn_RT)
        )
        return torch.cat([first_BT[:, None], drawn_RT.view(B, -1, width)], dim=1).flatten(0, 1)

    finished_R = draw.finished_R
    if finished_R is not None:
        finished_R = torch.nn.functional.pad(finished_R.view(B, -1), (1, 0), value=True).flatten()
    return Draw(
        inputs_RT=joined(shifted(reference.tokens_BT, reference.symbols), draw.inputs_RT, pad),
        labels_RT=joined(reference.tokens_BT, draw.labels_RT, pad),
        keep_RT=joined(reference.keep_BT, draw.keep_RT, False),
        finished_R=finished_R,
    )


def num_forced(share: float, reference: Reference) -> Int[Tensor, " R"]:
    """Number of leading reference tokens that each target starts with: the share of them, rounded up; EOS counts.

    Args:
        share: Between 0 and 1.
        reference: y*, one row per target.
    """
    num_tokens_R = reference.keep_BT.sum(1).double()
    # 0.1 of 10 tokens is 1 token, but 0.1 * 10 may round to slightly more than 1
    return (share * num_tokens_R - 1e-9).ceil().long()


def shifted(tokens_RT: Int[Tensor, "R T"], symbols: Symbols) -> Int[Tensor, "R T"]:
    """Decoder inputs for targets: BOS, then every target token but the last."""
    return torch.nn.functional.pad(tokens_RT[:, :-1], (1, 0), value=symbols.bos)
