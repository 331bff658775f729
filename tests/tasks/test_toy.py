import hashlib
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import islice, repeat

import pytest
import torch

from erpo_explore.errors import DataError
from erpo_explore.tasks import ToyConfig, toy
from erpo_explore.tasks.corpus import Corpus, Pair
from erpo_explore.tasks.toy import toy_corpus, toy_pairs
from erpo_explore.tasks.toy_lexicon import Lexicon, coin_lexicon

DIFFICULTIES = (0.0, 0.5, 1.0)


def corpus(seed: int = 0, **settings: float) -> Corpus:
    config = ToyConfig.model_validate({"train_pairs": 100, "validation_pairs": 20, "test_pairs": 20, **settings})
    return toy_corpus(config, torch.Generator().manual_seed(seed))


def pairs(difficulty: float, num_pairs: int) -> list[Pair]:
    return list(islice(toy_pairs(difficulty, torch.Generator().manual_seed(0)), num_pairs))


def lexicon(difficulty: float) -> Lexicon:
    return coin_lexicon(difficulty, torch.Generator().manual_seed(0))


def test_the_same_seed_gives_the_same_text_in_a_fresh_process() -> None:
    program = (
        "import hashlib, torch; from erpo_explore.tasks import ToyConfig; "
        "from erpo_explore.tasks.toy import toy_corpus; "
        "config = ToyConfig(train_pairs=100, validation_pairs=20, test_pairs=20); "
        "corpus = toy_corpus(config, torch.Generator().manual_seed(0)); "
        "print(hashlib.sha256(repr(corpus).encode()).hexdigest())"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == hashlib.sha256(repr(corpus()).encode()).hexdigest()


def test_other_seeds_give_other_languages() -> None:
    words = [{word for source, _ in corpus(seed).train for word in source.split()} for seed in (0, 1)]
    assert len(words[0] & words[1]) < len(words[0]) / 2


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_no_sentence_occurs_twice_in_a_corpus(difficulty: float) -> None:
    made = corpus(difficulty=difficulty, train_pairs=500)
    sources = [source for split in (made.train, made.validation, made.test) for source, _ in split]
    assert len(set(sources)) == len(sources) == 540


def test_validation_and_test_do_not_depend_on_the_number_of_train_pairs() -> None:
    few, many = corpus(train_pairs=10), corpus(train_pairs=100)
    assert (few.validation, few.test) == (many.validation, many.test)
    assert few.train == many.train[:10]


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_no_two_target_words_are_spelled_alike(difficulty: float) -> None:
    words = lexicon(difficulty)
    senses = [sense for noun in words.nouns for sense in noun.senses]
    forms = [sense.inflect(plural) for sense in senses for plural in (False, True)]
    forms += [
        verb.inflect(animate_object=bool(stem), plural=plural, past=past)
        for verb in words.verbs
        for stem in range(len(verb.stems))
        for plural in (False, True)
        for past in (False, True)
    ]
    stems = [word.stem for word in (*words.adjectives, *words.determiners)]
    forms += [stem + ending for stem in stems for ending in ("", "a", "i")]
    forms += [adverb.target for adverb in words.adverbs] + [words.target_relative]
    assert len(set(forms)) == len(forms)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_no_two_source_words_are_spelled_alike(difficulty: float) -> None:
    words = lexicon(difficulty)
    forms = [word.source for word in (*words.nouns, *words.verbs, *words.adjectives, *words.adverbs)]
    forms += [word.source(plural) for word in words.determiners for plural in (False, True)]
    forms.append(words.source_relative)
    assert len(set(forms)) == len(forms)


def test_difficulty_raises_vocabulary_ambiguity_and_length() -> None:
    made = [lexicon(difficulty) for difficulty in DIFFICULTIES]
    num_words = [len(words.nouns) + len(words.verbs) for words in made]
    num_ambiguous = [sum(len(noun.senses) > 1 for noun in words.nouns) for words in made]
    lengths = [sum(len(source.split()) for source, _ in pairs(difficulty, 200)) / 200 for difficulty in DIFFICULTIES]
    for values in (num_words, num_ambiguous, lengths):
        assert values[0] < values[1] < values[2]
    assert num_ambiguous[0] == 0


def test_the_default_has_short_sentences_and_few_words() -> None:
    made = pairs(0.5, 1000)
    short = sum(5 <= len(source.split()) <= 12 for source, _ in made)
    assert short >= 900
    assert len({word for _, target in made for word in target.split()}) <= 150


def test_the_source_determines_the_words_of_the_target() -> None:
    bags = defaultdict(set)
    for source, target in pairs(0.0, 3000) + pairs(0.5, 3000):
        bags[source].add(tuple(sorted(target.split())))
    assert len(bags) < 6000
    assert max(map(len, bags.values())) == 1


def test_the_adverb_comes_first_and_rarely_last() -> None:
    adverbs = {adverb.target for adverb in lexicon(0.5).adverbs}
    positions = Counter()
    for _, target in pairs(0.5, 1000):
        words = target.split()
        positions.update(position for position in (0, -2) if words[position] in adverbs)
    assert 0.04 < positions[-2] / positions.total() < 0.16


def test_the_verb_determines_the_translation_of_an_ambiguous_noun() -> None:
    words = lexicon(0.5)
    noun = next(noun for noun in words.nouns if len(noun.senses) == 2)
    assert noun.sense(0) != noun.sense(1)
    assert {verb.domain for verb in words.verbs} == {0, 1}


def test_a_language_with_too_few_sentences_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy, "toy_pairs", lambda *_: repeat(("a", "b")))
    with pytest.raises(DataError, match=r"too few different sentences.*raise difficulty or lower train_pairs"):
        corpus()
