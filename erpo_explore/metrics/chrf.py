"""chrF and chrF++ by sacrebleu: F-score of character n-grams, and of words."""

from typing import Annotated, Literal

from pydantic import Field

from erpo_explore.metrics.by_sacrebleu import sacrebleu_scorer
from erpo_explore.metrics.config import MetricConfig
from erpo_explore.metrics.scorer import Scorer

__all__ = ["Chrf", "ChrfPlusPlus"]


class Chrf(MetricConfig):
    """chrF2: n-grams of up to six characters, without spaces; recall counts twice as much as precision."""

    name: Literal["chrf"] = "chrf"
    """Name of the metric."""

    char_order: Annotated[int, Field(ge=1, le=9)] = 6
    """Longest n-grams of characters."""

    word_order: Annotated[int, Field(ge=0, le=4)] = 0
    """Longest n-grams of words; 2 is chrF++."""

    lowercase: bool = False
    """Whether case is ignored."""

    whitespace: bool = False
    """Whether spaces count as characters."""

    def build(self) -> Scorer:
        """The scorer of these options."""
        from sacrebleu.metrics.chrf import CHRF

        metric = CHRF(
            char_order=self.char_order,
            word_order=self.word_order,
            lowercase=self.lowercase,
            whitespace=self.whitespace,
        )
        return sacrebleu_scorer(self.name, metric, kind="chrf", title="chrF2" + "+" * self.word_order)


class ChrfPlusPlus(Chrf):
    """chrF++: chrF2 with n-grams of up to two words."""

    name: Literal["chrf++"] = "chrf++"  # type: ignore[assignment]  # the name of its own
    """Name of the metric."""

    word_order: Annotated[int, Field(ge=0, le=4)] = 2
    """Longest n-grams of words."""
