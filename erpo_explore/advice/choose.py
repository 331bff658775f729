"""From a profile of a corpus to an experiment: one setting after the other, each with its reason.

The sizes come from trainings on the corpora of the studies (docs/studies/) and of docs/howto/own-data.md.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from erpo_explore.advice.profile import Profile, Side
from erpo_explore.space.reward import TOKEN_METRICS

__all__ = ["Choice", "Reason", "choose", "raml_temperature"]

_SHORT_RUN_HOURS: Final = 1.5
"""Up to this limit, the small model is chosen: several trainings of the large one would not converge."""

_SYMBOL_TYPES: Final = 200
_SYMBOL_CHARS: Final = 3.0
_ATTACHED: Final = 0.04
_UNKNOWN: Final = 0.02
_UPPER: Final = 0.01
_UNSPACED: Final = 0.2
_MARKED: Final = 0.05

_SUMMARY_RATIO: Final = 0.5
"""Targets with fewer words than this share of the sources' are taken for summaries."""

_ONE_WORD: Final = 1.5
_BLEU_WORDS: Final = 4.0
"""BLEU counts sequences of four words; targets that are shorter on average mostly have none."""

_RAML_WEIGHT: Final = 0.07
_MOST_VALIDATION: Final = 1000
_SHORT_VALIDATION: Final = 400
"""In a short run, evaluations would otherwise take as long as the training."""

_FULL_BATCH_PAIRS: Final = 4000
_NUM_INTERVALS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One chosen setting.

    Attributes:
        name: What it is, in a word.
        value: The setting, for people.
        why: Why this value.
    """

    name: str
    value: str
    why: str

    def line(self) -> str:
        """The reason on one line of a table."""
        return f"  {self.name:<10} {self.value:<18} {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An experiment that fits a corpus.

    Attributes:
        written: The experiment as plain values, as a user would write it.
        reasons: Its settings, each with a reason.
    """

    written: Mapping[str, Any]
    reasons: tuple[Reason, ...]


def choose(
    profile: Profile,
    *,
    name: str,
    task: Mapping[str, Any],
    measures: Callable[[str], bool] = lambda metric: True,  # noqa: ARG005 - the interface's argument
    names_summaries: bool = False,
    max_hours: float | None = None,
) -> Choice:
    """Choose an experiment.

    Args:
        profile: The corpus in numbers.
        name: Name of the experiment.
        task: What is given of `task`: at least the folder. What is given is kept, the metric too.
        measures: Whether a metric can measure the targets: it gives 100 to the references themselves.
        names_summaries: Whether the targets are named as summaries, such as `title`.
        max_hours: Time that there is for the whole exploration; None where there is no limit.
    """
    vocabulary, why_vocabulary = _vocabulary(profile)
    metric, why_metric = _metric(profile, task.get("metric"), measures, names_summaries=names_summaries)
    is_short = max_hours is not None and max_hours <= _SHORT_RUN_HOURS
    most_validation = _SHORT_VALIDATION if is_short else _MOST_VALIDATION
    validation, why_validation, held_out = _validation(profile, most_validation)
    hidden_size, dropout, why_model = _model(profile, is_short)
    batch_size, epochs = _batch_size(profile.train_pairs), _epochs(profile.train_pairs)
    rate = 0.005 if hidden_size <= 128 else 0.002
    lengths = {
        f"max_{side}_tokens": limit
        for side, of in (("source", profile.source), ("target", profile.target))
        if (limit := _longest(of, vocabulary)) > 100
    }
    members, candidates = 8, {"grpo": {"samples": 4}}
    written = {
        "name": name,
        "task": {
            "name": "files",
            **task,
            "metric": metric,
            "vocabulary": vocabulary,
            **lengths,
            **({"validation_pairs": held_out} if held_out is not None else {}),
        },
        "model": {"kind": "lstm", "hidden_size": hidden_size, "dropout": dropout},
        "training": {
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": rate,
            "decay": "linear",
            **({"validation_limit": most_validation} if profile.validation_pairs > most_validation else {}),
        },
        "search": {
            "method": "population",
            "members": members,
            "ranges": _ranges(metric),
            # points between algorithms need what each next token adds to the reward
            **({} if metric in TOKEN_METRICS else {"metric": "bleu"}),
            "candidates": candidates,
        },
        "baselines": _baselines(metric, vocabulary.get("size", profile.target.num_types)),
    }
    reasons = (
        Reason(name="vocabulary", value=_vocabulary_text(vocabulary), why=why_vocabulary),
        Reason(name="metric", value=metric, why=why_metric),
        Reason(name="model", value=f"lstm, {hidden_size} units", why=why_model),
        Reason(name="training", value=f"{epochs:g} epochs of {batch_size}", why=_why_epochs(profile.train_pairs)),
        Reason(name="evaluation", value=f"every {_every(epochs)}", why=f"{_NUM_INTERVALS} decisions of the search"),
        Reason(name="validation", value=validation, why=why_validation),
        Reason(name="search", value=f"population of {members}", why="two halves, one patient and one quick"),
        Reason(name="baselines", value=f"{len(written['baselines'])}", why=", ".join(written["baselines"])),
    )
    return Choice(written=written, reasons=reasons)


def _vocabulary(profile: Profile) -> tuple[dict[str, Any], str]:
    """How text becomes tokens, and why."""
    sides = (profile.source, profile.target)
    if max(side.marked for side in sides) > _MARKED:
        return {"kind": "word"}, "the text is cut into pieces already"
    if all(_is_symbols(side) for side in sides):
        return {"kind": "word"}, f"{max(side.num_types for side in sides)} symbols, none of them rare"
    size = _pieces(min(side.num_words * max(1.0, side.chars_per_word / 6.0) for side in sides))
    bpe = {"kind": "bpe", "size": size}
    unspaced = max(sides, key=lambda side: side.unspaced)
    if unspaced.unspaced > _UNSPACED:
        return bpe, f"{unspaced.script} text has no spaces between words"
    attached, unknown, upper = (max(getattr(side, name) for side in sides) for name in ("attached", "unknown", "upper"))
    if attached > _ATTACHED:
        return bpe, f"{attached:.0%} of the words have punctuation attached"
    if unknown > _UNKNOWN:
        return bpe, f"{unknown:.0%} of unseen text would be unknown words"
    if upper > _UPPER:
        return bpe, "cased text: pieces are shared by `The` and `the`"
    return {"kind": "word", "min_count": 2}, f"only {unknown:.1%} of unseen text are unknown words"


def _is_symbols(side: Side) -> bool:
    return side.num_types <= _SYMBOL_TYPES and side.chars_per_word <= _SYMBOL_CHARS


def _pieces(num_words: float) -> int:
    """Pieces per side: as many as the text has examples of."""
    for most, size in ((3e3, 400), (3e4, 1000), (1e6, 4000), (1e7, 8000)):
        if num_words < most:
            return size
    return 16000


def _vocabulary_text(vocabulary: Mapping[str, Any]) -> str:
    if vocabulary["kind"] == "bpe":
        return f"bpe, {vocabulary['size']:,} pieces"
    return "words" if "min_count" not in vocabulary else f"words, {vocabulary['min_count']} times"


def _metric(
    profile: Profile, given: str | None, measures: Callable[[str], bool], *, names_summaries: bool
) -> tuple[str, str]:
    """The first metric that suits the targets and can measure them, and why."""
    source, target = profile.source, profile.target
    wanted: tuple[str, ...]
    if given is not None:
        return given, "as given"
    if _is_symbols(source) and _is_symbols(target) and target.marked <= _MARKED:
        wanted, why = ("edit", "bleu"), f"each of {target.num_types} symbols counts"
    elif target.unspaced > _UNSPACED:
        wanted, why = ("bleu", "edit"), f"{target.script} text: scored without spaces where possible"
    elif target.words < _ONE_WORD:
        wanted, why = ("edit", "rouge"), f"targets of {target.words:.1f} words: right or wrong"
    elif target.words < _BLEU_WORDS:
        wanted, why = ("rouge", "edit"), f"targets of {target.words:.1f} words: bleu needs four in a row"
    else:
        ratio = target.words / max(source.words, 1e-9)
        is_summary = names_summaries or ratio < _SUMMARY_RATIO
        wanted = ("rouge", "bleu", "edit") if is_summary else ("bleu", "edit")
        why = "by the name of the targets" if names_summaries else f"targets are {ratio:.2f} times as long as sources"
    for metric in wanted:
        if measures(metric):
            return metric, why if metric == wanted[0] else f"{wanted[0]} does not give 100 to the references"
    return wanted[0], why


def _validation(profile: Profile, most: int) -> tuple[str, str, int | None]:
    """Validation pairs for people, why, and how many are held out of the train split."""
    if profile.validation_pairs == 0:
        held_out = max(1, min(most, profile.train_pairs // 10))
        return _pairs(held_out), "held out of train: there are no files valid.*", held_out
    used = min(profile.validation_pairs, most)
    of = f"the first of {profile.validation_pairs:,}" if used < profile.validation_pairs else "all of valid.*"
    seen = f"; {profile.seen:.0%} of their sources are in train" if profile.seen > 0.01 else ""
    return _pairs(used), of + seen, None


def _pairs(number: int) -> str:
    return "1 pair" if number == 1 else f"{number:,} pairs"


def _model(profile: Profile, is_short: bool) -> tuple[int, float, str]:
    """Hidden size, dropout, and why."""
    pairs = profile.train_pairs
    if pairs < 2000:
        return 64, 0.3, f"{pairs:,} pairs teach no more"
    if pairs < 50_000:
        return 128, 0.3, f"{pairs:,} pairs; a larger one overfits"
    if is_short:
        return 128, 0.2, "a larger one converges too late for the time"
    return 256, 0.2, f"{pairs:,} pairs"


def _batch_size(pairs: int) -> int:
    return 64 if pairs >= _FULL_BATCH_PAIRS else 32 if pairs >= _FULL_BATCH_PAIRS // 4 else 16


def _epochs(pairs: int) -> float:
    """Passes over the train pairs: the fewer pairs, the more passes and the fewer steps.

    Multi30k's 29,000 pairs have converged after 8, and its first 8,000 after about 18.
    """
    epochs = min(40.0, 8.0 * (29_000 / pairs) ** 0.6)
    return float(round(epochs)) if epochs >= 3.0 else max(0.2, round(epochs, 1))


def _why_epochs(pairs: int) -> str:
    return f"about {_epochs(pairs) * pairs / _batch_size(pairs):,.0f} steps for {pairs:,} pairs"


def _every(epochs: float) -> str:
    each = epochs / _NUM_INTERVALS
    return f"{each:.2g} epochs"


def _longest(side: Side, vocabulary: Mapping[str, Any]) -> int:
    """Tokens that 99 of 100 lines do not exceed, to the next ten."""
    tokens = side.longest_words
    if vocabulary["kind"] == "bpe":
        # a piece has about three characters, of unspaced scripts about one
        tokens = max(tokens, round(side.longest_chars / (3.0 - 2.0 * side.unspaced)))
    return min(400, 10 * -(-tokens // 10))


def _ranges(metric: str) -> dict[str, list[float]]:
    """Where members may go. The temperature fits the size of the metric's increments: 1 per edit, else about 0.1."""
    temperature = [0.05, 1.0] if metric == "edit" else [0.002, 0.1]
    return {"task": [0.0, 0.4], "model": [0.0, 0.3], "temperature": temperature}


def raml_temperature(num_tokens: int) -> float:
    """RAML's temperature for a vocabulary of v tokens.

    It gives all wrong tokens of a position together the weight v exp(−1/τ) = 0.07, as in its paper.
    """
    return round(1.0 / math.log(max(num_tokens, 2) / _RAML_WEIGHT), 3)


def _baselines(metric: str, num_tokens: int) -> dict[str, Any]:
    """Maximum likelihood, what regularises it, and the path that gained most in the studies."""
    grpo = {
        "reward": {"task": 1.0, "metric": metric},
        "alpha": "inf",
        "beta": 0.0,
        "estimator": {"kind": "token", "samples": 4, "baseline": "group"},
    }
    truth = {"reward": {"truth": 1.0}}
    return {
        "mle": {},
        "raml": {"temperature": raml_temperature(num_tokens)},
        "mle_then_grpo": {
            "knots": [{"at": 0.0, "point": truth}, {"at": 0.75, "point": truth}, {"at": 0.75, "point": grpo}]
        },
    }
