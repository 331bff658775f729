import pytest
from pydantic import TypeAdapter, ValidationError

from erpo_explore.seq2seq import LstmConfig, ModelConfig, TransformerConfig

from .models import CONFIGS, NUM_SOURCE, NUM_TARGET, build

ADAPTER = TypeAdapter(ModelConfig)


def test_the_lstms_defaults_are_the_papers():
    assert (LstmConfig().units, LstmConfig().dropout) == (256, 0.2)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ({}, LstmConfig),
        ({"units": 64}, LstmConfig),
        ({"kind": "lstm"}, LstmConfig),
        ({"kind": "transformer"}, TransformerConfig),
        ({"kind": "transformer", "units": 64, "heads": 8}, TransformerConfig),
    ],
)
def test_the_kind_decides_and_is_lstm_if_not_given(written, kind):
    assert ADAPTER.validate_python(written) == kind(**written)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"units": 7}, "lstm.units"),
        ({"units": 0}, "lstm.units"),
        ({"units": 10**6}, "lstm.units"),
        ({"dropout": 1.0}, "lstm.dropout"),
        ({"dropout": -0.1}, "lstm.dropout"),
        ({"dropout": float("nan")}, "lstm.dropout"),
        ({"layers": 2}, "lstm.layers"),
        ({"kind": "transformer", "layers": 0}, "transformer.layers"),
        ({"kind": "transformer", "feed_forward": 0}, "transformer.feed_forward"),
        ({"kind": "transformer", "heads": 0}, "transformer.heads"),
        ({"kind": "transformer", "units": 9, "heads": 3}, "transformer.units"),
        ({"kind": "transformer", "dropout": 1.0}, "transformer.dropout"),
        ({"kind": "transformer", "width": 8}, "transformer.width"),
    ],
)
def test_a_wrong_setting_is_named(settings, field):
    with pytest.raises(ValidationError, match=rf"\n{field}\n"):
        ADAPTER.validate_python(settings)


def test_heads_must_divide_units():
    with pytest.raises(ValidationError, match="heads must divide units=64, got 3"):
        TransformerConfig(units=64, heads=3)


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(ValidationError, match=r"'rnn' .* 'lstm', 'transformer'"):
        ADAPTER.validate_python({"kind": "rnn"})


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_config_survives_a_round_trip(config):
    assert ADAPTER.validate_python(ADAPTER.dump_python(config, mode="json")) == config


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_config_knows_how_large_its_model_is(kind):
    assert CONFIGS[kind].num_parameters(NUM_SOURCE, NUM_TARGET) == build(kind).num_parameters
