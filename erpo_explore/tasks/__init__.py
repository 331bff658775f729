"""Tasks: pronunciations, docstrings, text files, Hugging Face data sets, the toy language. Left out: models."""

from typing import TYPE_CHECKING

from erpo_explore.lazy_import import lazy_names
from erpo_explore.tasks.config import (
    DocstringsConfig,
    FilesConfig,
    HubConfig,
    LearnedVocabularyConfig,
    PretrainedVocabularyConfig,
    PronunciationsConfig,
    TaskConfig,
    ToyConfig,
    VocabularyConfig,
)

if TYPE_CHECKING:
    from erpo_explore.tasks.batching import Batch, TrainingBatches, collate, evaluation_batches, steps_per_epoch
    from erpo_explore.tasks.bpe import BpeVocabulary
    from erpo_explore.tasks.load import load_task
    from erpo_explore.tasks.pretrained import PretrainedVocabulary
    from erpo_explore.tasks.sentences import Sentences
    from erpo_explore.tasks.task import Split, Task, TokenPairs
    from erpo_explore.tasks.vocabulary import Vocabulary, WordVocabulary

__all__ = [
    "Batch",
    "BpeVocabulary",
    "DocstringsConfig",
    "FilesConfig",
    "HubConfig",
    "LearnedVocabularyConfig",
    "PretrainedVocabulary",
    "PretrainedVocabularyConfig",
    "PronunciationsConfig",
    "Sentences",
    "Split",
    "Task",
    "TaskConfig",
    "TokenPairs",
    "ToyConfig",
    "TrainingBatches",
    "Vocabulary",
    "VocabularyConfig",
    "WordVocabulary",
    "collate",
    "evaluation_batches",
    "load_task",
    "steps_per_epoch",
]

__getattr__ = lazy_names(
    __name__,
    {
        "Batch": "batching",
        "BpeVocabulary": "bpe",
        "PretrainedVocabulary": "pretrained",
        "Sentences": "sentences",
        "Split": "task",
        "Task": "task",
        "TokenPairs": "task",
        "TrainingBatches": "batching",
        "Vocabulary": "vocabulary",
        "WordVocabulary": "vocabulary",
        "collate": "batching",
        "evaluation_batches": "batching",
        "load_task": "load",
        "steps_per_epoch": "batching",
    },
)
