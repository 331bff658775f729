"""Named algorithms: points and paths that have a name in the literature.

Each is a function of the settings that its paper leaves open, and of the task's metric where it rewards one.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from erpo_explore.callables import named
from erpo_explore.errors import ConfigError, brief, did_you_mean
from erpo_explore.space.estimator import Baseline, Estimator
from erpo_explore.space.path import Path
from erpo_explore.space.point import Point
from erpo_explore.space.reward import Noise, Reward, check_metric, to_number

__all__ = ["ALGORITHMS", "Algorithm", "algorithm"]


def mle(*, metric: str) -> Path:  # noqa: ARG001 - every algorithm is called the same way
    """Maximum likelihood: the reward R_δ, cross-entropy on the reference."""
    return Path.constant(Point(reward=Reward(truth=1.0)))


def label_smoothing(*, metric: str, epsilon: float = 0.1) -> Path:  # noqa: ARG001
    """Label smoothing (Szegedy et al. 2016): the label mixes the reference's token with uniform noise, in share ε."""
    reward = Reward(truth=1.0 - epsilon, noise=epsilon, noise_kind="uniform")
    return Path.constant(Point(reward=reward, prefix="truth", label="expected"))


def data_noising(*, metric: str, gamma: float = 0.1, kind: Noise = "unigram") -> Path:  # noqa: ARG001
    """Data noising (Xie et al. 2017): with probability γ, a unigram draw or a blank replaces a target token.

    A drawn word is both input and label. A blank is an input only; the label stays the reference's token.
    """
    reward = Reward(truth=1.0 - gamma, noise=gamma, noise_kind=kind)
    return Path.constant(Point(reward=reward, label="truth" if kind == "blank" else "sampled"))


def raml(*, metric: str = "edit", temperature: float = 0.088) -> Path:
    """Reward-augmented maximum likelihood (Norouzi et al. 2016): q ∝ exp(R / τ), drawn token by token.

    The reward is the paper's, minus the edit distance. A wrong token costs 1, and there are v = 6,000 of them at each
    position. One edit at a given position then weighs v exp(−1/τ): 0.07 at τ = 0.088, and 0.27 at τ = 0.1. The paper's
    best τ = 0.85 refers to a reward that its code rescales by the vocabulary; there the weight is
    v^(1 − 1/τ) exp(−1/τ) = 0.07, the same. With bleu or rouge, whose increments are near 0.1, use τ near 0.01.
    """
    return Path.constant(Point(reward=Reward(task=1.0, metric=metric), beta=temperature))


def raml_stratified(*, metric: str = "edit", temperature: float = 0.088) -> Path:
    """RAML with the sampler of its paper: first the number of edits, then the edits."""
    return Path.constant(_raml_offline(metric, temperature, Estimator(kind="stratified")))


def raml_ngram(*, metric: str, temperature: float = 0.4, samples: int = 10) -> Path:
    """RAML with the sampler of Tan et al. (2018): one of n n-gram replacements, drawn by exp(R / τ)."""
    return Path.constant(_raml_offline(metric, temperature, Estimator(kind="ngram", samples=samples)))


def _raml_offline(metric: str, temperature: float, estimator: Estimator) -> Point:
    return Point(reward=Reward(task=1.0, metric=metric), beta=temperature, estimator=estimator)


def spg(*, metric: str, weight: float = 100.0) -> Path:
    """Softmax policy gradient (Ding & Soricut 2017): q ∝ p_θ · exp(w R).

    In bleu or rouge, the reference's next token is ahead of the others by about 0.1. q prefers it where exp(0.1 w)
    outweighs the other tokens' share of p_θ. For a trained model of 4,000 pieces, w = 20 is too little.
    """
    return Path.constant(Point(reward=Reward(task=1.0, metric=metric, temperature=1.0 / weight), alpha=1.0, beta=0.0))


def constant(*, metric: str, alpha: float = 1.0, beta: float = 0.0) -> Path:  # noqa: ARG001
    """Control: the same reward for every target, so that a gain here is not due to the reward (Choshen et al. 2020)."""
    return Path.constant(Point(reward=Reward(task=1.0, metric="constant"), alpha=alpha, beta=beta))


def policy_gradient(*, metric: str, baseline: Baseline | None = None, samples: int = 1, beta: float = 0.0) -> Path:
    """REINFORCE, the limit α → ∞, by default with the self-critical baseline (Rennie et al. 2017).

    At beta > 0 the model's entropy is rewarded, beta per nat of a whole target.
    """
    return Path.constant(_policy_gradient(metric, Estimator(baseline=baseline, samples=samples), beta))


def rloo(*, metric: str, samples: int = 4, beta: float = 0.0) -> Path:
    """REINFORCE with the mean of the other draws as baseline (Kool et al. 2019); beta as in `policy_gradient`."""
    return Path.constant(_policy_gradient(metric, Estimator(baseline="leave_one_out", samples=samples), beta))


def grpo(*, metric: str, samples: int = 4, beta: float = 0.0) -> Path:
    """REINFORCE with rewards standardised within their group (Shao et al. 2024), without its clipping.

    beta is as in `policy_gradient`; the sum of reward and entropy is standardised.
    """
    return Path.constant(_policy_gradient(metric, Estimator(baseline="group", samples=samples), beta))


def minimum_risk(*, metric: str, samples: int = 8, sharpness: float = 0.005) -> Path:
    """Minimum risk training (Shen et al. 2016): the expected reward over K draws, with p_θ renormalised over them."""
    estimator = Estimator(kind="minimum_risk", samples=samples, sharpness=sharpness)
    return Path.constant(_policy_gradient(metric, estimator))


def target_policy(*, metric: str, samples: int = 8, baseline: Baseline = "group") -> Path:
    """Target policy optimisation (2026, arXiv 2604.06159): q_k ∝ p_k exp(u_k) over K draws, fitted by cross-entropy."""
    estimator = Estimator(kind="target_policy", samples=samples, baseline=baseline)
    return Path.constant(Point(reward=Reward(task=1.0, metric=metric), alpha=1.0, beta=0.0, estimator=estimator))


def mixer(*, metric: str, warm: float = 0.5, samples: int = 1) -> Path:
    """MIXER (Ranzato et al. 2015): the reference's words first, policy gradient on the last Δ words, with growing Δ.

    Δ is 0 for the share `warm` of the budget, which is maximum likelihood, and then grows to the whole target.
    """
    estimator = Estimator(baseline=None if samples == 1 else "leave_one_out", samples=samples)
    free = _policy_gradient(metric, estimator)
    forced = replace(free, forced=1.0)
    return Path(knots=((0.0, forced), (warm, forced), (1.0, free)))


def _policy_gradient(metric: str, estimator: Estimator, beta: float = 0.0) -> Point:
    return Point(reward=Reward(task=1.0, metric=metric), alpha=math.inf, beta=beta, estimator=estimator)


def scheduled_sampling(*, metric: str, rate: float = 0.25) -> Path:  # noqa: ARG001
    """Scheduled sampling (Bengio et al. 2015): the model's own words as a growing share of the inputs."""

    def mixed(model: float) -> Point:
        return Point(reward=Reward(truth=1.0 - model, model=model), label="truth")

    return Path(knots=((0.0, mixed(0.0)), (1.0, mixed(rate))))


def interpolation(
    *, metric: str, model: float = 0.04, move: float = 0.06, every: int = 4, temperature: float = 1.0
) -> Path:
    """The paper's annealing path (Tan et al. 2018, section 4).

    It starts at λ = (model 0.04, truth 0.96). Each time the validation score drops, 0.06 of truth moves to task. At
    every 4th such move, 0.06 of truth moves to model as well. The path ends when truth is 0. At the paper's
    temperature of 1, the task's part is nearly uniform over a vocabulary of thousands, that is, noise. For bleu or
    rouge, use 0.01 or less, where increments select a token.
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
                ),
            )
            for index, (truth, task, model) in enumerate(mixtures)
        ),
    )


ALGORITHMS: Final[Mapping[str, Callable[..., Path]]] = {
    function.__name__: function
    for function in (
        mle,
        label_smoothing,
        data_noising,
        raml,
        raml_stratified,
        raml_ngram,
        spg,
        constant,
        policy_gradient,
        rloo,
        grpo,
        minimum_risk,
        target_policy,
        mixer,
        scheduled_sampling,
        interpolation,
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """A named algorithm with settings. A task's metric makes a path of it.

    Attributes:
        name: A key of `ALGORITHMS`.
        settings: Settings that differ from the algorithm's defaults, such as {"gamma": 0.2}.

    Raises:
        ConfigError: The algorithm or one of its settings is unknown or out of range.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.name not in ALGORITHMS:
            raise ConfigError(
                f"algorithm must be one of {', '.join(ALGORITHMS)}, got {brief(self.name)}"
                f"{did_you_mean(self.name, ALGORITHMS)}"
            )
        self.path("bleu")  # raises where a setting does not fit, whatever the metric

    def path(self, metric: str) -> Path:
        """The algorithm as a path.

        Args:
            metric: The task's metric, for an algorithm that rewards it and has no metric among its settings.
        """
        function = ALGORITHMS[self.name]
        parameters = inspect.signature(function).parameters
        settings: dict[str, Any] = {}
        for setting, value in self.settings.items():
            where = f"{self.name}.{setting}"
            if setting not in parameters:
                raise ConfigError(
                    f"{where} is unknown; known are {', '.join(parameters)}{did_you_mean(setting, parameters)}"
                )
            settings[setting] = _checked(value, parameters[setting].annotation, where)
        if parameters["metric"].default is inspect.Parameter.empty:
            settings.setdefault("metric", metric)
        try:
            return function(**settings)
        except ZeroDivisionError as error:
            raise ConfigError(f"{self.name}: settings must not be 0, got {settings}") from error
        except ConfigError as error:
            raise ConfigError(f"{self.name}: {error}") from error


def algorithm(name: str, /, **settings: Any) -> Algorithm:
    """A named algorithm with settings.

    >>> algorithm("raml", temperature=0.1).path("bleu").end.tau
    0.1

    Args:
        name: A key of `ALGORITHMS`.
        **settings: Settings that differ from the algorithm's defaults. A metric may be a function of hypotheses and
            references.

    Raises:
        ConfigError: The algorithm or one of its settings is unknown or out of range.
    """
    return Algorithm(name=name, settings={setting: named(value) for setting, value in settings.items()})


def _checked(value: Any, kind: Any, field: str) -> Any:
    """A setting as a value of its parameter's annotation. Other names are checked by the value that takes them.

    Raises:
        ConfigError: The value does not fit.
    """
    if kind not in (int, float):
        return check_metric(value, field) if kind is str else value
    number = to_number(value, field)
    if kind is int and not number.is_integer():
        raise ConfigError(f"{field} must be a whole number, got {value!r}")
    return kind(number)
