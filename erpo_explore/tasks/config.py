"""The `task` section of an experiment: one frozen config per task, told apart by `name`.

A new task is a config with the name of its `TaskReader`, and one entry in `TaskConfig`. A config imports no torch, so
that an experiment is read without it. The reader is therefore named, not imported.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from erpo_explore.pretrained import PretrainedName

__all__ = [
    "DocstringsConfig",
    "FilesConfig",
    "HubConfig",
    "LearnedVocabularyConfig",
    "PretrainedVocabularyConfig",
    "TaskConfig",
    "TaskSection",
    "ToyConfig",
    "VocabularyConfig",
]


class _Section(BaseModel):
    """A part of the YAML; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LearnedVocabularyConfig(_Section):
    """Tokens that the train split has, each side its own."""

    kind: Literal["word", "bpe"] = "word"
    """`word` takes whitespace-separated words as they are, `bpe` learns byte-pair pieces of them."""

    min_count: Annotated[int, Field(ge=1)] = 1
    """Words (for bpe: pairs to merge) that the train split has less often are left out."""

    size: Annotated[int, Field(ge=5)] = 8000
    """Most entries of one side's vocabulary, the four special tokens counted."""


class PretrainedVocabularyConfig(_Section):
    """The tokens of a pretrained model, the same on both sides."""

    kind: Literal["pretrained"] = "pretrained"
    """Names the kind."""

    name: PretrainedName
    """Name on the hub, such as `google-t5/t5-small`, or a local folder; in a search space the model's if not given."""

    revision: str | None = None
    """Branch, tag or commit."""

    source_prefix: str = ""
    """Put before every source, as T5 wants it: `"translate English to German: "`."""


def _word_unless_named(written: Any) -> Any:
    if isinstance(written, Mapping) and "kind" not in written:
        return {"kind": "word", **written}
    return written


VocabularyConfig = Annotated[
    LearnedVocabularyConfig | PretrainedVocabularyConfig,
    Field(discriminator="kind"),
    BeforeValidator(_word_unless_named),
]
"""How text becomes token ids; words if no kind is given."""


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
    """Train pairs with a longer source are left out; longer valid and test sources are cut behind it."""

    max_target_tokens: Annotated[int, Field(ge=1)] = 100
    """Train pairs with a longer target are left out; valid and test references stay whole."""

    train_limit: Annotated[int, Field(ge=1)] | None = None
    """Use the first so many train pairs, counted before too long ones are left out; all of them if not given."""


class ToyConfig(TaskSection):
    """A generated language to translate; `erpo_explore.tasks.toy` describes it."""

    reader: ClassVar[str] = "erpo_explore.tasks.toy:TOY"

    name: Literal["toy"] = "toy"
    """Names the task."""

    metric: Literal["bleu", "rouge"] = "bleu"
    """What is maximised."""

    difficulty: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    """Scales vocabulary, ambiguity, sentence length and distance of dependencies."""

    train_pairs: Annotated[int, Field(ge=1)] = 2000
    """Sentence pairs to train on."""

    validation_pairs: Annotated[int, Field(ge=1)] = 200
    """Sentence pairs to choose by."""

    test_pairs: Annotated[int, Field(ge=0)] = 200
    """Sentence pairs to report on."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Of the language and its sentences."""


class DocstringsConfig(TaskSection):
    """Docstrings of the Python on this machine: body to summary line."""

    reader: ClassVar[str] = "erpo_explore.tasks.docstrings:DOCSTRINGS"

    name: Literal["docstrings"] = "docstrings"
    """Names the task."""

    metric: Literal["bleu", "rouge"] = "rouge"
    """What is maximised."""

    vocabulary: VocabularyConfig = LearnedVocabularyConfig(min_count=2)
    """How text becomes token ids."""

    max_pairs: Annotated[int, Field(ge=1)] = 5000
    """Reading stops at so many docstrings, of all three splits together."""

    min_body_words: Annotated[int, Field(ge=1)] = 10
    """Docstrings with a shorter body are left out."""

    max_body_words: Annotated[int, Field(ge=1)] = 60
    """A longer body is cut behind so many words and punctuation marks, in every split."""

    max_summary_words: Annotated[int, Field(ge=3)] = 20
    """Docstrings with more words and punctuation marks in their summary are left out."""

    roots: Annotated[tuple[Path, ...], Field(min_length=1)] | None = None
    """Folders of Python files to read; the standard library and the installed packages if not given."""


class FilesConfig(TaskSection):
    """Parallel text files: `train`, `valid` and perhaps `test`, each with a source and a target suffix."""

    reader: ClassVar[str] = "erpo_explore.tasks.text_files:FILES"

    name: Literal["files"] = "files"
    """Names the task."""

    data: Path
    """Folder of the files."""

    source: str | None = None
    """Suffix of the source files, such as `de`; discovered if not given."""

    target: str | None = None
    """Suffix of the target files, such as `en`; discovered if not given."""

    metric: Literal["bleu", "rouge"] | None = None
    """What is maximised; if not given, rouge where the target suffix is `title` or `summary`, bleu otherwise."""


class HubConfig(TaskSection):
    """A Hugging Face data set, on the hub or in a local folder."""

    reader: ClassVar[str] = "erpo_explore.tasks.hub:HUB"

    name: Literal["hub"] = "hub"
    """Names the task."""

    metric: Literal["bleu", "rouge"] = "bleu"
    """What is maximised."""

    dataset: Annotated[str, Field(min_length=1)]
    """Name on the hub, such as `bentrevett/multi30k`, or a local folder."""

    subset: str | None = None
    """Configuration of a data set that has several, such as `iwslt2017-de-en`."""

    revision: str | None = None
    """Branch, tag or commit; `refs/convert/parquet` has the tables of data sets that are built by a script."""

    source: Annotated[str, Field(min_length=1)]
    """Column of the sources; an algorithm goes into a nested column, as in `translation.de`."""

    target: Annotated[str, Field(min_length=1)]
    """Column of the targets."""

    lowercase: bool = True
    """Lower-case both sides."""

    tokenize: bool = True
    """Split words from punctuation with sacrebleu's 13a tokenizer; false for text that is tokenised already."""


TaskConfig = Annotated[ToyConfig | DocstringsConfig | FilesConfig | HubConfig, Field(discriminator="name")]
