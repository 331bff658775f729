"""Any legal value of the space, for hypothesis."""

import math

from hypothesis import strategies as st

from erpo_explore.space import Path, Point, Reward
from erpo_explore.space.path import CLOCKS
from erpo_explore.space.point import LABELS, PREFIXES
from erpo_explore.space.reward import METRICS

from .checking import no_type_checks

temperatures = st.floats(1e-6, 1e6)
shares = st.floats(0.0, 1.0)


@st.composite
def rewards(draw):
    """Any place on the simplex, corners and edges included."""
    parts = draw(
        st.lists(st.sampled_from([0.0, 0.0, 0.01, 0.3, 1.0]) | st.floats(1e-3, 1.0), min_size=4, max_size=4).filter(any)
    )
    total = math.fsum(parts)
    truth, noise, task, model = (part / total for part in parts)
    return Reward(
        truth=truth,
        noise=noise,
        task=task,
        model=model,
        metric=draw(st.sampled_from(METRICS)),
        temperature=draw(temperatures),
    )


@st.composite
def policy_gradients(draw):
    """Any point of the limit alpha = inf."""
    reward = Reward(task=1.0, metric=draw(st.sampled_from(METRICS)), temperature=draw(temperatures))
    return Point(reward=reward, alpha=math.inf, beta=draw(st.sampled_from([0.0, 0.5])))


@st.composite
def finite_points(draw):
    """Any point with alpha < inf."""
    return Point(
        reward=draw(rewards()),
        alpha=draw(st.sampled_from([0.0, 1.0]) | st.floats(0.0, 1e6)),
        beta=draw(st.floats(1e-6, 1e6)),
        prefix=draw(st.sampled_from(PREFIXES)),
        label=draw(st.sampled_from(LABELS)),
    )


points = finite_points() | policy_gradients()


@st.composite
def paths(draw, of=points):
    """Any path; two knots may stand at the same place."""
    chosen = draw(st.lists(of, min_size=1, max_size=5))
    places = sorted(draw(st.lists(shares, min_size=len(chosen) - 1, max_size=len(chosen) - 1)))
    clock = draw(st.sampled_from(CLOCKS))
    # beartype checks a random item of a tuple, and hypothesis wants no randomness but its own
    with no_type_checks():
        return Path(knots=tuple(zip([0.0, *places], chosen, strict=True)), clock=clock)
