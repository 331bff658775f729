"""Pretrained encoder-decoders (T5, BART, Marian, …) behind the interface, through `transformers`.

Legend: B batch, S source length, T target length, V vocabulary, H hidden size, A heads, D head size.

    logits = E (c · h) + b,    c = H^(−1/2) for T5 with `scale_decoder_outputs`, else 1;  b = 0 but for BART and Marian

Dropout is that of the library, which draws from the process-wide generators. While the model trains, each call seeds
these from our generator and restores their state afterwards. The rest of the process is not affected, and the same
generator gives the same dropout.

Left out:

- Layer dropout in the decoder: a token that a layer skips would be missing from its keys.
- What `generate` adds to greedy decoding (beams, penalties, banned words).
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from erpo_explore.errors import ConfigError, DataError
from erpo_explore.pretrained import decoder_prompt, load_config, load_model
from erpo_explore.seq2seq.model import DecoderState, Memory, Seq2Seq
from erpo_explore.seq2seq.pretrained_config import PretrainedConfig

__all__ = ["PretrainedMemory", "PretrainedSeq2Seq", "PretrainedState", "build_pretrained"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainedMemory(Memory):
    """Last hidden states of the encoder."""

    states_BSH: Float[Tensor, "B S H"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainedState(DecoderState):
    """Cached keys and values of the decoder's layers.

    Attributes:
        layers: Per layer, keys and values of the target [B, A, T, D], then of the source [B, A, S, D]. Empty before
            the first token.
    """

    layers: tuple[tuple[Float[Tensor, "B A _ D"], ...], ...] = ()

    def reorder(self, row_N: Int[Tensor, " N"]) -> "PretrainedState":
        """Select rows of the target's keys and values; those of the source stay where they are."""
        return PretrainedState(
            layers=tuple(
                (*(read_BATD.index_select(0, row_N) for read_BATD in layer[:2]), *layer[2:]) for layer in self.layers
            )
        )


class PretrainedSeq2Seq(Seq2Seq):
    """A model of the hub or a folder. Its parameters have the library's names, below `model`."""

    def __init__(
        self, config: PretrainedConfig, num_source: int, num_target: int, *, generator: torch.Generator
    ) -> None:
        """Load the weights onto the generator's device.

        Args:
            config: Name, revision and dropout.
            num_source: Source vocabulary size; must be that of the model.
            num_target: Target vocabulary size V; must be that of the model.
            generator: Draws every dropout mask; the model keeps it.

        Raises:
            ConfigError: The model cannot be loaded, its architecture is not supported, or the vocabulary is another.
        """
        super().__init__()
        loaded = load_config(config.name, config.revision)
        if not num_source == num_target == loaded.vocab_size:
            raise ConfigError(
                f"pretrained {config.name}: has {loaded.vocab_size} ids, the task's vocabularies have {num_source} and "
                f"{num_target}; set vocabulary to {{kind: pretrained, name: {config.name}}}"
            )
        self._name = config.name
        self._generator = generator
        # the last token of the prompt is BOS for all callers
        self._lead = decoder_prompt(config.name, config.revision, loaded)[:-1]
        self._scale = loaded.d_model**-0.5 if getattr(loaded, "scale_decoder_outputs", False) else 1.0
        self._max_length = getattr(loaded, "max_position_embeddings", None)
        self.model = load_model(config.name, config.revision, _adapted(loaded, config.dropout)).to(generator.device)
        _freeze_constants(self.model)
        self.shared_names = _shared_names(self)
        self.register_state_dict_post_hook(_leave_out_copies)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_put_back_copies)  # type: ignore[no-untyped-call]
        self._check_against_the_library()

    def encode(self, source_BS: Int[Tensor, "B S"], keep_BS: Bool[Tensor, "B S"]) -> PretrainedMemory:
        """Encode the sources.

        Raises:
            DataError: A source is longer than the model's number of positions.
        """
        self._check_length(source_BS.shape[1])
        with self._seeded_dropout():
            encoded = self.model.get_encoder()(input_ids=source_BS, attention_mask=keep_BS.long())
        return PretrainedMemory(keep_BS=keep_BS, states_BSH=encoded.last_hidden_state)

    def features(self, memory: PretrainedMemory, inputs_BT: Int[Tensor, "B T"]) -> Float[Tensor, "B T H"]:
        """Last hidden states of the decoder at every position of `inputs_BT`, in one pass.

        Raises:
            DataError: The inputs are longer than the model's number of positions.
        """
        lead_BL = inputs_BT.new_tensor(self._lead).expand(inputs_BT.shape[0], -1)
        states_BTH = self._run_decoder(memory, torch.cat([lead_BL, inputs_BT], dim=1))
        return states_BTH[:, lead_BL.shape[1] :]

    def begin(self, memory: PretrainedMemory) -> PretrainedState:
        """State after the tokens before BOS, if the model has any."""
        state = PretrainedState()
        for token in self._lead:
            token_B = torch.full(memory.keep_BS.shape[:1], token, device=memory.keep_BS.device)
            _, state = self.advance(memory, state, token_B)
        return state

    def advance(
        self, memory: PretrainedMemory, state: PretrainedState, token_B: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B H"], PretrainedState]:
        """Last hidden state of the decoder after one more token.

        Raises:
            DataError: The model has no position left.
        """
        # a new cache around the state's tensors: the library changes the cache in place, but no tensor in it
        cache = _cache(state)
        states_BTH = self._run_decoder(memory, token_B[:, None], cache)
        return states_BTH[:, 0], _state(cache)

    def project(self, features_XH: Float[Tensor, "*X H"]) -> Float[Tensor, "*X V"]:
        """E (c · h) + b."""
        output: Any = self.model.get_output_embeddings()
        scaled_XH = features_XH if self._scale == 1.0 else features_XH * self._scale
        bias_1V = getattr(self.model, "final_logits_bias", None)
        if bias_1V is None or output.bias is not None:
            logits_XV: Tensor = output(scaled_XH)
            return logits_XV if bias_1V is None else logits_XV + bias_1V[0]
        # one call, since adding the bias afterwards would write all logits once more
        return torch.nn.functional.linear(scaled_XH, output.weight, bias_1V[0])

    @property
    def dropout_generator(self) -> torch.Generator:
        """The generator that seeds the library's own."""
        return self._generator

    @property
    def num_positions(self) -> int | None:
        """The model's number of positions, less the tokens before BOS."""
        return None if self._max_length is None else self._max_length - len(self._lead)

    def _run_decoder(self, memory: PretrainedMemory, inputs_BT: Tensor, cache: Any = None) -> Tensor:
        num_read = 0 if cache is None else cache.get_seq_length()
        self._check_length(num_read + inputs_BT.shape[1])
        with self._seeded_dropout():
            decoded = self.model.get_decoder()(
                input_ids=inputs_BT,
                encoder_hidden_states=memory.states_BSH,
                encoder_attention_mask=memory.keep_BS.long(),
                cache=cache,
                use_cache=cache is not None,
            )
        states_BTH: Tensor = decoded.last_hidden_state
        return states_BTH

    @contextmanager
    def _seeded_dropout(self) -> Iterator[None]:
        """While the model trains, seed the process-wide generators from ours, and restore them."""
        if not self.training:
            yield
            return
        device = self._generator.device
        seed = int(torch.randint(2**62, (), generator=self._generator, device=device))
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.default_generator.manual_seed(seed)
            if device.type == "cuda":
                torch.cuda.default_generators[device.index].manual_seed(seed)
            yield

    def _check_length(self, num_tokens: int) -> None:
        if self._max_length is not None and num_tokens > self._max_length:
            raise DataError(
                f"pretrained {self._name}: reads at most {self._max_length} tokens, got {num_tokens}; lower "
                "max_source_tokens and max_target_tokens, and leave out longer validation pairs"
            )

    @torch.no_grad()
    def _check_against_the_library(self) -> None:
        """Compare the logits that are composed here with those of the library's own forward pass.

        Raises:
            ConfigError: They differ, for example because the architecture has another output head.
        """
        self.eval()
        source_BS = torch.ones(1, 2, dtype=torch.long, device=self._generator.device)
        keep_BS = torch.ones_like(source_BS, dtype=torch.bool)
        inputs_BT = source_BS.new_tensor([[*self._lead, 0, 1]])
        expected_BTV = self.model(
            input_ids=source_BS, attention_mask=keep_BS.long(), decoder_input_ids=inputs_BT, use_cache=False
        ).logits
        found_BTV = self.decode(self.encode(source_BS, keep_BS), inputs_BT[:, len(self._lead) :])
        if not torch.allclose(found_BTV, expected_BTV[:, len(self._lead) :], rtol=1e-3, atol=1e-3):
            raise ConfigError(
                f"pretrained {self._name}: {type(self.model).__name__} computes its logits in an unsupported way; "
                "name a model such as T5, BART or Marian"
            )
        self.train()


def build_pretrained(
    config: PretrainedConfig,
    num_source: int,
    num_target: int,
    *,
    pad: int,  # noqa: ARG001 - the model brings its own
    generator: torch.Generator,
) -> PretrainedSeq2Seq:
    """Load the model of a config; arguments and errors as for `PretrainedSeq2Seq`."""
    return PretrainedSeq2Seq(config, num_source, num_target, generator=generator)


def _adapted(loaded: Any, dropout: float | None) -> Any:
    """Set the dropout in a copy of the configuration, whose field has one of two names; no layer dropout."""
    config = copy.deepcopy(loaded)
    for field, value in (("dropout", dropout), ("dropout_rate", dropout), ("decoder_layerdrop", 0.0)):
        if value is not None and hasattr(config, field):
            setattr(config, field, value)
    return config


def _freeze_constants(model: Any) -> None:
    """Keep what the library computes anew at each load, such as Marian's sines: it would not be saved if trained."""
    for name in getattr(model, "_keys_to_ignore_on_save", None) or ():
        model.get_parameter(name).requires_grad_(False)


def _cache(state: PretrainedState) -> Any:
    """The library's cache with the tensors of a state."""
    from transformers import Cache, DynamicCache, EncoderDecoderCache

    if not state.layers:
        return EncoderDecoderCache(DynamicCache(), DynamicCache())
    return EncoderDecoderCache(
        Cache(layers=[_cache_layer(*layer[:2]) for layer in state.layers]),
        Cache(layers=[_cache_layer(*layer[2:]) for layer in state.layers]),
    )


def _cache_layer(keys_BATD: Tensor, values_BATD: Tensor) -> Any:
    from transformers.cache_utils import DynamicLayer

    layer = DynamicLayer()
    # `update` would copy them by appending to an empty tensor
    layer.lazy_initialization(keys_BATD, values_BATD)
    layer.keys, layer.values = keys_BATD, values_BATD
    return layer


def _state(cache: Any) -> PretrainedState:
    pairs = zip(cache.self_attention_cache.layers, cache.cross_attention_cache.layers, strict=True)
    return PretrainedState(
        layers=tuple((target.keys, target.values, source.keys, source.values) for target, source in pairs)
    )


def _shared_names(model: PretrainedSeq2Seq) -> dict[str, str]:
    """Map each further name of a shared parameter to its first name."""
    first: dict[int, str] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        first.setdefault(id(parameter), name)
    return {
        name: first[id(parameter)]
        for name, parameter in model.named_parameters(remove_duplicate=False)
        if first[id(parameter)] != name
    }


def _leave_out_copies(model: PretrainedSeq2Seq, state: dict[str, Any], prefix: str, _metadata: Any) -> None:
    """Store shared parameters once: the embeddings have up to three names, and are most of a small model."""
    for name in model.shared_names:
        del state[prefix + name]


def _put_back_copies(model: PretrainedSeq2Seq, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for name, first in model.shared_names.items():
        state[prefix + name] = state[prefix + first]
