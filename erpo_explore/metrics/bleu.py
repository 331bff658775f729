"""BLEU by sacrebleu."""

import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from erpo_explore.errors import ConfigError
from erpo_explore.metrics.by_sacrebleu import sacrebleu_scorer
from erpo_explore.metrics.config import MetricConfig
from erpo_explore.metrics.scorer import Scorer
from erpo_explore.tasks.script import TextKind

__all__ = ["Bleu"]

Tokenizer = Literal["none", "13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "flores200"]

_ORDER: Final = 4
_BY_SCRIPT: Final[dict[str, Tokenizer]] = {"": "13a", "chinese": "zh", "japanese": "ja-mecab", "korean": "ko-mecab"}
_EXTRAS: Final = {"ja-mecab": "ja", "ko-mecab": "ko"}


class Bleu(MetricConfig):
    """Corpus BLEU. A sentence alone is smoothed with add-k, k = 1, as the reward is."""

    name: Literal["bleu"] = "bleu"
    """Name of the metric."""

    tokenize: Tokenizer | None = None
    """Tokenizer of sacrebleu. Default: `none` for text whose punctuation stands apart, else the one of the script."""

    max_ngram_order: Annotated[int, Field(ge=1, le=9)] | None = None
    """Longest n-grams that count. Default: 4, or the median length of the targets where that is less."""

    lowercase: bool = False
    """Whether case is ignored."""

    def fitted(self, kind: TextKind) -> tuple["Bleu", str]:
        """Choose the tokenizer by the script, and the order by the length."""
        chosen: dict[str, Any] = {}
        remark = ""
        if self.tokenize is None:
            chosen["tokenize"], remark = _tokenizer(kind)
        counted = kind.words_per_line if (self.tokenize or chosen["tokenize"]) == "none" else kind.tokens_per_line
        order = max(1, min(_ORDER, counted))
        if self.max_ngram_order is None:
            chosen["max_ngram_order"] = order
        if chosen.get("max_ngram_order", _ORDER) < _ORDER:
            remark = f"targets are short: BLEU counts n-grams up to max_ngram_order={order}; chrf and edit need none"
        return self.model_copy(update=chosen), remark

    def build(self) -> Scorer:
        """The scorer of these options."""
        # imports NLTK-free, but with regular expressions that take a while
        from sacrebleu.metrics.bleu import BLEU

        tokenize, order = self.tokenize or "none", self.max_ngram_order or _ORDER
        settings: dict[str, Any] = {
            "tokenize": tokenize,
            "max_ngram_order": order,
            "lowercase": self.lowercase,
            "force": True,
        }
        remedy = f"pip install 'erpo-explore[{_EXTRAS[tokenize]}]'" if tokenize in _EXTRAS else "take char"
        if tokenize == "flores200":
            remedy = _fetch_flores()
        try:
            metric = BLEU(**settings)
        except Exception as error:  # any error of a tokenizer's package
            reason = " ".join(str(error).split())[:120]
            raise ConfigError(f"task.metric: tokenize={tokenize} cannot be used ({reason}); {remedy}") from error
        return sacrebleu_scorer(
            self.name,
            metric,
            kind="bleu",
            title="BLEU",
            alone=BLEU(**settings, smooth_method="add-k", smooth_value=1, effective_order=True),
            tokens=str.split
            if tokenize == "none" and not self.lowercase
            else lambda text: str(metric._preprocess_segment(text)).split(),
            max_ngram_order=order,
            parts=lambda value: {"bleu": value},
            more="" if order == _ORDER else f"|ngram:{order}",
        )


def _fetch_flores() -> str:
    """How to fetch the sentencepiece model of flores200.

    It is not downloaded here: sacrebleu waits for a network without a time limit, on each worker's machine.

    Raises:
        ConfigError: It is missing, or its library is.
    """
    from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS
    from sacrebleu.utils import SACREBLEU_DIR

    if find_spec("sentencepiece") is None:
        raise ConfigError(
            "task.metric: tokenize=flores200 needs sentencepiece, which is not installed; pip install sentencepiece, "
            "or take 13a or char"
        )
    url = SPM_MODELS["flores200"]["url"]
    file = Path(SACREBLEU_DIR, "models", Path(url).name)
    command = f"curl -L --create-dirs -o {shlex.quote(str(file))} {url}"
    if not file.exists() or file.stat().st_size == 0:
        raise ConfigError(
            f"task.metric: tokenize=flores200 needs its sentencepiece model on each machine; fetch it by: {command} "
            "(or take 13a or char)"
        )
    return f"fetch it again by: {command} (or take 13a or char)"


def _tokenizer(kind: TextKind) -> tuple[Tokenizer, str]:
    """Tokenizer for a text, and a remark where a better one is not installed."""
    if kind.is_tokenised:
        return "none", ""
    tokenizer = _BY_SCRIPT.get(kind.script, "char")
    if tokenizer not in _EXTRAS:
        return tokenizer, ""
    try:
        Bleu(tokenize=tokenizer).build()
    except ConfigError:
        extra = _EXTRAS[tokenizer]
        return "char", f"{kind.script} text is scored by character; pip install 'erpo-explore[{extra}]' for {tokenizer}"
    return tokenizer, ""
