"""Validation pairs taken from the train split, for data that have no validation split of their own.

All pairs with the same source stay on one side, so that no validation source is trained on. The choice depends on the
text alone: the pairs whose source has the smallest SHA-256 are held out. Other pairs therefore keep their side when
pairs are added or reordered, up to the few at the border.
"""

from collections.abc import Sequence
from hashlib import sha256

from erpo_explore.tasks.corpus import Pair

__all__ = ["hold_out"]


def hold_out(pairs: Sequence[Pair], num_pairs: int) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """Divide pairs into those to train on and those to validate on, each in their order.

    >>> train, validation = hold_out([("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")], 1)
    >>> len(train), len(validation)
    (3, 1)

    Args:
        pairs: The train split.
        num_pairs: Pairs to hold out. There may be fewer or more: a source is held out with all of its pairs, and at
            most half of all pairs are held out.

    Returns:
        The remaining train pairs, and the validation pairs.
    """
    counts: dict[str, int] = {}
    for source, _ in pairs:
        counts[source] = counts.get(source, 0) + 1
    most = min(num_pairs, len(pairs) // 2)
    held: set[str] = set()
    taken = 0
    for source in sorted(counts, key=lambda source: sha256(source.encode()).digest()):
        if taken >= most:
            break
        # a source with very many pairs would take more than half of the corpus
        if taken + counts[source] <= len(pairs) // 2:
            held.add(source)
            taken += counts[source]
    train = tuple(pair for pair in pairs if pair[0] not in held)
    return train, tuple(pair for pair in pairs if pair[0] in held)
