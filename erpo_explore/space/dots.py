"""The dots: points and paths of the space that have a name in the literature.

Each is a function of the settings that its paper left open, with the task's own metric where it needs one.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from erpo_explore.errors import ConfigError
from erpo_explore.space.path import Path
from erpo_explore.space.point import Point
from erpo_explore.space.reward import METRICS, Metric, Reward, to_number

__all__ = ["DOTS", "dot"]


def mle(*, metric: Metric) -> Path:  # noqa: ARG001 - every dot is called the same way
    """Maximum likelihood: R_δ, cross-entropy on the reference."""
    return Path.constant(Point(reward=Reward(truth=1.0), alpha=0.0, beta=1.0))


def data_noising(*, metric: Metric, gamma: float = 0.1) -> Path:  # noqa: ARG001
    """Unigram noising (Xie et al. 2017): each target token is replaced by a unigram draw with probability γ."""
    return Path.constant(Point(reward=Reward(truth=1.0 - gamma, noise=gamma), alpha=0.0, beta=1.0))


def raml(*, metric: Metric = "edit", temperature: float = 0.1) -> Path:
    """Reward-augmented maximum likelihood (Norouzi et al. 2016): q ∝ exp(R / τ), drawn token by token.

    The payoff is the paper's edit distance. A wrong token costs it 1, and at τ = 0.1 a vocabulary of 6,000 replaces
    about one token in five; with bleu or rouge, whose increments are near 0.1, take τ near 0.01.
    """
    return Path.constant(Point(reward=Reward(task=1.0, metric=metric), alpha=0.0, beta=temperature))


def spg(*, metric: Metric, weight: float = 20.0) -> Path:
    """Softmax policy gradient (Ding & Soricut 2017): q ∝ p_θ · exp(w R)."""
    return Path.constant(Point(reward=Reward(task=1.0, metric=metric, temperature=1.0 / weight), alpha=1.0, beta=0.0))


def policy_gradient(*, metric: Metric) -> Path:
    """REINFORCE with the self-critical baseline (Rennie et al. 2017): the limit α → ∞."""
    return Path.constant(Point(reward=Reward(task=1.0, metric=metric), alpha=math.inf, beta=0.0))


def scheduled_sampling(*, metric: Metric, rate: float = 0.25) -> Path:  # noqa: ARG001
    """Scheduled sampling (Bengio et al. 2015): ever more inputs are the model's words, the labels stay the truth's."""

    def mixed(model: float) -> Point:
        return Point(reward=Reward(truth=1.0 - model, model=model), alpha=0.0, beta=1.0, prefix="q", label="truth")

    return Path(knots=((0.0, mixed(0.0)), (1.0, mixed(rate))))


def interpolation(
    *, metric: Metric, model: float = 0.04, move: float = 0.06, every: int = 4, temperature: float = 1.0
) -> Path:
    """The paper's annealing path (Tan et al. 2018, section 4).

    Starts at λ = (model 0.04, truth 0.96). Whenever the valid score drops, 0.06 of truth goes to task; after every 4th
    such move, 0.06 of truth goes to model as well; until nothing of truth is left.
    """
    if not (0.001 <= move < 1.0 and 0.0 <= model < 1.0 and every >= 1):
        raise ConfigError(f"must have 0.001 <= move < 1, 0 <= model < 1, every >= 1; got {move}, {model}, {every}")
    mixtures = [(1.0 - model, 0.0, model)]
    while mixtures[-1][0] > 1e-9:
        truth, task, model = mixtures[-1]
        to_task = min(move, truth)
        to_model = min(move, truth - to_task) if len(mixtures) % every == 0 else 0.0
        rest = truth - to_task - to_model
        mixtures.append((0.0 if rest < 1e-9 else rest, task + to_task, model + to_model))
    return Path(
        clock="plateau",
        knots=tuple(
            (
                index / (len(mixtures) - 1),
                Point(
                    reward=Reward(truth=truth, task=task, model=model, metric=metric, temperature=temperature),
                    alpha=0.0,
                    beta=1.0,
                ),
            )
            for index, (truth, task, model) in enumerate(mixtures)
        ),
    )


DOTS: Final[Mapping[str, Callable[..., Path]]] = {
    function.__name__: function
    for function in (mle, data_noising, raml, spg, policy_gradient, scheduled_sampling, interpolation)
}


def dot(name: str, *, metric: Metric, settings: Mapping[str, Any] | None = None) -> Path:
    """The named dot as a path.

    Args:
        name: A key of `DOTS`.
        metric: The task's metric, for the dots that reward it and are not given another.
        settings: What the dot leaves open, e.g. {"gamma": 0.2}.

    Raises:
        ConfigError: The dot or one of its settings is unknown or out of range.
    """
    if name not in DOTS:
        raise ConfigError(f"dot must be one of {', '.join(DOTS)}, got {name!r}")
    function, settings = DOTS[name], dict(settings or {})
    parameters = inspect.signature(function).parameters
    for setting, value in settings.items():
        if setting not in parameters:
            raise ConfigError(f"dots.{name}.{setting} is unknown; known are {', '.join(parameters)}")
        if setting == "metric":
            if value not in METRICS:
                raise ConfigError(f"dots.{name}.metric must be one of {', '.join(METRICS)}, got {value!r}")
            continue
        number = to_number(value, f"dots.{name}.{setting}")
        if parameters[setting].annotation is int and not number.is_integer():
            raise ConfigError(f"dots.{name}.{setting} must be a whole number, got {value!r}")
        settings[setting] = parameters[setting].annotation(number)
    if parameters["metric"].default is inspect.Parameter.empty:
        settings.setdefault("metric", metric)
    try:
        return function(**settings)
    except ZeroDivisionError as error:
        raise ConfigError(f"dots.{name}: settings must not be 0, got {settings}") from error
    except ConfigError as error:
        raise ConfigError(f"dots.{name}: {error}") from error
