"""The tokens of a pretrained model, as its own tokenizer makes them.

Which ids there are is the model's to say, not the tokenizer's: T5's embeddings have 128 rows more than there are
tokens. What has no token, and what marks something that no target holds (BART's <mask>), is never drawn.
"""

from collections.abc import Sequence
from typing import Any, Literal, final

from erpo_explore.errors import ConfigError
from erpo_explore.pretrained import decoder_prompt, load_config, load_tokenizer
from erpo_explore.symbols import Symbols
from erpo_explore.tasks.vocabulary import Vocabulary

__all__ = ["PretrainedVocabulary"]


@final
class PretrainedVocabulary(Vocabulary):
    """One side's view of a tokenizer; both sides have the same ids.

    Pickles as its name, so a worker needs what the driver needed: the hub, its cache or the folder.
    """

    def __init__(
        self, name: str, revision: str | None = None, side: Literal["source", "target"] = "target", prefix: str = ""
    ) -> None:
        """Load the tokenizer.

        Args:
            name: Of the model, on the hub or a folder.
            revision: Branch, tag or commit; the main branch if None.
            side: A source keeps the marks that the model wants before its text (BART's <s>), a target has none.
                Some tokenizers (Marian's) also cut the two sides into other pieces.
            prefix: Put before every text, as T5 wants it: "translate English to German: ".

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
        """Number of ids that the model has, with or without a token."""
        return self._num_tokens

    def encode(self, text: str) -> list[int]:
        """One id a piece; a target's text that spells a special token loses it."""
        if self._side == "target":
            ids = self._tokenizer(text_target=self._prefix + text, add_special_tokens=False)["input_ids"]
            return [token for token in ids if token not in self._marks]
        ids = self._tokenizer(self._prefix + text)["input_ids"]
        return list(ids[:-1] if ids[-1:] == [self.symbols.eos] else ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Pieces joined to words again, up to EOS and without the prefix; special tokens but for the unknown left out.

        Args:
            ids: Of this vocabulary.
        """
        kept: list[int] = []
        for token in ids:
            if token == self.symbols.eos:
                break
            if token not in self._marks:
                kept.append(token)
        text = self._tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return " ".join(" ".join(text.split()).removeprefix(" ".join(self._prefix.split())).split())


def _symbols(name: str, tokenizer: Any, num_tokens: int, bos: int) -> Symbols:
    """The tokenizer's special ids, and those below `num_tokens` that are no token at all."""
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
        # a tokenizer of bytes knows every text; padding is no word either
        unk=pad if unk is None else unk,
        unused=tuple(sorted(special | (set(range(num_tokens)) - tokens))),
    )
