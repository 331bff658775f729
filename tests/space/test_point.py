import dataclasses
import json
import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.errors import ConfigError
from erpo_explore.space import Estimator, Point, Reward
from erpo_explore.space.point import weights_of

from .strategies import blends, finite_points, points, policy_gradients, temperatures

TRUTH, BLEU = Reward(truth=1.0), Reward(task=1.0)
COLD = Reward(task=1.0, temperature=0.5)
INF, NAN = math.inf, math.nan
BLANK = Reward(truth=0.5, noise=0.5, noise_kind="blank")
CHRF = Reward(task=1.0, metric="chrf")
SEQUENCE, NGRAM, RISK, TPO = (
    Estimator(kind=kind, samples=4) for kind in ("sequence", "ngram", "minimum_risk", "target_policy")
)
BEST = Estimator(kind="best_of", samples=4)
CANDIDATES = Estimator(kind="candidates", samples=4)
RLOO_TPO = dataclasses.replace(TPO, baseline="leave_one_out")


@given(points)
def test_from_dict_inverts_to_dict(point):
    assert Point.from_dict(point.to_dict()) == point


@given(points)
def test_to_dict_survives_yaml(point):
    assert Point.from_dict(yaml.safe_load(yaml.safe_dump(point.to_dict()))) == point


@given(finite_points())
def test_rho_and_tau_are_trust_and_temperature(point):
    assert point.tau == point.alpha + point.beta
    assert point.rho == pytest.approx(point.alpha / point.tau)
    assert 0.0 <= point.rho <= 1.0


@given(policy_gradients())
def test_policy_gradient_has_rho_1(point):
    assert (point.rho, point.tau, point.is_policy_gradient) == (1.0, INF, True)


@given(st.floats(0.0, 1.0), temperatures)
def test_weights_of_is_the_inverse_of_rho_and_tau(rho, tau):
    alpha, beta = weights_of(rho, tau)
    point = Point(reward=TRUTH, alpha=alpha, beta=beta)
    assert (point.rho, point.tau) == (pytest.approx(rho), pytest.approx(tau))


def test_an_infinite_temperature_is_policy_gradient():
    assert weights_of(1.0, INF) == (INF, 0.0)


@pytest.mark.parametrize(
    ("written", "point"),
    [
        ({"reward": "truth"}, Point(reward=TRUTH, alpha=0.0, beta=1.0, prefix="q", label="sampled")),
        ({"reward": "bleu", "alpha": 1, "beta": 0}, Point(reward=BLEU, alpha=1.0, beta=0.0)),
        ({"reward": "bleu", "alpha": "inf", "beta": 0}, Point(reward=BLEU, alpha=INF, beta=0.0)),
        ({"reward": "bleu", "rho": 0.25, "tau": 2}, Point(reward=BLEU, alpha=0.5, beta=1.5)),
        ({"reward": "bleu", "rho": 0.25}, Point(reward=BLEU, alpha=0.25, beta=0.75)),
        ({"reward": "bleu", "tau": 0.1}, Point(reward=BLEU, alpha=0.0, beta=0.1)),
        ({"reward": "bleu", "rho": 1, "tau": "inf"}, Point(reward=BLEU, alpha=INF, beta=0.0)),
        ({"reward": "bleu", "alpha": "inf"}, Point(reward=BLEU, alpha=INF, beta=0.0)),
        ({"reward": "bleu", "alpha": "inf", "beta": 0.1}, Point(reward=BLEU, alpha=INF, beta=0.1)),
        ({"reward": {"truth": 1}, "prefix": "truth"}, Point(reward=TRUTH, prefix="truth")),
    ],
)
def test_a_point_is_read_in_either_coordinates(written, point):
    assert Point.from_dict(written) == point


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": -1.0}, r"alpha must be >= 0, got -1\.0; alpha weighs the model"),
        ({"alpha": NAN}, r"alpha must be >= 0, got nan; alpha weighs the model"),
        ({"beta": -1.0}, r"beta must be >= 0 and finite, got -1\.0; beta weighs the entropy"),
        ({"beta": INF}, r"beta must be >= 0 and finite, got inf; beta weighs the entropy"),
        ({"beta": NAN}, r"beta must be >= 0 and finite, got nan; beta weighs the entropy"),
        ({"alpha": 0.0, "beta": 0.0}, r"alpha \+ beta must be > 0, got alpha=0, beta=0; use beta=1"),
        ({"prefix": "beam"}, r"prefix must be one of truth, q, model, got 'beam'"),
        ({"label": "hard"}, r"label must be one of sampled, expected, truth, got 'hard'"),
        ({"alpha": INF}, r"alpha=inf .* needs reward task=1, got truth=1"),
        ({"alpha": INF, "reward": BLEU, "prefix": "truth"}, r"got prefix=truth, .*use prefix: q, label: sampled"),
        ({"alpha": INF, "reward": BLEU, "label": "expected"}, r"label=expected; use prefix: q, label: sampled"),
        ({"alpha": INF, "reward": BLEU, "label": "truth"}, r"label=truth; use prefix: q, label: sampled"),
        (
            {"alpha": INF, "beta": 0.5, "reward": BLEU, "estimator": RISK},
            r"estimator minimum_risk has no entropy term, so beta must be 0, got beta=0\.5; leave beta out",
        ),
        (
            {"reward": BLEU, "estimator": Estimator(samples=2, baseline="group")},
            r"estimator token weighs no draw by its reward, so baseline=group has no effect; leave it out",
        ),
        (
            {"alpha": INF, "beta": 0.0, "reward": COLD, "estimator": Estimator(samples=2, baseline="group")},
            r"standardises the rewards, so reward\.temperature=0\.5 has no effect; leave it out",
        ),
        (
            {"reward": BLEU, "prefix": "truth", "label": "expected", "estimator": Estimator(samples=2)},
            r"prefix=truth with label=expected draws nothing, so samples=2 has no effect; leave it out",
        ),
        (
            {"reward": BLEU, "estimator": Estimator(scale="batch")},
            r"estimator token has no scale, so scale=batch has no effect; leave it out",
        ),
        (
            {
                "alpha": INF,
                "beta": 0.0,
                "reward": BLEU,
                "estimator": Estimator(kind="minimum_risk", samples=2, normalise="sum"),
            },
            r"has no normalise, so normalise=sum has no effect; leave it out",
        ),
        (
            {"reward": BLEU, "alpha": 1.0, "estimator": Estimator(samples=2, with_reference=True)},
            r"has no draws beside which the reference can stand, got with_reference=true, forced=0; leave it out",
        ),
        (
            {
                "alpha": INF,
                "beta": 0.0,
                "reward": BLEU,
                "forced": 0.5,
                "estimator": Estimator(samples=2, with_reference=True),
            },
            r"got with_reference=true, forced=0\.5; leave it out",
        ),
        (
            {"reward": BLEU, "alpha": 0.5, "beta": 0.5, "estimator": BEST},
            r"best_of is the point alpha=1, beta=0, got alpha=0\.5, beta=0\.5",
        ),
        (
            {"reward": COLD, "alpha": 1.0, "beta": 0.0, "estimator": BEST},
            r"sees the order of the rewards alone, so reward\.temperature=0\.5 has no effect; leave it out",
        ),
        ({"reward": BLEU, "estimator": CANDIDATES}, r"estimator candidates needs anchor frozen, .*, got self"),
        ({"anchor": "start"}, r"anchor must be one of self, frozen, ema, got 'start'"),
        ({"kappa": -1.0}, r"kappa must be >= 0 and finite, got -1\.0; kappa weighs KL"),
        ({"anchor": "frozen"}, r"anchor=frozen has no effect where q does not read the model, got alpha=0, truth=1"),
        ({"alpha": INF, "beta": 0.0, "reward": BLEU, "anchor": "ema"}, r"anchor=ema has no effect .* use e\.g\. kappa"),
        ({"alpha": INF, "beta": 0.0, "reward": BLEU, "kappa": 0.1}, r"kappa needs an anchor, got kappa=0\.1, .*frozen"),
        (
            {"alpha": 1.0, "reward": BLEU, "anchor": "ema", "kappa": 0.1},
            r"kappa is the penalty at alpha=inf with estimator token, got kappa=0\.1 at alpha=1 with token",
        ),
        (
            {"alpha": 1.0, "reward": BLEU, "anchor": "ema", "prefix": "model"},
            r"prefix=model reads the model itself, got anchor=ema; use prefix: q or truth",
        ),
        (
            {
                "alpha": INF,
                "beta": 0.0,
                "reward": BLEU,
                "anchor": "frozen",
                "kappa": 0.1,
                "estimator": Estimator(samples=2, with_reference=True),
            },
            r"kappa needs draws from the model alone, got with_reference=true",
        ),
        ({"rate": 0.0}, r"rate must be > 0 and finite, got 0\.0; it is a factor on the learning rate"),
        ({"rate": NAN}, r"rate must be > 0 and finite, got nan"),
        ({"reward": BLEU, "estimator": Estimator(reuse=4)}, r"has no reuse, so reuse=4 has no effect; leave it out"),
        ({"forced": 1.5}, r"forced must lie in \[0, 1\], got 1\.5; it is a share of the reference"),
        ({"forced": NAN}, r"forced must lie in \[0, 1\], got nan"),
        ({"forced": 0.5, "prefix": "truth"}, r"forced needs prefix q and estimator token, got prefix=truth"),
        ({"reward": BLANK}, r"noise_kind=blank needs label=truth and alpha=0, got label=sampled"),
        ({"reward": BLANK, "label": "truth", "alpha": 0.5}, r"noise_kind=blank needs .*alpha=0, got .*alpha=0\.5"),
        ({"alpha": INF, "reward": BLEU, "estimator": SEQUENCE}, r"needs estimator token or minimum_risk, got sequence"),
        ({"reward": BLEU, "estimator": RISK}, r"minimum_risk is a policy gradient and needs alpha=inf, got alpha=0"),
        ({"reward": BLEU, "alpha": 1.0, "estimator": NGRAM}, r"ngram draws without the model and needs alpha=0"),
        ({"reward": BLEU, "estimator": TPO}, r"target_policy draws from the model and needs alpha > 0"),
        (
            {"reward": BLEU, "alpha": 1.0, "estimator": dataclasses.replace(TPO, baseline="leave_one_out")},
            r"baseline none or group",
        ),
        ({"reward": BLEU, "estimator": Estimator(kind="stratified")}, r"draws by edit and needs the reward edit, got"),
        ({"estimator": NGRAM}, r"ngram needs reward task=1, got truth=1"),
        (
            {"reward": BLEU, "estimator": SEQUENCE, "label": "expected"},
            r"sequence trains on whole targets",
        ),
        ({"reward": BLEU, "estimator": NGRAM, "forced": 0.5}, r"forced needs prefix q and estimator token, .*ngram"),
        (
            {"reward": CHRF},
            r"chrf scores finished .* estimator token at alpha=0 .*it works with alpha=inf",
        ),
        ({"reward": CHRF, "alpha": 1.0}, r"chrf scores finished targets alone, and estimator token at alpha=1"),
        (
            {"reward": CHRF, "estimator": SEQUENCE},
            r"estimator sequence at alpha=0 .*target_policy or sequence at",
        ),
    ],
)
@pytest.mark.usefixtures("as_users_run")
def test_a_value_out_of_range_is_named_with_its_remedy(settings, message):
    with pytest.raises(ConfigError, match=message):
        Point(**({"reward": TRUTH} | settings))


@pytest.mark.parametrize(
    "settings",
    [
        {"alpha": INF, "beta": 0.0},
        {"alpha": INF, "beta": 0.0, "estimator": RISK},
        {"alpha": 1.0, "beta": 0.0, "estimator": TPO},
        {"alpha": 0.5, "estimator": SEQUENCE},
        {"estimator": NGRAM},
    ],
)
@pytest.mark.parametrize("metric", ["chrf", "mine.scores:comet"])
def test_every_point_that_weights_finished_targets_takes_a_reward_without_increments(settings, metric):
    assert Point(reward=Reward(task=1.0, metric=metric), **settings).reward.metric == metric


def test_policy_gradient_refuses_labels_other_than_the_rewarded_tokens():
    # with prefix=model the labels are drawn anew, so the reward would be that of other tokens
    with pytest.raises(ConfigError, match="got prefix=model, label=sampled; use prefix: q"):
        Point(reward=BLEU, alpha=INF, beta=0.0, prefix="model")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("mle", r"a point must be a mapping with the field reward, got 'mle'"),
        (None, r"a point must be a mapping with the field reward, got nothing"),
        ({}, r"point\.reward is missing; use e\.g\. reward: bleu"),
        ({"reward": "truth", "gamma": 1}, r"point\.gamma is unknown; known are reward, alpha, beta, rho, tau"),
        ({"reward": "truth", "alpha": 1, "tau": 1}, r"either alpha and beta or rho and tau, got both"),
        ({"reward": "truth", "alpha": "much"}, r"alpha must be a number, got 'much'"),
        ({"reward": "truth", "beta": None}, r"beta must be a number, got nothing"),
        ({"reward": "truth", "beta": True}, r"beta must be a number, got True"),
        ({"reward": "truth", "rho": 1.5}, r"rho must lie in \[0, 1\], got 1\.5; it is alpha / \(alpha \+ beta\)"),
        ({"reward": "truth", "rho": NAN}, r"rho must lie in \[0, 1\], got nan"),
        ({"reward": "bleu", "rho": 0.5, "tau": -1}, r"tau must be > 0, got -1\.0"),
        ({"reward": "bleu", "rho": 0.5, "tau": 0}, r"tau must be > 0, got 0\.0"),
        ({"reward": "bleu", "tau": NAN}, r"tau must be > 0, got nan"),
        ({"reward": "bleu", "prefix": ["q"]}, r"prefix must be one of truth, q, model, got \['q'\]"),
        ({"reward": "bleu", "label": 3}, r"label must be one of sampled, expected, truth, got 3"),
        ({"reward": "bleu", "alpha": 10**400}, r"alpha must"),
    ],
)
@pytest.mark.usefixtures("as_users_run")
def test_a_wrong_field_is_named_with_its_remedy(written, message):
    with pytest.raises(ConfigError, match=message):
        Point.from_dict(written)


def test_a_point_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Point(reward=TRUTH).alpha = 1.0


@pytest.mark.parametrize(
    ("point", "reads_model"),
    [
        (Point(reward=TRUTH, alpha=1.0), False),
        (Point(reward=BLEU, alpha=0.0), False),
        (Point(reward=BLEU, alpha=0.5), True),
        (Point(reward=Reward(truth=0.5, noise=0.5), alpha=0.0), False),
        (Point(reward=Reward(truth=0.5, model=0.5), alpha=0.0), True),
    ],
)
def test_the_sampler_needs_the_model_only_where_q_depends_on_it(point, reads_model):
    assert point.sampler_reads_model is reads_model


def test_a_point_prints_its_reward_and_weights():
    assert str(Point(reward=TRUTH, alpha=0.5, beta=1.5)) == "truth=1 α=0.5 β=1.5"
    assert str(Point(reward=TRUTH, prefix="truth", label="expected")) == "truth=1 α=0 β=1 prefix=truth label=expected"


PG = Point(reward=BLEU, alpha=INF, beta=0.0)


class TestBlends:
    def test_parts_are_its_points_with_shares_that_sum_to_1(self):
        blend = Point(reward=TRUTH, blend=((0.3, PG),))
        assert blend.parts == ((0.7, Point(reward=TRUTH)), (0.3, PG))
        assert Point.blended(blend.parts) == blend
        assert PG.parts == ((1.0, PG),)

    def test_equal_points_are_one_and_shares_of_0_are_left_out(self):
        assert Point.blended([(0.25, PG), (0.5, Point(reward=TRUTH)), (0.25, PG)]) == Point.blended(
            [(0.5, PG), (0.5, Point(reward=TRUTH))]
        )
        assert Point.blended([(1.0, PG), (0.0, Point(reward=TRUTH))]) == PG

    @given(blends(), finite_points(), st.floats(0.05, 0.95))
    def test_a_blend_of_blends_has_the_products_of_the_shares(self, blend, other, share):
        nested = Point.blended([(share, blend), (1.0 - share, other)])
        expected = {part: share * own for own, part in blend.parts}
        expected[other] = expected.get(other, 0.0) + 1.0 - share
        assert {part: own for own, part in nested.parts} == pytest.approx(expected)

    def test_its_rate_is_the_geometric_mean_of_its_parts(self):
        slow, fast = dataclasses.replace(PG, rate=0.25), Point(reward=TRUTH, rate=4.0)
        blend = Point.blended([(0.5, slow), (0.25, fast), (0.25, dataclasses.replace(fast, rate=1.0))])
        assert blend.rate == pytest.approx(0.25**0.5 * 4.0**0.25)
        assert blend.parts == ((0.5, PG), (0.5, Point(reward=TRUTH)))

    def test_the_main_part_has_the_largest_share(self):
        assert Point.blended([(0.4, Point(reward=TRUTH)), (0.6, PG)]).main == PG
        assert Point.blended([(0.5, Point(reward=TRUTH)), (0.5, PG)]).main == Point(reward=TRUTH)

    @given(blends())
    def test_from_dict_inverts_to_dict(self, blend):
        assert Point.from_dict(json.loads(json.dumps(blend.to_dict()))) == blend

    def test_its_text_names_every_part(self):
        assert str(Point(reward=TRUTH, blend=((0.25, PG),))) == f"{Point(reward=TRUTH)} + 0.25 × ({PG})"

    @pytest.mark.parametrize(
        ("blend", "message"),
        [
            (((0.0, PG),), r"blend\.share must lie between 0 and 1, got 0\.0"),
            (((0.5, PG), (0.5, Point(reward=BLEU))), r"blend shares must sum to less than 1, got 1; the rest is for"),
            (((0.2, dataclasses.replace(PG, rate=0.5)),), r"no rate of its own, got rate=0\.5; give the blend one"),
            (((0.2, PG), (0.3, PG)), r"different points, got one twice"),
            (((0.2, Point(reward=TRUTH)),), r"different points, got one twice"),
            (((0.2, Point(reward=BLEU, blend=((0.5, PG),))),), r"blend\.point must be a point without a blend"),
        ],
    )
    def test_what_is_no_blend_is_an_error(self, blend, message):
        with pytest.raises(ConfigError, match=message):
            Point(reward=TRUTH, blend=blend)

    @pytest.mark.parametrize("written", ["grpo", [0.5], [{"share": 0.5}], {"share": 0.5, "point": {"reward": "bleu"}}])
    def test_what_is_no_list_of_parts_is_an_error(self, written):
        with pytest.raises(ConfigError, match="blend must be a list of mappings with the fields share and point"):
            Point.from_dict({"reward": "truth", "blend": written})
