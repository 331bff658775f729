"""Any legal value of the space, for hypothesis."""

import dataclasses
import math

from hypothesis import strategies as st

from erpo_explore.space import Estimator, Path, Point, Reward
from erpo_explore.space.estimator import BASELINES, NORMALISATIONS, SCALES
from erpo_explore.space.path import CLOCKS
from erpo_explore.space.point import ANCHORS, LABELS, PREFIXES
from erpo_explore.space.reward import METRICS, NOISES, TOKEN_METRICS
from tests.checking import no_type_checks

temperatures = st.floats(1e-6, 1e6)
shares = st.floats(0.0, 1.0)
rates = st.just(1.0) | st.floats(0.01, 10.0)


@st.composite
def rewards(draw):
    """Any point of the simplex, corners and edges included."""
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
        metric=draw(st.sampled_from(TOKEN_METRICS)),
        temperature=draw(temperatures),
        noise_kind=draw(st.sampled_from(NOISES[:2])),
    )


samples = st.integers(2, 9)
corners = st.builds(
    Reward, task=st.just(1.0), metric=st.sampled_from([*METRICS, "mine.scores:wer"]), temperature=temperatures
)
"""The metric alone."""


@st.composite
def policy_gradients(draw):
    """Any point of the limit alpha = inf."""
    estimator = draw(
        st.builds(
            Estimator,
            samples=samples,
            baseline=st.sampled_from([None, *BASELINES]),
            scale=st.sampled_from([None, *SCALES]),
            normalise=st.sampled_from(NORMALISATIONS),
            with_reference=st.booleans(),
            reuse=st.integers(1, 4),
        )
        | st.builds(Estimator, kind=st.just("minimum_risk"), samples=samples, sharpness=st.floats(1e-3, 2.0))
    )
    reward, beta = draw(corners), draw(st.floats(0.0, 1e3)) if estimator.kind == "token" else 0.0
    if estimator.kind == "token" and estimator.chosen_scale != "none" and beta == 0.0:
        reward = dataclasses.replace(reward, temperature=1.0)
    anchor = {}
    if estimator.kind == "token" and not estimator.with_reference and draw(st.booleans()):
        anchor = {"anchor": draw(st.sampled_from(ANCHORS[1:])), "kappa": draw(st.floats(1e-6, 1e3))}
    return Point(
        reward=reward,
        alpha=math.inf,
        beta=beta,
        estimator=estimator,
        forced=draw(shares) if estimator.kind == "token" and not estimator.with_reference else 0.0,
        rate=draw(rates),
        **anchor,
    )


@st.composite
def token_points(draw):
    """Any point with alpha < inf whose targets are drawn token by token, and are trained on one by one."""
    return Point(
        reward=draw(rewards()),
        alpha=draw(st.sampled_from([0.0, 1.0]) | st.floats(0.0, 1e6)),
        beta=draw(st.floats(1e-6, 1e6)),
        prefix=draw(st.sampled_from(PREFIXES)),
        label=draw(st.sampled_from(LABELS)),
    )


@st.composite
def anchored_points(draw):
    """Any such point whose q reads an anchor, and any with candidates of one."""
    point = draw(token_points().filter(lambda point: point.sampler_reads_model and point.prefix != "model"))
    if draw(st.booleans()):
        return dataclasses.replace(point, anchor=draw(st.sampled_from(ANCHORS)))
    estimator = Estimator(kind="candidates", samples=draw(samples))
    return Point(reward=draw(corners), beta=draw(st.floats(1e-6, 1e6)), estimator=estimator, anchor="frozen")


@st.composite
def sequence_points(draw):
    """Any point with alpha < inf whose targets are weighted as wholes, or drawn as wholes."""
    kind = draw(st.sampled_from(["sequence", "target_policy", "best_of", "ngram", "stratified"]))
    metric = "edit" if kind == "stratified" else draw(st.sampled_from(TOKEN_METRICS))
    trusted = kind in ("sequence", "target_policy")
    if kind == "best_of":
        return Point(
            reward=Reward(task=1.0, metric=metric),
            alpha=1.0,
            beta=0.0,
            estimator=Estimator(kind=kind, samples=draw(samples)),
        )
    return Point(
        reward=Reward(task=1.0, metric=metric, temperature=1.0 if kind == "target_policy" else draw(temperatures)),
        alpha=draw(st.floats(1e-3, 1e3)) if trusted else 0.0,
        beta=draw(st.floats(1e-6, 1e6)),
        estimator=Estimator(kind=kind, samples=draw(samples)),
    )


def finite_points():
    """Any point with alpha < inf."""
    return token_points() | sequence_points()


points = finite_points() | anchored_points() | policy_gradients()


@st.composite
def blends(draw):
    """Any blend of two or three points."""
    parts = draw(st.lists(points, min_size=2, max_size=3, unique=True))
    weights = draw(st.lists(st.floats(0.05, 1.0), min_size=len(parts), max_size=len(parts)))
    with no_type_checks():
        return Point.blended([(weight / math.fsum(weights), part) for weight, part in zip(weights, parts, strict=True)])


@st.composite
def paths(draw, of=points):
    """Any path; two knots may be at the same position."""
    chosen = draw(st.lists(of, min_size=1, max_size=5))
    places = sorted(draw(st.lists(shares, min_size=len(chosen) - 1, max_size=len(chosen) - 1)))
    clock = draw(st.sampled_from(CLOCKS))
    # beartype checks a random item of a tuple, and hypothesis wants no randomness but its own
    with no_type_checks():
        return Path(knots=tuple(zip([0.0, *places], chosen, strict=True)), clock=clock)
