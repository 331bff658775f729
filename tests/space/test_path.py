import dataclasses
import math

import pytest
import yaml
from hypothesis import given

from erpo_explore.errors import ConfigError
from erpo_explore.space import Estimator, Path, Point, Reward

from .strategies import blends, paths, points, shares, token_points

TRUTH = Point(reward=Reward(truth=1.0))
NOISE = Point(reward=Reward(noise=1.0))
SPG = Point(reward=Reward(task=1.0, temperature=0.04), alpha=1.0, beta=0.0)
RAML = Point(reward=Reward(task=1.0, temperature=0.01), alpha=0.0, beta=4.0)
POLICY_GRADIENT = Point(reward=Reward(task=1.0), alpha=math.inf, beta=0.0)
GRPO = dataclasses.replace(POLICY_GRADIENT, estimator=Estimator(samples=4, baseline="group"))


def path_of(*knots):
    return Path(knots=knots)


def assert_close(point, other):
    """Equal rewards and weights up to rounding, and all other fields equal; for blends, equal points and shares."""
    if point.blend or other.blend:
        given, expected = ({part: share for share, part in each.parts} for each in (point, other))
        held = {part: share for part, share in given.items() if share > 1e-9}
        assert held == pytest.approx({part: share for part, share in expected.items() if share > 1e-9}, abs=1e-6)
        return
    assert point.reward.weights == pytest.approx(other.reward.weights, abs=1e-6)
    assert point.rho == pytest.approx(other.rho, abs=1e-6)
    assert point.tau == pytest.approx(other.tau, rel=1e-5)
    assert (point.prefix, point.label) == (other.prefix, other.label)
    if min(point.reward.task, other.reward.task) > 1e-6:
        assert point.reward.temperature == pytest.approx(other.reward.temperature, rel=1e-5)
        assert point.reward.metric == other.reward.metric


class TestValues:
    @given(paths(of=points | blends()))
    def test_from_dict_inverts_to_dict(self, path):
        assert Path.from_dict(path.to_dict()) == path

    @given(paths())
    def test_to_dict_survives_yaml(self, path):
        assert Path.from_dict(yaml.safe_load(yaml.safe_dump(path.to_dict()))) == path

    @pytest.mark.parametrize("clock", ["step", "plateau"])
    def test_the_clock_is_kept(self, clock):
        path = Path(knots=((0.0, TRUTH), (1.0, NOISE)), clock=clock)
        assert Path.from_dict(path.to_dict()).clock == clock

    def test_a_path_without_a_clock_counts_steps(self):
        assert Path.from_dict({"knots": [{"at": 0, "point": {"reward": "truth"}}]}) == Path.constant(TRUTH)

    def test_a_path_is_frozen(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            Path.constant(TRUTH).clock = "plateau"

    @given(paths())
    def test_equal_paths_have_equal_hashes(self, path):
        assert hash(Path.from_dict(path.to_dict())) == hash(path)

    def test_a_path_prints_its_knots(self):
        assert str(path_of((0.0, TRUTH), (0.5, NOISE))) == f"[0] {TRUTH} → [0.5] {NOISE}"


@pytest.mark.usefixtures("as_users_run")
class TestErrors:
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"knots": ()}, r"path\.knots must hold at least one knot, got none; use e\.g\."),
            ({"knots": ((0.5, TRUTH),)}, r"path\.knots must begin at 0, got 0\.5"),
            ({"knots": ((math.nan, TRUTH),)}, r"path\.knots must begin at 0, got nan"),
            ({"knots": ((0.0, TRUTH), (0.5, NOISE), (0.4, TRUTH))}, r"must not go back, got 0\.4 after 0\.5"),
            ({"knots": ((0.0, TRUTH), (math.nan, NOISE))}, r"must not go back, got nan after 0\.0"),
            ({"knots": ((0.0, TRUTH), (1.1, NOISE))}, r"path\.knots must lie in \[0, 1\], got 1\.1"),
            ({"knots": ((0.0, TRUTH),), "clock": "wall"}, r"path\.clock must be one of step, plateau, got 'wall'"),
        ],
    )
    def test_a_value_out_of_range_is_named(self, settings, message):
        with pytest.raises(ConfigError, match=message):
            Path(**settings)

    @pytest.mark.parametrize(
        ("written", "message"),
        [
            (None, r"a path must be a mapping with a list of knots, got nothing"),
            ([], r"a path must be a mapping with a list of knots, got \[\]"),
            ({"knots": 3}, r"a path must be a mapping with a list of knots"),
            ({"knots": [], "speed": 1}, r"path\.speed is unknown; known are clock, knots"),
            ({"knots": []}, r"path\.knots must hold at least one knot"),
            ({"knots": [7]}, r"path\.knots\[0\] must have the fields at and point, got 7"),
            ({"knots": [{"at": 0}]}, r"path\.knots\[0\] must have the fields at and point, got \{'at': 0\}"),
            ({"knots": [{"at": "0", "point": {}}]}, r"path\.knots\[0\]\.at must be a number, got '0'"),
            ({"knots": [{"at": 10**400, "point": {}}]}, r"path\.knots\[0\]\.at must"),
            ({"knots": [{"at": 0, "point": {}}]}, r"point\.reward is missing"),
            ({"knots": [{"at": 0, "point": {"reward": "truth"}}], "clock": []}, r"path\.clock must be one of"),
        ],
    )
    def test_a_wrong_field_is_named(self, written, message):
        with pytest.raises(ConfigError, match=message):
            Path.from_dict(written)

    def test_the_remedy_for_no_knots_is_a_path(self):
        with pytest.raises(ConfigError) as caught:
            Path(knots=())
        assert Path.from_dict({"knots": yaml.safe_load(str(caught.value).split("use e.g. ")[1])}) == Path.constant(
            TRUTH
        )

    @pytest.mark.parametrize("progress", [-1e-9, math.nan, -math.inf])
    @pytest.mark.parametrize("method", ["at", "until"])
    def test_progress_is_a_share(self, method, progress):
        with pytest.raises(ConfigError, match="progress must be >= 0, got"):
            getattr(path_of((0.0, TRUTH), (1.0, NOISE)), method)(progress)


class TestAt:
    @given(paths())
    def test_the_beginning_is_the_last_knot_at_0(self, path):
        assert path.at(0.0) == [point for at, point in path.knots if at == 0.0][-1]

    @given(paths())
    def test_each_knot_is_met_exactly_and_a_jump_gives_the_later_point(self, path):
        for at, _ in path.knots:
            assert path.at(at) == [point for other, point in path.knots if other == at][-1]

    @pytest.mark.parametrize("at", [0.25, 0.5])
    def test_either_side_of_a_knot_is_close_to_it(self, at):
        path = path_of((0.0, TRUTH), (0.25, SPG), (0.5, RAML), (1.0, TRUTH))
        assert_close(path.at(at - 1e-9), path.at(at))
        assert_close(path.at(at + 1e-9), path.at(at))

    def test_a_jump_is_continuous_from_the_right(self):
        path = path_of((0.0, TRUTH), (0.5, NOISE), (0.5, SPG), (1.0, SPG))
        assert_close(path.at(0.5 - 1e-9), NOISE)
        assert path.at(0.5) == SPG
        assert path.at(0.5 + 1e-9) == SPG

    @given(paths())
    def test_past_the_last_knot_the_point_stays(self, path):
        last = path.knots[-1][0]
        assert [path.at(progress) for progress in (last, last + 1e-9, 1.0, 2.0, math.inf)] == [path.end] * 5

    @given(points, shares)
    def test_a_constant_path_stays_at_its_point(self, point, progress):
        assert Path.constant(point).at(progress) == point

    @given(points, shares)
    def test_between_equal_knots_nothing_moves(self, point, progress):
        assert_close(path_of((0.0, point), (1.0, point)).at(progress), point)

    @given(token_points(), token_points(), shares)
    def test_weights_and_trust_move_linearly_and_stay_on_the_simplex(self, start, stop, share):
        point = path_of((0.0, start), (1.0, stop)).at(share)
        expected = [
            (1.0 - share) * a + share * b for a, b in zip(start.reward.weights, stop.reward.weights, strict=True)
        ]
        assert point.reward.weights == pytest.approx(expected, abs=1e-6)
        assert math.fsum(point.reward.weights) == pytest.approx(1.0, abs=1e-12)
        assert min(point.reward.weights) >= 0.0
        assert point.rho == pytest.approx((1.0 - share) * start.rho + share * stop.rho, abs=1e-9)

    def test_temperatures_are_geometric_means_half_way(self):
        point = path_of((0.0, SPG), (1.0, RAML)).at(0.5)
        assert point.tau == pytest.approx(math.sqrt(1.0 * 4.0))
        assert point.reward.temperature == pytest.approx(math.sqrt(0.04 * 0.01))
        assert point.rho == pytest.approx(0.5)

    @given(token_points(), token_points(), shares)
    def test_tau_moves_linearly_in_its_logarithm(self, start, stop, share):
        tau = path_of((0.0, start), (1.0, stop)).at(share).tau
        assert math.log(tau) == pytest.approx(
            (1.0 - share) * math.log(start.tau) + share * math.log(stop.tau), abs=1e-6
        )

    @pytest.mark.parametrize("share", [0.25, 0.999])
    def test_values_without_an_in_between_are_held_until_the_later_knot(self, share):
        start = Point(reward=Reward(task=1.0, metric="rouge"), prefix="truth", label="expected")
        stop = Point(reward=Reward(task=1.0, metric="edit"), prefix="model", label="truth")
        point = path_of((0.0, start), (1.0, stop)).at(share)
        assert (point.reward.metric, point.prefix, point.label) == ("rouge", "truth", "expected")

    @pytest.mark.parametrize(
        ("start", "stop"),
        [
            (TRUTH, Point(reward=Reward(task=1.0, metric="edit", temperature=0.02))),
            (Point(reward=Reward(task=1.0, metric="edit", temperature=0.02)), TRUTH),
        ],
    )
    @pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
    def test_metric_and_temperature_are_those_of_the_end_that_has_a_task(self, start, stop, share):
        reward = path_of((0.0, start), (1.0, stop)).at(share).reward
        assert (reward.metric, reward.temperature) == ("edit", 0.02)

    def test_the_entropy_bonus_of_policy_gradient_moves_linearly(self):
        path = Path(knots=((0.0, POLICY_GRADIENT), (1.0, dataclasses.replace(POLICY_GRADIENT, beta=0.4))))
        assert path.at(0.25) == dataclasses.replace(POLICY_GRADIENT, beta=0.1)

    def test_a_segment_of_one_point_is_that_point(self):
        blend = Point.blended([(0.7, TRUTH), (0.3, GRPO)])
        for point in (TRUTH, blend):
            assert path_of((0.0, point), (1.0, point)).at(0.3) is point

    @pytest.mark.parametrize(("share", "more"), [(0.1, 0), (0.2, 1), (0.5, 2), (0.9, 4)])
    def test_the_number_of_draws_moves_linearly_and_is_rounded(self, share, more):
        K = GRPO.estimator.samples
        stop = dataclasses.replace(GRPO, estimator=dataclasses.replace(GRPO.estimator, samples=K + 4))
        assert path_of((0.0, GRPO), (1.0, stop)).at(share).estimator.samples == K + more

    @pytest.mark.parametrize("stop", [TRUTH, GRPO], ids=["of one estimator", "of two"])
    def test_the_rate_moves_linearly_in_its_logarithm(self, stop):
        start = dataclasses.replace(TRUTH, rate=0.01)
        assert path_of((0.0, start), (1.0, stop)).at(0.5).rate == pytest.approx(0.1)

    def test_the_last_jump_is_that_to_another_point(self):
        path = path_of((0.0, TRUTH), (0.25, TRUTH), (0.25, GRPO), (0.5, GRPO), (0.5, SPG), (0.75, SPG), (0.75, SPG))
        assert [path.until(at).last_jump for at in (0.1, 0.25, 0.5, 1.0)] == [None, 0.25, 0.5, 0.5]
        assert path_of((0.0, TRUTH), (0.0, GRPO)).last_jump is None


class TestBlends:
    @pytest.mark.parametrize(("start", "stop"), [(SPG, POLICY_GRADIENT), (POLICY_GRADIENT, SPG), (TRUTH, GRPO)])
    def test_between_points_of_different_estimators_lies_their_blend(self, start, stop):
        path = path_of((0.0, start), (1.0, stop))
        assert path.at(0.25).parts == ((0.75, start), (0.25, stop))
        assert (path.at(0.0), path.at(1.0)) == (start, stop)
        assert path.at(0.6).main == stop

    def test_an_illegal_point_between_two_of_one_estimator_gives_way_to_their_blend(self):
        start, stop = (
            Point(reward=reward, alpha=1.0, estimator=Estimator(kind="sequence", samples=2))
            for reward in (Reward(task=1.0, metric="chrf"), Reward(task=1.0, metric="bleu"))
        )
        edited = dataclasses.replace(stop, reward=Reward(truth=1.0))
        assert path_of((0.0, start), (1.0, edited)).at(0.5).parts == ((0.5, start), (0.5, edited))

    def test_between_blends_the_shares_move_linearly(self):
        start = Point.blended([(0.5, TRUTH), (0.5, GRPO)])
        stop = Point.blended([(0.5, GRPO), (0.5, SPG)])
        shares = {part: share for share, part in path_of((0.0, start), (1.0, stop)).at(0.5).parts}
        assert shares == pytest.approx({TRUTH: 0.25, GRPO: 0.5, SPG: 0.25})


class TestParts:
    @given(paths(of=points | blends()), shares, shares)
    def test_until_agrees_with_the_path_before_it(self, path, one, other):
        before, progress = sorted((one, other))
        assert_close(path.until(progress).at(before), path.at(before))

    @given(paths(), shares)
    def test_until_ends_where_the_path_is(self, path, progress):
        so_far = path.until(progress)
        assert so_far.end == path.at(progress)
        assert so_far.knots[-1][0] <= progress
        assert so_far.clock == path.clock

    def test_until_keeps_the_knots_before_and_adds_one(self):
        path = path_of((0.0, TRUTH), (0.5, NOISE), (1.0, TRUTH))
        assert path.until(0.5) == path_of((0.0, TRUTH), (0.5, NOISE))
        assert path.until(0.75) == path_of((0.0, TRUTH), (0.5, NOISE), (0.75, path.at(0.75)))
        assert path.until(1.0) == path

    def test_until_adds_no_knot_where_the_path_has_ended(self):
        assert path_of((0.0, TRUTH), (0.5, NOISE)).until(0.75) == path_of((0.0, TRUTH), (0.5, NOISE))

    def test_then_adds_a_knot(self):
        assert Path.constant(TRUTH).then(0.5, NOISE).then(0.5, SPG) == path_of((0.0, TRUTH), (0.5, NOISE), (0.5, SPG))

    def test_then_does_not_go_back(self):
        with pytest.raises(ConfigError, match="must not go back"):
            path_of((0.0, TRUTH), (0.5, NOISE)).then(0.25, TRUTH)
