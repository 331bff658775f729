"""Independent implementations of the metrics, and the tiny vocabulary of the comparison.

Potentials of unfinished prefixes: BLEU and ROUGE that count the beginning of the sentence as a word,
minus the distance to the closest prefix of the reference.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

import sacrebleu
import torch
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEUScore

from erpo_explore.rewards import Reference, TokenReward
from erpo_explore.symbols import Symbols

SYMBOLS = Symbols()
WORDS = (4, 5, 6, 7)
NUM_TOKENS = 8

Words = Sequence[int]
"""A sentence without its EOS."""


def summed(reward: TokenReward, reference: Reference, tokens_BL: torch.Tensor, keep_BL: torch.Tensor) -> torch.Tensor:
    """Σ_t r_t(y_t), increment by increment."""
    state, total_B = reward.begin(reference), torch.zeros(len(tokens_BL))
    for token_B, keep_B in zip(tokens_BL.T, keep_BL.T, strict=True):
        step_B = reward.increments(state).gather(1, token_B[:, None])[:, 0]
        total_B = total_B + step_B.where(keep_B, 0.0)
        state = reward.advance(state, token_B)
    return total_B


def reference_of(*sentences: Words, padding: int = 0) -> Reference:
    """The references as a batch, with `padding` extra columns."""
    tokens_BT, keep_BT = batch_of([[*words, SYMBOLS.eos] for words in sentences], padding)
    return Reference(tokens_BT=tokens_BT, keep_BT=keep_BT, num_tokens=NUM_TOKENS, symbols=SYMBOLS)


def batch_of(rows: Sequence[Sequence[int]], padding: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of different lengths as a batch, and a mask that is True on their tokens."""
    width = max(map(len, rows)) + padding
    padded = [[*row, *[SYMBOLS.pad] * (width - len(row))] for row in rows]
    keep = [[t < len(row) for t in range(width)] for row in rows]
    return torch.tensor(padded, dtype=torch.long), torch.tensor(keep, dtype=torch.bool)


def as_text(words: Words, side: str) -> str:
    """The words as text; every unknown word becomes a distinct word."""
    return " ".join(f"{side}{t}" if word == SYMBOLS.unk else f"w{word}" for t, word in enumerate(words))


def _sacrebleu(hypothesis: Words, reference: Words) -> BLEUScore:
    return sacrebleu.sentence_bleu(
        as_text(hypothesis, "ours"),
        [as_text(reference, "theirs")],
        smooth_method="add-k",
        smooth_value=1,
        use_effective_order=True,
        tokenize="none",
    )


def bleu(hypothesis: Words, reference: Words) -> float:
    """sacrebleu's sentence BLEU, 0–1."""
    return _sacrebleu(hypothesis, reference).score / 100.0


def bleu_potential(prefix: Words, reference: Words) -> float:
    """BLEU without the brevity penalty, with the beginning as a first word of n-grams of two and more words."""
    if not prefix:
        return 0.0
    said, given = (
        ["begin", *as_text(words, side).split()] for words, side in ((prefix, "ours"), (reference, "theirs"))
    )
    precisions = []
    for n in range(1, 5):
        ours, theirs = (
            Counter(tuple(words[t : t + n]) for t in range(n == 1, len(words) - n + 1)) for words in (said, given)
        )
        precisions.append(((ours & theirs).total() + (n > 1)) / (ours.total() + (n > 1)))
    return math.prod(precisions) ** 0.25


class _AtSpaces:
    def tokenize(self, text: str) -> list[str]:
        return text.split()


_ROUGE = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=_AtSpaces())


def rouge(hypothesis: Words, reference: Words) -> float:
    """rouge-score's mean of ROUGE-1, -2 and -L F1, 0–1."""
    scores = _ROUGE.score(as_text(reference, "theirs"), as_text(hypothesis, "ours"))
    return sum(score.fmeasure for score in scores.values()) / 3.0


def rouge_potential(prefix: Words, reference: Words) -> float:
    """The same mean, with the beginning and the first word as a further pair of ROUGE-2."""
    if not prefix or not reference:
        return 0.0
    said, given = as_text(prefix, "ours"), as_text(reference, "theirs")
    plain = _ROUGE.score(given, said)
    begun = _ROUGE.score(f"begin {given}", f"begin {said}")
    return (plain["rouge1"].fmeasure + begun["rouge2"].fmeasure + plain["rougeL"].fmeasure) / 3.0


def edit(hypothesis: Words, reference: Words) -> float:
    """Minus the Levenshtein distance, from the whole table."""
    return -_distances(hypothesis, reference)[-1]


def edit_potential(prefix: Words, reference: Words) -> float:
    """Minus the distance to the closest prefix of the reference."""
    return -min(_distances(prefix, reference))


def _distances(hypothesis: Words, reference: Words) -> list[float]:
    """The last row of the table."""
    row = [float(j) for j in range(len(reference) + 1)]
    for i, word in enumerate(hypothesis, start=1):
        after = [float(i)]
        for j, other in enumerate(reference, start=1):
            same = word == other != SYMBOLS.unk
            after.append(min(row[j] + 1.0, after[j - 1] + 1.0, row[j - 1] + (0.0 if same else 1.0)))
        row = after
    return row


def bleu_prefix_potential(prefix: Words, reference: Words) -> float:
    """BLEU as in the paper's code: smoothed, minus 1 for each repeated word of the reference."""
    repeats = sum(word == before != SYMBOLS.unk and word in reference for before, word in pairwise(prefix))
    return _smoothed_bleu(prefix, reference) - repeats


def _smoothed_bleu(prefix: Words, reference: Words) -> float:
    if not prefix or not reference:
        return 0.0
    known = [f"ours{t}" if word == SYMBOLS.unk else word for t, word in enumerate(prefix)]
    product = 1.0
    for n in range(1, 5):
        said = Counter(tuple(known[t : t + n]) for t in range(len(prefix) - n + 1))
        given = Counter(tuple(reference[t : t + n]) for t in range(len(reference) - n + 1))
        product *= (sum((said & given).values()) + 1.0) / (sum(said.values()) + 1.0)
    return min(1.0, math.exp(1.0 - len(reference) / len(prefix))) * product**0.25


def bleu_prefix(hypothesis: Words, reference: Words) -> float:
    """The same, minus 1 for an EOS before the reference's length."""
    return bleu_prefix_potential(hypothesis, reference) - (len(hypothesis) < len(reference))


def constant(hypothesis: Words, reference: Words) -> float:
    """1 for every finished target."""
    return 1.0


def constant_potential(prefix: Words, reference: Words) -> float:
    """1 from the first token on."""
    return 1.0 if prefix else 0.0


Metric = Callable[[Words, Words], float]
FINISHED: dict[str, Metric] = {
    "bleu": bleu,
    "bleu_prefix": bleu_prefix,
    "rouge": rouge,
    "edit": edit,
    "constant": constant,
}
POTENTIAL: dict[str, Metric] = {
    "bleu": bleu_potential,
    "bleu_prefix": bleu_prefix_potential,
    "rouge": rouge_potential,
    "edit": edit_potential,
    "constant": constant_potential,
}


def decode(ids: Sequence[int]) -> str:
    """Text of ids: one word per id, without EOS."""
    return " ".join(f"w{token}" for token in ids if token != SYMBOLS.eos)
