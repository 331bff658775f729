"""The E-step: draw targets from q̃, one sampler for the whole space.

Legend: B batch, T target length, V vocabulary.

    q̃(y_t = v | y_<t) = softmax_v( (α log p_θ(v | y_<t, x) + r_t(v)) / (α + β) )

This is the practical E-step of Tan et al. (2018), token by token; the exact, sequence-level one and its importance
weights come with more samples a source. What a point does not need is skipped: R_δ draws nothing, and a point with α =
0 and no model weight never asks the model.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.seq2seq import Memory, Seq2Seq
from erpo_explore.space import Point
from erpo_explore.symbols import Symbols

__all__ = ["Draw", "draw_targets", "log_conditional"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What the M-step trains on.

    Attributes:
        inputs_BT: Decoder inputs: BOS, then the prefix.
        labels_BT: The token to say after each prefix.
        keep_BT: True where a label counts.
        log_q_BTV: log q̃ after each prefix, where the label is the whole distribution; else None.
        entropy_nats: Mean entropy of q̃ over the kept labels; None where q̃ was not needed.
        reward_B: Σ_t r_t of each drawn target under the point's reward; None where nothing was drawn as a sequence.
    """

    inputs_BT: Int[Tensor, "B T"]
    labels_BT: Int[Tensor, "B T"]
    keep_BT: Bool[Tensor, "B T"]
    log_q_BTV: Float[Tensor, "B T V"] | None = None
    entropy_nats: float | None = None
    reward_B: Float[Tensor, " B"] | None = None


def log_conditional(
    point: Point, increments_BV: Float[Tensor, "*B V"], log_p_BV: Float[Tensor, "*B V"] | None
) -> Float[Tensor, "*B V"]:
    """Of every candidate, log q̃(v | y_<t).

    Args:
        point: Its α and β; α → ∞ is q̃ = p_θ.
        increments_BV: r_t(v), −∞ where forbidden.
        log_p_BV: log p_θ(v | y_<t, x); may be None at α = 0.

    Raises:
        ValueError: Reward and model forbid every token of a row, or log_p_BV is missing where it is needed.
    """
    if point.alpha > 0.0 and log_p_BV is None:
        raise ValueError("alpha > 0 needs the model's log-probabilities")
    if point.is_policy_gradient and log_p_BV is not None:
        return log_p_BV
    energy_BV = increments_BV if log_p_BV is None or point.alpha == 0.0 else point.alpha * log_p_BV + increments_BV
    if bool((energy_BV == -torch.inf).all(-1).any()):
        raise ValueError(f"the reward forbids every token after some prefix: {point.reward}")
    return torch.log_softmax(energy_BV / point.tau, dim=-1)


def draw_targets(
    point: Point,
    reward: MixtureReward,
    model: Seq2Seq,
    memory: Memory,
    reference: Reference,
    *,
    max_tokens: int,
    generator: torch.Generator,
) -> Draw:
    """Draw what the model is to be trained on.

    Args:
        point: Where in the space.
        reward: The point's reward, bound to the task.
        model: p_θ; read without gradient, in the mode that it is in.
        memory: The encoded sources, one row a reference.
        reference: y*.
        max_tokens: Longest target that is drawn; it is cut there, not ended.
        generator: Of every draw.
    """
    if point.reward.is_truth:
        return truth(reference)
    with torch.no_grad():
        if point.prefix == "truth":
            return _along_truth(point, reward, model, memory, reference, generator)
        return _along_draws(point, reward, model, memory, reference, max_tokens, generator)


def truth(reference: Reference) -> Draw:
    """The reference itself: q of R_δ, whatever α and β."""
    return Draw(
        inputs_BT=shifted(reference.tokens_BT, reference.symbols),
        labels_BT=reference.tokens_BT,
        keep_BT=reference.keep_BT,
    )


def shifted(tokens_BT: Int[Tensor, "B T"], symbols: Symbols) -> Int[Tensor, "B T"]:
    """Decoder inputs for targets: BOS, then every target but the last."""
    return torch.nn.functional.pad(tokens_BT[:, :-1], (1, 0), value=symbols.bos)


def _along_truth(
    point: Point,
    reward: MixtureReward,
    model: Seq2Seq,
    memory: Memory,
    reference: Reference,
    generator: torch.Generator,
) -> Draw:
    """Labels from q̃ after each prefix of the reference; with the model in q̃, one pass serves all prefixes."""
    inputs_BT = shifted(reference.tokens_BT, reference.symbols)
    log_p_BTV = None
    if point.sampler_reads_model:
        log_p_BTV = allowed_log_p(model.decode(memory, inputs_BT), reference.symbols)
    state, steps = reward.begin(reference), []
    for t in range(inputs_BT.shape[1]):
        log_p_BV = None if log_p_BTV is None else log_p_BTV[:, t]
        steps.append(log_conditional(point, reward.increments(state, log_p_BV), log_p_BV))
        state = reward.advance(state, reference.tokens_BT[:, t])
    log_q_BTV = torch.stack(steps, dim=1)
    labels_BT = categorical(log_q_BTV, generator) if point.label == "sampled" else reference.tokens_BT
    return Draw(
        inputs_BT=inputs_BT,
        labels_BT=labels_BT,
        keep_BT=reference.keep_BT,
        log_q_BTV=log_q_BTV if point.label == "expected" else None,
        entropy_nats=float(entropies(log_q_BTV)[reference.keep_BT].mean()),
    )


def _along_draws(
    point: Point,
    reward: MixtureReward,
    model: Seq2Seq,
    memory: Memory,
    reference: Reference,
    max_tokens: int,
    generator: torch.Generator,
) -> Draw:
    """Targets drawn token after token, from q̃ or, where the point's prefix says so, from the model."""
    symbols = reference.symbols
    state, decoder = reward.begin(reference), model.begin(memory)
    token_B = torch.full_like(reference.tokens_BT[:, 0], symbols.bos)
    alive_B = torch.ones_like(token_B, dtype=torch.bool)
    reads_model = point.sampler_reads_model or point.prefix == "model"
    steps: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    total_B = torch.zeros(token_B.shape, device=token_B.device)
    while len(steps) < max_tokens and bool(alive_B.any()):
        log_p_BV = None
        if reads_model:
            logits_BV, decoder = model.step(memory, decoder, token_B)
            log_p_BV = allowed_log_p(logits_BV, symbols)
        increments_BV = reward.increments(state, log_p_BV)
        log_q_BV = log_conditional(point, increments_BV, log_p_BV)
        source_BV = log_p_BV if point.prefix == "model" and log_p_BV is not None else log_q_BV
        drawn_B = categorical(source_BV, generator)
        total_B = total_B + torch.where(alive_B, increments_BV.gather(1, drawn_B[:, None])[:, 0], 0.0)
        token_B = drawn_B.masked_fill(~alive_B, symbols.pad)
        label_B = categorical(log_q_BV, generator) if point.prefix == "model" else drawn_B
        steps.append((token_B, label_B, alive_B, log_q_BV))
        alive_B = alive_B & (token_B != symbols.eos)
        state = reward.advance(state, token_B)
    tokens_BT, labels_BT, keep_BT, log_q_BTV = (torch.stack(column, dim=1) for column in zip(*steps, strict=True))
    draw = Draw(
        inputs_BT=shifted(tokens_BT, symbols),
        labels_BT=labels_BT,
        keep_BT=keep_BT,
        log_q_BTV=log_q_BTV if point.label == "expected" else None,
        entropy_nats=float(entropies(log_q_BTV)[keep_BT].mean()),
        reward_B=total_B,
    )
    return _with_true_labels(draw, reference) if point.label == "truth" else draw


def _with_true_labels(draw: Draw, reference: Reference) -> Draw:
    """Keep the drawn inputs, but say the reference's token at each place (scheduled sampling).

    The draw is cut or filled to the reference's length: behind a drawn EOS the inputs are the reference's own.
    """
    T = reference.tokens_BT.shape[1]
    own_BT = shifted(reference.tokens_BT, reference.symbols)
    drawn_BT = torch.nn.functional.pad(draw.inputs_BT, (0, max(0, T - draw.inputs_BT.shape[1])))[:, :T]
    drawn_keep_BT = torch.nn.functional.pad(draw.keep_BT, (0, max(0, T - draw.keep_BT.shape[1])))[:, :T]
    return Draw(
        inputs_BT=torch.where(drawn_keep_BT, drawn_BT, own_BT),
        labels_BT=reference.tokens_BT,
        keep_BT=reference.keep_BT,
        entropy_nats=draw.entropy_nats,
    )


def allowed_log_p(logits_BV: Float[Tensor, "*B V"], symbols: Symbols) -> Float[Tensor, "*B V"]:
    """Of every token that a target may hold, log p_θ."""
    forbidden = torch.zeros(logits_BV.shape[-1], dtype=torch.bool, device=logits_BV.device)
    forbidden[list(symbols.never_drawn)] = True
    return torch.log_softmax(logits_BV.masked_fill(forbidden, -torch.inf), dim=-1)


def categorical(log_q_BV: Float[Tensor, "*B V"], generator: torch.Generator) -> Int[Tensor, "*B"]:
    """One draw from each row, by the inverse of its distribution function: the first v with Σ_{w ≤ v} q(w) > u.

    One uniform number a row, where torch's multinomial draws one a token and costs more than the model's step; summed
    in double precision, so that a row of many tokens is drawn from as it is.

    Raises:
        FloatingPointError: A probability is not a number, as after a training step that diverged.
    """
    cumulative_NV = log_q_BV.reshape(-1, log_q_BV.shape[-1]).exp().cumsum(-1, dtype=torch.float64)
    total_N1 = cumulative_NV[:, -1:].contiguous()
    if not bool(torch.isfinite(total_N1).all()):
        raise FloatingPointError("the sampler's distribution is not a number")
    uniform_N1 = torch.rand(total_N1.shape, generator=generator, device=log_q_BV.device, dtype=torch.float64)
    # below the total even after rounding, or a token without probability could be found behind the last one with some
    level_N1 = torch.minimum(uniform_N1 * total_N1, total_N1.nextafter(torch.zeros_like(total_N1)))
    return torch.searchsorted(cumulative_NV, level_N1, right=True)[:, 0].reshape(log_q_BV.shape[:-1])


def entropies(log_q_BV: Float[Tensor, "*B V"]) -> Float[Tensor, "*B"]:
    """H(q) of each row in nats, with 0 · log 0 = 0."""
    entropy_BV: Tensor = torch.special.entr(log_q_BV.exp())
    return entropy_BV.sum(-1)
