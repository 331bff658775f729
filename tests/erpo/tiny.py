"""A world small enough to enumerate: three words, one source, one reference, an untrained model.

Legend: B copies of the one source, N enumerated targets, L longest target, P parameters, K estimates.
"""

import math
from collections.abc import Sequence
from typing import NoReturn

import torch

from erpo_explore.erpo import Draw, Enumeration, enumerate_targets
from erpo_explore.erpo.conditional import allowed_log_p
from erpo_explore.erpo.draw import shifted
from erpo_explore.rewards import BleuReward, MixtureReward, Reference
from erpo_explore.seq2seq import LstmConfig, Memory, Seq2Seq, build_model
from erpo_explore.space import Point, Reward
from erpo_explore.symbols import Symbols

SYMBOLS = Symbols()
A, B, C = 4, 5, 6
PAD, BOS, EOS, UNK = SYMBOLS.pad, SYMBOLS.bos, SYMBOLS.eos, SYMBOLS.unk
NUM_TOKENS = 7
MAX_TOKENS = 3
NUM_TARGETS = 1 + 3 + 9 + 27
"""Targets of at most three tokens: EOS after 0, 1 or 2 words, or 3 words without EOS."""

WORDS = (A, B)
"""The reference."""

UNIGRAM_V = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.5, 0.3, 0.2])

POINTS = {
    "raml_bleu": Point(reward=Reward(task=1.0, metric="bleu"), alpha=0.0, beta=0.2),
    "raml_edit": Point(reward=Reward(task=1.0, metric="edit"), alpha=0.0, beta=0.7),
    "halfway_rouge": Point(reward=Reward(task=1.0, metric="rouge", temperature=0.3), alpha=0.5, beta=0.5),
    "spg_bleu": Point(reward=Reward(task=1.0, metric="bleu", temperature=0.25), alpha=1.0, beta=0.0),
    "noising": Point(reward=Reward(truth=0.7, noise=0.3), alpha=0.0, beta=1.0),
    "noise": Point(reward=Reward(noise=1.0), alpha=0.0, beta=1.0),
    "interpolation": Point(reward=Reward(truth=0.4, task=0.3, model=0.3, temperature=0.1), alpha=0.0, beta=1.0),
    "all_at_once": Point(reward=Reward(truth=0.3, noise=0.2, task=0.3, model=0.2, metric="edit"), alpha=0.5, beta=1.5),
}
"""Points of every kind that the sampler treats differently."""

POLICY_GRADIENT = Point(reward=Reward(task=1.0, metric="bleu"), alpha=math.inf, beta=0.0)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiny_model(seed: int = 8) -> Seq2Seq:
    """Untrained, without dropout, with scaled-up weights, so that its tokens differ in probability."""
    model = build_model(LstmConfig(hidden_size=8), NUM_TOKENS, NUM_TOKENS, pad=PAD, generator=seeded(seed)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    return model


def reference_of(words: Sequence[int] = WORDS, copies: int = 1) -> Reference:
    tokens_BT = torch.tensor([[*words, EOS]]).repeat(copies, 1)
    return Reference(
        tokens_BT=tokens_BT, keep_BT=torch.ones_like(tokens_BT) > 0, num_tokens=NUM_TOKENS, symbols=SYMBOLS
    )


def source_of(copies: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    source_BS = torch.tensor([[B, C, A, EOS]]).repeat(copies, 1)
    return source_BS, torch.ones_like(source_BS) > 0


def memory_of(model: Seq2Seq, copies: int = 1) -> Memory:
    return model.encode(*source_of(copies))


def reward_of(point: Point) -> MixtureReward:
    if point.reward.task < 1.0 or point.reward.has_increments:
        return MixtureReward(point.reward, UNIGRAM_V)
    return {"scored_reward": ScoredReward, "log_of_bleu": LogOfBleu}[point.reward.metric.split(":")[1]](point.reward)


def enumerate_tiny(point: Point, model: Seq2Seq, max_tokens: int) -> Enumeration:
    return enumerate_targets(point, reward_of(point), model, memory_of(model), reference_of(), max_tokens)


class ScoredReward(MixtureReward):
    """A score of finished targets alone: the share of A among their tokens, plus 0.4 for any B."""

    def __init__(self, reward: Reward) -> None:
        self.reward, self.unigram_V, self.metric, self.reads_model = reward, UNIGRAM_V, None, False

    def begin(self, reference: Reference) -> NoReturn:
        raise AssertionError("a reward without increments has no state to ask for")

    def score(self, reference: Reference, tokens_BL: torch.Tensor, keep_BL: torch.Tensor) -> torch.Tensor:
        of_a_BL, of_b_BL = (tokens_BL == A) & keep_BL, (tokens_BL == B) & keep_BL
        return (of_a_BL.sum(1) / keep_BL.sum(1) + 0.4 * of_b_BL.any(1)) / self.reward.temperature


class LogOfBleu(ScoredReward):
    """log BLEU of finished targets, −∞ for those without a word of the reference."""

    def score(self, reference: Reference, tokens_BL: torch.Tensor, keep_BL: torch.Tensor) -> torch.Tensor:
        return BleuReward().score(reference, tokens_BL, keep_BL).log() / self.reward.temperature


def targets_of(draw: Draw, max_tokens: int = MAX_TOKENS) -> torch.Tensor:
    """[B, L]: drawn targets, padded after their end."""
    tokens_BT = draw.labels_RT.masked_fill(~draw.keep_RT, PAD)
    return torch.nn.functional.pad(tokens_BT, (0, max_tokens - tokens_BT.shape[1]), value=PAD)


def counts_of(drawn_BL: torch.Tensor, tokens_NL: torch.Tensor) -> torch.Tensor:
    """[N]: number of draws of each enumerated target; every drawn target must be enumerated."""
    base = NUM_TOKENS ** torch.arange(tokens_NL.shape[1])
    index = {int(key): n for n, key in enumerate((tokens_NL * base).sum(1))}
    return torch.bincount(torch.tensor([index[int(key)] for key in (drawn_BL * base).sum(1)]), minlength=len(tokens_NL))


def sequence_log_p(model: Seq2Seq, tokens_NL: torch.Tensor, keep_NL: torch.Tensor, *, allowed: bool) -> torch.Tensor:
    """[N]: log p_θ(y | x) with gradient, over the tokens that a target may hold or over the whole vocabulary."""
    logits_NLV = model.decode(memory_of(model, len(tokens_NL)), shifted(tokens_NL, SYMBOLS))
    log_p_NLV = allowed_log_p(logits_NLV, SYMBOLS) if allowed else logits_NLV.log_softmax(-1)
    log_p_NL = log_p_NLV.gather(2, tokens_NL[..., None])[..., 0]
    return torch.where(keep_NL, log_p_NL, 0.0).sum(1)


def gradient(loss: torch.Tensor, model: Seq2Seq) -> torch.Tensor:
    """[P]: gradient of a loss by every parameter, 0 where the loss does not depend on it."""
    parameters = list(model.parameters())
    found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return torch.cat(
        [torch.zeros(p.numel()) if g is None else g.flatten() for g, p in zip(found, parameters, strict=True)]
    )


def z_scores(estimates_KP: torch.Tensor, exact_P: torch.Tensor, num_directions: int = 24) -> torch.Tensor:
    """Error of the mean estimate in standard errors, along the exact gradient and random directions.

    Without randomness the spread is rounding; an error within rounding counts as 0.
    """
    directions_PD = torch.randn(exact_P.numel(), num_directions, generator=seeded(0))
    if exact_P.any():
        directions_PD[:, 0] = exact_P
    projected_KD = (estimates_KP - exact_P) @ directions_PD
    rounding_D = 1e-5 * (directions_PD.norm(dim=0) * exact_P.norm())
    error_D = projected_KD.std(0) / math.sqrt(len(estimates_KP))
    off_D = (projected_KD.mean(0).abs() - rounding_D).clamp(min=0.0)
    return torch.where(off_D > 0.0, off_D / error_D, 0.0)
