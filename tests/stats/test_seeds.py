import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from erpo_explore.stats.seeds import confidence_interval, difference

scores = st.lists(st.integers(0, 1000).map(lambda tenths: tenths / 10), min_size=2, max_size=8)


def test_two_seeds_have_the_interval_of_students_t_with_one_degree_of_freedom():
    summary = confidence_interval([20.0, 21.0])
    # t_{0.975, 1} = 12.7062, sd / sqrt(2) = 0.5
    assert (summary.low, summary.high) == pytest.approx((20.5 - 6.3531, 20.5 + 6.3531), abs=1e-4)


@given(scores)
def test_the_interval_matches_scipy(values):
    if len(set(values)) == 1:
        return
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    summary = confidence_interval(values)
    assert (summary.low, summary.high) == pytest.approx((expected.low, expected.high))


def test_one_seed_has_no_interval():
    summary = confidence_interval([20.0])
    assert (summary.sd, summary.low, summary.high) == (None, None, None)
    assert str(summary) == "20.00 (n = 1: no interval)"


def test_no_score_has_no_mean():
    with pytest.raises(ValueError, match="at least one score"):
        confidence_interval([])


def test_the_same_seeds_are_paired():
    first, second = {1: 22.0, 2: 25.0, 3: 21.0}, {1: 20.0, 2: 22.5, 3: 19.2}
    result = difference(first, second)
    expected = stats.ttest_rel([22.0, 25.0, 21.0], [20.0, 22.5, 19.2])
    assert result.test == "paired t-test"
    assert result.p_value == pytest.approx(expected.pvalue)
    assert result.low == pytest.approx(expected.confidence_interval().low)
    assert result.verdict.startswith("the difference is larger than noise: +2.10")


def test_other_seeds_are_compared_by_welchs_test():
    first, second = {1: 22.0, 2: 23.0, 3: 25.0}, {4: 21.0, 5: 24.0}
    result = difference(first, second)
    expected = stats.ttest_ind([22.0, 23.0, 25.0], [21.0, 24.0], equal_var=False)
    assert result.test == "Welch's t-test"
    assert result.p_value == pytest.approx(expected.pvalue)
    assert result.verdict.startswith("the difference is within noise")


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ({1: 22.0}, {1: 20.0}, "n = 1: no interval"),
        ({1: 22.0}, {2: 20.0, 3: 20.5}, "n = 1: no interval"),
        ({1: 22.0, 2: 23.0}, {1: 20.0, 2: 21.0}, "same amount"),
        ({1: 22.1, 2: 23.2}, {1: 20.1, 2: 21.2}, "same amount"),  # in floats the amounts differ by 4e-15
        ({1: 22.0, 2: 22.0}, {3: 20.0, 4: 20.0}, "no spread"),
    ],
)
def test_undecidable_differences_have_no_p_value(first, second, reason):
    result = difference(first, second)
    assert (result.low, result.high, result.p_value) == (None, None, None)
    assert reason in result.verdict


@given(scores, scores)
def test_swapping_sides_negates_the_difference(first, second):
    forth = difference(dict(enumerate(first)), dict(enumerate(second)))
    back = difference(dict(enumerate(second)), dict(enumerate(first)))
    assert forth.mean == pytest.approx(-back.mean)
    assert (forth.low is None) == (back.high is None)
