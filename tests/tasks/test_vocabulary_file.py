"""Vocabularies as data: the same ids after reading, and no other vocabulary is taken for them."""

import json
from pathlib import Path

import pytest

from erpo_explore.errors import ResultsError
from erpo_explore.tasks.bpe import BpeVocabulary
from erpo_explore.tasks.vocabulary import WordVocabulary
from erpo_explore.tasks.vocabulary_file import Vocabularies, check_same_vocabulary
from tests.tiny_pretrained import save_tiny

LINES = ["ein hund läuft .", "größe 猫 \u2028 x", "ein ein hund"]
OTHER = ["und jetzt etwas anderes", "猫 \x00 🐕"]


def learned(kind: str, lines: list[str] = LINES) -> Vocabularies:
    if kind == "word":
        return Vocabularies(source=WordVocabulary.from_lines(lines), target=WordVocabulary.from_lines(lines[:1]))
    return Vocabularies(
        source=BpeVocabulary.from_lines(lines, size=60), target=BpeVocabulary.from_lines(lines[:1], size=40)
    )


def read(vocabularies: Vocabularies) -> Vocabularies:
    return Vocabularies.from_json(vocabularies.to_json().encode(), "vocabulary.json")


@pytest.mark.parametrize("kind", ["word", "bpe"])
class TestLearned:
    def test_a_file_gives_the_same_ids_and_text(self, kind: str) -> None:
        written = learned(kind)
        again = read(written)
        for line in (*LINES, *OTHER):
            for before, after in ((written.source, again.source), (written.target, again.target)):
                ids = before.encode(line)
                assert after.encode(line) == ids
                assert after.decode(ids) == before.decode(ids)

    def test_the_digest_is_that_of_the_content(self, kind: str) -> None:
        assert read(learned(kind)).sha256() == learned(kind).sha256()
        assert learned(kind, LINES[::-1]).sha256() != learned(kind, [*LINES, "neu"]).sha256()

    def test_an_edited_file_is_refused(self, kind: str) -> None:
        written = json.loads(learned(kind).to_json())
        written["source"], written["target"] = written["target"], written["source"]
        with pytest.raises(ResultsError, match=r"it was changed, so restore it from a copy"):
            Vocabularies.from_json(json.dumps(written).encode(), "vocabulary.json")


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"format": 1, "source": 3}'])
def test_a_damaged_file_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(ResultsError, match=r"^vocabulary\.json: cannot be read as a vocabulary .*from a copy$"):
        Vocabularies.from_json(content, "vocabulary.json")


def test_a_moved_pretrained_tokenizer_is_the_same_vocabulary(tmp_path: Path) -> None:
    from erpo_explore.tasks.pretrained import PretrainedVocabulary

    def pretrained(name: str) -> Vocabularies:
        return Vocabularies(source=PretrainedVocabulary(name, None, "source", "x: "), target=PretrainedVocabulary(name))

    written = pretrained(save_tiny("t5", tmp_path / "a")).to_json().encode()
    moved = save_tiny("t5", tmp_path / "b")
    assert Vocabularies.from_json(written, "f", pretrained=moved).sha256() == pretrained(moved).sha256()
    another = save_tiny("t5", tmp_path / "c", words=("other", "words"))
    with pytest.raises(ResultsError, match="belongs to the vocabulary"):
        Vocabularies.from_json(written, "f", pretrained=another)


def test_weights_of_another_vocabulary_are_refused() -> None:
    check_same_vocabulary("a" * 64, None, "checkpoint")
    check_same_vocabulary("a" * 64, "a" * 64, "checkpoint")
    with pytest.raises(ResultsError, match=r"^checkpoint: belongs to the vocabulary b{16}…, but .* a{16}…"):
        check_same_vocabulary("a" * 64, "b" * 64, "checkpoint")
