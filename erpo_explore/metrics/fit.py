"""A metric fitted to the text of a task: options that the text decides, and a refusal of what cannot rank the text.

A metric that does not give the references themselves the best score ranks no model: BLEU of two-word targets is 0 for
every output, and rouge-score's tokenizer leaves nothing of Cyrillic.
"""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from erpo_explore.errors import ConfigError, DataError, ErpoExploreError
from erpo_explore.metrics.config import MetricConfig
from erpo_explore.metrics.load import metric_config
from erpo_explore.metrics.scorer import Scorer
from erpo_explore.metrics.weighted import WeightedSum
from erpo_explore.tasks.metric import WrittenMetric
from erpo_explore.tasks.script import MARKS, TextKind, join_pieces, mark_of, text_kind

__all__ = ["FittedMetric", "fit_metric", "fit_metrics"]

_MOST: Final = 1000
_EMPTIED: Final = 0.05
"""Share of references without a token from which a metric is refused."""

_TOLERANCE: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedMetric:
    """A metric with the options that the text decides.

    Attributes:
        written: The metric as plain values.
        name: Its name in results.
        remarks: What was chosen and is worth a line.
    """

    written: WrittenMetric
    name: str
    remarks: tuple[str, ...]


def fit_metrics(
    metric: WrittenMetric, also: Sequence[WrittenMetric], references: Sequence[str], *, text: str = ""
) -> tuple[FittedMetric, ...]:
    """The metric that decides, and the further ones, each fitted to the text.

    Raises:
        DataError: A metric cannot measure the text, or two have the same name.
    """
    fitted = [fit_metric(each, references, text=text) for each in (metric, *also)]
    names = [each.name for each in fitted]
    for name in names:
        if names.count(name) > 1:
            raise DataError(
                f"task.also: two metrics have the name {name}; give one of them a label, as in "
                f"{{name: {name}, label: other}}"
            )
    return tuple(fitted)


def fit_metric(written: WrittenMetric, references: Sequence[str], *, text: str = "") -> FittedMetric:
    """Fit a metric to the text of its references.

    The result names every option that a text decides, so it is the same when it is fitted to another text.

    Args:
        written: The metric, as in `task.metric`.
        references: References, of which the first thousand are looked at.
        text: What the task did to the text, for the signature.

    Raises:
        ConfigError: A metric of the user's own fails.
        DataError: The metric cannot measure the text; the message names a remedy.
    """
    references = references[:_MOST]
    mark = mark_of(references)
    joined = [join_pieces(line, mark) for line in references] if mark else list(references)
    config = metric_config(written)
    remarks: list[str] = []
    if config.pieces is None:
        if mark:
            remarks.append(f"the text has pieces of words (marked by {mark}), which are joined before scoring")
        config = config.model_copy(update={"pieces": mark or "none"})
    kind = text_kind(joined if config.pieces in MARKS else references)
    config, remark = _fitted(config, kind)
    if text and config.text is None:
        config = config.model_copy(update={"text": text})
    scorer = config.scorer()
    _check(scorer, references, f"task.metric={scorer.name}")
    return FittedMetric(written=config.written(), name=scorer.name, remarks=(*remarks, *([remark] if remark else [])))


def _fitted(config: MetricConfig, kind: TextKind) -> tuple[MetricConfig, str]:
    if not isinstance(config, WeightedSum):
        return config.fitted(kind)
    fitted = [(weight, *part.fitted(kind)) for weight, part in config.parts]
    parts = tuple({**_mapping(part.written()), "weight": weight} for weight, part, _ in fitted)
    return config.model_copy(update={"sum": parts}), "; ".join(remark for _, _, remark in fitted if remark)


def _mapping(written: WrittenMetric) -> dict[str, object]:
    return {"name": written} if isinstance(written, str) else dict(written)


def _check(scorer: Scorer, references: Sequence[str], what: str) -> None:
    """Refuse a scorer that cannot rank outputs for these references."""
    if scorer.tokens is not None:
        emptied = [line for line in references if line.split() and not scorer.tokens(line)]
        if len(emptied) > _EMPTIED * len(references):
            raise DataError(
                f"{what}: its tokenizer leaves nothing of {len(emptied)} of {len(references)} references, such as "
                f"{emptied[0][:40]!r}; take {{name: rouge, tokenizer: words}}, chrf or edit"
            )
    try:
        score = scorer.corpus(references, references).value
        others = scorer.corpus([""] * len(references), references).value
    except ErpoExploreError:
        raise
    except Exception as error:  # only a function of the user can raise anything else
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise ConfigError(
            f"{what}: fails on the references ({type(error).__name__}: {error}, {frame.filename}:{frame.lineno}); it "
            "must take a list of hypotheses, perhaps empty ones, and a list of references"
        ) from error
    is_ranked = scorer.objective(score) > scorer.objective(others) + _TOLERANCE
    if not is_ranked:
        raise DataError(
            f"{what}: gives the references themselves {score:.2f}, and empty outputs {others:.2f}, so it cannot rank "
            "models; lower max_ngram_order to the length of the targets, or take chrf or edit"
        )
