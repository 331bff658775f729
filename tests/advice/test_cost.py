"""The cost of trials from the price of a step, against sums by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.advice.cost import Estimate, PricedTrial, Timings, estimate, kind_of, phases, relative_costs
from erpo_explore.space import Path, Point, Reward, algorithm

MLE = Point(reward=Reward(truth=1.0))
GRPO = algorithm("grpo").path("bleu").end
NOISE = Point(reward=Reward(truth=0.5, noise=0.5))


def _timings(num_slots: int = 1, **changed: float) -> Timings:
    return Timings(
        num_slots=num_slots,
        startup_s=changed.get("startup_s", 0.0),
        step_s={kind_of(MLE): 0.1, kind_of(GRPO): 0.4},
        evaluation_s=changed.get("evaluation_s", 0.0),
    )


def _constant(point: Point, group: str = "mle") -> PricedTrial:
    return PricedTrial(group=group, phases=((1.0, point),))


def test_points_that_differ_in_numbers_alone_are_of_one_kind() -> None:
    assert kind_of(NOISE) == kind_of(Point(reward=Reward(truth=0.9, noise=0.1)))


@pytest.mark.parametrize("name", ["label_smoothing", "data_noising", "raml", "spg", "grpo", "rloo", "minimum_risk"])
def test_algorithms_are_of_different_kinds(name: str) -> None:
    others = {"mle", "label_smoothing", "data_noising", "raml", "spg", "grpo", "rloo", "minimum_risk"} - {name}
    kinds = {kind_of(algorithm(other).path("bleu").end) for other in others}
    assert kind_of(algorithm(name).path("bleu").end) not in kinds


def test_more_draws_are_another_kind() -> None:
    assert kind_of(algorithm("grpo", samples=8).path("bleu").end) != kind_of(GRPO)


def test_a_path_is_divided_at_its_knots() -> None:
    path = Path(knots=((0.0, MLE), (0.75, MLE), (0.75, GRPO)))
    assert phases(path) == ((0.75, MLE), (0.25, GRPO))


@pytest.mark.parametrize("name", ["mle", "interpolation", "mixer", "scheduled_sampling"])
def test_shares_of_a_path_sum_to_the_budget(name: str) -> None:
    assert sum(share for share, _ in phases(algorithm(name).path("bleu"))) == pytest.approx(1.0)


def test_each_phase_has_its_own_price() -> None:
    trial = PricedTrial(group="path", phases=((0.75, MLE), (0.25, GRPO)))
    found = estimate([trial], _timings(), steps=1000, interval=1000)
    assert found.prices == {"path": pytest.approx(0.175)}
    assert found.seconds == pytest.approx(175, abs=1)


def test_a_kind_that_was_not_timed_has_the_highest_price() -> None:
    assert _timings().price(NOISE) == 0.4


def test_evaluations_are_added() -> None:
    without, with_them = (
        estimate([_constant(MLE)], _timings(evaluation_s=seconds), steps=100, interval=10).seconds
        for seconds in (0.0, 3.0)
    )
    assert with_them - without == pytest.approx(30.0)


@given(st.lists(st.floats(0.05, 1.0), min_size=1, max_size=12), st.integers(1, 4))
def test_trials_take_at_least_their_share_and_at_most_a_third_more(lengths: list[float], num_slots: int) -> None:
    trials = [PricedTrial(group="a", phases=((share, MLE), (1.0 - share, GRPO))) for share in lengths]
    found = estimate(trials, _timings(num_slots), steps=1000, interval=1000).seconds
    each = [estimate([trial], _timings(), steps=1000, interval=1000).seconds for trial in trials]
    least = max(sum(each) / num_slots, max(each))
    # Graham's bound for the longest first: 4/3 of the optimum, which is at least `least`
    assert least - 1e-6 <= found <= 4 / 3 * max(least, sum(sorted(each)[-num_slots - 1 :][:2])) + 1e-6


def test_the_sentence_names_trials_steps_slots_and_time() -> None:
    found = Estimate(num_trials=1, steps=600, num_slots=1, seconds=61.0, prices={}, evaluation_s=0.5)
    assert found.sentence == "1 trial of 600 steps on 1 slot: about 61 s"


def test_lines_fit_eighty_columns() -> None:
    prices = {f"a_baseline_with_a_long_name_{index}": 0.123 for index in range(9)}
    found = Estimate(
        num_trials=10**6,
        steps=10**6,
        num_slots=1000,
        seconds=1e7,
        prices=prices,
        evaluation_s=12.3,
        changed=("1,200 steps instead of 3,600", "4 members instead of 8", "1 runs per baseline instead of 3"),
    )
    assert max(map(len, found.lines)) <= 80
    assert all(name in " ".join(found.lines) for name in prices)


def test_a_training_is_priced_in_that_of_the_first_point() -> None:
    costs = relative_costs({"mle": MLE, "grpo": GRPO}, _timings(evaluation_s=0.3), steps=100, interval=50)
    # 2 evaluations of 0.3 s with reports of 0.7 s
    assert costs == {"mle": 1.0, "grpo": pytest.approx((100 * 0.4 + 2.0) / (100 * 0.1 + 2.0), abs=1e-3)}
