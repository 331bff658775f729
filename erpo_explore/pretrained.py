"""Models of the Hugging Face hub or of a local folder: configuration, tokenizer and weights.

`transformers` (the extra `[hub]`) is imported at the first use, since that takes seconds. Code of a model is never run.
Weights are read as data: safetensors, or torch's format restricted to tensors.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import Field

from erpo_explore.errors import ConfigError, ErpoExploreError

__all__ = [
    "PretrainedName",
    "decoder_prompt",
    "load_config",
    "load_model",
    "load_tokenizer",
    "outline",
]


PretrainedName = Annotated[str, Field(min_length=1)]
"""Name on the hub, such as `google-t5/t5-small`, or a local folder that `save_pretrained` wrote."""


def load_config(name: str, revision: str | None = None) -> Any:
    """Load the configuration of a model and check that the model can be used.

    Raises:
        ConfigError: It cannot be loaded, is no encoder-decoder, or has different token ids for the two sides.
    """
    with _loading(name) as transformers:
        config = transformers.AutoConfig.from_pretrained(name, revision=revision)
    known = "name one such as T5, BART or Marian"
    if not config.is_encoder_decoder:
        raise ConfigError(f"pretrained {name}: must be an encoder-decoder, is of type {config.model_type}; {known}")
    if getattr(config, "vocab_size", None) is None or not getattr(config, "share_encoder_decoder_embeddings", True):
        raise ConfigError(f"pretrained {name}: must have one vocabulary for sources and targets, has two; {known}")
    return config


def load_tokenizer(name: str, revision: str | None = None) -> Any:
    """Load the tokenizer of a model.

    Raises:
        ConfigError: It cannot be loaded.
    """
    with _loading(name) as transformers:
        return transformers.AutoTokenizer.from_pretrained(name, revision=revision)


def load_model(name: str, revision: str | None, config: Any) -> Any:
    """Load a model in single precision on the CPU.

    Args:
        name: Name on the hub, or a folder.
        revision: Branch, tag or commit. None: the main branch.
        config: Configuration from `load_config`, possibly with another dropout.

    Raises:
        ConfigError: It cannot be loaded, or lacks weights, which would then be random.
    """
    with _loading(name) as transformers:
        model, found = transformers.AutoModelForSeq2SeqLM.from_pretrained(
            name,
            revision=revision,
            config=config,
            dtype="float32",
            weights_only=True,
            output_loading_info=True,
        )
    if missing := sorted(found["missing_keys"]):
        raise ConfigError(
            f"pretrained {name}: lacks {len(missing)} weights, such as {missing[0]}; name a model for generation"
        )
    return model


def outline(config: Any) -> Any:
    """Build the model of a configuration on torch's meta device, without weights, to count its parameters.

    Raises:
        ConfigError: The type of model does not generate text.
    """
    import torch  # here, since an experiment is read without it

    with _loading(config.name_or_path) as transformers, torch.device("meta"):
        return transformers.AutoModelForSeq2SeqLM.from_config(config)


def decoder_prompt(name: str, revision: str | None, config: Any) -> tuple[int, ...]:
    """Decoder inputs before the first target token: the start token, and a forced token if the model has one.

    BART starts with </s> and has the forced token <s>. Multilingual models have the target language.

    Raises:
        ConfigError: The model has no start token.
    """
    with _loading(name) as transformers:
        try:
            generation = transformers.GenerationConfig.from_pretrained(name, revision=revision)
        except OSError:  # the file is optional
            generation = transformers.GenerationConfig.from_model_config(config)
    start, forced = generation.decoder_start_token_id, generation.forced_bos_token_id
    if start is None:
        start = getattr(config, "decoder_start_token_id", None)
    if start is None:
        raise ConfigError(f"pretrained {name}: must have a decoder_start_token_id, has none; add it to its config.json")
    return (start,) if forced is None else (start, forced)


@contextmanager
def _loading(name: str) -> Iterator[Any]:
    """Import `transformers` without progress bars, and turn any of its errors into one line."""
    try:
        import transformers
    except ImportError as error:
        raise ConfigError(
            f"pretrained {name}: needs the package transformers; pip install 'erpo-explore[hub]'"
        ) from error
    bars = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        yield transformers
    except ErpoExploreError:
        raise
    except Exception as error:  # any error of the hub, the network or a file format
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ConfigError(
            f"pretrained {name}: cannot be loaded ({reason}); "
            "name a model of the hub or a folder that save_pretrained wrote, and check revision and the network"
        ) from error
    finally:
        if bars:
            transformers.utils.logging.enable_progress_bar()
