import json
import pickle
from pathlib import Path

import pytest
import sentencepiece
from transformers import MarianTokenizer, PreTrainedTokenizerFast

from erpo_explore.errors import ConfigError
from erpo_explore.symbols import Symbols
from erpo_explore.tasks import FilesConfig, PretrainedVocabulary, PretrainedVocabularyConfig, load_task
from tests.tiny_pretrained import KINDS, WORDS, save_tiny

from .example_tasks import ENGLISH, GERMAN, write_files

FIRST_WORD = {"t5": 3, "bart": 4, "marian": 2}
SYMBOLS = {
    "t5": Symbols(pad=0, bos=0, eos=1, unk=2, unused=(10,)),
    "bart": Symbols(pad=1, bos=0, eos=2, unk=3, unused=(11,)),
    "marian": Symbols(pad=9, bos=9, eos=0, unk=1),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def name(kind: str, tmp_path: Path) -> str:
    return save_tiny(kind, tmp_path / kind)


def test_special_ids_are_those_of_the_model(kind: str, name: str) -> None:
    assert PretrainedVocabulary(name).symbols == SYMBOLS[kind]
    assert PretrainedVocabulary(name, side="source").symbols == SYMBOLS[kind]


def test_a_model_that_starts_with_eos_may_generate_eos(tmp_path: Path) -> None:
    name = save_tiny("bart", tmp_path)
    (tmp_path / "generation_config.json").unlink()
    symbols = PretrainedVocabulary(name).symbols
    assert symbols == Symbols(pad=1, bos=2, eos=2, unk=3, unused=(0, 11))
    assert symbols.eos not in symbols.never_drawn


def test_ids_without_a_token_are_counted_and_never_drawn(kind: str, tmp_path: Path) -> None:
    vocabulary = PretrainedVocabulary(save_tiny(kind, tmp_path, num_tokens=15))
    assert len(vocabulary) == 15
    assert {12, 13, 14} <= set(vocabulary.symbols.never_drawn)


def test_a_target_has_no_special_tokens(kind: str, name: str) -> None:
    first = FIRST_WORD[kind]
    assert PretrainedVocabulary(name).encode("b a  zebra g") == [first + 1, first, SYMBOLS[kind].unk, first + 6]


def test_a_source_has_prefix_and_leading_special_tokens_but_no_eos(kind: str, name: str) -> None:
    first = FIRST_WORD[kind]
    mark = [0] if kind == "bart" else []
    source = PretrainedVocabulary(name, side="source", prefix="c d: ")
    assert source.encode("b a") == [*mark, first + 2, SYMBOLS[kind].unk, first + 1, first]
    assert PretrainedVocabulary(name, side="source", prefix="c d ").decode([*mark, *range(first + 2, first + 5)]) == "e"


@pytest.mark.parametrize("side", ["source", "target"])
def test_known_words_round_trip(side: str, name: str) -> None:
    vocabulary = PretrainedVocabulary(name, side=side, prefix="a b " if side == "source" else "")
    assert vocabulary.decode(vocabulary.encode(" d a  a b g ")) == "d a a b g"
    assert vocabulary.decode([]) == ""


def test_decoding_ends_at_eos_and_keeps_only_the_unknown_special_token(kind: str, name: str) -> None:
    first, symbols = FIRST_WORD[kind], SYMBOLS[kind]
    ids = [symbols.bos, first, symbols.pad, *symbols.unused, symbols.unk, first + 1, symbols.eos, first]
    assert PretrainedVocabulary(name).decode(ids) == "a <unk> b"


def test_a_target_cannot_spell_a_special_token(kind: str, name: str) -> None:
    first = FIRST_WORD[kind]
    ids = PretrainedVocabulary(name).encode("a </s> b <pad> <s> <mask> <extra_id_0> c")
    assert [token for token in ids if token != SYMBOLS[kind].unk] == [first, first + 1, first + 2]


def test_it_is_pickled_as_its_name(name: str) -> None:
    vocabulary = PretrainedVocabulary(name, None, "source", "a b ")
    pickled = pickle.dumps(vocabulary)
    assert len(pickled) < 1000
    copy = pickle.loads(pickled)
    assert copy.encode("c zebra") == vocabulary.encode("c zebra")
    assert (copy.symbols, len(copy)) == (vocabulary.symbols, len(vocabulary))


def test_the_space_before_punctuation_is_kept(tmp_path: Path) -> None:
    name = save_tiny("t5", tmp_path, [*WORDS, ".", "n't"])
    vocabulary = PretrainedVocabulary(name)
    assert vocabulary.decode(vocabulary.encode("a . b n't .")) == "a . b n't ."


def save_marian_pieces(folder: Path) -> None:
    """Replace the tokenizer of a tiny Marian by a MarianTokenizer, with different pieces on each side."""
    for side, lines in (("source", GERMAN), ("target", ENGLISH)):
        text = folder / f"{side}.txt"
        text.write_text("\n".join(lines * 20), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=str(folder / side), vocab_size=40, model_type="bpe", minloglevel=2
        )
        (folder / f"{side}.model").rename(folder / f"{side}.spm")
    pieces = set()
    for side in ("source", "target"):
        processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / f"{side}.spm"))
        pieces |= {processor.id_to_piece(index) for index in range(3, len(processor))}
    tokens = ["</s>", "<unk>", *sorted(pieces), "<pad>"]
    save_tiny("marian", folder, tokens[2:-1])
    for file in folder.glob("tokenizer*"):
        file.unlink()
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    MarianTokenizer(
        source_spm=str(folder / "source.spm"), target_spm=str(folder / "target.spm"), vocab=str(vocabulary)
    ).save_pretrained(folder)


@pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")
def test_marian_segments_the_two_sides_differently(tmp_path: Path) -> None:
    save_marian_pieces(tmp_path)
    source, target = (PretrainedVocabulary(str(tmp_path), side=side) for side in ("source", "target"))
    for side, lines in ((source, GERMAN), (target, ENGLISH)):
        for line in lines:
            assert side.symbols.unk not in side.encode(line)
            assert side.decode(side.encode(line)) == line
            assert pickle.loads(pickle.dumps(side)).encode(line) == side.encode(line)
    assert source.encode(ENGLISH[0]) != target.encode(ENGLISH[0])


class TestErrors:
    def test_a_tokenizer_without_a_separate_padding_token(self, tmp_path: Path) -> None:
        name = save_tiny("t5", tmp_path)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(name)
        tokenizer.pad_token = tokenizer.eos_token
        tokenizer.save_pretrained(name)
        with pytest.raises(ConfigError, match="must have a padding and an EOS token that differ, has 1 and 1;"):
            PretrainedVocabulary(name)

    def test_a_tokenizer_with_more_tokens_than_the_model(self, tmp_path: Path) -> None:
        name = save_tiny("t5", tmp_path)
        tokenizer = PreTrainedTokenizerFast.from_pretrained(name)
        tokenizer.add_tokens(["more"])
        tokenizer.save_pretrained(name)
        with pytest.raises(ConfigError, match="at most the model's 11 ids, has 12; resize"):
            PretrainedVocabulary(name)


def test_a_task_has_the_same_ids_on_both_sides(kind: str, tmp_path: Path) -> None:
    words = sorted({word for line in GERMAN + ENGLISH for word in line.split()})
    name = save_tiny(kind, tmp_path / "model", words)
    vocabulary = PretrainedVocabularyConfig(name=name, source_prefix="haus ein ")
    task = load_task(FilesConfig(data=write_files(tmp_path / "pairs"), vocabulary=vocabulary))
    assert task.symbols == task.source_vocabulary.symbols
    assert len(task.source_vocabulary) == len(task.target_vocabulary) == len(task.unigram_V)
    assert task.source_vocabulary.decode(task.train.source_ids[0]) == GERMAN[0]
    assert len(task.train.source_ids[0]) == len(GERMAN[0].split()) + 2 + (kind == "bart")
    never = [*task.symbols.never_drawn, task.symbols.eos]
    assert not task.unigram_V[never].any()
    assert task.unigram_V.sum().item() == pytest.approx(1.0)
