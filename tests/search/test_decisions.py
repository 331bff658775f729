import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.config.search import Search
from erpo_explore.search.decisions import decide
from erpo_explore.search.ranking import MemberState
from erpo_explore.search.subpopulations import period_of, periods
from erpo_explore.space import Path, Point, Reward
from erpo_explore.stats.bootstrap import CorpusStatistics

TRUTH = Point(reward=Reward(truth=1.0))
RANGES = {"task": (0.0, 0.4), "model": (0.0, 0.3), "temperature": (0.02, 0.5)}
quantiles = st.floats(0.0, 0.5)
populations = st.lists(st.sampled_from([0.0, 10.0, 20.0]) | st.floats(0.0, 100.0), min_size=1, max_size=9)


def state(index, score, *, iteration=1, sentences=None):
    """A member with its own path."""
    task = index / 20.0
    end = Point(reward=Reward(truth=1.0 - task, task=task, temperature=0.1))
    return MemberState(
        name=f"member-{index}",
        index=index,
        iteration=iteration,
        objective=score,
        path=Path(knots=((0.0, TRUTH), (0.25, end))),
        statistics=None if sentences is None else CorpusStatistics(kind="mean", values_ND=sentences[:, None]),
    )


def decided(scores, *, seed=1, generation=1, **settings):
    """Decisions of a single population, as in plain PBT."""
    search = Search(ranges=RANGES, members=len(scores), evolve_every=(1,), **settings)
    states = [state(index, score, iteration=generation) for index, score in enumerate(scores)]
    return decide(states, search, "bleu", seed=seed, generation=generation, num_intervals=1000)


def by_member(decisions):
    return {decision.member: decision for decision in decisions}


def members(decisions, action):
    return [decision.member for decision in decisions if decision.action == action]


@given(populations, quantiles)
def test_members_are_ranked_by_score_and_ties_by_index(scores, quantile):
    decisions = decided(scores, quantile=quantile)
    order = sorted(range(len(scores)), key=lambda index: (-scores[index], index))
    assert [decision.member for decision in decisions] == [f"member-{index}" for index in order]
    assert [decision.rank for decision in decisions] == list(range(1, len(scores) + 1))
    assert {decision.population for decision in decisions} == {len(scores)}
    assert [decision.objective for decision in decisions] == [scores[index] for index in order]


@pytest.mark.parametrize(
    ("population", "quantile", "num_clones"),
    [(1, 0.5, 0), (2, 0.25, 1), (3, 0.5, 1), (4, 0.25, 1), (5, 0.25, 2), (8, 0.25, 2), (8, 0.0, 0), (8, 0.5, 4)],
)
def test_share_of_clones_is_rounded_up_to_at_most_half(population, quantile, num_clones):
    decisions = decided([float(score) for score in range(population)], quantile=quantile)
    assert members(decisions, "clone") == [f"member-{index}" for index in reversed(range(num_clones))]


@given(populations, quantiles, st.integers(0, 50))
def test_clones_take_weights_and_path_of_a_better_winner(scores, quantile, generation):
    decisions = decided(scores, quantile=quantile, generation=generation)
    num_best = min(math.ceil(len(scores) * quantile), len(scores) // 2)
    best = {decision.member: decision for decision in decisions[:num_best]}
    for decision in decisions:
        own = state(int(decision.member.removeprefix("member-")), decision.objective)
        if decision.action == "continue":
            assert (decision.donor, decision.donor_objective, decision.path) == (None, None, own.path)
            continue
        donor = best[decision.donor]
        assert decision.donor_objective == donor.objective > decision.objective
        assert decision.path == donor.path
        assert decision.rank > len(scores) - num_best
        assert donor.action == "continue"


@given(st.floats(0.0, 100.0), st.integers(1, 9), quantiles)
def test_equal_scores_give_no_clones(score, population, quantile):
    assert members(decided([score] * population, quantile=quantile), "clone") == []


def test_donors_are_drawn_from_all_winners():
    donors = {decided([4.0, 3.0, 2.0, 1.0], quantile=0.5, generation=g)[3].donor for g in range(1, 30)}
    assert donors == {"member-0", "member-1"}


def test_single_member_continues_to_a_new_knot():
    (decision,) = decided([5.0], quantile=0.5)
    assert (decision.action, decision.rank, decision.population) == ("continue", 1, 1)
    assert decision.next_knot != decision.path.end


@given(populations.flatmap(lambda scores: st.tuples(st.just(scores), st.permutations(range(len(scores))))), quantiles)
def test_decisions_do_not_depend_on_the_order_of_states(shuffled, quantile):
    scores, order = shuffled
    search = Search(quantile=quantile, ranges=RANGES, members=len(scores), evolve_every=(1,))
    states = [state(index, scores[index]) for index in order]
    decisions = decide(states, search, "bleu", seed=1, generation=1, num_intervals=1000)
    assert decisions == decided(scores, quantile=quantile)


@given(populations, st.integers(0, 2**31 - 1), st.integers(1, 100))
def test_same_seed_and_generation_decide_the_same(scores, seed, generation):
    assert decided(scores, seed=seed, generation=generation) == decided(scores, seed=seed, generation=generation)


@pytest.mark.parametrize("other", [{"seed": 2}, {"generation": 2}])
def test_other_seed_or_generation_draws_other_knots(other):
    knots = [[d.next_knot for d in decided([1.0, 2.0, 3.0], **settings)] for settings in ({}, other)]
    assert all(one != another for one, another in zip(*knots, strict=True))


@given(populations, st.integers(1, 20))
def test_next_knots_lie_in_the_ranges(scores, generation):
    for decision in decided(scores, generation=generation):
        reward = decision.next_knot.reward
        assert 0.0 <= reward.task <= 0.4
        assert 0.0 <= reward.model <= 0.3
        assert 0.02 <= reward.temperature <= 0.5


@given(populations, populations)
def test_knot_of_a_continuing_member_does_not_depend_on_other_members(scores, others):
    alone, among = (
        {decision.member: decision.next_knot for decision in decided(all_scores, quantile=0.0)}
        for all_scores in (scores, [*scores, *others])
    )
    assert alone.items() <= among.items()


def test_members_with_one_path_get_different_knots():
    states = [replace(state(i, 1.0), path=Path.constant(TRUTH)) for i in range(6)]
    decisions = decide(states, Search(ranges=RANGES), "bleu", seed=1, generation=1, num_intervals=4)
    assert len({decision.next_knot for decision in decisions}) == 6


def test_knot_of_a_clone_is_drawn_around_the_end_of_its_donors_path():
    end = Point(reward=Reward(truth=0.6, task=0.4, temperature=0.5))
    donor, worst = replace(state(0, 9.0), path=Path.constant(end)), state(1, 1.0)
    search = Search(ranges={"task": (0.0, 1.0)}, resample=0.0, p_start=0.0, quantile=0.5)
    shifts = [
        decide([donor, worst], search, "bleu", seed=1, generation=g, num_intervals=300)[1].next_knot.reward.task - 0.4
        for g in range(200)
    ]
    # σ = 0.2 of the range, clipped at 0
    assert abs(sum(shifts) / 200) < 0.05


def test_reason_names_the_donor():
    best, worst = decided([9.0, 1.0])
    assert best.reason == "rank 1 of 2: goes on with its own weights"
    assert worst.reason == "rank 2 of 2: clones member-0, a winner"


def test_knot_is_reached_after_one_period_or_at_the_end_of_the_budget():
    search = Search(ranges=RANGES, members=8, evolve_every=(1, 4))
    states = [state(index, float(index), iteration=8) for index in range(8)]
    decisions = by_member(decide(states, search, "bleu", seed=1, generation=8, num_intervals=10))
    assert {decisions[f"member-{index}"].until for index in (0, 2, 4, 6)} == {9}
    assert {decisions[f"member-{index}"].until for index in (1, 3, 5, 7)} == {10}


class TestBootstrap:
    """Members with sentence statistics."""

    def decide_second(self, noise, **settings):
        generator = np.random.default_rng(0)
        shared = generator.normal(30.0, 15.0, size=300)
        better = shared + 1.0 + generator.normal(0.0, noise, size=300)
        states = [
            state(0, float(better.mean()), sentences=better),
            state(1, float(shared.mean()), sentences=shared),
        ]
        search = Search(ranges=RANGES, members=2, **settings)
        return decide(states, search, "rouge", seed=1, generation=1, num_intervals=4)[1]

    def test_difference_in_every_sentence_is_significant(self):
        decision = self.decide_second(noise=1.0)
        assert (decision.action, decision.donor) == ("clone", "member-0")
        assert decision.p_value < 0.01

    def test_difference_within_noise_is_not_significant(self):
        decision = self.decide_second(noise=40.0)
        assert decision.action == "continue"
        assert decision.p_value > 0.1
        assert "may be better by chance" in decision.reason

    def test_truncation_ignores_noise(self):
        decision = self.decide_second(noise=40.0, selection="truncation")
        assert (decision.action, decision.p_value) == ("clone", None)

    @given(st.floats(0.01, 0.99))
    def test_p_exploit_is_the_threshold(self, p_exploit):
        decision = self.decide_second(noise=20.0, p_exploit=p_exploit)
        assert (decision.action == "clone") == (decision.p_value < p_exploit)


class TestSubPopulations:
    """Eight members: 0, 2, 4, 6 decide every interval, 1, 3, 5, 7 every fourth."""

    SEARCH = Search(ranges=RANGES, members=8, evolve_every=(1, 4), resample=0.0, p_start=0.0)

    def decide_all(self, scores, generation=4):
        states = [state(index, float(score), iteration=4) for index, score in enumerate(scores)]
        return by_member(decide(states, self.SEARCH, "bleu", seed=1, generation=generation, num_intervals=400))

    def test_members_are_ranked_within_their_sub_population(self):
        decisions = self.decide_all(range(8))
        assert [decisions[f"member-{index}"].rank for index in range(8)] == [4, 4, 3, 3, 2, 2, 1, 1]
        assert [decisions[f"member-{index}"].period for index in range(8)] == [1, 4] * 4

    def test_losers_clone_their_own_winner_and_open_members_the_best_other_winner(self):
        donors = {name: decision.donor for name, decision in self.decide_all([9, 7, 6, 8, 1, 2, 2, 3]).items()}
        expected = dict.fromkeys(donors) | {
            "member-4": "member-0",
            "member-6": "member-3",
            "member-5": "member-3",
            "member-7": "member-0",
        }
        assert donors == expected

    def test_open_member_better_than_other_winners_continues(self):
        fast_is_worse = [1, 9, 2, 8, 3, 7, 4, 6]
        assert self.decide_all(fast_is_worse)["member-5"].donor is None

    def test_clones_of_slower_winners_take_the_position_and_of_faster_ones_the_weights_alone(self):
        # member-2 (fast) clones member-7 (slow), member-3 (slow) clones member-6 (fast)
        shifts = {"member-2": [], "member-3": []}
        for generation in range(4, 404, 4):
            decisions = self.decide_all(range(8), generation)
            assert (decisions["member-2"].donor, decisions["member-3"].donor) == ("member-7", "member-6")
            assert decisions["member-2"].path == state(7, 0.0).path
            assert decisions["member-3"].path == state(6, 0.0).path
            for name, values in shifts.items():
                values.append(decisions[name].next_knot.reward.task)
        # member-2 continues near 7/20, the end of its donor's path; member-3 near 3/20, the end of its own path
        assert np.mean(shifts["member-2"]) == pytest.approx(0.35, abs=0.05)
        assert np.mean(shifts["member-3"]) == pytest.approx(0.15, abs=0.05)

    def test_fewer_than_eight_members_are_one_population(self):
        assert periods(Search(members=7)) == (2,)
        assert periods(Search(members=8)) == (2, 4)
        assert [period_of(index, Search(members=8)) for index in range(4)] == [2, 4, 2, 4]


class TestLostMembers:
    def test_lost_member_is_reseeded_from_the_best_of_all_without_a_test(self):
        search = Search(ranges=RANGES, members=8, evolve_every=(1, 4))
        scores = [None, 9.0, 5.0, 8.0, 5.0, 7.0, 5.0, 6.0]
        states = [state(index, score, iteration=4) for index, score in enumerate(scores)]
        lost = by_member(decide(states, search, "bleu", seed=1, generation=4, num_intervals=8))["member-0"]
        assert (lost.action, lost.donor, lost.objective, lost.rank) == ("clone", "member-1", None, 4)
        assert lost.reason == "rank 4 of 4: lost, re-seeded from member-1"

    def test_all_members_continue_if_all_are_lost(self):
        decisions = decided([None, None, None])
        assert members(decisions, "clone") == []
        assert all("so are all" in decision.reason for decision in decisions)


def test_member_that_is_not_due_gets_no_decision_but_may_be_a_donor():
    states = [state(index, float(index), iteration=3) for index in range(4)]
    states[3] = replace(states[3], iteration=5)
    search = Search(ranges=RANGES, members=4, evolve_every=(1,))
    (decision,) = decide(states, search, "bleu", seed=1, generation=3, num_intervals=8, due=["member-0"])
    # the donor's weights have been trained for longer, so the clone's have been, too
    assert (decision.member, decision.donor) == ("member-0", "member-3")
    assert (decision.generation, decision.until) == (5, 6)


def test_a_population_clones_what_has_fewer_errors():
    """The objective of an error rate is its negative, and so are its statistics on resampled corpora."""

    def member(index, rate):
        values_ND = np.array([[rate, 100.0]] * 60, dtype=np.float32)
        statistics = CorpusStatistics(kind="error_rate", values_ND=values_ND)
        return replace(state(index, -rate), statistics=statistics)

    rates = [40.0, 30.0, 20.0, 10.0]
    search = Search(method="population", members=4, evolve_every=[1])
    decisions = {
        decision.member: decision
        for decision in decide(
            [member(index, rate) for index, rate in enumerate(rates)],
            search,
            "bleu",
            seed=1,
            generation=1,
            num_intervals=8,
        )
    }
    assert [decisions[f"member-{index}"].rank for index in range(4)] == [4, 3, 2, 1]
    assert (decisions["member-0"].action, decisions["member-0"].donor) == ("clone", "member-3")
    assert decisions["member-0"].p_value < 0.01
