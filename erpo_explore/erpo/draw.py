"""What the E-step hands to the M-step: targets to train on.

Legend: R rows (B sources times K draws, a source's draws side by side), T target length, V vocabulary.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.erpo.soft_labels import SoftLabels
from erpo_explore.rewards import Reference
from erpo_explore.symbols import Symbols

__all__ = ["Draw", "KnownLogits", "num_forced", "shifted", "truth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLogits:
    """What the model said while targets were drawn from it, in the order of the steps.

    Attributes:
        logits_NV: The logits after each prefix.
        row_N: The target that the prefix belongs to.
        step_N: How long the prefix is.
    """

    logits_NV: Float[Tensor, "N V"]
    row_N: Int[Tensor, " N"]
    step_N: Int[Tensor, " N"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Targets, and what was known of them while they were drawn.

    Attributes:
        inputs_RT: Decoder inputs: BOS, then the prefix.
        labels_RT: The token to say after each prefix.
        keep_RT: True where a label counts.
        finished_R: True where the target was ended, not cut; None where the labels are the reference's own.
        forced_RT: True where the label is the reference's own, whatever q says; None where none is.
        soft_labels: q̃ after each prefix, where the label is the whole distribution; else None.
        q_RT: q̃ of the drawn token after its prefix, without the share that is the model's own distribution; None
            where nothing was drawn token by token.
        model_share: Of q̃, the share that is p_θ itself and is missing in `q_RT`.
        log_z_R: Σ_t log Z_t(y_<t), Z_t = Σ_v exp((α log p_θ(v) + r_t(v)) / τ); None where it was not asked for.
        reward_R: R(y | y*) of each target, as it is read, under the point's reward; None where it was not needed, is a
            mixture's, or the reference is what is read.
        logits: Those of the labels, where they are what the M-step would compute again; else None.
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

    @property
    def is_reference(self) -> bool:
        """Whether the labels are the reference's own, whatever was read."""
        return self.finished_R is None


def truth(reference: Reference) -> Draw:
    """The reference itself: q of R_δ, whatever α and β."""
    return Draw(
        inputs_RT=shifted(reference.tokens_BT, reference.symbols),
        labels_RT=reference.tokens_BT,
        keep_RT=reference.keep_BT,
    )


def num_forced(share: float, reference: Reference) -> Int[Tensor, " R"]:
    """How many of each reference's tokens, EOS counted, a target begins with: the share of them, rounded up.

    Args:
        share: Between 0 and 1.
        reference: y*, one row a target.
    """
    num_tokens_R = reference.keep_BT.sum(1).double()
    # 0.1 of 10 tokens is 1 token, though not in floating point
    return (share * num_tokens_R - 1e-9).ceil().long()


def shifted(tokens_RT: Int[Tensor, "R T"], symbols: Symbols) -> Int[Tensor, "R T"]:
    """Decoder inputs for targets: BOS, then every target but the last."""
    return torch.nn.functional.pad(tokens_RT[:, :-1], (1, 0), value=symbols.bos)
