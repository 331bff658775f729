import pandas as pd

from erpo_explore.analysis.points import point_table
from erpo_explore.analysis.samples import MAX_SENTENCES, sample_trials, side_by_side
from erpo_explore.store import load_results


def test_samples_are_of_the_best_trial_of_each_algorithm(observations):
    trials = sample_trials(point_table(observations))
    assert trials["trial"].tolist() == ["run_m2", "run_raml_2", "run_mle_2", "run_policy_gradient_2", "run_random_0"]


def test_hypotheses_of_a_sentence_are_side_by_side(exploration, observations):
    sentences = side_by_side(sample_trials(point_table(observations)), load_results(exploration, "samples"))
    assert [[hypothesis.label for hypothesis in sentence.hypotheses] for sentence in sentences] == [
        ["member", "raml"]
    ] * 3
    assert [sentence.hypotheses[0].score for sentence in sentences] == [37.5, 38.5, 39.5]
    assert {sentence.reference for sentence in sentences} == {"a small house stands by the lake"}


def test_hypotheses_are_of_the_last_weights_up_to_the_best_score(exploration, observations):
    samples = load_results(exploration, "samples")
    later = samples.assign(iteration=9, step=900, hypothesis="too late")
    trials = sample_trials(point_table(observations))
    for sentence in side_by_side(trials, pd.concat([samples, later])):
        assert all(hypothesis.text != "too late" for hypothesis in sentence.hypotheses)


def test_without_samples_there_are_no_sentences(exploration, observations):
    samples = load_results(exploration, "samples")
    assert side_by_side(sample_trials(point_table(observations)), samples.head(0)) == []


def test_at_most_eight_sentences_are_shown(exploration, observations):
    samples = load_results(exploration, "samples")
    many = pd.concat([samples.assign(index=samples["index"] + 3 * time) for time in range(10)])
    assert len(side_by_side(sample_trials(point_table(observations)), many)) == MAX_SENTENCES
