import pandas as pd

from erpo_explore.analysis.points import point_table
from erpo_explore.analysis.samples import MAX_SENTENCES, sample_trials, side_by_side
from erpo_explore.store import load_results


def test_each_algorithm_speaks_with_its_best_trial(observations):
    trials = sample_trials(point_table(observations))
    assert trials["trial"].tolist() == ["run_m2", "run_raml_2", "run_mle_2", "run_policy_gradient_2", "run_random_0"]


def test_the_same_sentence_is_said_side_by_side(exploration, observations):
    sentences = side_by_side(sample_trials(point_table(observations)), load_results(exploration, "samples"))
    assert [[said.label for said in sentence.hypotheses] for sentence in sentences] == [["member", "raml"]] * 3
    assert [sentence.hypotheses[0].score for sentence in sentences] == [37.5, 38.5, 39.5]
    assert {sentence.reference for sentence in sentences} == {"a small house stands by the lake"}


def test_the_last_weights_up_to_the_best_score_speak(exploration, observations):
    samples = load_results(exploration, "samples")
    later = samples.assign(iteration=9, step=900, hypothesis="too late")
    trials = sample_trials(point_table(observations))
    for sentence in side_by_side(trials, pd.concat([samples, later])):
        assert all(said.text != "too late" for said in sentence.hypotheses)


def test_no_samples_are_no_sentences(exploration, observations):
    samples = load_results(exploration, "samples")
    assert side_by_side(sample_trials(point_table(observations)), samples.head(0)) == []


def test_a_page_has_room_for_eight_sentences(exploration, observations):
    samples = load_results(exploration, "samples")
    many = pd.concat([samples.assign(index=samples["index"] + 3 * time) for time in range(10)])
    assert len(side_by_side(sample_trials(point_table(observations)), many)) == MAX_SENTENCES
