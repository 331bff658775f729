"""Hypothesis strategies for legal searches."""

from hypothesis import strategies as st

from erpo_explore.config.search import CATEGORIES, Search
from erpo_explore.space import Point, Reward
from tests.checking import no_type_checks

TRUTH = Point(reward=Reward(truth=1.0))
FREE_WEIGHTS = ("noise", "task", "model")

weights = st.floats(0.0, 1.0)
temperatures = st.floats(1e-4, 1e4)
seeds = st.integers(0, 2**31)
choices = st.fixed_dictionaries(
    {},
    optional={
        name: st.lists(st.sampled_from(values), min_size=1, unique=True).map(tuple)
        for name, values in CATEGORIES.items()
    },
)


def ranges_of(values):
    return st.tuples(values, values).map(sorted).map(tuple)


weight_ranges = st.fixed_dictionaries(
    {}, optional={name: weights.map(lambda high: (0.0, high)) for name in FREE_WEIGHTS}
)
other_ranges = st.fixed_dictionaries(
    {}, optional={"temperature": ranges_of(temperatures), "rho": ranges_of(weights), "tau": ranges_of(temperatures)}
)


@st.composite
def searches(draw, start=TRUTH, **fields):
    """Searches over any coordinates.

    Ranges of weights begin at 0, because weights that sum to more than 1 are scaled back below any other bound.
    """
    fields |= {
        "ranges": draw(weight_ranges) | draw(other_ranges),
        "choices": draw(choices),
        "start": start,
        "resample": draw(weights),
        "metric": draw(st.none() | st.sampled_from(CATEGORIES["metric"])),
        "prefix": draw(st.sampled_from(CATEGORIES["prefix"])),
        "label": draw(st.sampled_from(CATEGORIES["label"])),
    }
    # beartype checks a random item of a mapping, which hypothesis reports as outside randomness
    with no_type_checks():
        return Search(**fields)
