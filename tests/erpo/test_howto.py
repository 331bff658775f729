"""The code on the pages about own rewards and own estimators works as it is written there."""

import re
import sys
from pathlib import Path as FilePath

import pytest
import torch
import yaml

from erpo_explore.erpo import load_estimator, step_loss
from erpo_explore.rewards import MixtureReward, metric_reward
from erpo_explore.space import Path, Point, Reward

from .tiny import UNIGRAM_V, A, B, C, gradient, seeded, source_of, tiny_model
from .worlds import padded

PAGES = FilePath(__file__).parents[2] / "docs" / "howto"
REFERENCE = padded((A, B), (B, A, C))


@pytest.fixture
def follow(tmp_path, monkeypatch):
    """Write a page's Python files where Python finds them, and return its YAML by title."""

    def written(page):
        blocks = re.findall(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', (PAGES / page).read_text("utf-8"), re.M | re.S)
        monkeypatch.syspath_prepend(tmp_path)
        for kind, title, text in blocks:
            if kind == "python":
                (tmp_path / title).write_text(text, "utf-8")
                monkeypatch.delitem(sys.modules, title.removesuffix(".py"), raising=False)
        return {title: yaml.safe_load(text) for kind, title, text in blocks if kind == "yaml"}

    return written


def decode(ids):
    return " ".join(str(token) for token in ids if token >= A)


def step(point):
    model = tiny_model()
    reward = MixtureReward(point.reward, UNIGRAM_V, decode)
    outcome = step_loss(point, reward, model, *source_of(2), REFERENCE, seeded(1))
    return outcome, gradient(outcome.loss, model)


def test_the_estimator_of_the_page_trains(follow):
    written = follow("estimator.md")["own_estimator.yaml"]["baselines"]["best_of_4"]
    point = Path.from_dict(written).at(0.5)
    load_estimator(point.estimator.kind).check(point)
    outcome, gradient_P = step(point)
    assert outcome.num_units == 2.0
    assert outcome.loss.isfinite()
    assert gradient_P.abs().sum() > 0.0


def test_the_function_of_the_page_scores_texts(follow):
    baselines = follow("reward.md")["own_reward.yaml"]["baselines"]
    reward = metric_reward(baselines[1]["minimum_risk"]["metric"], decode)
    tokens_BL = padded((A, C), (C, C, C)).tokens_BT
    torch.testing.assert_close(reward.score(REFERENCE, tokens_BL, tokens_BL > 0), torch.tensor([0.5, 1.0 / 3.0]))


def test_the_class_of_the_page_guides_every_next_token(follow):
    settings = follow("reward.md")["own_increments.yaml"]["baselines"][1]["raml"]
    tokens_BL = padded((A, C), (C, A, C)).tokens_BT
    score_B = metric_reward(settings["metric"]).score(REFERENCE, tokens_BL, tokens_BL > 0)
    torch.testing.assert_close(score_B, torch.tensor([0.5, 2.0 / 3.0]))
    point = Point(reward=Reward(task=1.0, metric=settings["metric"]), beta=settings["temperature"])
    assert step(point)[0].loss.isfinite()
