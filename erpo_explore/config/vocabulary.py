"""The vocabulary of a pretrained model: the tokens that it was trained on, which an experiment need not name."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from erpo_explore.seq2seq import ModelConfig, PretrainedConfig
from erpo_explore.tasks import PretrainedVocabularyConfig, TaskConfig

__all__ = ["check_own_vocabulary", "with_own_vocabulary"]


def with_own_vocabulary(written: Any) -> Any:
    """Plain values of an experiment, with the vocabulary of its pretrained model filled in.

    >>> experiment = with_own_vocabulary({"task": {"name": "toy"}, "model": {"kind": "pretrained", "name": "a/b"}})
    >>> experiment["task"]["vocabulary"]
    {'kind': 'pretrained', 'name': 'a/b'}
    """
    if not isinstance(written, Mapping):
        return written
    model, task = _plain(written.get("model")), written.get("task")
    if not (isinstance(model, Mapping) and model.get("kind") == "pretrained" and "name" in model):
        return written
    if not isinstance(task, Mapping):
        return written
    given = task.get("vocabulary", {})
    if not isinstance(given, Mapping) or given.get("kind", "pretrained") != "pretrained":
        return written
    own = {field: model[field] for field in ("kind", "name", "revision") if field in model}
    return {**written, "task": {**task, "vocabulary": {**own, **given}}}


def _plain(section: Any) -> Any:
    return section.model_dump() if isinstance(section, BaseModel) else section


def check_own_vocabulary(task: TaskConfig, model: ModelConfig) -> None:
    """Check that the task uses the tokens of a pretrained model.

    Raises:
        ValueError: The task uses other tokens.
    """
    if not isinstance(model, PretrainedConfig):
        return
    vocabulary, found = task.vocabulary, f"kind={task.vocabulary.kind}"
    if isinstance(vocabulary, PretrainedVocabularyConfig):
        if (vocabulary.name, vocabulary.revision) == (model.name, model.revision):
            return
        found = f"name={vocabulary.name}, revision={vocabulary.revision}"
    raise ValueError(
        f"task.vocabulary must be that of the model, name={model.name}, revision={model.revision}, got {found}; "
        "leave out all but source_prefix"
    )
