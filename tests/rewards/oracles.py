"""Other people's implementations of the metrics, and the tiny vocabulary that they and ours are compared on.

A potential is what a prefix is worth before its end: BLEU without the brevity penalty, ROUGE of the prefix, minus the
distance to the closest prefix of the reference.
"""

from collections.abc import Callable, Sequence

import sacrebleu
import torch
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEUScore

from erpo_explore.rewards import Reference
from erpo_explore.symbols import Symbols

SYMBOLS = Symbols()
WORDS = (4, 5, 6, 7)
NUM_TOKENS = 8

Words = Sequence[int]
"""A sentence without its EOS."""


def reference_of(*sentences: Words, padding: int = 0) -> Reference:
    """The references as a batch, with `padding` columns more than the longest needs."""
    tokens_BT, keep_BT = batch_of([[*words, SYMBOLS.eos] for words in sentences], padding)
    return Reference(tokens_BT=tokens_BT, keep_BT=keep_BT, num_tokens=NUM_TOKENS, symbols=SYMBOLS)


def batch_of(rows: Sequence[Sequence[int]], padding: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of different lengths, and a mask that is True on them."""
    width = max(map(len, rows)) + padding
    padded = [[*row, *[SYMBOLS.pad] * (width - len(row))] for row in rows]
    keep = [[t < len(row) for t in range(width)] for row in rows]
    return torch.tensor(padded, dtype=torch.long), torch.tensor(keep, dtype=torch.bool)


def as_text(words: Words, side: str) -> str:
    """As text in which every unknown word is a word of its own."""
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
    """Without the brevity penalty."""
    score = _sacrebleu(prefix, reference)
    return score.score / score.bp / 100.0 if score.score > 0.0 else 0.0


class _AtSpaces:
    def tokenize(self, text: str) -> list[str]:
        return text.split()


_ROUGE = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=_AtSpaces())


def rouge(hypothesis: Words, reference: Words) -> float:
    """rouge-score's mean of ROUGE-1, -2 and -L F1, 0–1."""
    scores = _ROUGE.score(as_text(reference, "theirs"), as_text(hypothesis, "ours"))
    return sum(score.fmeasure for score in scores.values()) / 3.0


def edit(hypothesis: Words, reference: Words) -> float:
    """Minus the Levenshtein distance, by the whole table."""
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


Metric = Callable[[Words, Words], float]
FINISHED: dict[str, Metric] = {"bleu": bleu, "rouge": rouge, "edit": edit}
POTENTIAL: dict[str, Metric] = {"bleu": bleu_potential, "rouge": rouge, "edit": edit_potential}
