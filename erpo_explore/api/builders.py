"""Short names for the parts of an experiment, for Python: `TextFiles("data")`, `LSTM(hidden_size=256)`, `Population()`.

Each returns the section of the YAML that `erpo_explore.config` describes; nothing is added to it.
"""

from pathlib import Path as FilePath
from typing import Any

from erpo_explore.config.search import Search
from erpo_explore.seq2seq.custom_config import CustomConfig as CustomModel
from erpo_explore.seq2seq.lstm_config import LstmConfig as LSTM  # noqa: N814 - an acronym
from erpo_explore.seq2seq.pretrained_config import PretrainedConfig as Pretrained
from erpo_explore.seq2seq.transformer_config import TransformerConfig as Transformer
from erpo_explore.tasks.config import DocstringsConfig as Docstrings
from erpo_explore.tasks.config import FilesConfig
from erpo_explore.tasks.config import HubConfig as Hub
from erpo_explore.tasks.config import PronunciationsConfig as Pronunciations
from erpo_explore.tasks.config import ToyConfig as Toy

__all__ = [
    "LSTM",
    "CustomModel",
    "Docstrings",
    "Hub",
    "Population",
    "Pretrained",
    "Pronunciations",
    "TextFiles",
    "Toy",
    "Transformer",
]


def TextFiles(data: FilePath | str, **settings: Any) -> FilesConfig:
    """Parallel text files: `train`, `valid` and perhaps `test`, each with a source and a target suffix.

    >>> TextFiles("data", source="de", target="en", metric="bleu").source
    'de'

    Args:
        data: Folder with the files.
        **settings: Other fields of the task `files`, such as source, target, metric and vocabulary.
    """
    return FilesConfig.model_validate({"name": "files", "data": str(data), **settings})


def Population(members: int = 8, **settings: Any) -> Search:
    """A population that anneals paths.

    >>> Population(members=4).method
    'population'

    Args:
        members: Number of members.
        **settings: Other fields of `search`, such as ranges and evolve_every.
    """
    return Search(method="population", members=members, **settings)
