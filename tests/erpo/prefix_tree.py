"""The expected loss of a step over every prefix of the tiny world, from the equations alone.

Legend: V vocabulary, T reference length, N enumerated targets, K draws of a source, P tuples of K draws.

A prefix y_<t has the probability of its writer: the truth, q or the model. The next token has the distribution
q̃(· | y_<t) = softmax_v((α log p_θ(v) + r_t(v)) / τ). This module shares only the reward's increments with the sampler
and with `erpo.exact`; the increments have oracles of their own.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from erpo_explore.rewards import MixtureReward
from erpo_explore.seq2seq import Seq2Seq
from erpo_explore.space import Point

from .tiny import BOS, EOS, NUM_TOKENS, SYMBOLS, UNK, WORDS, A, B, C, memory_of, reference_of

Prefix = tuple[int, ...]
TRUTH: Prefix = (*WORDS, EOS)


@dataclass(frozen=True)
class Node:
    """Distributions of the token after one prefix."""

    q_V: torch.Tensor
    p_V: torch.Tensor
    log_p_V: torch.Tensor
    """log p_θ over the whole vocabulary, with gradient."""
    allowed_log_p_V: torch.Tensor
    """log p_θ over the allowed tokens, with gradient."""


class Tree:
    """Every prefix of at most `depth` words."""

    def __init__(self, point: Point, reward: MixtureReward, model: Seq2Seq, depth: int) -> None:
        self.point = point
        self.depth = depth
        words = (A, B, C, UNK) if point.reward.noise_kind == "blank" else (A, B, C)
        self._nodes = dict(node for length in range(depth) for node in _nodes(point, reward, model, words, length))
        self._forced = math.ceil(point.forced * len(TRUTH))

    def __getitem__(self, prefix: Prefix) -> Node:
        return self._nodes[prefix]

    def positions(self) -> Iterator[tuple[Prefix, float, torch.Tensor]]:
        """Every position that a step may train on: its prefix, the probability of it, and its label's distribution.

        With label `truth` (scheduled sampling) a draw continues with the truth after its EOS; else it ends there.
        """
        point, num_positions = self.point, self.depth
        if "truth" in (point.prefix, point.label):
            num_positions = len(TRUTH)
        reached = {((), False): 1.0}
        for t in range(num_positions):
            onwards: dict[tuple[Prefix, bool], float] = {}
            for (prefix, has_ended), reach in reached.items():
                is_true = point.label == "truth" or t < self._forced
                yield prefix, reach, _certain(TRUTH[t]) if is_true else self[prefix].q_V
                for token, share in self._written(prefix, has_ended).items():
                    ends = has_ended or token == EOS
                    if ends and point.label != "truth":
                        continue
                    longer = (*prefix, TRUTH[t] if ends else token), ends
                    onwards[longer] = onwards.get(longer, 0.0) + reach * share
            reached = onwards

    def _written(self, prefix: Prefix, has_ended: bool) -> dict[int, float]:
        """Probabilities of the tokens that the prefix continues with."""
        t = len(prefix)
        if t >= len(TRUTH) and (has_ended or self.point.prefix == "truth"):
            return {}
        if has_ended or self.point.prefix == "truth" or t < self._forced:
            return {TRUTH[t]: 1.0}
        share_V = self[prefix].p_V if self.point.prefix == "model" else self[prefix].q_V
        return {token: share for token, share in enumerate(share_V.tolist()) if share > 0.0}

    def targets(self) -> dict[Prefix, float]:
        """P(y) of every target, where prefixes continue with the drawn token."""
        open_targets, found = {(): 1.0}, dict[Prefix, float]()
        for t in range(self.depth):
            longer = {
                (*prefix, token): probability * share
                for prefix, probability in open_targets.items()
                for token, share in enumerate(self._said_V(prefix).tolist())
                if share > 0.0
            }
            found |= {target: p for target, p in longer.items() if target[-1] == EOS or t + 1 == self.depth}
            open_targets = {target: p for target, p in longer.items() if target not in found}
        return found

    def tail_log_p(self, target: Prefix) -> torch.Tensor:
        """log p_θ, with gradient, of a target's tokens after the forced ones."""
        steps = range(self._forced, len(target))
        return torch.stack([self[target[:t]].allowed_log_p_V[target[t]] for t in steps]).sum()

    def _said_V(self, prefix: Prefix) -> torch.Tensor:
        return _certain(TRUTH[len(prefix)]) if len(prefix) < self._forced else self[prefix].q_V

    def loss(self) -> torch.Tensor:
        """−Σ over positions of E[log p_θ(label | prefix)]."""
        total = torch.zeros(())
        for prefix, reach, label_V in self.positions():
            held_V = label_V > 0.0
            total = total - reach * (label_V[held_V] * self._nodes[prefix].log_p_V[held_V]).sum()
        return total


@torch.enable_grad()
def _nodes(
    point: Point, reward: MixtureReward, model: Seq2Seq, words: Sequence[int], length: int
) -> list[tuple[Prefix, Node]]:
    prefixes = list(itertools.product(words, repeat=length))
    reference = reference_of(copies=len(prefixes))
    inputs_BT = torch.tensor([[BOS, *prefix] for prefix in prefixes])
    logits_BV = model.decode(memory_of(model, len(prefixes)), inputs_BT)[:, -1]
    log_p_BV = logits_BV.log_softmax(-1)
    allowed_BV = logits_BV.index_fill(1, torch.tensor(SYMBOLS.never_drawn), -torch.inf).log_softmax(-1)
    q_BV = p_BV = allowed_BV.detach().exp()
    if not point.is_policy_gradient and point.estimator.kind not in ("target_policy", "best_of"):
        energy_BV = torch.zeros_like(q_BV)
        if point.reward.task < 1.0 or point.reward.has_increments:
            state = reward.begin(reference)
            for t in range(length):
                state = reward.advance(state, inputs_BT[:, t + 1])
            energy_BV = reward.increments(state, allowed_BV.detach())
        if point.alpha > 0.0:
            energy_BV = energy_BV + point.alpha * allowed_BV.detach()
        q_BV = (energy_BV / (point.alpha + point.beta)).softmax(-1)
    rows = zip(q_BV, p_BV, log_p_BV, allowed_BV, strict=True)
    return [(prefix, Node(*row)) for prefix, row in zip(prefixes, rows, strict=True)]


def _certain(token: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor(token), NUM_TOKENS).float()


def grouped_loss(
    probability_N: torch.Tensor, num_draws: int, loss_of: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """E over K independent targets of a loss of all K.

    Args:
        probability_N: Of each target; not differentiated.
        num_draws: K, small.
        loss_of: [P] losses of [P, K] numbers of targets.
    """
    numbers_PK = torch.cartesian_prod(*[torch.arange(len(probability_N))] * num_draws).view(-1, num_draws)
    probability_P = probability_N.detach()[numbers_PK].prod(1)
    return (probability_P * loss_of(numbers_PK)).sum()


def edited_targets(temperature: float, max_insertions: int) -> dict[Prefix, float]:
    """P(y) of RAML's stratified edits of the reference, script by script, up to a maximum of insertions; unnormalised.

    A script exchanges some words, each for another word or for nothing, and sets words behind words that stay or in
    front; it has the weight exp(−edits / τ), whatever it is.
    """
    words, found = (A, B, C), dict[Prefix, float]()
    for choices in itertools.product(*[[w, None, *[v for v in words if v != w]] for w in WORDS]):
        changed = [choice != word for choice, word in zip(choices, WORDS, strict=True)]
        anchors = 1 + changed.count(False)
        for number in range(max_insertions + 1):
            for slots in itertools.combinations_with_replacement(range(anchors), number):
                for inserted_words in itertools.product(words, repeat=number):
                    target = _with_insertions(choices, changed, slots, inserted_words)
                    edits = sum(changed) + number
                    found[target] = found.get(target, 0.0) + math.exp(-edits / temperature)
    return found


def _with_insertions(
    choices: Sequence[int | None], changed: Sequence[bool], slots: Sequence[int], inserted_words: Sequence[int]
) -> Prefix:
    inserted = [
        [word for slot, word in zip(slots, inserted_words, strict=True) if slot == anchor] for anchor in range(3)
    ]
    target, anchor = list(inserted[0]), 0
    for choice, is_changed in zip(choices, changed, strict=True):
        target += [] if choice is None else [choice]
        if not is_changed:
            anchor += 1
            target += inserted[anchor]
    return (*target, EOS)


def replaced_targets(score: Callable[[Prefix], float], temperature: float, num_candidates: int) -> dict[Prefix, float]:
    """P(y) of one of K n-gram replacements, including the reference, averaged over all other candidates."""
    words, one = (A, B, C), dict[Prefix, float]()
    for new in words:
        for target in ((new, WORDS[1], EOS), (WORDS[0], new, EOS)):
            one[target] = one.get(target, 0.0) + 1.0 / (2 * 2 * len(words))
    for pair in itertools.product(words, repeat=2):
        one[(*pair, EOS)] = one.get((*pair, EOS), 0.0) + 1.0 / (2 * len(words) ** 2)
    weight = {target: math.exp(score(target) / temperature) for target in one}
    found = dict.fromkeys(one, 0.0)
    for others in itertools.product(one, repeat=num_candidates - 1):
        probability = math.prod(one[other] for other in others)
        total = sum(weight[target] for target in (TRUTH, *others))
        for target in (TRUTH, *others):
            found[target] += probability * weight[target] / total
    return found
