"""The `task` section of an experiment: one frozen config per task, told apart by `name`.

A new task is a config with the name of its `TaskReader`, and one entry in `TaskConfig`. A config imports no torch, so
that an experiment is read without it. The reader is therefore named, not imported.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from erpo_explore.pretrained import PretrainedName
from erpo_explore.tasks.metric import Also, Metric

__all__ = [
    "DocstringsConfig",
    "FilesConfig",
    "HubConfig",
    "LearnedVocabularyConfig",
    "PretrainedVocabularyConfig",
    "PronunciationsConfig",
    "TaskConfig",
    "TaskSection",
    "ToyConfig",
    "VocabularyConfig",
]


class _Section(BaseModel):
    """A part of the YAML; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LearnedVocabularyConfig(_Section):
    """A vocabulary learned from the train split, one per side."""

    kind: Literal["word", "bpe"] = "word"
    """`word` uses whitespace-separated words as tokens; `bpe` learns byte-pair pieces of them."""

    min_count: Annotated[int, Field(ge=1)] = 1
    """Words (for `bpe`: pairs to merge) that occur less often in the train split are left out."""

    size: Annotated[int, Field(ge=5)] = 8000
    """Maximum number of entries per side, including the four special tokens."""


class PretrainedVocabularyConfig(_Section):
    """The vocabulary of a pretrained model, the same on both sides."""

    kind: Literal["pretrained"] = "pretrained"
    """Name of the kind."""

    name: PretrainedName
    """Name on the hub, such as `google-t5/t5-small`, or a local folder. Default in an experiment: the model's name."""

    revision: str | None = None
    """Branch, tag or commit."""

    source_prefix: str = ""
    """Text put before every source, as for T5: `"translate English to German: "`."""


def _word_unless_named(written: Any) -> Any:
    if isinstance(written, Mapping) and "kind" not in written:
        return {"kind": "word", **written}
    return written


VocabularyConfig = Annotated[
    LearnedVocabularyConfig | PretrainedVocabularyConfig,
    Field(discriminator="kind"),
    BeforeValidator(_word_unless_named),
]
"""How text becomes token ids. Default kind: `word`."""


class TaskSection(_Section):
    """Settings of every task.

    Attributes:
        reader: `package.module:object` of the task's `TaskReader`.
    """

    reader: ClassVar[str]

    name: str
    """Name of the task."""

    vocabulary: VocabularyConfig = LearnedVocabularyConfig()
    """How text becomes token ids."""

    max_source_tokens: Annotated[int, Field(ge=1)] = 100
    """Train pairs with a longer source are left out; longer validation and test sources are cut to this length."""

    max_target_tokens: Annotated[int, Field(ge=1)] = 100
    """Train pairs with a longer target are left out; validation and test references are not cut."""

    train_limit: Annotated[int, Field(ge=1)] | None = None
    """Number of train pairs to use from the beginning, before too long ones are left out. Default: all pairs."""

    also: Also = ()
    """Further metrics of every evaluation, such as `[chrf, ter]`. They are stored and shown, and decide nothing."""


class ToyConfig(TaskSection):
    """A generated language to translate; `erpo_explore.tasks.toy` describes it."""

    reader: ClassVar[str] = "erpo_explore.tasks.toy:TOY"

    name: Literal["toy"] = "toy"
    """Name of the task."""

    metric: Metric = "bleu"
    """Metric that decides."""

    difficulty: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    """Scale of vocabulary size, ambiguity, sentence length and distance of dependencies."""

    train_pairs: Annotated[int, Field(ge=1)] = 2000
    """Sentence pairs for training."""

    validation_pairs: Annotated[int, Field(ge=1)] = 200
    """Sentence pairs for the evaluations that the search decides by."""

    test_pairs: Annotated[int, Field(ge=0)] = 200
    """Sentence pairs for the final scores."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of the language and its sentences."""


class PronunciationsConfig(TaskSection):
    """English words of the CMU Pronouncing Dictionary, which comes with the package: from spelling to phonemes."""

    reader: ClassVar[str] = "erpo_explore.tasks.pronunciations:PRONUNCIATIONS"

    name: Literal["pronunciations"] = "pronunciations"
    """Name of the task."""

    metric: Metric = {"name": "edit", "unit": "phoneme"}
    """Metric that decides: the phoneme error rate."""

    also: Also = ({"name": "edit", "unit": "sentence", "label": "word error rate"},)
    """Further metrics of every evaluation: the share of words with an error."""


class DocstringsConfig(TaskSection):
    """Docstrings of the Python installation on this machine: from body to summary line."""

    reader: ClassVar[str] = "erpo_explore.tasks.docstrings:DOCSTRINGS"

    name: Literal["docstrings"] = "docstrings"
    """Name of the task."""

    metric: Metric = "rouge"
    """Metric that decides."""

    vocabulary: VocabularyConfig = LearnedVocabularyConfig(min_count=2)
    """How text becomes token ids."""

    max_pairs: Annotated[int, Field(ge=1)] = 5000
    """Maximum number of docstrings over all three splits; reading stops there."""

    min_body_words: Annotated[int, Field(ge=1)] = 10
    """Docstrings with a shorter body are left out."""

    max_body_words: Annotated[int, Field(ge=1)] = 60
    """Longer bodies are cut to this number of words and punctuation marks, in every split."""

    max_summary_words: Annotated[int, Field(ge=3)] = 20
    """Docstrings with more words and punctuation marks in their summary are left out."""

    roots: Annotated[tuple[Path, ...], Field(min_length=1)] | None = None
    """Folders of Python files to read. Default: the standard library and the installed packages."""


class FilesConfig(TaskSection):
    """Text files: `train`, `valid` and optionally `test`, each as one file per side or for both."""

    reader: ClassVar[str] = "erpo_explore.tasks.text_files:FILES"

    name: Literal["files"] = "files"
    """Name of the task."""

    data: Path
    """Folder of the files."""

    source: str | None = None
    """Suffix or field of the sources, such as `de`. Default: found from the file names or fields."""

    target: str | None = None
    """Suffix or field of the targets, such as `en`. Default: found from the file names or fields."""

    metric: Metric | None = None
    """Metric that decides. Default: rouge if the target suffix is `title` or `summary`, otherwise bleu."""

    validation_pairs: Annotated[int, Field(ge=1)] | None = None
    """Number of train pairs to validate on instead, where there are no files `valid.*`. All pairs of a source stay on
    one side, and the same text gives the same split. Default: none, so that `valid.*` must exist."""


class HubConfig(TaskSection):
    """A Hugging Face data set, on the hub or in a local folder."""

    reader: ClassVar[str] = "erpo_explore.tasks.hub:HUB"

    name: Literal["hub"] = "hub"
    """Name of the task."""

    metric: Metric = "bleu"
    """Metric that decides."""

    dataset: Annotated[str, Field(min_length=1)]
    """Name on the hub, such as `bentrevett/multi30k`, or a local folder."""

    subset: str | None = None
    """Configuration, for a data set that has several, such as `iwslt2017-de-en`."""

    revision: str | None = None
    """Branch, tag or commit; for a data set that is built by a script, `refs/convert/parquet` has its tables."""

    source: Annotated[str, Field(min_length=1)]
    """Column of the sources; a dotted name such as `translation.de` selects a nested column."""

    target: Annotated[str, Field(min_length=1)]
    """Column of the targets."""

    lowercase: bool = True
    """Lower-case both sides."""

    tokenize: bool = True
    """Split words from punctuation with sacrebleu's 13a tokenizer; false for text that is already tokenised."""


TaskConfig = Annotated[
    ToyConfig | PronunciationsConfig | DocstringsConfig | FilesConfig | HubConfig, Field(discriminator="name")
]
