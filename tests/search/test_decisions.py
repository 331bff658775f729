import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.search.decisions import Standing, decide
from erpo_explore.space import Path, Point, Reward
from erpo_explore.space.search import Search

TRUTH = Point(reward=Reward(truth=1.0))
RANGES = {"task": (0.0, 0.4), "model": (0.0, 0.3), "temperature": (0.02, 0.5)}
quantiles = st.floats(0.0, 0.5)
populations = st.lists(st.sampled_from([0.0, 10.0, 20.0]) | st.floats(0.0, 100.0), min_size=1, max_size=9)


def standing(index, score):
    """A member with a path of its own."""
    task = index / 100.0
    walked = Point(reward=Reward(truth=1.0 - task, task=task, temperature=0.1))
    return Standing(name=f"member-{index}", index=index, score=score, path=Path(knots=((0.0, TRUTH), (0.25, walked))))


def decided(scores, *, quantile=0.25, seed=1, generation=1):
    search = Search(quantile=quantile, ranges=RANGES, members=len(scores))
    return decide([standing(*pair) for pair in enumerate(scores)], search, "bleu", seed=seed, generation=generation)


def members(decisions, action):
    return [decision.member for decision in decisions if decision.action == action]


@given(populations, quantiles)
def test_everybody_is_ranked_by_score_and_the_first_of_equals_goes_first(scores, quantile):
    decisions = decided(scores, quantile=quantile)
    order = sorted(range(len(scores)), key=lambda index: (-scores[index], index))
    assert [decision.member for decision in decisions] == [f"member-{index}" for index in order]
    assert [decision.rank for decision in decisions] == list(range(1, len(scores) + 1))
    assert {decision.population for decision in decisions} == {len(scores)}
    assert [decision.score for decision in decisions] == [scores[index] for index in order]


@pytest.mark.parametrize(
    ("population", "quantile", "num_clones"),
    [(1, 0.5, 0), (2, 0.25, 1), (3, 0.5, 1), (4, 0.25, 1), (5, 0.25, 2), (8, 0.25, 2), (8, 0.0, 0), (8, 0.5, 4)],
)
def test_the_worst_share_is_replaced_rounded_up_but_never_more_than_half(population, quantile, num_clones):
    decisions = decided([float(score) for score in range(population)], quantile=quantile)
    assert members(decisions, "clone") == [f"member-{index}" for index in reversed(range(num_clones))]


@given(populations, quantiles, st.integers(0, 50))
def test_clones_go_on_with_weights_and_path_of_one_of_the_best_share_which_is_better(scores, quantile, generation):
    decisions = decided(scores, quantile=quantile, generation=generation)
    num_best = min(math.ceil(len(scores) * quantile), len(scores) // 2)
    best = {decision.member: decision for decision in decisions[:num_best]}
    for decision in decisions:
        own = standing(int(decision.member.removeprefix("member-")), decision.score)
        if decision.action == "continue":
            assert (decision.donor, decision.donor_score, decision.path) == (None, None, own.path)
            continue
        donor = best[decision.donor]
        assert decision.donor_score == donor.score > decision.score
        assert decision.path == donor.path
        assert decision.rank > len(scores) - num_best
        assert donor.action == "continue"


@given(st.floats(0.0, 100.0), st.integers(1, 9), quantiles)
def test_among_equals_nobody_gives_up_his_weights(score, population, quantile):
    assert members(decided([score] * population, quantile=quantile), "clone") == []


def test_whom_to_clone_is_drawn_from_the_whole_best_share():
    donors = {decided([4.0, 3.0, 2.0, 1.0], quantile=0.5, generation=g)[3].donor for g in range(1, 30)}
    assert donors == {"member-0", "member-1"}


def test_a_member_alone_goes_on_to_a_knot_of_its_own():
    (decision,) = decided([5.0], quantile=0.5)
    assert (decision.action, decision.rank, decision.population) == ("continue", 1, 1)
    assert decision.next_knot != decision.path.end


@given(populations.flatmap(lambda scores: st.tuples(st.just(scores), st.permutations(range(len(scores))))), quantiles)
def test_the_order_of_the_standings_does_not_matter(shuffled, quantile):
    scores, order = shuffled
    search = Search(quantile=quantile, ranges=RANGES)
    standings = [standing(index, scores[index]) for index in order]
    assert decide(standings, search, "bleu", seed=1, generation=1) == decided(scores, quantile=quantile)


@given(populations, st.integers(0, 2**31 - 1), st.integers(1, 100))
def test_seed_and_generation_decide(scores, seed, generation):
    assert decided(scores, seed=seed, generation=generation) == decided(scores, seed=seed, generation=generation)


@pytest.mark.parametrize("other", [{"seed": 2}, {"generation": 2}])
def test_another_seed_or_generation_decides_otherwise(other):
    knots = [[d.next_knot for d in decided([1.0, 2.0, 3.0], **settings)] for settings in ({}, other)]
    assert all(one != another for one, another in zip(*knots, strict=True))


@given(populations, st.integers(1, 20))
def test_every_next_knot_lies_in_the_ranges(scores, generation):
    for decision in decided(scores, generation=generation):
        reward = decision.next_knot.reward
        assert 0.0 <= reward.task <= 0.4
        assert 0.0 <= reward.model <= 0.3
        assert 0.02 <= reward.temperature <= 0.5


@given(populations, populations)
def test_the_knot_of_a_member_that_goes_on_does_not_depend_on_the_others(scores, others):
    alone, among = (
        {decision.member: decision.next_knot for decision in decided(all_scores, quantile=0.0)}
        for all_scores in (scores, [*scores, *others])
    )
    assert alone.items() <= among.items()


def test_members_of_the_same_path_walk_to_different_knots():
    standings = [Standing(name=f"m{i}", index=i, score=1.0, path=Path.constant(TRUTH)) for i in range(6)]
    decisions = decide(standings, Search(ranges=RANGES), "bleu", seed=1, generation=1)
    assert len({decision.next_knot for decision in decisions}) == 6


def test_a_clone_walks_to_a_knot_near_its_donors_end():
    end = Point(reward=Reward(truth=0.6, task=0.4, temperature=0.5))
    donor = Standing(name="best", index=0, score=9.0, path=Path.constant(end))
    worst = Standing(name="worst", index=1, score=1.0, path=Path.constant(TRUTH))
    search = Search(ranges={"task": (0.0, 1.0)}, resample=0.0, quantile=0.5)
    shifts = [
        decide([donor, worst], search, "bleu", seed=1, generation=g)[1].next_knot.reward.task - 0.4 for g in range(200)
    ]
    # σ = 0.2 of the range, cut at 0
    assert abs(sum(shifts) / 200) < 0.05


def test_the_reason_says_who_clones_whom():
    best, worst = decided([9.0, 1.0])
    assert best.reason == "rank 1 of 2: goes on with its own weights"
    assert worst.reason == "rank 2 of 2: among the worst 1, clones member-0"
