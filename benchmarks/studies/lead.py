"""Score of the lead baseline: the first words of a paragraph as its summary.

    .venv/bin/python -m benchmarks.studies.lead --data DIR [--source article] [--target title] [--words 6 8 10 12]

Scores are means over the sentence pairs of the test set, as the scores of a trial are.
"""

import argparse
from pathlib import Path

from erpo_explore.metrics import load_scorer

__all__ = ["lead"]


def main() -> None:
    """Print one row per number of words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with test.SOURCE and test.TARGET")
    parser.add_argument("--source", default="article", help="suffix of the source files")
    parser.add_argument("--target", default="title", help="suffix of the target files")
    parser.add_argument("--words", type=int, nargs="+", default=[6, 8, 10, 12], help="number of words to take")
    options = parser.parse_args()
    sources, references = (
        (options.data / f"test.{suffix}").read_text(encoding="utf-8").splitlines()
        for suffix in (options.source, options.target)
    )
    print("| words | score | ROUGE-1 | ROUGE-2 | ROUGE-L |\n| ---: | ---: | ---: | ---: | ---: |")
    for num_words in options.words:
        scored = load_scorer("rouge").corpus(lead(sources, num_words), references)
        columns = (scored.value, *(scored.parts[name] for name in ("rouge1", "rouge2", "rougel")))
        print(f"| {num_words} | {' | '.join(f'{column:.1f}' for column in columns)} |")


def lead(sources: list[str], num_words: int) -> list[str]:
    """The first words of each source."""
    return [" ".join(source.split()[:num_words]) for source in sources]


if __name__ == "__main__":
    main()
