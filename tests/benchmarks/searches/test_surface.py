import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.ensemble import ExtraTreesRegressor

from benchmarks.searches.surface import SENTENCES, States, coordinates, path_coordinates, recorded_knots
from benchmarks.searches.surface_error import rolled_out, seed_spread
from benchmarks.searches.surface_paths import INTERVALS, knotted, mixed, plan
from erpo_explore.space import Path
from tests.benchmarks.searches.made_up import SENTENCE_CORRELATION, SENTENCE_SD, law, recording, surface

NOISY, TRUTH = mixed(noise=0.4), mixed()
FIRST_NOISE = Path(knots=((0.0, NOISY), (0.5, NOISY), (0.7, TRUTH)))


def members(*scores):
    states = States.first(np.zeros((len(scores), 4)))
    object.__setattr__(states, "score_N", np.asarray(scores, dtype=float))
    return states


class TestStates:
    def test_means_decay_with_their_horizon(self):
        before = States.first(np.zeros((1, 4)))
        after = before.moved(np.full((1, 4), 0.4))

        # the mean of the interval is 0.2
        assert after.short_NC[0, 0] == pytest.approx(0.2 / 2)
        assert after.long_NC[0, 0] == pytest.approx(0.2 / 6)
        assert after.moved(np.full((1, 4), 0.4)).short_NC[0, 0] == pytest.approx(0.1 + (0.4 - 0.1) / 2)

    def test_features_distinguish_members_by_their_past(self):
        states = States.first(np.stack([coordinates(NOISY), coordinates(TRUTH)]))
        for _ in range(2):
            states = states.moved(np.stack([coordinates(TRUTH)] * 2))

        first, second = states.features(states.knot_NC)
        assert first[3:11] == pytest.approx(second[3:11])  # both are at the same position
        assert first[11] > second[11]
        assert first[15] > second[15]

    def test_clone_equals_its_donor(self):
        states = surface().advance(members(10.0, 20.0), np.stack([coordinates(NOISY), coordinates(TRUTH)]))
        cloned = states.rows([1, 1])

        assert cloned.interval == states.interval
        assert cloned.score_N.tolist() == [states.score_N[1]] * 2
        assert (cloned.features(cloned.knot_NC) == states.features(states.knot_NC)[1]).all()

    def test_temperature_without_a_task_weight_has_no_effect(self):
        assert (coordinates(mixed(noise=0.1, temperature=0.02)) == coordinates(mixed(noise=0.1))).all()
        assert coordinates(mixed(task=0.2, temperature=0.02))[3] == pytest.approx(0.2 * np.log(0.2))


def test_paths_are_linear_between_knots():
    noise_T = path_coordinates(FIRST_NOISE)[:, 0]

    assert noise_T == pytest.approx([0.4] * 6 + [0.2] + [0.0] * 4)


class TestSurface:
    def test_scores_of_unseen_paths_are_predicted(self):
        final_P, recorded_P = rolled_out(recording(), ExtraTreesRegressor(30, random_state=0), folds=3)

        assert len(final_P) == recording()["run"].nunique()
        assert spearmanr(final_P, recorded_P).statistic > 0.8

    def test_best_path_early_is_not_the_best_late(self):
        states = States.first(np.stack([coordinates(NOISY), coordinates(TRUTH)]))
        leads = []
        for index in range(1, INTERVALS + 1):
            knots = np.stack([path_coordinates(path)[index] for path in (FIRST_NOISE, Path.constant(TRUTH))])
            states = surface().advance(states, knots)
            leads.append(states.score_N[0] - states.score_N[1])

        assert law(FIRST_NOISE)[0] < law(Path.constant(TRUTH))[0] - 5.0
        assert leads[0] < -5.0
        assert law(FIRST_NOISE)[-1] > law(Path.constant(TRUTH))[-1] + 20.0
        assert leads[-1] > 15.0

    def test_whole_path_equals_its_intervals_in_sequence(self):
        knots_TC = path_coordinates(FIRST_NOISE)
        states = States.first(knots_TC[:1])
        for index in range(1, INTERVALS + 1):
            states = surface().advance(states, knots_TC[index : index + 1])

        assert surface().final_scores(knots_TC[None]) == pytest.approx(states.score_N)

    def test_luck_has_zero_mean_and_is_seeded(self):
        knot_NC, states = np.stack([coordinates(TRUTH)] * 2000), members(*[30.0] * 2000)
        expected = surface().advance(states, knot_NC).score_N
        lucky, again = (surface().advance(states, knot_NC, np.random.default_rng(4)).score_N for _ in range(2))

        assert (lucky == again).all()
        assert lucky.std() > 0.3
        assert lucky.mean() == pytest.approx(expected[0], abs=4 * lucky.std() / 2000**0.5)

    def test_recorded_knots_are_those_of_the_planned_path(self):
        planned = plan(90, num_repeated=4, repeats=2)[5]
        run = recording()[recording()["run"] == planned.name]

        assert recorded_knots(run) == pytest.approx(path_coordinates(planned.path))


class TestObservation:
    def test_observed_scores_scatter_around_the_true_one(self):
        scores = surface().observe(members(*[40.0] * 4000), np.random.default_rng(1)).mean(axis=1)
        expected_sd = SENTENCE_SD * ((1 - SENTENCE_CORRELATION) / SENTENCES) ** 0.5

        assert scores.mean() == pytest.approx(40.0, abs=0.1)
        assert scores.std() == pytest.approx(expected_sd, rel=0.05)
        assert surface().evaluation_sd == pytest.approx(expected_sd)

    def test_sentence_scores_have_the_recorded_spread_and_correlation(self):
        sentences_NS = surface().observe(members(*[40.0] * 200), np.random.default_rng(2))
        difference = (sentences_NS[0::2] - sentences_NS[1::2]).std(axis=1, ddof=1).mean()

        assert sentences_NS.std(axis=1, ddof=1).mean() == pytest.approx(SENTENCE_SD, rel=0.05)
        assert difference == pytest.approx(SENTENCE_SD * (2 * (1 - SENTENCE_CORRELATION)) ** 0.5, rel=0.05)
        assert np.corrcoef(sentences_NS).mean() == pytest.approx(SENTENCE_CORRELATION, abs=0.03)


def test_seed_spread_is_that_of_the_repeated_paths():
    # the noise of the law is 2 points per evaluation
    assert seed_spread(recording()) == pytest.approx(2.0, rel=0.6)


class TestPlan:
    def test_names_and_seeds_are_unique_and_reproducible(self):
        first, second = plan(), plan()

        assert first == second
        assert len({planned.name for planned in first}) == len({planned.seed for planned in first}) == len(first)

    def test_maximum_likelihood_has_several_seeds(self):
        constant = [planned for planned in plan() if planned.path == Path.constant(TRUTH)]

        assert len(constant) == 4
        assert len({planned.name.rsplit("-", 1)[1] for planned in constant}) == 1

    def test_knots_are_at_the_ends_of_intervals(self):
        path = knotted([mixed(noise=0.01 * index) for index in range(INTERVALS + 1)])

        assert [at for at, _ in path.knots] == [index / INTERVALS for index in range(INTERVALS + 1)]
        assert path.at(0.35).reward.noise == pytest.approx(0.035)

    @pytest.mark.parametrize("weights", [(0.4, 0.4, 0.3), (0.1, 0.0, 0.0)])
    def test_weights_stay_on_the_simplex(self, weights):
        reward = mixed(*weights).reward

        assert sum(reward.weights) == pytest.approx(1.0)
        assert reward.noise * weights[2] == pytest.approx(reward.model * weights[0])
