import pytest
from pydantic import TypeAdapter, ValidationError

from erpo_explore.tasks import DocstringsConfig, FilesConfig, HubConfig, PronunciationsConfig, TaskConfig, ToyConfig

ADAPTER = TypeAdapter(TaskConfig)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ({"name": "toy"}, ToyConfig),
        ({"name": "pronunciations"}, PronunciationsConfig),
        ({"name": "docstrings"}, DocstringsConfig),
        ({"name": "files", "data": "somewhere"}, FilesConfig),
        ({"name": "hub", "dataset": "a/b", "source": "de", "target": "en"}, HubConfig),
    ],
)
def test_the_name_selects_the_config(written: dict[str, str], kind: type) -> None:
    assert isinstance(ADAPTER.validate_python(written), kind)


@pytest.mark.parametrize(
    "written",
    [
        {"name": "toys"},
        {"name": "toy", "dificulty": 0.5},
        {"name": "toy", "difficulty": 1.5},
        {"name": "toy", "difficulty": float("nan")},
        {"name": "toy", "validation_pairs": 0},
        {"name": "files"},
        {"name": "hub", "dataset": "a/b"},
        {"name": "toy", "vocabulary": {"kind": "char"}},
        {"name": "toy", "metric": "meteor"},
    ],
)
def test_unknown_fields_and_values_are_refused(written: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(written)


def test_configs_are_frozen_values() -> None:
    config = ToyConfig()
    with pytest.raises(ValidationError):
        config.seed = 3  # type: ignore[misc]
    assert config == ToyConfig() and hash(config) == hash(ToyConfig())


def test_each_task_has_a_default_metric() -> None:
    assert ToyConfig().metric == "bleu"
    assert DocstringsConfig().metric == "rouge"
    assert HubConfig(dataset="a", source="de", target="en").metric == "bleu"
