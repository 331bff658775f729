"""The toy task: translation between two generated languages.

The task is small enough for a CPU and has the difficulties of translation. In a source clause, the verb comes last, and
adjectives follow the noun. In a target clause, the verb comes second, adjectives precede the noun, and words agree:

    source    [ADVERB] SUBJECT [REL OBJECT₂ VERB₂] OBJECT VERB .           NP → DET NOUN ADJ*
    target    ADVERB VERB SUBJECT [REL VERB₂ OBJECT₂] OBJECT .             NP → DET ADJ* NOUN
              SUBJECT [REL VERB₂ OBJECT₂] VERB OBJECT [ADVERB] .           if there is no adverb, or rarely

- Ambiguity: some nouns have two translations. The domain of the clause's verb, a later word, determines which one; it
  thereby also determines the gender of determiner and adjectives. Some verbs have two translations. Whether the object
  is animate determines which one.
- Agreement: the main verb has the number of the subject, which only the subject's determiner shows. A relative clause
  with another noun may stand between them. The verb has the tense of the adverb at the other end of the clause.
- Free variation: the adverb of a clause may also come last, which changes the order of the other words. A translator
  chooses this order with the first word and must keep it. The source determines every other choice of words.

Words are drawn with Zipf-like frequencies. `difficulty` scales the number of words, the share of ambiguous ones, and
the probability of adverbs, adjectives, relative clauses and free variation. Left out: morphology within words, unknown
words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import torch

from erpo_explore.errors import DataError
from erpo_explore.tasks.config import ToyConfig
from erpo_explore.tasks.corpus import Corpus, Pair
from erpo_explore.tasks.reader import TaskReader
from erpo_explore.tasks.toy_lexicon import Adjective, Adverb, Determiner, Lexicon, Noun, Verb, coin_lexicon

__all__ = ["TOY", "toy_corpus", "toy_pairs"]

_MOST_DRAWS: Final = 50
"""Draws per pair after which the language is too small for the number of pairs."""

_Word = TypeVar("_Word", Noun, Verb, Adjective, Determiner, Adverb)


@dataclass(frozen=True, slots=True, kw_only=True)
class _NounPhrase:
    determiner: Determiner
    noun: Noun
    plural: bool
    adjectives: tuple[Adjective, ...]

    def source(self) -> list[str]:
        adjectives = [adjective.source for adjective in self.adjectives]
        return [self.determiner.source(self.plural), self.noun.source, *adjectives]

    def target(self, domain: int) -> list[str]:
        sense = self.noun.sense(domain)
        adjectives = [adjective.inflect(sense, self.plural) for adjective in self.adjectives]
        return [self.determiner.inflect(sense, self.plural), *adjectives, sense.inflect(self.plural)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Predicate:
    """Verb and object of the main or the relative clause."""

    verb: Verb
    object: _NounPhrase

    def source(self) -> list[str]:
        return [*self.object.source(), self.verb.source]

    def target_verb(self, *, plural: bool, past: bool) -> list[str]:
        return [self.verb.inflect(animate_object=self.object.noun.animate, plural=plural, past=past)]

    def target_object(self) -> list[str]:
        return self.object.target(self.verb.domain)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sentence:
    subject: _NounPhrase
    relative: _Predicate | None
    main: _Predicate
    adverb: Adverb | None
    adverb_last: bool

    def source(self, lexicon: Lexicon) -> str:
        adverb = [self.adverb.source] if self.adverb else []
        relative = [lexicon.source_relative, *self.relative.source()] if self.relative else []
        return " ".join([*adverb, *self.subject.source(), *relative, *self.main.source(), "."])

    def target(self, lexicon: Lexicon) -> str:
        plural = self.subject.plural
        subject = self.subject.target(self.main.verb.domain)
        if self.relative:
            subject += [lexicon.target_relative, *self.relative.target_verb(plural=plural, past=False)]
            subject += self.relative.target_object()
        verb = self.main.target_verb(plural=plural, past=self.adverb is not None and self.adverb.past)
        adverb = [self.adverb.target] if self.adverb else []
        if self.adverb and not self.adverb_last:
            return " ".join([*adverb, *verb, *subject, *self.main.target_object(), "."])
        return " ".join([*subject, *verb, *self.main.target_object(), *adverb, "."])


def toy_corpus(config: ToyConfig, generator: torch.Generator) -> Corpus:
    """Generate a language and sentences in it; no two pairs have the same source.

    The validation and test splits do not depend on the number of train pairs.

    Args:
        config: Difficulty and number of pairs.
        generator: Draws the language, then the test, validation and train sentences. On the CPU.

    Raises:
        DataError: The language has too few different sentences.
    """
    pairs = toy_pairs(config.difficulty, generator)
    seen: set[str] = set()

    def take(num_pairs: int) -> tuple[Pair, ...]:
        taken: list[Pair] = []
        for _ in range(_MOST_DRAWS * num_pairs):
            if len(taken) == num_pairs:
                break
            pair = next(pairs)
            if pair[0] not in seen:
                seen.add(pair[0])
                taken.append(pair)
        if len(taken) < num_pairs:
            raise DataError(
                f"toy: difficulty={config.difficulty:g} has too few different sentences, found {len(seen)}; "
                "raise difficulty or lower train_pairs, validation_pairs or test_pairs"
            )
        return tuple(taken)

    test, validation, train = take(config.test_pairs), take(config.validation_pairs), take(config.train_pairs)
    return Corpus(train=train, validation=validation, test=test)


def toy_pairs(difficulty: float, generator: torch.Generator) -> Iterator[Pair]:
    """Yield sentences of one language and their translations without end; sentences may repeat.

    Args:
        difficulty: 0 to 1.
        generator: Draws the language, then each sentence when it is yielded. On the CPU.
    """
    lexicon = coin_lexicon(difficulty, generator)
    while True:
        sentence = _draw_sentence(lexicon, difficulty, generator)
        yield sentence.source(lexicon), sentence.target(lexicon)


def _draw_sentence(lexicon: Lexicon, difficulty: float, generator: torch.Generator) -> _Sentence:
    subject = _draw_noun_phrase(lexicon, difficulty, generator)
    relative = _draw_predicate(lexicon, difficulty, generator) if _chance(0.4 * difficulty, generator) else None
    main = _draw_predicate(lexicon, difficulty, generator)
    adverb = _draw_word(lexicon.adverbs, generator) if _chance(0.2 + 0.6 * difficulty, generator) else None
    adverb_last = _chance(0.2 * difficulty, generator)
    return _Sentence(subject=subject, relative=relative, main=main, adverb=adverb, adverb_last=adverb_last)


def _draw_predicate(lexicon: Lexicon, difficulty: float, generator: torch.Generator) -> _Predicate:
    verb = _draw_word(lexicon.verbs, generator)
    return _Predicate(verb=verb, object=_draw_noun_phrase(lexicon, difficulty, generator))


def _draw_noun_phrase(lexicon: Lexicon, difficulty: float, generator: torch.Generator) -> _NounPhrase:
    more = 0.2 + 0.3 * difficulty
    num_adjectives = sum(_chance(more, generator) for _ in range(1 + (difficulty > 0.5)))
    return _NounPhrase(
        determiner=_draw_word(lexicon.determiners, generator),
        noun=_draw_word(lexicon.nouns, generator),
        plural=_chance(0.5, generator),
        adjectives=tuple(_draw_word(lexicon.adjectives, generator) for _ in range(num_adjectives)),
    )


def _draw_word(words: Sequence[_Word], generator: torch.Generator) -> _Word:
    """Draw a word with Zipf-like frequencies: rank n has a probability proportional to 1 / (n + 4)."""
    weights = 1.0 / torch.arange(5, 5 + len(words), dtype=torch.float64)
    return words[int(torch.multinomial(weights, 1, generator=generator))]


def _chance(probability: float, generator: torch.Generator) -> bool:
    return torch.rand((), generator=generator, dtype=torch.float64).item() < probability


TOY: Final = TaskReader(read=lambda config: toy_corpus(config, torch.Generator().manual_seed(config.seed)))
"""The task `toy`."""
