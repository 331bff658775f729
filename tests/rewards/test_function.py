import pytest

from erpo_explore.errors import ConfigError
from erpo_explore.rewards import load_function
from erpo_explore.rewards.function import checked_scores

from . import scoring

HERE = scoring.__name__


def test_a_function_is_found_by_its_name():
    assert load_function(f"{HERE}:shared_words") is scoring.shared_words


def test_a_function_may_be_an_attribute_of_something():
    assert load_function(f"{HERE}:Folder.as_array") is scoring.Folder.as_array


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such.module:score", r"metric=no_such.module:score: the module no_such.module cannot be imported"),
        (f"{HERE}:no_such", rf"{HERE} has no no_such; write package.module:function"),
        (f"{HERE}:Folder.no_such", rf"{HERE} has no Folder.no_such"),
        (f"{HERE}:NUMBER", "must be a function of hypotheses and references, got int"),
    ],
)
def test_what_is_not_a_function_is_named_in_one_line(name, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load_function(name)
    assert "\n" not in str(caught.value)


def test_a_module_that_breaks_when_it_is_imported_is_named_with_its_mistake(tmp_path, monkeypatch):
    (tmp_path / "broken_metric.py").write_text("raise RuntimeError('no\\nGPU')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"broken_metric cannot be imported \(RuntimeError: no GPU\)"):
        load_function("broken_metric:score")


@pytest.mark.parametrize("function", [scoring.shared_words, scoring.Folder.as_array])
def test_scores_come_back_as_plain_numbers(function):
    scores = checked_scores("mine", function, ["a b", "c"], ["a", "d"])
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
def test_other_scores_are_an_error_that_names_the_function_the_value_and_what_is_asked(function, got):
    asked = r"^reward.metric=m:f must return 2 numbers in \[0, 1\], one a hypothesis, "
    with pytest.raises(ConfigError, match=asked + got) as caught:
        checked_scores("m:f", function, ["a b", "c"], ["a", "d"])
    assert "\n" not in str(caught.value)


def test_a_long_text_is_cut_in_the_message():
    with pytest.raises(ConfigError) as caught:
        checked_scores("m:f", scoring.negative, ["word " * 100], [""])
    assert len(str(caught.value)) < 250
