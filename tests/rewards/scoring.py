"""Metrics from outside the package, as a user would write them, and mistakes that a user can make."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from erpo_explore.rewards import Increments, MetricReward, Reference
from erpo_explore.rows import Rows


def shared_words(hypotheses, references):
    """Share of the hypothesis's words that the reference holds."""
    pairs = [
        (hypothesis.split(), reference.split()) for hypothesis, reference in zip(hypotheses, references, strict=True)
    ]
    return [sum(word in theirs for word in ours) / max(len(ours), 1) for ours, theirs in pairs]


class Folder:
    """Holds a metric."""

    @staticmethod
    def as_array(hypotheses, references):
        return np.array(shared_words(hypotheses, references), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position(Rows):
    reference: Reference
    step: int


class SamePosition(MetricReward[Position]):
    """Share of the reference's words that the hypothesis has at the same position: a class with increments."""

    def begin(self, reference):
        return Position(reference=reference, step=0)

    def candidates(self, state):
        reference, step = state.reference, state.step
        is_word_B = torch.zeros_like(reference.keep_BT[:, 0])
        if step < reference.tokens_BT.shape[1]:
            is_word_B = reference.matchable_BT[:, step]
        return Increments(
            other_B=torch.zeros_like(reference.length_B),
            token_BJ=reference.truth_B(step)[:, None],
            keep_BJ=is_word_B[:, None],
            value_BJ=1.0 / reference.length_B[:, None].clamp(min=1.0),
            num_tokens=reference.num_tokens,
        )

    def advance(self, state, token_B):
        return replace(state, step=state.step + 1)


class lower_case(SamePosition):  # noqa: N801 - the mistake that is tested
    pass


def too_few(hypotheses, references):
    return [0.5] * (len(hypotheses) - 1)


def one_for_all(hypotheses, references):
    return 0.5


def text(hypotheses, references):
    return "0" * len(hypotheses)


def missing(hypotheses, references):
    return [None] * len(hypotheses)


def truths(hypotheses, references):
    return [True] * len(hypotheses)


def not_a_number(hypotheses, references):
    return [math.nan] * len(hypotheses)


def percent(hypotheses, references):
    return [1.0] * (len(hypotheses) - 1) + [73.0]


def negative(hypotheses, references):
    return [-0.1] * len(hypotheses)


NUMBER = 3


def constant(hypotheses, references):
    return [0.5] * len(references)


def missing_words(hypotheses, references):
    """An error rate: less is better."""
    return [1.0 - score for score in shared_words(hypotheses, references)]
