"""In a training run, the reward of a target is the score of its text, whatever its tokens are."""

import pytest

from erpo_explore.config.experiment import Training
from erpo_explore.metrics import load_scorer
from erpo_explore.rewards import Reference, TextReward, metric_reward
from erpo_explore.seq2seq import LstmConfig
from erpo_explore.space import algorithm
from erpo_explore.tasks import FilesConfig, collate, load_task
from erpo_explore.trial import TrainingRun, optimizer_step
from tests.tasks.example_tasks import write_files

from .tiny import CPU, spec_of

TRAINING = Training(steps=4, interval=2, batch_size=4, learning_rate=0.01)


def task_of(folder, metric, kind):
    vocabulary = {"kind": "bpe", "size": 60} if kind == "bpe" else {"kind": "word"}
    return load_task(
        FilesConfig.model_validate({"data": write_files(folder), "metric": metric, "vocabulary": vocabulary})
    )


def rewards_of(task, name, metric, monkeypatch):
    """The metric and the references of each step's loss, and what the run reports of them."""
    seen, step_loss = [], optimizer_step.step_loss

    def recorded(*given, **others):
        seen.append(given[1].metric)
        return step_loss(*given, **others)

    monkeypatch.setattr(optimizer_step, "step_loss", recorded)
    run = TrainingRun(task, LstmConfig(hidden_size=8), TRAINING, spec_of(algorithm(name).path(metric)), CPU)
    return seen, run.advance()


@pytest.mark.parametrize("metric", ["bleu", "rouge", "edit"])
@pytest.mark.parametrize("name", ["raml", "spg", "policy_gradient"])
def test_pieces_are_rewarded_by_their_text(tmp_path, monkeypatch, name, metric):
    task = task_of(tmp_path / "pairs", metric, "bpe")
    found, observation = rewards_of(task, name, metric, monkeypatch)
    assert [type(reward) for reward in found] == [TextReward] * TRAINING.interval
    assert observation.mean_reward is not None


@pytest.mark.parametrize("metric", ["bleu", "edit"])
def test_words_that_the_scorer_counts_need_no_text(tmp_path, monkeypatch, metric):
    task = task_of(tmp_path / "pairs", metric, "word")
    found, _ = rewards_of(task, "spg", metric, monkeypatch)
    assert [type(reward) for reward in found] == [type(metric_reward(metric))] * TRAINING.interval


@pytest.mark.parametrize("kind", ["bpe", "word"])
@pytest.mark.parametrize("metric", ["bleu", "rouge"])
def test_the_score_of_decoded_sentences_is_their_reward(tmp_path, monkeypatch, metric, kind):
    task = task_of(tmp_path / "pairs", metric, kind)
    (reward, *_), _ = rewards_of(task, "spg", metric, monkeypatch)
    split, every = task.validation, range(len(task.validation))
    batch = collate(split, every, task.symbols)
    reference = Reference(
        tokens_BT=batch.target_BT,
        keep_BT=batch.target_keep_BT,
        num_tokens=len(task.target_vocabulary),
        symbols=task.symbols,
    )
    shifted = [*every[1:], 0]
    found_B = reward.score(reference, batch.target_BT[shifted], batch.target_keep_BT[shifted])
    hypotheses = [task.target_vocabulary.decode(split.target_ids[index]) for index in shifted]
    scores = load_scorer(metric).sentences(hypotheses, split.references)
    assert found_B.tolist() == pytest.approx([score / 100.0 for score in scores], abs=2e-6)


def test_references_with_unknown_words_are_rewarded_by_their_text(tmp_path, monkeypatch):
    folder = write_files(tmp_path / "pairs")
    written = ["a house, (stands) there .", "two dogs run .", "a dog sleeps .", "the house is big ."]
    (folder / "train.en").write_text("\n".join(written) + "\n", encoding="utf-8")
    task = load_task(
        FilesConfig.model_validate({"data": folder, "metric": "chrf", "vocabulary": {"kind": "word", "min_count": 2}})
    )
    seen, step_loss = [], optimizer_step.step_loss

    def recorded(*given, **others):
        seen.append((given[1], given[5]))
        return step_loss(*given, **others)

    monkeypatch.setattr(optimizer_step, "step_loss", recorded)
    TrainingRun(
        task, LstmConfig(hidden_size=8), TRAINING, spec_of(algorithm("policy_gradient").path("chrf")), CPU
    ).advance()
    reward, reference = seen[0]
    found_B = reward.metric.score(reference, reference.tokens_BT, reference.keep_BT)
    hypotheses = [task.target_vocabulary.decode(row) for row in reference.tokens_BT.tolist()]
    scores = load_scorer("chrf").sentences(hypotheses, [written[index] for index in reference.index_B.tolist()])
    assert min(scores) < 90.0
    assert found_B.tolist() == pytest.approx([score / 100.0 for score in scores], abs=2e-6)
