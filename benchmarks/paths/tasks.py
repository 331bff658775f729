"""The tasks of the exhaustive benchmark, with the algorithms that take turns.

Each algorithm has a letter, and a path is a word of them: `llms` trains two phases with label smoothing, one with
maximum likelihood and one with scheduled sampling. The same letter is the same algorithm in all tasks.

Settings are those that make an algorithm sensible for a vocabulary of V = 40 phonemes; none was chosen by its result:

- `m`, maximum likelihood.
- `l`, label smoothing with ε = 0.1, its paper's value.
- `r`, RAML by edit distance. One edit at a given position weighs V exp(−1/τ). It is 0.11 at V = 40, τ = 0.17, so that
  nine in ten positions keep the reference's token. The default τ = 0.088 is for 6,000 words, and never edits here.
- `s`, scheduled sampling at the constant rate of 0.3. A phase has no room for the paper's growing rate, which the order
  of the phases can express.
- `n`, data noising with γ = 0.1 and unigram draws, the middle of its paper's range.
- `g`, group rewards (`grpo`, 4 draws) for 0.3 of a batch's sources, and maximum likelihood for the rest. Group rewards
  alone learn nothing from scratch, and would take most of the hours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path as FilePath
from typing import Final

from erpo_explore.config.experiment import Training
from erpo_explore.errors import ConfigError
from erpo_explore.seq2seq import LstmConfig
from erpo_explore.space import Path, Point, Reward, algorithm
from erpo_explore.tasks import Split, Task, load_task
from erpo_explore.tasks.config import FilesConfig, LearnedVocabularyConfig, PronunciationsConfig
from erpo_explore.tasks.pronunciations import pronunciations_corpus
from erpo_explore.tasks.sentences import Sentences

__all__ = ["BENCHMARKS", "Benchmark"]

_GROUP_SHARE: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A task with the algorithms that take turns on it.

    Attributes:
        name: Name of the task.
        load: Reads the task; its argument is the folder of the text, None where the text comes with the package.
        model: Kind and sizes of the model.
        training: Budget and optimizer. An evaluation interval is a phase.
        points: The point of each algorithm, by its letter.
        higher_is_better: Direction of the score.
    """

    name: str
    load: Callable[[FilePath | None], Task]
    model: LstmConfig
    training: Training
    points: Mapping[str, Point]
    higher_is_better: bool = True

    @property
    def num_phases(self) -> int:
        """Phases of a whole path."""
        return self.training.steps // self.training.interval

    def path(self, letters: str) -> Path:
        """The path of some first phases, which jumps between two of them.

        Args:
            letters: The algorithm of each phase.
        """
        at = [phase / self.num_phases for phase in range(len(letters) + 1)]
        knots: list[tuple[float, Point]] = []
        for phase, letter in enumerate(letters):
            knots += [(at[phase], self.points[letter]), (at[phase + 1], self.points[letter])]
        return Path(knots=tuple(knots))


def _points(metric: str, letters: str, *, temperature: float) -> dict[str, Point]:
    def named(name: str, **settings: float) -> Point:
        return algorithm(name, **settings).path(metric).end

    mle, group = named("mle"), named("grpo", samples=4)
    points = {
        "m": mle,
        "l": named("label_smoothing", epsilon=0.1),
        "r": algorithm("raml", metric="edit", temperature=temperature).path(metric).end,
        "s": Point(reward=Reward(truth=0.7, model=0.3), label="truth"),
        "n": named("data_noising", gamma=0.1),
        "g": Point.blended([(1.0 - _GROUP_SHARE, mle), (_GROUP_SHARE, group)]),
    }
    return {letter: points[letter] for letter in letters}


_TRAIN_WORDS: Final = 6000
_FURTHER_WORDS: Final = 2000


def _pronunciations(data: FilePath | None) -> Task:
    """Pronunciations of 6,000 words, scored on 4,000: the validation split, and train words that are not trained on."""
    if data is not None:
        raise ConfigError(f"--data: pronunciations come with the package, got {data}; leave it out")
    task = load_task(PronunciationsConfig(train_limit=_TRAIN_WORDS, also=()))
    corpus = pronunciations_corpus(PronunciationsConfig(train_limit=_TRAIN_WORDS + _FURTHER_WORDS))
    further = corpus.train[_TRAIN_WORDS:]
    sources, references = (tuple(pair[side] for pair in further) for side in (0, 1))
    known = task.validation
    validation = Split(
        sources=known.sources + sources,
        references=known.references + references,
        source_ids=Sentences.joined([known.source_ids, task.source_vocabulary.encode_lines(sources)]),
        target_ids=Sentences.joined([known.target_ids, task.target_vocabulary.encode_lines(references)]),
    )
    return replace(task, validation=validation)


def _files(data: FilePath | None, *, source: str, target: str, metric: str) -> Task:
    if data is None:
        raise ConfigError(f"--data is missing; give the folder with train.{source}, train.{target}, valid.{source}, …")
    vocabulary = LearnedVocabularyConfig(kind="bpe", size=2000)
    config = FilesConfig(
        data=str(data),
        source=source,
        target=target,
        metric=metric,
        vocabulary=vocabulary,
        train_limit=12000,
        max_source_tokens=48,
    )
    return load_task(config)


BENCHMARKS: Final[Mapping[str, Benchmark]] = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            name="pronunciations",
            load=_pronunciations,
            model=LstmConfig(hidden_size=48),
            training=Training(steps=600, interval=150, batch_size=64, learning_rate=4e-3),
            points=_points("edit", "mlrsng", temperature=0.17),
            higher_is_better=False,
        ),
        Benchmark(
            name="synopses",
            load=partial(_files, source="article", target="title", metric="rouge"),
            model=LstmConfig(hidden_size=64),
            training=Training(steps=1000, interval=250, batch_size=64, learning_rate=4e-3),
            points=_points("rouge", "mlg", temperature=0.1),
        ),
    )
}
"""The tasks, by name."""
