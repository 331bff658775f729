"""Whether translations in a file have the score that an exploration has stored for its test set.

    .venv/bin/python -m benchmarks.studies.file_scores DIR … [--steps 40] [--beam 2]

Each DIR has text files `train`, `valid` and `test`. A tiny exploration trains one model on some of its pairs and
decodes the test set. `erpo-explore translate --last` then translates the sources of the test set into a file. The file
is scored against the file of references by the published scorers: sacrebleu, rouge-score, and an edit distance of this
script. Both scores must be the same number. The exit code is the number of folders with a difference.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

import erpo_explore as erpo

Score = Callable[[Sequence[str], Sequence[str], dict[str, Any]], float]

_ROUGES: Final = ("rouge1", "rouge2", "rougeL")


class _Words:
    """What spaces separate, as a tokenizer of rouge-score."""

    def tokenize(self, text: str) -> list[str]:
        """The words."""
        return text.split()


def bleu(hypotheses: Sequence[str], references: Sequence[str], options: dict[str, Any]) -> float:
    """Corpus BLEU by sacrebleu."""
    order = int(options.get("max_ngram_order", 4))
    metric = BLEU(tokenize=options["tokenize"], max_ngram_order=order, force=True)
    return float(metric.corpus_score(list(hypotheses), [list(references)]).score)


def rouge(hypotheses: Sequence[str], references: Sequence[str], options: dict[str, Any]) -> float:
    """Mean F1 of ROUGE-1, -2 and -L by rouge-score."""
    if options["tokenizer"] != "words":
        raise SystemExit(f"rouge of {options['tokenizer']} is not compared here")
    scorer = RougeScorer(list(_ROUGES), tokenizer=_Words())
    found = [scorer.score(reference, hypothesis) for hypothesis, reference in zip(hypotheses, references, strict=True)]
    values_ND = 100.0 * np.array([[each[name].fmeasure for name in _ROUGES] for each in found])
    return sum(map(float, values_ND.mean(axis=0))) / len(_ROUGES)


def edit(hypotheses: Sequence[str], references: Sequence[str], options: dict[str, Any]) -> float:
    """Edits per token of the reference, in percent."""
    if options["unit"] not in ("token", "word", "phoneme"):
        raise SystemExit(f"edits of {options['unit']} are not compared here")
    edits = [distance(one.split(), other.split()) for one, other in zip(hypotheses, references, strict=True)]
    return 100.0 * sum(edits) / sum(len(reference.split()) for reference in references)


def distance(hypothesis: Sequence[str], reference: Sequence[str]) -> int:
    """Levenshtein distance."""
    row = list(range(len(reference) + 1))
    for number, word in enumerate(hypothesis, start=1):
        before, row[0] = row[0], number
        for at, other in enumerate(reference, start=1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (word != other))
    return row[-1]


SCORES: Final[dict[str, Score]] = {"bleu": bleu, "rouge": rouge, "edit": edit}
METRICS: Final = {"phones": "edit", "title": "rouge", "en": "bleu"}
"""Metric by the suffix of the targets."""


def suffixes(data: Path) -> tuple[str, str]:
    """Suffixes of sources and targets."""
    found = sorted(file.suffix[1:] for file in data.glob("train.*"))
    source, target = sorted(found, key=METRICS.__contains__)
    return source, target


def experiment(data: Path, steps: int, beam: int) -> erpo.Experiment:
    """One small model, and its score on the test set."""
    source, target = suffixes(data)
    return erpo.Experiment.from_dict(
        {
            "name": data.name,
            "task": {
                "name": "files",
                "data": str(data),
                "train_limit": 2000,
                "source": source,
                "target": target,
                "metric": METRICS[target],
                "vocabulary": {"min_count": 2},
            },
            "model": {"hidden_size": 32},
            "training": {"steps": steps, "interval": steps, "batch_size": 32, "learning_rate": 0.01},
            "search": {"method": "none"},
            "baselines": ["mle"],
            "test": {"beam_width": beam, "length_penalty": 1.0},
        }
    )


def compare(data: Path, work: Path, steps: int, beam: int) -> bool:
    """Print the stored score and that of the file; whether they are equal."""
    results, hypotheses = work / data.name, work / f"{data.name}.hyp"
    erpo.explore(experiment(data, steps, beam), results)
    stored = float(erpo.load_results(results, table="tests")["score"].iloc[0])
    model = erpo.load_model(results, last=True, device="cpu")
    source, target = suffixes(data)
    references = lines(data / f"test.{target}")
    command = [sys.executable, "-c", "from erpo_explore.cli.main import main; main()", "translate", str(results)]
    command += ["--last", "--device", "cpu"]
    command += ["--input", str(data / f"test.{source}"), "--output", str(hypotheses), "--beam", str(beam)]
    # the evaluation of a trial cuts hypotheses by the length of the references
    subprocess.run([*command, "--max-tokens", str(model.max_tokens_for(references))], check=True)
    options = model.task.model_dump()["metric"]
    scored = SCORES[options["name"]](lines(hypotheses), references, options)
    print(f"| {data.name} | {options['name']} | {len(references):,} | {stored!r} | {scored!r} | {stored == scored} |")
    return stored == scored


def lines(file: Path) -> list[str]:
    """Lines of a file."""
    return file.read_text(encoding="utf-8").split("\n")[:-1]


def main() -> None:
    """Print one row per folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path, help="folders of text files")
    parser.add_argument("--steps", type=int, default=40, help="steps of training")
    parser.add_argument("--beam", type=int, default=2, help="hypotheses per sentence")
    given = parser.parse_args()
    print("| text | metric | sentences | stored | of the file | equal |\n|" + " --- |" * 6)
    with tempfile.TemporaryDirectory() as work:
        equal = [compare(data.resolve(), Path(work), given.steps, given.beam) for data in given.data]
    sys.exit(equal.count(False))


if __name__ == "__main__":
    main()
