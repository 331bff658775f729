"""The interface of a task: how its text is read, named and scored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from erpo_explore.named_function import load_object
from erpo_explore.tasks.corpus import Corpus
from erpo_explore.tasks.metric import WrittenMetric

__all__ = ["TaskReader", "task_name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReader:
    """Functions of a task's config, and what to do where a split is empty.

    Attributes:
        read: Reads the text of the three splits. The same config and data give the same text.
        name: Name of the task in results. Default: its name in the configuration.
        metric: Metric that is maximised. Default: as configured.
        preprocessing: What it does to the text, for signatures: `lc` for lower case, `13a` for a tokenizer.
        remedy: Advice in the error for a split without a pair.
        files: Files that hold the text, by name. Default: none.
        source_line: Turns a raw line into one as `read` gives sources. Default: unchanged.
        reference_line: Turns a raw reference into one as `read` gives targets. Default: unchanged.
        target_line: Turns decoded text into text as people write it. Default: unchanged.
        may_change: Whether the same config may give other text later or elsewhere, and no file of `files` shows it.
    """

    read: Callable[[Any], Corpus]
    name: Callable[[Any], str] = lambda config: config.name
    metric: Callable[[Any], WrittenMetric] = lambda config: config.metric
    preprocessing: Callable[[Any], str] = lambda _: ""
    remedy: str = "give a data set that has some"
    files: Callable[[Any], Mapping[str, Path]] = lambda _: {}
    source_line: Callable[[Any, str], str] = lambda _, line: line
    reference_line: Callable[[Any, str], str] = lambda _, line: line
    target_line: Callable[[Any, str], str] = lambda _, text: text
    may_change: bool = False


def task_name(config: Any) -> str:
    """Name of a config's task in results.

    >>> from erpo_explore.tasks.config import FilesConfig, ToyConfig
    >>> task_name(FilesConfig(data="data/multi30k")), task_name(ToyConfig())
    ('multi30k', 'toy')
    """
    reader: TaskReader = load_object("task.name", config.reader)
    return reader.name(config)
