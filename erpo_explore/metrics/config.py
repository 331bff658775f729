"""The base of a metric: its options as a user writes them under `task.metric`, and the scorer of these options.

A metric is a subclass in a file of its own, and one line in `metric_names.METRICS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from erpo_explore.metrics.scorer import CorpusScore, Scorer
from erpo_explore.tasks.script import MARKS, TextKind, join_pieces

__all__ = ["MetricConfig"]


class MetricConfig(BaseModel):
    """Options of a metric; those here are every metric's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Name of the metric."""

    label: Annotated[str, Field(min_length=1)] | None = None
    """Name in results. Default: the metric's name."""

    pieces: Literal["none", "@@", "▁"] | None = None
    """Mark of pieces of words, which are joined before scoring. Default: found in the references."""

    text: str | None = None
    """What the task did to its text, for the signature, such as `lc.13a`. Default: as the task states it."""

    def build(self) -> Scorer:
        """The scorer of the metric's own options.

        Raises:
            ConfigError: A package that they need is not installed.
        """
        raise NotImplementedError

    def fitted(self, kind: TextKind) -> tuple["MetricConfig", str]:
        """These options, with those that are not given chosen for a text, and a remark on the choice.

        Args:
            kind: The references, with their pieces joined.
        """
        del kind
        return self, ""

    def scorer(self) -> Scorer:
        """The scorer of all options.

        Raises:
            ConfigError: A package that they need is not installed.
        """
        scorer = self.build()
        if self.label is not None:
            scorer = replace(scorer, name=self.label)
        signed = ""
        if self.pieces in MARKS:
            signed += f"|joined:{self.pieces}"
            scorer = _joining(scorer, partial(join_pieces, mark=self.pieces))
        if self.text:
            signed += f"|text:{self.text}"
        return replace(scorer, corpus=partial(_signed, scorer.corpus, signed)) if signed else scorer

    def written(self) -> str | dict[str, Any]:
        """These options as plain values: the name alone, or a mapping."""
        given = {"name": self.name} | self.model_dump(exclude_unset=True, exclude_none=True)
        return self.name if len(given) == 1 else given


def _joining(scorer: Scorer, join: Callable[[str], str]) -> Scorer:
    """The scorer of texts whose pieces are joined."""

    def joined(texts: Sequence[str]) -> list[str]:
        return [join(text) for text in texts]

    tokens = scorer.tokens
    return replace(
        scorer,
        corpus=lambda hypotheses, references: scorer.corpus(joined(hypotheses), joined(references)),
        sentences=lambda hypotheses, references: scorer.sentences(joined(hypotheses), joined(references)),
        tokens=None if tokens is None else lambda text: tokens(join(text)),
    )


def _signed(
    corpus: Callable[[Sequence[str], Sequence[str]], CorpusScore],
    signed: str,
    hypotheses: Sequence[str],
    references: Sequence[str],
) -> CorpusScore:
    scored = corpus(hypotheses, references)
    return replace(scored, signature=scored.signature + signed)
