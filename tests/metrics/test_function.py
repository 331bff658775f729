import pytest

from erpo_explore.errors import ConfigError
from erpo_explore.metrics import checked_scores
from tests.rewards import scoring


@pytest.mark.parametrize("function", [scoring.shared_words, scoring.Folder.as_array])
def test_scores_are_returned_as_plain_numbers(function):
    scores = checked_scores("reward.metric=mine", function, ["a b", "c"], ["a", "d"])
    assert scores == [0.5, 0.0]
    assert [type(score) for score in scores] == [float, float]


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (scoring.too_few, "got 1$"),
        (scoring.one_for_all, "got 0.5$"),
        (scoring.text, "got '00'$"),
        (scoring.missing, "got None for hypothesis 0, 'a b'"),
        (scoring.truths, "got True for hypothesis 0"),
        (scoring.not_a_number, "got nan for hypothesis 0"),
        (scoring.percent, "got 73.0 for hypothesis 1, 'c'"),
        (scoring.negative, "got -0.1 for hypothesis 0"),
    ],
)
def test_invalid_scores_are_an_error_with_the_function_the_value_and_the_requirement(function, got):
    asked = r"^reward.metric=m:f must return 2 numbers in \[0, 1\], one per hypothesis, "
    with pytest.raises(ConfigError, match=asked + got) as caught:
        checked_scores("reward.metric=m:f", function, ["a b", "c"], ["a", "d"])
    assert "\n" not in str(caught.value)


def test_a_long_text_is_shortened_in_the_message():
    with pytest.raises(ConfigError) as caught:
        checked_scores("reward.metric=m:f", scoring.negative, ["word " * 100], [""])
    assert len(str(caught.value)) < 250
