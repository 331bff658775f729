"""The verdict in words: one sentence per kind of outcome, with the numbers of the verdict."""

from dataclasses import replace

import pytest

from erpo_explore.analysis.verdict import Handed, Lead, Searched, Verdict
from erpo_explore.report.verdict import verdict_sentences

BETTER = Lead(
    algorithm="ahead",
    num_seeds=5,
    mean=25.0,
    difference=-1.0,
    gain=1.0,
    low=-1.5,
    high=-0.5,
    p_value=0.004,
    verdict="better",
)
UNCLEAR = replace(
    BETTER, algorithm="level", mean=25.75, difference=-0.25, gain=0.25, high=0.5, p_value=0.3, verdict="unclear"
)
WORSE = replace(
    BETTER, algorithm="behind", mean=27.0, difference=1.0, gain=-1.0, low=0.5, high=1.5, p_value=0.0004, verdict="worse"
)
MORE = replace(BETTER, mean=75.0, difference=1.0, low=0.5, high=1.5)
UNTESTED = replace(BETTER, num_seeds=1, low=None, high=None, p_value=None, verdict="untested")


def verdict(*leads, **more):
    given = {"score_name": "error rate", "higher_is_better": False, "num_running": 0, "baseline_mean": 26.0}
    return Verdict(leads=leads, **(given | {"num_seeds": 5, "searched": None} | more))


def bleu(*leads):
    return verdict(*leads, score_name="bleu", higher_is_better=True, baseline_mean=74.0)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            verdict(BETTER, UNCLEAR),
            "ahead is better than maximum likelihood: error rate 25.00 against 26.00, 1.00 less "
            "(95 % interval 0.50 to 1.50 over 5 seeds, p = 0.004).",
        ),
        (
            bleu(MORE, UNCLEAR),
            "ahead is better than maximum likelihood: bleu 75.00 against 74.00, 1.00 more "
            "(95 % interval 0.50 to 1.50 over 5 seeds, p = 0.004).",
        ),
        (
            bleu(MORE, replace(MORE, algorithm="second"), UNCLEAR),
            "ahead is better than maximum likelihood: bleu 75.00 against 74.00, 1.00 more "
            "(95 % interval 0.50 to 1.50 over 5 seeds, p = 0.004). second is better, too.",
        ),
        (
            verdict(UNCLEAR, WORSE),
            "Nothing is better than maximum likelihood, beyond noise. The next is level: error rate 25.75 against "
            "26.00, 0.25 less (95 % interval -0.50 to 1.50 over 5 seeds, p = 0.300).",
        ),
        (
            verdict(WORSE),
            "Nothing is better than maximum likelihood. The next is behind: error rate 27.00 against "
            "26.00, 1.00 more (95 % interval 0.50 to 1.50 over 5 seeds, p < 0.001).",
        ),
        (
            verdict(UNTESTED, num_seeds=1),
            "ahead is ahead of maximum likelihood: error rate 25.00 against 26.00, 1.00 less. But one "
            "seed cannot tell that from luck; num_seeds: 5 can.",
        ),
        (
            verdict(replace(UNTESTED, difference=1.0, gain=-1.0)),
            "Nothing is ahead of maximum likelihood. But one seed cannot tell that from luck; num_seeds: 5 can.",
        ),
        (verdict(), "No other algorithm was trained to compare with maximum likelihood (mle)."),
        (
            verdict(baseline_mean=None),
            "Maximum likelihood (mle) has no finished run, so nothing can be compared with it.",
        ),
    ],
)
def test_each_outcome_has_its_sentence(found: Verdict, sentence: str) -> None:
    assert verdict_sentences(found) == (sentence,)


def test_a_path_that_the_search_found_is_called_luck_until_a_replay() -> None:
    searched = Searched(trial="member-2", score=24.0, num_trials=4)
    assert verdict_sentences(verdict(BETTER, searched=searched))[1] == (
        "The search found a path with 24.00. That is one run, the best of 4, so it may be luck: replay it with new "
        "seeds."
    )


def test_a_search_without_a_better_path_says_so() -> None:
    searched = Searched(trial="member-2", score=25.5, num_trials=4)
    assert verdict_sentences(verdict(BETTER, searched=searched))[1] == (
        "The search found no better path: its best trial has 25.50."
    )


def test_running_trials_are_named_last() -> None:
    assert verdict_sentences(verdict(BETTER, num_running=2))[-1] == (
        "This may change: 2 trials are still running and not counted."
    )


HANDED = Handed(
    name="mle (2), data_noising (2)",
    seeds=3,
    is_sure=True,
    leader="mle (2), data_noising (2)",
    leader_seeds=3,
    score=25.0,
    gain=0.75,
    low=0.25,
    high=1.25,
    p_value=0.004,
    point="data_noising",
    point_gain=0.5,
    point_p_value=0.02,
)


@pytest.mark.parametrize(
    ("handed", "sentence"),
    [
        (
            HANDED,
            "The search hands over mle (2), data_noising (2), seen on 3 seeds: an expected error rate of 25.00, "
            "0.75 less than maximum likelihood (95 % interval 0.25 to 1.25, p = 0.004).",
        ),
        (
            replace(HANDED, name="mle", seeds=2, is_sure=False, low=-0.5, p_value=0.2),
            "The search is not sure of any path, and hands over mle, seen on 2 seeds. The most promising path is "
            "mle (2), data_noising (2), seen on 3 seeds: an expected error rate of 25.00, 0.75 less than maximum "
            "likelihood (95 % interval -0.50 to 1.25, p = 0.200).",
        ),
    ],
    ids=["sure", "not sure"],
)
def test_what_a_search_hands_over_comes_first_with_its_certainty(handed, sentence):
    assert verdict_sentences(verdict(UNCLEAR, handed=handed))[0] == sentence


def test_a_gain_is_more_where_more_is_better():
    more = replace(verdict(UNCLEAR, handed=HANDED), higher_is_better=True)
    assert "25.00, 0.75 more than maximum likelihood (95 % interval 0.25 to 1.25, " in verdict_sentences(more)[0]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "It is better than data_noising alone, too (p = 0.020)."),
        ({"point_p_value": 0.4}, "data_noising alone may be as good: one cannot tell them apart (p = 0.400)."),
        ({"point": HANDED.leader}, None),
        ({"is_sure": False, "name": "mle"}, None),
    ],
)
def test_a_path_that_is_handed_over_is_compared_with_the_best_algorithm_alone(changes, sentence):
    said = verdict_sentences(verdict(UNCLEAR, handed=replace(HANDED, **changes)))
    assert [words for words in said if "alone" in words] == ([] if sentence is None else [sentence])
