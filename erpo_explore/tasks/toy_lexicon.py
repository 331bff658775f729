"""Words of the toy language: generated syllables, translations and inflection.

Source words are not inflected, except that determiners have a number. Target words agree:

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
        """Target noun."""
        return self.stem + (_NOUN_PLURAL if plural else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noun:
    """A source noun with one or two senses; the domain of its clause's verb determines which one is meant."""

    source: str
    senses: tuple[Sense, ...]
    animate: bool

    def sense(self, domain: int) -> Sense:
        """Sense with a verb of the given domain."""
        return self.senses[domain % len(self.senses)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """A source verb with one or two translations; whether its object is animate determines which one."""

    source: str
    stems: tuple[str, ...]
    domain: int

    def inflect(self, *, animate_object: bool, plural: bool, past: bool) -> str:
        """Target verb, in agreement with subject and adverb."""
        return self.stems[int(animate_object) % len(self.stems)] + _VERB_ENDINGS[plural, past]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjective:
    """A source adjective and the stem of its translation."""

    source: str
    stem: str

    def inflect(self, sense: Sense, plural: bool) -> str:
        """Target adjective, in agreement with its noun."""
        return self.stem + _agreement(sense, plural)


@dataclass(frozen=True, slots=True, kw_only=True)
class Determiner:
    """A determiner; it alone shows the number of a source noun."""

    source_singular: str
    source_plural: str
    stem: str

    def source(self, plural: bool) -> str:
        """Source determiner."""
        return self.source_plural if plural else self.source_singular

    def inflect(self, sense: Sense, plural: bool) -> str:
        """Target determiner, in agreement with its noun."""
        return self.stem + _agreement(sense, plural)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adverb:
    """An adverb of time; it determines the tense of the main verb."""

    source: str
    target: str
    past: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """All words, per class in order of decreasing frequency."""

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
        difficulty: 0 to 1; the higher, the more words, and the more of them are ambiguous.
        generator: Draws spellings and genders.
    """
    num_nouns, num_verbs = 8 + round(24 * difficulty), 4 + round(12 * difficulty)
    num_adjectives, num_adverbs = 3 + round(9 * difficulty), 2 + round(4 * difficulty)
    num_content = num_nouns + num_verbs + num_adjectives + num_adverbs
    sources = iter(_coin(num_content, 5, _SOURCE_LETTERS, generator))
    targets = iter(_coin(2 * num_content, 5, _TARGET_LETTERS, generator))
    source_functions = iter(_coin(5, 3, _SOURCE_LETTERS, generator))
    target_functions = iter(_coin(3, 3, _TARGET_LETTERS, generator))

    def noun(rank: int) -> Noun:
        ambiguous = _is_ambiguous(rank, difficulty)
        genders = torch.randint(2, (2,), generator=generator).tolist()
        senses = tuple(Sense(stem=next(targets), feminine=bool(genders[n])) for n in range(1 + ambiguous))
        return Noun(source=next(sources), senses=senses, animate=rank % 2 == 0)

    def verb(rank: int) -> Verb:
        stems = tuple(next(targets) for _ in range(1 + _is_ambiguous(rank, difficulty)))
        return Verb(source=next(sources), stems=stems, domain=rank % 2)

    def determiner() -> Determiner:
        return Determiner(
            source_singular=next(source_functions), source_plural=next(source_functions), stem=next(target_functions)
        )

    return Lexicon(
        nouns=tuple(noun(rank) for rank in range(num_nouns)),
        verbs=tuple(verb(rank) for rank in range(num_verbs)),
        adjectives=tuple(Adjective(source=next(sources), stem=next(targets)) for _ in range(num_adjectives)),
        determiners=(determiner(), determiner()),
        adverbs=tuple(
            Adverb(source=next(sources), target=next(targets), past=rank % 2 == 0) for rank in range(num_adverbs)
        ),
        source_relative=next(source_functions),
        target_relative=next(target_functions),
    )


def _is_ambiguous(rank: int, difficulty: float) -> bool:
    """Whether the word of a rank is ambiguous: evenly spread over all ranks, none at difficulty 0."""
    share = _MOST_AMBIGUOUS * difficulty
    return int((rank + 1) * share) > int(rank * share)


def _agreement(sense: Sense, plural: bool) -> str:
    return _AGREEMENT[2 if plural else int(sense.feminine)]


def _coin(num_words: int, num_letters: int, letters: tuple[str, str], generator: torch.Generator) -> list[str]:
    """Draw distinct words of alternating consonants and vowels."""
    words: dict[str, None] = {}
    while len(words) < num_words:
        draws = torch.randint(2**31, (num_letters,), generator=generator).tolist()
        alternating = [letters[index % 2] for index in range(num_letters)]
        words["".join(kind[draw % len(kind)] for kind, draw in zip(alternating, draws, strict=True))] = None
    return list(words)
