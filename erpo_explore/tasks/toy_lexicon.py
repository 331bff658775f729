"""The words of the toy language: coined syllables, their translations and their inflection.

Source words are not inflected, except that determiners say the number. Target words agree:

| class | forms |
| --- | --- |
| noun | singular, plural; each sense has a gender |
| determiner, adjective | masculine singular, feminine singular, plural |
| verb | number × tense |

Content words have five letters before their ending and determiners three, so no two forms are spelled alike.
"""

from dataclasses import dataclass
from typing import Final

import torch

__all__ = ["Adjective", "Adverb", "Determiner", "Lexicon", "Noun", "Sense", "Verb", "coin_lexicon"]

_SOURCE_LETTERS: Final = ("kmnpst", "aiu")
_TARGET_LETTERS: Final = ("bdfglrvz", "eoy")
_NOUN_PLURAL: Final = "en"
_AGREEMENT: Final = ("", "a", "i")
_VERB_ENDINGS: Final = {(False, False): "o", (True, False): "on", (False, True): "ut", (True, True): "uten"}
_MOST_AMBIGUOUS: Final = 0.6
"""Share of nouns, and of verbs, with two translations at difficulty 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sense:
    """One translation of a noun."""

    stem: str
    feminine: bool

    def inflect(self, plural: bool) -> str:
        """The target noun."""
        return self.stem + (_NOUN_PLURAL if plural else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noun:
    """A source noun; the domain of its clause's verb picks one of its one or two senses."""

    source: str
    senses: tuple[Sense, ...]
    animate: bool

    def sense(self, domain: int) -> Sense:
        """What it means beside a verb of that domain."""
        return self.senses[domain % len(self.senses)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """A source verb; whether its object is animate picks one of its one or two translations."""

    source: str
    stems: tuple[str, ...]
    domain: int

    def inflect(self, *, animate_object: bool, plural: bool, past: bool) -> str:
        """The target verb, in agreement with subject and adverb."""
        return self.stems[int(animate_object) % len(self.stems)] + _VERB_ENDINGS[plural, past]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjective:
    """An adjective."""

    source: str
    stem: str

    def inflect(self, sense: Sense, plural: bool) -> str:
        """The target adjective, in agreement with its noun."""
        return self.stem + _agreement(sense, plural)


@dataclass(frozen=True, slots=True, kw_only=True)
class Determiner:
    """A determiner; the source's number is on it alone."""

    source_singular: str
    source_plural: str
    stem: str

    def source(self, plural: bool) -> str:
        """The source determiner."""
        return self.source_plural if plural else self.source_singular

    def inflect(self, sense: Sense, plural: bool) -> str:
        """The target determiner, in agreement with its noun."""
        return self.stem + _agreement(sense, plural)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adverb:
    """An adverb of time; it decides the tense of the main verb."""

    source: str
    target: str
    past: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """All words, the most frequent of a class first."""

    nouns: tuple[Noun, ...]
    verbs: tuple[Verb, ...]
    adjectives: tuple[Adjective, ...]
    determiners: tuple[Determiner, ...]
    adverbs: tuple[Adverb, ...]
    source_relative: str
    target_relative: str


def coin_lexicon(difficulty: float, generator: torch.Generator) -> Lexicon:
    """Draw the words of a language.

    Args:
        difficulty: 0 to 1; more words, and more of them ambiguous.
        generator: Draws spellings and genders.
    """
    num_nouns, num_verbs = 8 + round(24 * difficulty), 4 + round(12 * difficulty)
    num_adjectives, num_adverbs = 3 + round(9 * difficulty), 2 + round(4 * difficulty)
    num_content = num_nouns + num_verbs + num_adjectives + num_adverbs
    sources = iter(_coin(num_content, 5, _SOURCE_LETTERS, generator))
    targets = iter(_coin(2 * num_content, 5, _TARGET_LETTERS, generator))
    source_functions = iter(_coin(5, 3, _SOURCE_LETTERS, generator))
    target_functions = iter(_coin(3, 3, _TARGET_LETTERS, generator))

    def noun(place: int) -> Noun:
        ambiguous = _is_ambiguous(place, difficulty)
        genders = torch.randint(2, (2,), generator=generator).tolist()
        senses = tuple(Sense(stem=next(targets), feminine=bool(genders[n])) for n in range(1 + ambiguous))
        return Noun(source=next(sources), senses=senses, animate=place % 2 == 0)

    def verb(place: int) -> Verb:
        stems = tuple(next(targets) for _ in range(1 + _is_ambiguous(place, difficulty)))
        return Verb(source=next(sources), stems=stems, domain=place % 2)

    def determiner() -> Determiner:
        return Determiner(
            source_singular=next(source_functions), source_plural=next(source_functions), stem=next(target_functions)
        )

    return Lexicon(
        nouns=tuple(noun(place) for place in range(num_nouns)),
        verbs=tuple(verb(place) for place in range(num_verbs)),
        adjectives=tuple(Adjective(source=next(sources), stem=next(targets)) for _ in range(num_adjectives)),
        determiners=(determiner(), determiner()),
        adverbs=tuple(
            Adverb(source=next(sources), target=next(targets), past=place % 2 == 0) for place in range(num_adverbs)
        ),
        source_relative=next(source_functions),
        target_relative=next(target_functions),
    )


def _is_ambiguous(place: int, difficulty: float) -> bool:
    """Spread the ambiguous words evenly over frequent and rare ones, none at difficulty 0."""
    share = _MOST_AMBIGUOUS * difficulty
    return int((place + 1) * share) > int(place * share)


def _agreement(sense: Sense, plural: bool) -> str:
    return _AGREEMENT[2 if plural else int(sense.feminine)]


def _coin(num_words: int, num_letters: int, letters: tuple[str, str], generator: torch.Generator) -> list[str]:
    """Distinct words of alternating consonants and vowels."""
    words: dict[str, None] = {}
    while len(words) < num_words:
        draws = torch.randint(2**31, (num_letters,), generator=generator).tolist()
        alternating = [letters[place % 2] for place in range(num_letters)]
        words["".join(kind[draw % len(kind)] for kind, draw in zip(alternating, draws, strict=True))] = None
    return list(words)
