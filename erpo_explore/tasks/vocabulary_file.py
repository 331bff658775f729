"""Vocabularies as data: both sides of a task in one JSON file, with a digest by which weights name them.

Token ids mean nothing without their vocabulary. So each results folder and each exported model has this file, and
checkpoints hold its digest. A pretrained tokenizer is written as its name and a digest of its tokens. Its folder may
be moved, so the name is not part of the digest of the file.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from erpo_explore.errors import ResultsError
from erpo_explore.tasks.bpe import BpeVocabulary
from erpo_explore.tasks.pretrained import PretrainedVocabulary
from erpo_explore.tasks.vocabulary import Vocabulary, WordVocabulary

__all__ = ["Vocabularies", "check_same_vocabulary", "read_vocabulary"]

_PLACE: Final = ("name", "revision")
"""Where a tokenizer is loaded from, which does not change its tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabularies:
    """The vocabularies of a task.

    Attributes:
        source: Encodes sources.
        target: Encodes targets and decodes hypotheses.
    """

    source: Vocabulary
    target: Vocabulary

    def sha256(self) -> str:
        """Digest of both sides, in hexadecimal."""
        return _digest({"source": self.source.to_dict(), "target": self.target.to_dict()})

    def to_json(self) -> str:
        """Content of the file."""
        sides = {"source": self.source.to_dict(), "target": self.target.to_dict()}
        return json.dumps({"format": 1, "sha256": _digest(sides), **sides}, indent=1, ensure_ascii=True)

    @classmethod
    def from_json(cls, content: bytes, file: object, *, pretrained: str | None = None) -> "Vocabularies":
        """Read what `to_json` wrote.

        Args:
            content: Content of the file.
            file: The file, for messages.
            pretrained: Folder to load a pretrained tokenizer from. Default: the name in the file.

        Raises:
            ConfigError: A pretrained tokenizer cannot be loaded.
            ResultsError: The file is damaged, of a later version, or of another tokenizer.
        """
        try:
            written = json.loads(content)
            sides = {name: dict(written[name]) for name in ("source", "target")}
            number, digest = written["format"], written["sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise ResultsError(f"{file}: cannot be read as a vocabulary ({error}); restore it from a copy") from error
        if number != 1:
            raise ResultsError(f"{file}: must have format 1, got {number}; update erpo_explore")
        if (found := _digest(sides)) != digest:
            raise ResultsError(
                f"{file}: its content has sha256 {found[:16]}…, and it names {str(digest)[:16]}…; it was changed, so "
                "restore it from a copy"
            )
        if pretrained is not None:
            for side in sides.values():
                if side["kind"] == "pretrained":
                    side |= {"name": pretrained, "revision": None}
        try:
            vocabularies = cls(source=read_vocabulary(sides["source"]), target=read_vocabulary(sides["target"]))
        except (KeyError, TypeError) as error:
            raise ResultsError(f"{file}: cannot be read as a vocabulary ({error}); restore it from a copy") from error
        check_same_vocabulary(vocabularies.sha256(), str(digest), file)
        return vocabularies


def read_vocabulary(written: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary of one side.

    Raises:
        ConfigError: A pretrained tokenizer cannot be loaded.
        ResultsError: The kind is unknown.
    """
    match written["kind"]:
        case "word":
            return WordVocabulary(written["words"])
        case "bpe":
            return BpeVocabulary.from_dict(written)
        case "pretrained":
            return PretrainedVocabulary(written["name"], written["revision"], written["side"], written["prefix"])
        case kind:
            raise ResultsError(f"vocabulary: kind must be word, bpe or pretrained, got {kind!r}; update erpo_explore")


def check_same_vocabulary(ours: str, theirs: str | None, origin: object) -> None:
    """Refuse weights or files of another vocabulary.

    Args:
        ours: Digest of the vocabulary that is used.
        theirs: Digest that the other side names; None where an older version wrote it without one.
        origin: What names it, for the message.

    Raises:
        ResultsError: The digests differ.
    """
    if theirs is not None and theirs != ours:
        raise ResultsError(
            f"{origin}: belongs to the vocabulary {theirs[:16]}…, but the vocabulary here is {ours[:16]}…, and token "
            "ids would mean other words; use the data and vocabulary settings that it was trained with"
        )


def _digest(sides: Mapping[str, Mapping[str, Any]]) -> str:
    kept = {
        name: {key: value for key, value in side.items() if key not in _PLACE or side["kind"] != "pretrained"}
        for name, side in sides.items()
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
