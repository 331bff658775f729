"""Trees of trainings: what is shared and what is resumed changes no score."""

import numpy as np
import pytest

from benchmarks.paths.log import TreeLog, pack_sentences, unpack_sentences
from benchmarks.paths.tasks import Benchmark
from benchmarks.paths.train import all_paths, train_tree
from erpo_explore.config.experiment import Training
from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.seq2seq import LstmConfig
from erpo_explore.space import Point, Reward
from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.tasks import load_task
from erpo_explore.tasks.config import ToyConfig

TASK = ToyConfig(train_pairs=40, validation_pairs=8, test_pairs=1, metric={"name": "edit", "unit": "word"})
TINY = Benchmark(
    name="tiny",
    load=lambda _: load_task(TASK),
    model=LstmConfig(hidden_size=8),
    training=Training(steps=4, interval=2, batch_size=8, learning_rate=0.02),
    points={"m": Point(reward=Reward(truth=1.0)), "n": Point(reward=Reward(truth=0.5, noise=0.5))},
)
SETTINGS = {"task": "tiny"}


@pytest.fixture(scope="module")
def task():
    return load_task(TASK)


def scores(log):
    return {path: (row.score, row.validation_nll_nats, row.sentences) for path, row in log.rows.items()}


@pytest.fixture(scope="module")
def whole(task, tmp_path_factory):
    file = tmp_path_factory.mktemp("whole") / "tiny.jsonl"
    train_tree(TINY, task, 3, TreeLog(file, SETTINGS, {}), all_paths(TINY))
    return file


def test_a_tree_has_every_prefix_once(whole):
    assert sorted(TreeLog(whole, SETTINGS, {}).rows) == ["m", "mm", "mn", "n", "nm", "nn"]


def test_a_path_trained_alone_has_the_scores_of_the_tree(whole, task, tmp_path):
    alone = TreeLog(tmp_path / "alone.jsonl", SETTINGS, {})
    train_tree(TINY, task, 3, alone, ["nm"])
    of_tree = scores(TreeLog(whole, SETTINGS, {}))
    assert scores(alone) == {path: of_tree[path] for path in ("n", "nm")}


def test_a_tree_that_was_cut_in_a_line_goes_on_to_the_same_scores(whole, task, tmp_path):
    cut = tmp_path / "cut.jsonl"
    content = whole.read_bytes()
    third_row = content.index(b'"path": "mn"')
    cut.write_bytes(content[: third_row + 30])
    train_tree(TINY, task, 3, TreeLog(cut, SETTINGS, {}), all_paths(TINY))
    assert scores(TreeLog(cut, SETTINGS, {})) == scores(TreeLog(whole, SETTINGS, {}))


def test_another_score_of_a_phase_that_is_trained_again_is_refused(whole, task, tmp_path):
    log = TreeLog(tmp_path / "other.jsonl", SETTINGS, {})
    log.add(next(iter(TreeLog(whole, SETTINGS, {}).rows.values())))
    with pytest.raises(ResultsError, match="trained again"):
        train_tree(TINY, task, 4, log, ["mm"])


def test_a_log_of_other_settings_is_refused(whole):
    with pytest.raises(ResultsError, match="other settings"):
        TreeLog(whole, {"task": "another"}, {})


@pytest.mark.parametrize("path", ["m", "mx", "mmm"])
def test_an_impossible_path_is_refused(path, task, tmp_path):
    with pytest.raises(ConfigError, match="must have 2 letters of mn"):
        train_tree(TINY, task, 3, TreeLog(tmp_path / "log.jsonl", SETTINGS, {}), [path])


@pytest.mark.parametrize(
    ("kind", "values", "unpacked"),
    [("error_rate", [[3, 5], [0, 7]], [3, 0]), ("mean", [[10.0, 20.0, 30.11], [0.0, 0.0, 0.0]], [20.04, 0.0])],
)
def test_sentence_scores_are_unpacked_as_they_were_packed(kind, values, unpacked):
    statistics = CorpusStatistics(kind=kind, values_ND=np.array(values, np.float32))
    assert unpack_sentences(pack_sentences(statistics), kind).tolist() == unpacked
