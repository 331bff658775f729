import pytest
from pydantic import TypeAdapter, ValidationError

from erpo_explore.errors import ConfigError
from erpo_explore.seq2seq import CustomConfig, ModelConfig, build_model

from .models import NUM_SOURCE, NUM_TARGET, SYMBOLS, seeded


def build_custom(function, **settings):
    config = CustomConfig(function=function, settings=settings)
    return build_model(config, NUM_SOURCE, NUM_TARGET, pad=SYMBOLS.pad, generator=seeded(1))


def test_custom_is_read_from_kind_and_function():
    written = {"kind": "custom", "function": "examples.my_model:build", "settings": {"hidden_size": 12}}
    assert TypeAdapter(ModelConfig).validate_python(written) == CustomConfig(**written)


def test_settings_reach_the_function():
    assert build_custom("examples.my_model:build", hidden_size=6).output.in_features == 6


def no_model(num_source, num_target, *, pad, generator):
    return {}


@pytest.mark.parametrize(
    ("function", "settings", "message"),
    [
        ("no_such.module:build", {}, r"^model.function=no_such.module:build: the module no_such.module cannot be"),
        ("examples.my_model:nix", {}, r"examples.my_model has no nix"),
        ("examples.my_model:build", {"unitz": 6}, r"failed \(TypeError: .*unitz.* and unitz=$"),
        (f"{__name__}:no_model", {}, r"must return an erpo_explore.seq2seq.Seq2Seq, got dict$"),
    ],
)
def test_a_function_that_builds_no_model_is_a_one_line_error(function, settings, message):
    with pytest.raises(ConfigError, match=message) as caught:
        build_custom(function, **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", ["build", "my_model:", ":build", "a:b:c", "my model:build"])
def test_a_name_without_module_or_function_is_refused(function):
    with pytest.raises(ValidationError):
        CustomConfig(function=function)
