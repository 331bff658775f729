"""Translation edit rate by sacrebleu: edits and shifts of phrases per word of the reference. Less is better."""

from typing import Any, Literal

from erpo_explore.metrics.by_sacrebleu import sacrebleu_scorer
from erpo_explore.metrics.config import MetricConfig
from erpo_explore.metrics.scorer import Scorer
from erpo_explore.tasks.script import TextKind

__all__ = ["Ter"]


class Ter(MetricConfig):
    """TER, in percent."""

    name: Literal["ter"] = "ter"
    """Name of the metric."""

    normalized: bool | None = None
    """Whether punctuation marks are split from words. Default: for text of scripts without spaces."""

    no_punct: bool = False
    """Whether punctuation marks are left out."""

    asian_support: bool | None = None
    """Whether characters of Asian scripts are words; needs `normalized`. Default: for text of these scripts."""

    case_sensitive: bool = False
    """Whether case counts."""

    def fitted(self, kind: TextKind) -> tuple["Ter", str]:
        """Take characters as words where the script has no spaces."""
        open_names = [name for name in ("normalized", "asian_support") if getattr(self, name) is None]
        # one that is given shows that the user decides
        is_asian = len(open_names) == 2 and not (kind.is_tokenised or kind.has_spaces)
        return self.model_copy(update=dict.fromkeys(open_names, is_asian)), ""

    def build(self) -> Scorer:
        """The scorer of these options."""
        from sacrebleu.metrics.ter import TER

        metric: Any = TER(
            normalized=bool(self.normalized),
            no_punct=self.no_punct,
            asian_support=bool(self.asian_support),
            case_sensitive=self.case_sensitive,
        )
        return sacrebleu_scorer(
            self.name,
            metric,
            kind="error_rate",
            title="TER",
            higher_is_better=False,
            tokens=lambda text: str(metric._preprocess_segment(text)).split(),
        )
