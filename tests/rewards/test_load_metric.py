"""Metrics from outside the package: a function of texts, or a class with increments."""

import pytest
import torch

from erpo_explore.errors import ConfigError
from erpo_explore.metric_names import METRICS
from erpo_explore.metrics import load_scorer
from erpo_explore.rewards import BleuReward, FinishedReward, load_metric, metric_reward, text_scorer
from erpo_explore.space import Point, Reward
from erpo_explore.space.reward import REWARDS, SUM

from . import scoring
from .oracles import SYMBOLS, WORDS, batch_of, decode, reference_of

HERE = scoring.__name__
CLASS = f"{HERE}:SamePosition"
A, B, C, _ = WORDS
EOS, PAD = SYMBOLS.eos, SYMBOLS.pad


def test_every_registered_metric_is_found():
    assert load_metric("bleu") is BleuReward
    assert load_metric("chrf")(["a cat", ""], ["a cat", "a dog"]) == [1.0, 0.0]
    assert all(load_metric(name) for name in REWARDS if name != SUM)


def test_the_weighted_sum_is_that_of_a_task():
    with pytest.raises(ConfigError, match=r"give task[.]metric a sum"):
        load_metric(SUM)
    with pytest.raises(ConfigError, match=r"give task[.]metric a sum"):
        text_scorer(SUM, [load_scorer("bleu")], tokens_are_words=True, references=["a b"])


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_of_text_is_a_reward(name):
    scorer, texts = load_scorer(name), (["w4 w6", "w5"], ["w4 w5 w6", "w5"])
    given = reference_of([A, B, C], [B])
    target = torch.tensor([[A, C, EOS], [B, EOS, PAD]])
    found_B = metric_reward(name, decode).score(given, target, target != PAD)
    assert Reward.from_dict(name).metric == name
    if name == "edit":
        assert found_B.tolist() == [-1.0, 0.0]
    else:
        scores = [scorer.objective(score) / 100.0 for score in scorer.sentences(*texts)]
        assert found_B.tolist() == pytest.approx(scores, abs=2e-6)


def test_a_function_is_found_by_its_name():
    assert load_metric(f"{HERE}:shared_words") is scoring.shared_words


def test_a_function_may_be_an_attribute_of_something():
    assert load_metric(f"{HERE}:Folder.as_array") is scoring.Folder.as_array


def test_a_class_is_found_by_its_name():
    assert load_metric(CLASS) is scoring.SamePosition
    assert isinstance(metric_reward(CLASS), scoring.SamePosition)


def test_a_function_scores_finished_targets_as_text():
    assert isinstance(metric_reward(f"{HERE}:shared_words", decode), FinishedReward)
    with pytest.raises(ValueError, match="needs decode"):
        metric_reward(f"{HERE}:shared_words")


def test_a_class_has_increments_that_sum_to_its_score():
    reward, reference = metric_reward(CLASS), reference_of([A, B, C], [A, B, C])
    tokens_BT, keep_BT = batch_of([[A, C, C, SYMBOLS.eos], [B, SYMBOLS.eos]])
    torch.testing.assert_close(reward.score(reference, tokens_BT, keep_BT), torch.tensor([2 / 3, 0.0]))


def test_a_class_is_admitted_where_increments_are_needed():
    point = Point(reward=Reward(task=1.0, metric=CLASS), beta=0.1)
    assert point.reward.has_increments
    with pytest.raises(ConfigError, match="scores finished targets alone"):
        Point(reward=Reward(task=1.0, metric=f"{HERE}:shared_words"), beta=0.1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such.module:score", r"metric=no_such.module:score: the module no_such.module cannot be imported"),
        (f"{HERE}:no_such", rf"{HERE} has no no_such; write package.module:function"),
        (f"{HERE}:Folder.no_such", rf"{HERE} has no Folder.no_such"),
        (f"{HERE}:NUMBER", "must be a function of hypotheses and references, got int"),
        (f"{HERE}:Folder", "must name a subclass of erpo_explore.rewards.MetricReward, got class Folder"),
        (f"{HERE}:lower_case", "names a MetricReward class; capitalise its name"),
    ],
)
def test_what_is_not_a_metric_is_named_in_one_line(name, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load_metric(name)
    assert "\n" not in str(caught.value)


def test_a_module_that_breaks_when_it_is_imported_is_named_with_its_mistake(tmp_path, monkeypatch):
    (tmp_path / "broken_metric.py").write_text("raise RuntimeError('no\\nGPU')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"broken_metric cannot be imported \(RuntimeError: no GPU\)"):
        load_metric("broken_metric:score")
