"""Time of all reward increments of a batch, against scoring each candidate word, and as a share of a training step.

    .venv/bin/python -m benchmarks.speed.rewards [--data DIR] [--rounds 5]

The prefixes are those of the references with every third word replaced. At each position the plain code scores the
prefix followed by each distinct word of the reference, by EOS, and by one other word. Its sentence scorers take two
lists of words. Before the measurement both must give the same increments.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from benchmarks.speed.timing import Goal, Work, interleaved, machine, table
from benchmarks.speed.training_step import MLE, options, trained_run
from benchmarks.studies.multi30k import BATCH_SIZE, multi30k
from erpo_explore.rewards import BleuReward, EditReward, MetricReward, Reference, RougeReward
from erpo_explore.tasks import TrainingBatches

Words = Sequence[int]
_TOLERANCE: Final = 1e-5
_LEAST: Final = {"bleu": 500.0}
_SHARE: Final = 0.05


def sentence_bleu(hypothesis: Words, reference: Words, finished: bool) -> float:
    """Smoothed BLEU with brevity penalty; unfinished hypotheses have no penalty, and a start symbol as a word."""
    begin = () if finished else (-1000,)
    words, matches, logs = len(hypothesis), _matches((*begin, *hypothesis), (*begin, *reference), 4), []
    matches[1] -= len(begin)
    if matches[1] == 0:
        return 0.0
    for n in (1, 2, 3, 4):
        smooth = 0 if n == 1 else 1
        starts = words - n + 1 + smooth * len(begin)
        logs.append(math.log((matches[n] + smooth) / (max(starts, 0) + smooth)))
    brevity = min(0.0, 1.0 - len(reference) / words) if finished else 0.0
    return math.exp(sum(logs) / 4 + brevity)


def mean_rouge(hypothesis: Words, reference: Words, finished: bool) -> float:
    """Mean F1 of ROUGE-1, -2 and -L; unfinished hypotheses count the start symbol and the first word as a bigram."""
    matches, pairs = _matches(hypothesis, reference, 2), len(hypothesis) + len(reference)
    total = 2.0 * matches[1] / max(1, pairs)
    if finished:
        pairs = max(0, len(hypothesis) - 1) + max(0, len(reference) - 1)
    begun = not finished and hypothesis[:1] == reference[:1] and len(hypothesis) > 0
    total += 2.0 * (matches[2] + begun) / max(1, pairs)
    row = [0] * (len(reference) + 1)
    for word in hypothesis:
        after = [0]
        for j, other in enumerate(reference):
            after.append(row[j] + 1 if word == other else max(row[j + 1], after[j]))
        row = after
    return (total + 2.0 * row[-1] / max(1, len(hypothesis) + len(reference))) / 3.0


def minus_edits(hypothesis: Words, reference: Words, finished: bool) -> float:
    """Negative Levenshtein distance; for unfinished hypotheses to the closest prefix of the reference."""
    row = list(range(len(reference) + 1))
    for i, word in enumerate(hypothesis, start=1):
        after = [i]
        for j, other in enumerate(reference):
            after.append(min(row[j + 1] + 1, after[j] + 1, row[j] + (word != other)))
        row = after
    return -float(row[-1] if finished else min(row))


def _matches(hypothesis: Words, reference: Words, orders: int) -> Counter[int]:
    """Clipped n-gram matches by order."""
    matches: Counter[int] = Counter()
    for ngram, count in (_ngrams(hypothesis, orders) & _ngrams(reference, orders)).items():
        matches[len(ngram)] += count
    return matches


def _ngrams(words: Words, orders: int) -> Counter[tuple[int, ...]]:
    return Counter(tuple(words[i : i + n]) for n in range(1, orders + 1) for i in range(len(words) - n + 1))


SCORERS: Final[dict[str, Callable[[Words, Words, bool], float]]] = {
    "bleu": sentence_bleu,
    "rouge": mean_rouge,
    "edit": minus_edits,
}


REWARDS: Final[dict[str, MetricReward[Any]]] = {"bleu": BleuReward(), "rouge": RougeReward(), "edit": EditReward()}


def word_by_word(metric: str, reference: Reference, prefix_BT: Tensor) -> list[list[dict[int, float]]]:
    """Increment of each sentence, position and candidate; −1 is any other word."""
    score, symbols = SCORERS[metric], reference.symbols
    found = []
    for tokens, keep, prefix in zip(
        reference.tokens_BT.tolist(), reference.keep_BT.tolist(), prefix_BT.tolist(), strict=True
    ):
        length = sum(keep)
        # no two unknown words are the same
        words = [-2 - t if token == symbols.unk else token for t, token in enumerate(tokens[: length - 1])]
        positions = []
        for t in range(length):
            before = prefix[:t]
            now = score(before, words, False)
            steps = {v: score([*before, v], words, False) - now for v in {*words, -1} if v >= -1}
            steps[symbols.eos] = score(before, words, True) - now
            positions.append(steps)
        found.append(positions)
    return found


def all_at_once(reward: MetricReward[Any], reference: Reference, prefix_BT: Tensor, *, dense: bool) -> list[Any]:
    """Our increments at every position: few slots and one value for all other words, or [B, V] if `dense`."""
    state, steps = reward.begin(reference), []
    for t in range(prefix_BT.shape[1]):
        steps.append(reward.increments(state) if dense else reward.candidates(state))
        state = reward.advance(state, prefix_BT[:, t])
    return steps


def check(metric: str, reference: Reference, prefix_BT: Tensor) -> None:
    """Raise unless both methods agree on every candidate."""
    ours = torch.stack(all_at_once(REWARDS[metric], reference, prefix_BT, dense=True), dim=1)
    for row, positions in enumerate(word_by_word(metric, reference, prefix_BT)):
        known = {*reference.tokens_BT[row].tolist()}
        other = next(v for v in range(4, reference.num_tokens) if v not in known)
        for t, steps in enumerate(positions):
            for v, expected in steps.items():
                value = float(ours[row, t, other if v == -1 else v])
                if abs(value - expected) > _TOLERANCE:
                    raise SystemExit(f"{metric}: row {row}, position {t}, token {v}: got {value}, expected {expected}")


def perturbed_references(reference: Reference, generator: torch.Generator) -> Tensor:
    """References with every third word replaced."""
    others_BT = torch.randint(4, reference.num_tokens, reference.tokens_BT.shape, generator=generator)
    third_T = torch.arange(reference.tokens_BT.shape[1]) % 3 == 2
    # EOS is kept: after an early EOS the plain code would stop, ours would continue
    return torch.where(third_T & reference.words_BT, others_BT, reference.tokens_BT)


def main() -> None:
    """Check, measure and print a table."""
    parser = options(__doc__ or "")
    parser.set_defaults(rounds=5, warm=0)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    task = multi30k(chosen.data)
    run = trained_run(task, torch.device("cpu"), chosen.warm)
    batches, generator = TrainingBatches(task.train, task.symbols, BATCH_SIZE, seed=0), torch.Generator().manual_seed(0)
    now: dict[str, Any] = {}

    def prepare(index: int) -> None:
        batch = batches.at(index)
        num_tokens, symbols = len(task.target_vocabulary), task.symbols
        now["reference"] = Reference(
            tokens_BT=batch.target_BT, keep_BT=batch.target_keep_BT, num_tokens=num_tokens, symbols=symbols
        )
        now["prefix"] = perturbed_references(now["reference"], generator)
        run.step = index

    prepare(0)
    work: dict[str, Work] = {"mle step": lambda _: run.train_step(MLE.end)}
    goals = {}
    for metric in SCORERS:
        check(metric, now["reference"], now["prefix"])
        work |= _pieces(metric, now)
        goals[metric] = Goal(base="mle step", most=_SHARE)
        goals[f"{metric}, spread over V"] = Goal(base="mle step")
        goals[f"{metric}, word by word"] = Goal(base=metric, least=_LEAST.get(metric))
    print(table(interleaved(work, chosen.rounds, before=prepare), goals, title="increments"))
    print(machine(torch.device("cpu")))


def _pieces(metric: str, now: dict[str, Any]) -> dict[str, Work]:
    reward = REWARDS[metric]
    return {
        metric: lambda _: all_at_once(reward, now["reference"], now["prefix"], dense=False),
        f"{metric}, spread over V": lambda _: all_at_once(reward, now["reference"], now["prefix"], dense=True),
        f"{metric}, word by word": lambda _: word_by_word(metric, now["reference"], now["prefix"]),
    }


if __name__ == "__main__":
    main()
