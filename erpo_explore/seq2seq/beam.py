"""Beam search: several hypotheses per sentence are extended side by side, and the best ones are returned.

Legend: B sentences, W beam width, M best hypotheses that are returned (≤ W), N open hypotheses, C best tokens per
hypothesis (≤ W), T tokens so far, V target vocabulary.

    score(y) = log p_θ(y | x) / ((5 + |y|) / 6)^a

(Wu et al. 2016, without their coverage term), |y| with EOS. log p_θ is normalised over the whole vocabulary. The mass
of tokens that are never generated (pad, BOS, UNK) therefore lowers the score of every hypothesis.

A sentence has W slots. At each step, the likeliest continuations of its open hypotheses take the free slots. A
hypothesis that ends keeps its slot (Sutskever et al. 2014), so no ended hypothesis is lost. A sentence is done when
its slots are full, at `max_tokens`, or as soon as no open hypothesis can still be among its M best. Since log p_θ only
falls and the divisor only grows, no open hypothesis can score above log p_θ / ((5 + max_tokens) / 6)^a. With one slot
per possible hypothesis the search is exhaustive; with one slot it is greedy decoding.
"""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.errors import ConfigError
from erpo_explore.rows import Rows
from erpo_explore.seq2seq.model import Memory, Seq2Seq
from erpo_explore.symbols import Symbols

__all__ = ["Beams", "beam_search", "best_hypotheses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beams(Rows):
    """The best hypotheses of each sentence, best first.

    Attributes:
        tokens_BMT: Tokens without BOS; padding after EOS.
        score_BM: Length-normalised log p_θ; −∞ where the beam has found fewer hypotheses.
        log_p_BM: log p_θ of the tokens, over the whole vocabulary.
    """

    tokens_BMT: Int[Tensor, "B M T"]
    score_BM: Float[Tensor, "B M"]
    log_p_BM: Float[Tensor, "B M"]


def beam_search(
    model: Seq2Seq, memory: Memory, symbols: Symbols, max_tokens: int, *, width: int = 5, length_penalty: float = 1.0
) -> Int[Tensor, "B T"]:
    """Return the best-scoring hypothesis of each sentence that the beam finds.

    Args:
        model: As for `best_hypotheses`, and so are the others.
        memory: The encoded sources.
        symbols: Ids of the special tokens.
        max_tokens: Longest hypothesis, including EOS.
        width: Slots W per sentence.
        length_penalty: Exponent a.

    Returns:
        Tokens [B, T], T ≤ max_tokens, without BOS; padding after EOS.

    Raises:
        ConfigError: `width` is below 1 or `length_penalty` below 0.
    """
    beams = best_hypotheses(model, memory, symbols, max_tokens, width=width, length_penalty=length_penalty)
    return beams.tokens_BMT[:, 0]


@torch.no_grad()
def best_hypotheses(
    model: Seq2Seq,
    memory: Memory,
    symbols: Symbols,
    max_tokens: int,
    *,
    num_best: int = 1,
    width: int = 5,
    length_penalty: float = 1.0,
) -> Beams:
    """Return the M best-scoring hypotheses of each sentence that the beam finds.

    Args:
        model: Scores the next token; the caller sets its mode (training or evaluation).
        memory: The encoded sources.
        symbols: BOS begins, EOS ends; pad, BOS and UNK are never generated.
        max_tokens: Longest hypothesis, including EOS.
        num_best: Hypotheses M per sentence, at most W.
        width: Slots W per sentence.
        length_penalty: a ≥ 0; 0 compares sums of log p, 1 nearly compares means.

    Returns:
        The hypotheses. Where none has ended within `max_tokens`: the likeliest open one, cut there.

    Raises:
        ConfigError: `width` or `num_best` is below 1, `num_best` above `width`, or `length_penalty` below 0.
    """
    if not width >= 1:
        raise ConfigError(f"width must be >= 1, got {width}; 1 is greedy decoding")
    if not 1 <= num_best <= width:
        raise ConfigError(f"num_best must be between 1 and width={width}, got {num_best}; raise the width")
    if not 0.0 <= length_penalty < math.inf:
        raise ConfigError(f"length_penalty must be >= 0 and finite, got {length_penalty}; 0 compares sums of log p")
    beam = Hypotheses.begin(memory, symbols)
    ended = Ended.none(memory, symbols, max_tokens, width, num_best)
    state = model.begin(memory)
    for length in range(1, max_tokens + 1):
        logits_NV, state = model.step(memory, state, beam.tokens_NT[:, -1])
        chosen = _continue(beam, logits_NV, symbols, ended.free_B)
        ended = ended.add(beam, chosen, symbols.eos, divisor=_divisor(length, length_penalty))
        going_BW = chosen.there_BW & (chosen.token_BW != symbols.eos)
        going_BW &= ~ended.settled(chosen, going_BW, divisor=_divisor(max_tokens, length_penalty))[:, None]
        if not bool(going_BW.any()):
            return ended.trimmed(symbols.pad)
        parent_N, sentence_N = chosen.parent_BW[going_BW], beam.sentence_N
        beam = beam.extend(parent_N, chosen.token_BW[going_BW], chosen.log_p_BW[going_BW])
        if torch.equal(sentence_N, beam.sentence_N):  # each row keeps its sentence, so the memory stays as it is
            state = state.reorder(parent_N)
        else:
            state, memory = state.take(parent_N), memory.take(parent_N)
    return ended.or_cut(beam, divisor=_divisor(max_tokens, length_penalty)).trimmed(symbols.pad)


def _divisor(length: int, length_penalty: float) -> float:
    divisor: float = ((5 + length) / 6) ** length_penalty
    return divisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypotheses(Rows):
    """Open hypotheses, grouped by sentence.

    Attributes:
        sentence_N: Index of each one's sentence.
        log_p_N: log p_θ of the tokens so far.
        tokens_NT: Tokens so far, BOS first.
    """

    sentence_N: Int[Tensor, " N"]
    log_p_N: Float[Tensor, " N"]
    tokens_NT: Int[Tensor, "N T"]

    @classmethod
    def begin(cls, memory: Memory, symbols: Symbols) -> "Hypotheses":
        """One hypothesis per sentence, with BOS alone."""
        sentence_N = torch.arange(memory.keep_BS.shape[0], device=memory.keep_BS.device)
        return cls(
            sentence_N=sentence_N,
            log_p_N=torch.zeros(sentence_N.shape, device=sentence_N.device),
            tokens_NT=torch.full_like(sentence_N, symbols.bos)[:, None],
        )

    def extend(self, parent_M: Tensor, token_M: Tensor, log_p_M: Tensor) -> "Hypotheses":
        """The parents, each extended by one token."""
        parents = self.take(parent_M)
        return Hypotheses(
            sentence_N=parents.sentence_N,
            log_p_N=log_p_M,
            tokens_NT=torch.cat([parents.tokens_NT, token_M[:, None]], dim=1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuations:
    """Continuations that take the free slots of each sentence, likeliest first.

    Attributes:
        there_BW: True where there is a continuation.
        parent_BW: Index of the open hypothesis that it extends.
        token_BW: Its last token.
        log_p_BW: log p_θ of all its tokens.
    """

    there_BW: Bool[Tensor, "B W"]
    parent_BW: Int[Tensor, "B W"]
    token_BW: Int[Tensor, "B W"]
    log_p_BW: Float[Tensor, "B W"]


def _continue(
    beam: Hypotheses, logits_NV: Float[Tensor, "N V"], symbols: Symbols, free_B: Int[Tensor, " B"]
) -> Continuations:
    """The likeliest continuations of each sentence, as many as it has free slots."""
    width, device = int(free_B.max()), free_B.device
    log_sum_N = logits_NV.logsumexp(-1)
    excluded = torch.tensor(symbols.never_drawn, device=device)
    logits_NC, token_NC = logits_NV.index_fill_(1, excluded, -torch.inf).topk(min(width, logits_NV.shape[1]))
    log_p_NC = logits_NC + (beam.log_p_N - log_sum_N)[:, None]

    # one row per sentence: the candidates of all its hypotheses, in their order
    count_B = torch.bincount(beam.sentence_N, minlength=len(free_B))
    first_B = count_B.cumsum(0) - count_B
    index_N = torch.arange(len(beam.sentence_N), device=device) - first_B[beam.sentence_N]
    most, C = int(count_B.max()), log_p_NC.shape[1]
    log_p_BMC = torch.full((len(free_B), most, C), -torch.inf, device=device)
    log_p_BMC[beam.sentence_N, index_N] = log_p_NC
    log_p_BW, candidate_BW = log_p_BMC.flatten(1).topk(min(width, most * C))

    parent_BW = (first_B[:, None] + candidate_BW // C).clamp_max(
        len(index_N) - 1
    )  # arbitrary where the sentence is done
    return Continuations(
        there_BW=(log_p_BW > -torch.inf) & (torch.arange(log_p_BW.shape[1], device=device) < free_B[:, None]),
        parent_BW=parent_BW,
        token_BW=token_NC[parent_BW, candidate_BW % C],
        log_p_BW=log_p_BW,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The best ended hypotheses, one row per sentence.

    Attributes:
        free_B: Number of slots without an ended hypothesis.
        score_BM: Scores of the M best ended hypotheses, best first; −∞ where there are fewer.
        log_p_BM: log p_θ of these hypotheses.
        tokens_BMT: Tokens of these hypotheses with EOS, then padding.
    """

    free_B: Int[Tensor, " B"]
    score_BM: Float[Tensor, "B M"]
    log_p_BM: Float[Tensor, "B M"]
    tokens_BMT: Int[Tensor, "B M T"]

    @classmethod
    def none(cls, memory: Memory, symbols: Symbols, max_tokens: int, width: int, num_best: int) -> "Ended":
        """No hypothesis has ended."""
        B, device = memory.keep_BS.shape[0], memory.keep_BS.device
        nothing_BM = torch.full((B, num_best), -torch.inf, device=device)
        return cls(
            free_B=torch.full((B,), width, device=device),
            score_BM=nothing_BM,
            log_p_BM=nothing_BM,
            tokens_BMT=torch.full((B, num_best, max_tokens), symbols.pad, device=device),
        )

    def add(self, beam: Hypotheses, chosen: Continuations, eos: int, *, divisor: float) -> "Ended":
        """Add the continuations that end now; `divisor` divides their log p_θ."""
        ends_BW = chosen.there_BW & (chosen.token_BW == eos)
        log_p_BW = chosen.log_p_BW.masked_fill(~ends_BW, -torch.inf)
        M = self.score_BM.shape[1]
        # the first ones win ties: those that ended earlier
        score_BX = torch.cat([self.score_BM, log_p_BW / divisor], dim=1)
        order_BM = score_BX.argsort(dim=1, descending=True, stable=True)[:, :M]
        is_new_BM = (order_BM >= M) & (score_BX.gather(1, order_BM) > -torch.inf)
        tokens_BMT = self.tokens_BMT.gather(1, order_BM.clamp_max(M - 1)[..., None].expand_as(self.tokens_BMT))
        parent_N = chosen.parent_BW.gather(1, (order_BM - M).clamp_min(0))[is_new_BM]
        ended_NT = torch.nn.functional.pad(beam.tokens_NT[parent_N, 1:], (0, 1), value=eos)
        tokens_BMT[..., : ended_NT.shape[1]][is_new_BM] = ended_NT
        return Ended(
            free_B=self.free_B - ends_BW.sum(1),
            score_BM=score_BX.gather(1, order_BM),
            log_p_BM=torch.cat([self.log_p_BM, log_p_BW], dim=1).gather(1, order_BM),
            tokens_BMT=tokens_BMT,
        )

    def settled(self, chosen: Continuations, going_BW: Tensor, *, divisor: float) -> Bool[Tensor, " B"]:
        """Whether no open hypothesis can be among the M best; `divisor` is that of the longest hypothesis."""
        likeliest_B = chosen.log_p_BW.masked_fill(~going_BW, -torch.inf).amax(1)
        return self.score_BM[:, -1] >= likeliest_B / divisor

    def or_cut(self, beam: Hypotheses, *, divisor: float) -> "Ended":
        """Add the likeliest open hypothesis of each sentence without an ended one; `divisor` is that of its length."""
        first_N = torch.ones_like(beam.sentence_N, dtype=torch.bool)
        first_N[1:] = beam.sentence_N[1:] != beam.sentence_N[:-1]  # the likeliest hypothesis of a sentence comes first
        row_K = (first_N & (self.score_BM[:, 0] == -torch.inf)[beam.sentence_N]).nonzero()[:, 0]
        sentence_K = beam.sentence_N[row_K]
        score_BM, log_p_BM, tokens_BMT = self.score_BM.clone(), self.log_p_BM.clone(), self.tokens_BMT.clone()
        score_BM[sentence_K, 0] = beam.log_p_N[row_K] / divisor
        log_p_BM[sentence_K, 0] = beam.log_p_N[row_K]
        tokens_BMT[sentence_K, 0, : beam.tokens_NT.shape[1] - 1] = beam.tokens_NT[row_K, 1:]
        return replace(self, score_BM=score_BM, log_p_BM=log_p_BM, tokens_BMT=tokens_BMT)

    def trimmed(self, pad: int) -> Beams:
        """The hypotheses without surplus padding."""
        longest = int((self.tokens_BMT != pad).sum(2).max())
        return Beams(tokens_BMT=self.tokens_BMT[..., :longest], score_BM=self.score_BM, log_p_BM=self.log_p_BM)
