"""Oracle of a training step's gradient: the exact expectation over all targets of a tiny vocabulary.

Legend: N enumerated targets, L longest target, V vocabulary.

    token      J = Σ_y q̃(y) log p_θ(y)                     the M-step of the token-level E-step, q̃ constant
    sequence   J = Σ_y q(y) log p_θ(y)                     the M-step of the exact E-step, q constant
    reward     J = Σ_y p_θ(y) (R(y) − β log p_θ(y))        policy gradient, α → ∞, with its entropy bonus
    risk       J = Σ_y p_θ(y)^a R(y) / Σ_y p_θ(y)^a        minimum risk over all targets (Shen et al. 2016)

A training step minimises −J. In the first two, p_θ is normalised over the whole vocabulary, as in cross-entropy. In the
other two it is normalised over the tokens that a target may hold, as draws from the model are, and targets that are cut
take part.
"""

from typing import Any, Final, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from erpo_explore.erpo.conditional import allowed_log_p
from erpo_explore.erpo.draw import shifted
from erpo_explore.erpo.exact import Enumeration
from erpo_explore.seq2seq import Memory, Seq2Seq

__all__ = ["AIMS", "Aim", "exact_gradient", "exact_value"]

Aim = Literal["token", "sequence", "reward", "risk"]
AIMS: Final[tuple[str, ...]] = get_args(Aim)


def exact_gradient(
    aim: Aim, exact: Enumeration, model: Seq2Seq, memory: Memory, *, sharpness: float = 1.0
) -> dict[str, Tensor]:
    """∇_θ J.

    Args:
        aim: Which J.
        exact: The targets with q̃, q and R, which are constants.
        model: p_θ, in evaluation mode.
        memory: The model's encoding of the one source, with its graph, so that the encoder gets a gradient.
        sharpness: a of `risk`.

    Returns:
        The gradient of each parameter, by the parameter's name; zeros where J does not depend on it.

    Raises:
        ValueError: The aim is unknown, or J contains R and some target has R = −∞.
    """
    value = exact_value(aim, exact, model, memory, sharpness=sharpness)
    names, parameters = zip(*model.named_parameters(), strict=True)
    found: tuple[Tensor | None, ...] = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
    return {
        name: torch.zeros_like(parameter) if gradient is None else gradient
        for name, parameter, gradient in zip(names, parameters, found, strict=True)
    }


def exact_value(
    aim: Aim, exact: Enumeration, model: Seq2Seq, memory: Memory, *, sharpness: float = 1.0
) -> Float[Tensor, ""]:
    """J, with its graph. The arguments and errors are those of `exact_gradient`."""
    match aim:
        case "token":
            return _mean_log_p(exact.log_q_token_N, _log_p(exact, model, memory, allowed=False))
        case "sequence":
            return _mean_log_p(exact.log_q_N, _log_p(exact, model, memory, allowed=False))
        case "reward" | "risk":
            if bool((exact.reward_N == -torch.inf).any()):
                raise ValueError(f"J of {aim} needs a finite reward of every target, got {exact.point.reward}")
            log_p_N = _log_p(exact, model, memory, allowed=True)
            if aim == "risk":
                return ((sharpness * log_p_N).softmax(0) * exact.reward_N).sum()
            beta = exact.point.beta if exact.point.is_policy_gradient else 0.0
            return (log_p_N.exp() * (exact.reward_N - beta * log_p_N)).sum()
        case _:
            raise ValueError(f"aim must be one of {', '.join(AIMS)}, got {aim!r}")


def _mean_log_p(log_q_N: Float[Tensor, " N"], log_p_N: Float[Tensor, " N"]) -> Float[Tensor, ""]:
    held_N = log_q_N > -torch.inf
    return (log_q_N[held_N].exp() * log_p_N[held_N]).sum()


def _log_p(exact: Enumeration, model: Seq2Seq, memory: Any, *, allowed: bool) -> Float[Tensor, " N"]:
    """Log p_θ(y | x) with its graph, normalised over the allowed tokens or over the whole vocabulary."""
    row_N = torch.zeros(len(exact.tokens_NL), dtype=torch.long, device=exact.tokens_NL.device)
    logits_NLV = model.decode(memory.take(row_N), shifted(exact.tokens_NL, exact.symbols))
    log_p_NLV = allowed_log_p(logits_NLV, exact.symbols) if allowed else logits_NLV.float().log_softmax(-1)
    log_p_NL = log_p_NLV.gather(2, exact.tokens_NL[..., None])[..., 0]
    return torch.where(exact.keep_NL, log_p_NL, 0.0).sum(1)
