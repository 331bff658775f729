"""Metrics as a user would write them, and mistakes that one can make."""

import math

import numpy as np


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
