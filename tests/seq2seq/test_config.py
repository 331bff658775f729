import pytest
from pydantic import ValidationError

from erpo_explore.seq2seq import ModelConfig


def test_the_defaults_are_the_papers():
    assert (ModelConfig().units, ModelConfig().dropout) == (256, 0.2)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"units": 7}, "units"),
        ({"units": 0}, "units"),
        ({"units": 10**6}, "units"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": -0.1}, "dropout"),
        ({"dropout": float("nan")}, "dropout"),
        ({"kind": "rnn"}, "kind"),
        ({"layers": 2}, "layers"),
    ],
)
def test_a_wrong_setting_is_named(settings, field):
    with pytest.raises(ValidationError, match=rf"\n{field}\n"):
        ModelConfig(**settings)


def test_a_config_survives_a_round_trip():
    config = ModelConfig(units=8, dropout=0.0)
    assert ModelConfig.model_validate(config.model_dump(mode="json")) == config
