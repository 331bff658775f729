import itertools
import math

import pytest

from erpo_explore.errors import ConfigError
from erpo_explore.space import ALGORITHMS, Algorithm, Path, Point, Reward, algorithm
from erpo_explore.space.reward import TOKEN_METRICS


@pytest.mark.parametrize("metric", TOKEN_METRICS)
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_is_a_path_by_default(name, metric):
    assert isinstance(algorithm(name).path(metric), Path)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_survives_a_round_trip(name):
    path = algorithm(name).path("rouge")
    assert Path.from_dict(path.to_dict()) == path


@pytest.mark.parametrize(
    ("name", "settings", "point"),
    [
        ("mle", {}, Point(reward=Reward(truth=1.0), alpha=0.0, beta=1.0)),
        ("data_noising", {"gamma": 0.25}, Point(reward=Reward(truth=0.75, noise=0.25), alpha=0.0, beta=1.0)),
        ("raml", {}, Point(reward=Reward(task=1.0, metric="edit"), alpha=0.0, beta=0.088)),
        ("raml", {"metric": "bleu", "temperature": 1}, Point(reward=Reward(task=1.0), alpha=0.0, beta=1.0)),
        ("spg", {}, Point(reward=Reward(task=1.0, metric="rouge", temperature=0.01), alpha=1.0, beta=0.0)),
        ("policy_gradient", {}, Point(reward=Reward(task=1.0, metric="rouge"), alpha=math.inf, beta=0.0)),
    ],
)
def test_a_constant_algorithm_is_its_point_of_the_paper(name, settings, point):
    assert algorithm(name, **settings).path("rouge") == Path.constant(point)


def test_scheduled_sampling_mixes_in_a_growing_share_of_the_models_words():
    path = algorithm("scheduled_sampling", rate=0.5).path("bleu")
    assert [path.at(progress).reward.model for progress in (0.0, 0.5, 1.0)] == [0.0, 0.25, 0.5]
    assert {(point.prefix, point.label) for _, point in path.knots} == {("q", "truth")}


class TestInterpolation:
    PATH = algorithm("interpolation").path("bleu")
    REWARDS = tuple(point.reward for _, point in PATH.knots)
    MOVES = tuple(
        tuple(b - a for a, b in zip(before.weights, after.weights, strict=True))
        for before, after in itertools.pairwise(REWARDS)
    )

    def test_it_starts_at_the_papers_mixture(self):
        assert self.REWARDS[0] == Reward(truth=0.96, model=0.04)

    def test_its_clock_is_the_plateau(self):
        assert self.PATH.clock == "plateau"

    @pytest.mark.parametrize("index", range(len(MOVES) - 1))
    def test_each_move_takes_the_papers_share_of_truth(self, index):
        to_model = 0.06 if (index + 1) % 4 == 0 else 0.0
        assert self.MOVES[index] == pytest.approx((-0.06 - to_model, 0.0, 0.06, to_model))

    def test_it_ends_without_truth(self):
        assert self.REWARDS[-1].truth == 0.0
        assert all(reward.truth > 0.0 for reward in self.REWARDS[:-1])

    def test_it_has_the_papers_number_of_moves(self):
        # 0.96 of truth, 0.30 every four moves: 3 · 4 moves leave 0.06, which the 13th takes
        assert len(self.MOVES) == 13
        assert self.REWARDS[-1].weights == pytest.approx((0.0, 0.0, 0.78, 0.22))

    def test_it_never_leaves_the_simplex(self):
        assert [math.fsum(reward.weights) for reward in self.REWARDS] == pytest.approx([1.0] * 14)

    def test_settings_change_the_path(self):
        path = algorithm("interpolation", model=0, move=0.25, every=2, temperature=0.1).path("bleu")
        assert [point.reward.weights for _, point in path.knots] == [
            (1.0, 0.0, 0.0, 0.0),
            (0.75, 0.0, 0.25, 0.0),
            (0.25, 0.0, 0.5, 0.25),
            (0.0, 0.0, 0.75, 0.25),
        ]
        assert path.end.reward.temperature == 0.1


@pytest.mark.usefixtures("as_users_run")
@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("mixed", {}, r"algorithm must be one of mle, .*interpolation, got 'mixed'"),
        ("raml", {"gamma": 0.1}, r"raml\.gamma is unknown; known are metric, temperature"),
        ("raml", {"temperature": "hot"}, r"raml\.temperature must be a number, got 'hot'"),
        ("raml", {"temperature": True}, r"raml\.temperature must be a number, got True"),
        ("raml", {"temperature": 0}, r"raml: alpha \+ beta must be > 0"),
        ("raml", {"temperature": 10**400}, r"raml\.temperature must"),
        (
            "raml",
            {"metric": "meteor"},
            r"raml\.metric must be one of bleu, .*as package\.module:function, got 'meteor'",
        ),
        (
            "mle",
            {"metric": ["bleu"]},
            r"mle\.metric must be one of bleu, .*as package\.module:function, got \['bleu'\]",
        ),
        ("data_noising", {"gamma": 1.5}, r"data_noising: reward\.truth must lie in \[0, 1\], got -0\.5"),
        ("spg", {"weight": 0}, r"spg: settings must not be 0, got \{'weight': 0"),
        ("spg", {"weight": -1}, r"spg: reward\.temperature must be > 0 and finite, got -1\.0"),
        ("interpolation", {"every": 2.5}, r"interpolation\.every must be a whole number, got 2\.5"),
        ("interpolation", {"every": math.inf}, r"interpolation\.every must be a whole number, got inf"),
        ("interpolation", {"every": 0}, r"interpolation: must have .*every >= 1"),
        ("interpolation", {"move": math.nan}, r"interpolation: must have 0\.001 <= move < 1"),
        ("interpolation", {"move": 1e-300}, r"interpolation: must have 0\.001 <= move < 1"),
        ("interpolation", {"model": 1}, r"interpolation: must have .*0 <= model < 1"),
    ],
)
def test_a_wrong_setting_is_named_with_its_algorithm(name, settings, message):
    with pytest.raises(ConfigError, match=message):
        algorithm(name, **settings).path("bleu")


def test_settings_are_not_changed():
    settings = {"temperature": 1}
    Algorithm(name="raml", settings=settings).path("bleu")
    assert settings == {"temperature": 1}


def test_an_algorithm_is_a_name_with_settings():
    raml = algorithm("raml", metric="rouge", temperature=0.01)
    assert raml == Algorithm(name="raml", settings={"metric": "rouge", "temperature": 0.01})
    assert raml.path("bleu").end.reward.metric == "rouge"
    assert len({raml, algorithm("raml", metric="rouge", temperature=0.01), algorithm("raml")}) == 2
