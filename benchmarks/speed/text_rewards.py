"""Difference of reward and score on real text, and what the score of the text costs a training step.

    .venv/bin/python -m benchmarks.speed.text_rewards DIR … [--pairs 1000] [--steps 7]

Each DIR has text files `train`, `valid` and `test`. Hypotheses are the references of the test set with every third
token replaced, with their second half left out, doubled, and those of the next sentence. Each is rewarded as a target
and scored as text against the reference as it was read. `unknown` counts references with a word outside the vocabulary,
which no target has either; hypotheses do not copy such words. The last two columns are for the metric on the target's
own tokens, without text.

A step's time is the median over steps that alternate between both rewards, on one thread.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import torch

from erpo_explore.config.experiment import Training
from erpo_explore.metric_names import METRICS
from erpo_explore.metrics import Scorer, load_scorer
from erpo_explore.metrics.fit import fit_metric
from erpo_explore.rewards import MetricReward, Reference, metric_reward, text_scorer
from erpo_explore.seq2seq import LstmConfig
from erpo_explore.space import algorithm
from erpo_explore.space.reward import has_increments
from erpo_explore.tasks import FilesConfig, Task, load_task
from erpo_explore.tasks.metric import WrittenMetric
from erpo_explore.trial import TrainingRun, TrialSpec

VOCABULARIES: Final = {"words": {"kind": "word", "min_count": 2}, "pieces": {"kind": "bpe", "size": 4000}}
ALGORITHMS: Final = ("raml", "spg", "policy_gradient")
OTHERS: Final[dict[str, WrittenMetric]] = {
    "bleu none": {"name": "bleu", "tokenize": "none"},
    "bleu 13a": {"name": "bleu", "tokenize": "13a"},
    "bleu char, 2-grams": {"name": "bleu", "tokenize": "char", "max_ngram_order": 2},
    "bleu lower case": {"name": "bleu", "tokenize": "13a", "lowercase": True},
    "rouge words": {"name": "rouge", "tokenizer": "words"},
    "edit of characters": {"name": "edit", "unit": "character"},
    "0.7 bleu + 0.3 chrf": {"sum": [{"name": "bleu", "weight": 0.7}, {"name": "chrf", "weight": 0.3}]},
}
"""Metrics with settings of their own."""
_AT_ONCE: Final = 500
_EQUAL: Final = 1e-6
"""Rewards are floats of single precision."""


def scorers(references: Sequence[str]) -> dict[str, Scorer]:
    """All metrics of the package, with the settings that a text has by default and with others."""
    fitted = {name: load_scorer(fit_metric(name, references).written) for name in METRICS}
    return fitted | {label: load_scorer(written) for label, written in OTHERS.items()}


def hypotheses_of(targets: Sequence[Sequence[int]], num_tokens: int) -> list[list[int]]:
    """One hypothesis per reference, of five kinds in turn."""
    generator, found = torch.Generator().manual_seed(1), []
    for index, target in enumerate(targets):
        others = torch.randint(4, num_tokens, (len(target),), generator=generator).tolist()
        kinds = (
            [other if t % 3 == 2 else token for t, (token, other) in enumerate(zip(target, others, strict=True))],
            list(target[: len(target) // 2]),
            [*target, *target],
            list(targets[(index + 1) % len(targets)]),
            list(target),
        )
        found.append(kinds[index % len(kinds)])
    return found


def expected(scorer: Scorer, hypotheses: Sequence[str], references: Sequence[str]) -> list[float]:
    """What the scorer says of each sentence, as a reward."""
    if scorer.metric == "edit":
        return [-float(edits) for edits in scorer.corpus(hypotheses, references).statistics.values_ND[:, 0]]
    return [scorer.objective(score) / 100.0 for score in scorer.sentences(hypotheses, references)]


def rewards(
    reward: MetricReward[Any], task: Task, references: Sequence[Sequence[int]], ours: Sequence[list[int]]
) -> list[float]:
    """R of each hypothesis."""
    found: list[float] = []
    for first in range(0, len(ours), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        tokens_BT, keep_BT = _padded(references[part], task)
        reference = Reference(
            tokens_BT=tokens_BT,
            keep_BT=keep_BT,
            num_tokens=len(task.target_vocabulary),
            symbols=task.symbols,
            index_B=torch.arange(first, first + len(tokens_BT)),
            texts=task.test.target_texts,
        )
        found += reward.score(reference, *_padded(ours[part], task)).tolist()
    return found


def _padded(rows: Sequence[Sequence[int]], task: Task) -> tuple[torch.Tensor, torch.Tensor]:
    width = 1 + max(map(len, rows))
    symbols = task.symbols
    padded = [[*row, symbols.eos, *[symbols.pad] * (width - 1 - len(row))] for row in rows]
    tokens_BT = torch.tensor(padded)
    return tokens_BT, torch.arange(width) < torch.tensor([[len(row) + 1] for row in rows])


def print_differences(folder: Path, name: str, task: Task, num_pairs: int) -> None:
    """One row per metric."""
    vocabulary = task.target_vocabulary
    targets = [list(ids) for ids in task.test.target_ids][:num_pairs]
    references, unk = task.test.references[:num_pairs], task.symbols.unk
    unknown = sum(unk in ids for ids in targets)
    ours = [[token for token in ids if token != unk] for ids in hypotheses_of(targets, len(vocabulary))]
    texts = [vocabulary.decode(ids) for ids in ours]
    for label, scorer in scorers(references).items():
        said = expected(scorer, texts, references)
        text = text_scorer(scorer.metric, [scorer], tokens_are_words=vocabulary.tokens_are_words)
        cells = [_gap(rewards(metric_reward(scorer.metric, vocabulary.decode, text), task, targets, ours), said)]
        if has_increments(scorer.metric):
            cells.append(_gap(rewards(metric_reward(scorer.metric), task, targets, ours), said))
        else:
            cells.append("– | –")
        way = "tokens" if text is None else "text"
        print(f"| {folder.name} | {name} | {label} | {len(targets):,} | {unknown} | {way} | {' | '.join(cells)} |")


def _gap(found: Sequence[float], said: Sequence[float]) -> str:
    gaps = [abs(one - other) for one, other in zip(found, said, strict=True)]
    share = sum(gap > _EQUAL * max(1.0, abs(one)) for gap, one in zip(gaps, said, strict=True)) / len(gaps)
    return f"{max(gaps):.7f} | {100.0 * share:.1f}%"


def print_costs(folder: Path, name: str, task: Task, num_steps: int) -> None:
    """One row per algorithm and metric."""
    bleu, rouge, edit = map(load_scorer, (OTHERS["bleu 13a"], "rouge", "edit"))
    for kind in ALGORITHMS:
        for label, scorer in {"bleu": bleu, "rouge": rouge, "edit": edit}.items():
            runs = [_run(task, kind, label, text) for text in (None, scorer)]
            times: tuple[list[float], list[float]] = ([], [])
            for step in range(num_steps + 1):
                for run, seen in zip(runs, times, strict=True):
                    run.step, started = step, time.perf_counter()
                    run.train_step(algorithm(kind, metric=label).path(label).at(0.0))
                    seen.append(time.perf_counter() - started)
            tokens_s, text_s = (statistics.median(seen[1:]) for seen in times)
            print(
                f"| {folder.name} | {name} | {kind} | {label} | {1000 * tokens_s:.0f} ms | {1000 * text_s:.0f} ms "
                f"| {text_s / tokens_s:.2f} |",
                flush=True,
            )


def _run(task: Task, kind: str, metric: str, scorer: Scorer | None) -> TrainingRun:
    path = algorithm(kind, metric=metric).path(metric)
    spec = TrialSpec(name="text", role="algorithm", algorithm=kind, seed=1, path=path)
    training = Training(steps=100, interval=50, batch_size=64)
    run = TrainingRun(task, LstmConfig(hidden_size=256), training, spec, torch.device("cpu"))
    run._optimizer_step._text_scorers[metric] = scorer
    return run


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path, help="folders of text files")
    parser.add_argument("--pairs", type=int, default=1000, help="most test pairs per folder")
    parser.add_argument("--steps", type=int, default=7, help="steps per time; 0 leaves the times out")
    options = parser.parse_args()
    torch.set_num_threads(1)
    tasks = {
        (folder, name): load_task(FilesConfig.model_validate({"data": folder, "vocabulary": settings}))
        for folder in options.data
        for name, settings in VOCABULARIES.items()
    }
    print(
        "| text | targets | metric | pairs | unknown | reward from | largest | differ | on tokens: largest | differ |"
    )
    print("|" + " --- |" * 10)
    for (folder, name), task in tasks.items():
        print_differences(folder, name, task, options.pairs)
    if options.steps > 0:
        print("\n| text | targets | algorithm | reward | on tokens | of the text | ratio |")
        print("|" + " --- |" * 7)
        for (folder, name), task in tasks.items():
            print_costs(folder, name, task, options.steps)


if __name__ == "__main__":
    main()
