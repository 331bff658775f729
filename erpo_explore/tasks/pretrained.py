"""The vocabulary of a pretrained model, through its own tokenizer.

The model's configuration determines the number of ids, not the tokenizer: T5 has 128 embedding rows more than tokens.
Ids without a token, and special tokens that no target holds (BART's <mask>), are never drawn.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal, final

from erpo_explore.errors import ConfigError
from erpo_explore.pretrained import decoder_prompt, load_config, load_tokenizer
from erpo_explore.symbols import Symbols
from erpo_explore.tasks.vocabulary import Vocabulary

__all__ = ["PretrainedVocabulary"]


@final
class PretrainedVocabulary(Vocabulary):
    """Tokenizer of one side; both sides have the same ids.

    It is pickled as its name. A worker therefore needs access to the hub, its cache or the folder, as the driver does.
    """

    def __init__(
        self, name: str, revision: str | None = None, side: Literal["source", "target"] = "target", prefix: str = ""
    ) -> None:
        """Load the tokenizer.

        Args:
            name: Name of the model on the hub, or a folder.
            revision: Branch, tag or commit. None: the main branch.
            side: A source keeps the special tokens that the model expects before the text (BART's <s>); a target has
                none. Some tokenizers (Marian's) also segment the two sides differently.
            prefix: Text put before every text, as for T5: "translate English to German: ".

        Raises:
            ConfigError: Tokenizer or model cannot be loaded or used.
        """
        self._made_of = (name, revision, side, prefix)
        self._side = side
        self._prefix = prefix
        self._tokenizer = load_tokenizer(name, revision)
        config = load_config(name, revision)
        self._num_tokens = int(config.vocab_size)
        self.symbols = _symbols(name, self._tokenizer, self._num_tokens, decoder_prompt(name, revision, config)[-1])
        self._marks = {self.symbols.pad, self.symbols.bos, self.symbols.eos, *self.symbols.unused}

    def __reduce__(self) -> tuple[Any, ...]:
        return PretrainedVocabulary, self._made_of

    def __len__(self) -> int:
        """Number of ids of the model, with or without a token."""
        return self._num_tokens

    def encode(self, text: str) -> list[int]:
        """One id per piece. Special tokens that the text of a target spells are removed."""
        if self._side == "target":
            ids = self._tokenizer(text_target=self._prefix + text, add_special_tokens=False)["input_ids"]
            return [token for token in ids if token not in self._marks]
        ids = self._tokenizer(self._prefix + text)["input_ids"]
        return list(ids[:-1] if ids[-1:] == [self.symbols.eos] else ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Join pieces to words, up to EOS and without the prefix; of the special tokens, only the unknown one stays."""
        kept: list[int] = []
        for token in ids:
            if token == self.symbols.eos:
                break
            if token not in self._marks:
                kept.append(token)
        text = self._tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return " ".join(" ".join(text.split()).removeprefix(" ".join(self._prefix.split())).split())

    def to_dict(self) -> dict[str, Any]:
        """What the tokenizer is loaded from, and a digest of its tokens."""
        name, revision, side, prefix = self._made_of
        tokens = json.dumps(self._tokenizer.get_vocab(), sort_keys=True)
        return {
            "kind": "pretrained",
            "name": name,
            "revision": revision,
            "side": side,
            "prefix": prefix,
            "num_tokens": self._num_tokens,
            "tokens_sha256": hashlib.sha256(tokens.encode()).hexdigest(),
        }


def _symbols(name: str, tokenizer: Any, num_tokens: int, bos: int) -> Symbols:
    """Special ids of the tokenizer, and ids below `num_tokens` without a token."""
    pad, eos, unk = tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id
    if pad is None or eos is None or pad == eos:
        raise ConfigError(
            f"pretrained {name}: its tokenizer must have a padding and an EOS token that differ, has {pad} and {eos}; "
            "name another model"
        )
    tokens = set(tokenizer.get_vocab().values())
    if max(tokens) >= num_tokens:
        raise ConfigError(
            f"pretrained {name}: its tokenizer must have at most the model's {num_tokens} ids, has {1 + max(tokens)}; "
            "resize the model's embeddings and save it again"
        )
    special = set(tokenizer.all_special_ids) - {pad, bos, eos, unk}
    return Symbols(
        pad=pad,
        bos=bos,
        eos=eos,
        # a tokenizer of bytes encodes every text and has no unknown token; padding is never drawn either
        unk=pad if unk is None else unk,
        unused=tuple(sorted(special | (set(range(num_tokens)) - tokens))),
    )
