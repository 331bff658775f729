"""Tiny random models in the format of the hub: a T5, a BART and a Marian, each in its own folder."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.utils import logging

KINDS = ("t5", "bart", "marian")
WORDS = ("a", "b", "c", "d", "e", "f", "g")
"""At most 12 entries, including the special tokens."""

# progress bars are of no use in tests
logging.disable_progress_bar()


def save_tiny(kind: str, folder: Path, words: Sequence[str] = WORDS, *, num_tokens: int | None = None) -> str:
    """Save model and tokenizer, and return the name of the folder.

    Args:
        kind: One of `KINDS`; the special tokens have the ids of this kind on the hub.
        folder: Destination.
        words: Words of the tokenizer.
        num_tokens: Number of ids of the model. None: that of the tokenizer.
    """
    tokens = _tokens(kind, words)
    ids = {token: index for index, token in enumerate(tokens)}
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = _model(kind, ids, len(tokens) if num_tokens is None else num_tokens)
        for parameter in model.parameters():
            # the initial weights of the library are so small that all tokens are nearly equally likely
            if parameter.requires_grad:
                parameter.data += 0.1 * torch.randn_like(parameter)
        if kind != "t5":
            model.final_logits_bias.normal_(std=0.3)
    model.save_pretrained(folder)
    _tokenizer(kind, ids).save_pretrained(folder)
    return str(folder)


def _tokens(kind: str, words: Sequence[str]) -> list[str]:
    match kind:
        case "t5":
            return ["<pad>", "</s>", "<unk>", *words, "<extra_id_0>"]
        case "bart":
            return ["<s>", "<pad>", "</s>", "<unk>", *words, "<mask>"]
        case _:
            return ["</s>", "<unk>", *words, "<pad>"]


def _tokenizer(kind: str, ids: dict[str, int]) -> PreTrainedTokenizerFast:
    """Tokenizer of whole words, with the special tokens around the text that the kind adds."""
    tokenizer = Tokenizer(WordLevel(ids, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    marks = ("<s>", "</s>") if kind == "bart" else ("</s>",)
    around = "<s> $A </s>" if kind == "bart" else "$A </s>"
    tokenizer.post_processor = TemplateProcessing(single=around, special_tokens=[(m, ids[m]) for m in marks])
    further = {"bart": {"bos_token": "<s>", "mask_token": "<mask>"}, "t5": {"extra_special_tokens": ["<extra_id_0>"]}}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        **further.get(kind, {}),
    )


def _model(kind: str, ids: dict[str, int], num_tokens: int) -> PreTrainedModel:
    pad, eos = ids["<pad>"], ids["</s>"]
    if kind == "t5":
        sizes = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2}
        marks = {"pad_token_id": pad, "eos_token_id": eos, "decoder_start_token_id": pad}
        return T5ForConditionalGeneration(T5Config(vocab_size=num_tokens, dropout_rate=0.03, **sizes, **marks))
    sizes = {f"{side}_{size}": n for side in ("encoder", "decoder") for size, n in (("layers", 2), ("ffn_dim", 24))}
    sizes |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "d_model": 16, "max_position_embeddings": 48}
    dropout = {"dropout": 0.03, "attention_dropout": 0.03, "activation_dropout": 0.03, "decoder_layerdrop": 0.5}
    shared = {"vocab_size": num_tokens, "pad_token_id": pad, "eos_token_id": eos, "forced_eos_token_id": None}
    if kind == "marian":
        return MarianMTModel(MarianConfig(**sizes, **dropout, **shared, decoder_start_token_id=pad))
    marks = {"bos_token_id": ids["<s>"], "decoder_start_token_id": eos}
    model = BartForConditionalGeneration(BartConfig(**sizes, **dropout, **shared, **marks))
    model.generation_config.forced_bos_token_id = ids["<s>"]
    return model
