import pickle
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, WhitespaceSplit
from tokenizers.pre_tokenizers import Sequence as Chain
from tokenizers.trainers import BpeTrainer

from erpo_explore.errors import ConfigError, DataError
from erpo_explore.tasks import BpeVocabulary

LINES = ("the lower house is lower than the lowest", "wide wider widest , slow slower", "größer größte ▁ Ġ </w> <unk>")
LETTERS = sorted(set("".join(LINES)) - {" "})
WORDS = st.text(st.sampled_from(LETTERS), min_size=1)
SPACES = st.sampled_from([" ", "  ", "\t", "\u2028", "\xa0", "\x1c"])


@pytest.fixture(scope="module")
def vocabulary() -> BpeVocabulary:
    return BpeVocabulary.from_lines(LINES, size=80)


@settings(max_examples=200)
@given(st.lists(st.tuples(SPACES, WORDS), max_size=8))
def test_text_of_known_characters_round_trips(vocabulary: BpeVocabulary, parts: list[tuple[str, str]]) -> None:
    text = "".join(space + word for space, word in parts)
    ids = vocabulary.encode(text)
    assert all(4 <= token < len(vocabulary) for token in ids)
    assert vocabulary.decode(ids) == " ".join(text.split())


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_has_valid_ids(vocabulary: BpeVocabulary, text: str) -> None:
    assert all(3 <= token < len(vocabulary) for token in vocabulary.encode(text))


@given(st.lists(st.integers(0, 79)))
def test_any_ids_decode_to_single_spaced_words(vocabulary: BpeVocabulary, ids: list[int]) -> None:
    text = vocabulary.decode([token for token in ids if token < len(vocabulary)])
    assert text == " ".join(text.split())


def test_frequent_words_become_single_pieces(vocabulary: BpeVocabulary) -> None:
    assert len(vocabulary.encode("lower")) == 1
    assert len(vocabulary.encode("lower lowest")) < len("lower lowest") / 2


def test_unseen_characters_are_unknown(vocabulary: BpeVocabulary) -> None:
    assert 3 in vocabulary.encode("lower 7")
    assert vocabulary.decode([*vocabulary.encode("lower"), 3]) == "lower<unk>"


def test_decoding_ends_at_eos_and_skips_padding_and_bos(vocabulary: BpeVocabulary) -> None:
    house = vocabulary.encode("house")
    assert vocabulary.decode([1, 0, *house, 2, *house]) == "house"


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(SPACES, WORDS), max_size=4), max_size=8))
def test_many_lines_are_encoded_like_each_of_them(
    vocabulary: BpeVocabulary, parts: list[list[tuple[str, str]]]
) -> None:
    lines = ["".join(space + word for space, word in line) for line in parts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("erpo_explore.tasks.bpe._LINES_AT_ONCE", 2)
        patch.setattr("erpo_explore.tasks.bpe._MOST_KNOWN_WORDS", 5)
        assert [list(ids) for ids in vocabulary.encode_lines(lines)] == [vocabulary.encode(line) for line in lines]


@pytest.mark.parametrize("min_count", [1, 3])
def test_pieces_are_those_that_the_library_learns_from_the_text_itself(min_count: int) -> None:
    lines = [*LINES, "the slow house", "x" * 30] * 3
    library = Tokenizer(BPE(unk_token=" unk"))
    library.pre_tokenizer = Chain([WhitespaceSplit(), ByteLevel(add_prefix_space=True, use_regex=False)])
    special = [" pad", " bos", " eos", " unk"]
    trainer = BpeTrainer(vocab_size=70, min_frequency=min_count, special_tokens=special, show_progress=False)
    library.train_from_iterator(lines, trainer)
    ours = BpeVocabulary.from_lines(lines, size=70, min_count=min_count)
    for line in lines:
        assert ours.encode(line) == library.encode(line).ids


def test_a_longer_text_gives_the_pieces_of_its_divided_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = BpeVocabulary.from_lines([*LINES * 2, "7"], size=60)
    monkeypatch.setattr("erpo_explore.tasks.bpe._MOST_TRAINED_WORDS", 50)
    longer = BpeVocabulary.from_lines([*LINES * 8, "7"], size=60)
    text = " ".join([*LINES, "7"])
    assert 3 not in longer.encode(text)
    assert longer.encode(text) == expected.encode(text)


def test_size_bounds_all_entries() -> None:
    assert len(BpeVocabulary.from_lines(LINES, size=60)) == 60


def test_survives_a_pickle(vocabulary: BpeVocabulary) -> None:
    copy = pickle.loads(pickle.dumps(vocabulary))
    assert copy.encode(LINES[0]) == vocabulary.encode(LINES[0])
    assert len(copy) == len(vocabulary)


def test_a_fresh_process_learns_the_same_pieces(vocabulary: BpeVocabulary) -> None:
    program = (
        "import sys; from erpo_explore.tasks import BpeVocabulary; lines = sys.argv[1:]; "
        "print([BpeVocabulary.from_lines(lines, size=80).encode(line) for line in lines])"
    )
    run = subprocess.run([sys.executable, "-c", program, *LINES], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str([vocabulary.encode(line) for line in LINES])


def test_a_size_below_the_alphabet_is_an_error_with_the_minimum() -> None:
    with pytest.raises(ConfigError, match=r"vocabulary\.size must be >= \d+.*got 6; raise it"):
        BpeVocabulary.from_lines(LINES, size=6)


def test_no_text_is_an_error() -> None:
    with pytest.raises(DataError, match="no text"):
        BpeVocabulary.from_lines([], size=80)
