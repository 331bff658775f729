"""Whether a donor is better than a member by more than chance, on the validation sentences.

A paired bootstrap over sentences gives a one-sided p-value. All members of a generation are scored on the same
resampled corpora, so each member is resampled once.
"""

from typing import Final

from erpo_explore.config.search import Search
from erpo_explore.search.ranking import MemberState
from erpo_explore.search.streams import RESAMPLES, keyed_generator
from erpo_explore.stats.bootstrap import CorpusStatistics, Resampled, Resamples, compare, resample

__all__ = ["SuperiorityTest"]

_NUM_RESAMPLES: Final = 1000


class SuperiorityTest:
    """Paired bootstrap between the members of one generation."""

    def __init__(self, search: Search, seed: int, generation: int) -> None:
        self._by_score_alone = search.selection == "truncation"
        self._key = (seed, generation, RESAMPLES)
        self._resamples: Resamples | None = None
        self._resampled: dict[str, Resampled] = {}

    def p_value(self, donor: MemberState, member: MemberState) -> float | None:
        """One-sided p-value of the donor being better; None with `truncation` or without sentence statistics."""
        if self._by_score_alone or donor.statistics is None or member.statistics is None:
            return None
        comparison = compare(
            self._resample(donor.name, donor.statistics), self._resample(member.name, member.statistics)
        )
        # the number of resampled corpora bounds the p-value: where the donor wins all, it is 1 / (1 + B)
        num_lost = (1.0 - comparison.share_won) * _NUM_RESAMPLES
        return (1.0 + num_lost) / (1.0 + _NUM_RESAMPLES)

    def _resample(self, name: str, statistics: CorpusStatistics) -> Resampled:
        """Scores of a member on the resampled corpora of the generation."""
        if self._resamples is None:
            generator = keyed_generator(*self._key)
            self._resamples = Resamples.draw(statistics.num_sentences, generator, num_resamples=_NUM_RESAMPLES)
        if name not in self._resampled:
            self._resampled[name] = resample(statistics, self._resamples)
        return self._resampled[name]
