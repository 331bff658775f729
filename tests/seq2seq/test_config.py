import pytest
from pydantic import TypeAdapter, ValidationError

from erpo_explore.seq2seq import LstmConfig, ModelConfig, TransformerConfig

from .models import CONFIGS, NUM_SOURCE, NUM_TARGET, build

ADAPTER = TypeAdapter(ModelConfig)


def test_lstm_defaults_are_those_of_the_paper():
    assert (LstmConfig().hidden_size, LstmConfig().dropout) == (256, 0.2)


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ({}, LstmConfig),
        ({"hidden_size": 64}, LstmConfig),
        ({"kind": "lstm"}, LstmConfig),
        ({"kind": "transformer"}, TransformerConfig),
        ({"kind": "transformer", "hidden_size": 64, "heads": 8}, TransformerConfig),
    ],
)
def test_kind_selects_the_config_and_defaults_to_lstm(written, kind):
    assert ADAPTER.validate_python(written) == kind(**written)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"hidden_size": 7}, "lstm.hidden_size"),
        ({"hidden_size": 0}, "lstm.hidden_size"),
        ({"hidden_size": 10**6}, "lstm.hidden_size"),
        ({"dropout": 1.0}, "lstm.dropout"),
        ({"dropout": -0.1}, "lstm.dropout"),
        ({"dropout": float("nan")}, "lstm.dropout"),
        ({"layers": 2}, "lstm.layers"),
        ({"kind": "transformer", "layers": 0}, "transformer.layers"),
        ({"kind": "transformer", "feed_forward": 0}, "transformer.feed_forward"),
        ({"kind": "transformer", "heads": 0}, "transformer.heads"),
        ({"kind": "transformer", "hidden_size": 9, "heads": 3}, "transformer.hidden_size"),
        ({"kind": "transformer", "dropout": 1.0}, "transformer.dropout"),
        ({"kind": "transformer", "width": 8}, "transformer.width"),
    ],
)
def test_a_wrong_setting_is_named(settings, field):
    with pytest.raises(ValidationError, match=rf"\n{field}\n"):
        ADAPTER.validate_python(settings)


def test_heads_must_divide_the_hidden_size():
    with pytest.raises(ValidationError, match="heads must divide hidden_size=64, got 3"):
        TransformerConfig(hidden_size=64, heads=3)


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(ValidationError, match=r"'rnn' .* 'lstm', 'transformer'"):
        ADAPTER.validate_python({"kind": "rnn"})


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_config_survives_a_round_trip(config):
    assert ADAPTER.validate_python(ADAPTER.dump_python(config, mode="json")) == config


@pytest.mark.parametrize("kind", CONFIGS)
def test_num_parameters_of_the_config_is_the_size_of_the_model(kind):
    assert CONFIGS[kind].num_parameters(NUM_SOURCE, NUM_TARGET) == build(kind).num_parameters
