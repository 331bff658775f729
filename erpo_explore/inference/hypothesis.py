"""One translation of a line, with its score."""

from dataclasses import dataclass

__all__ = ["Hypothesis"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """A target text that a model gives for a source.

    Attributes:
        text: The text.
        score: Length-normalised log p_θ, by which a beam ranks; of a sample, log p_θ itself.
        log_p: log p_θ of its tokens and EOS, in nats.
        num_tokens: Number of its tokens, with EOS where it has ended.
    """

    text: str
    score: float
    log_p: float
    num_tokens: int
