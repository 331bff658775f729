import copy
import pickle

import pytest

from tests.tune.reports import ALGORITHM, MEMBER, fresh_copy, new_recorder, observe, report, statistics_of


@pytest.fixture
def recorder(tmp_path):
    return new_recorder(tmp_path / "tiny")


class TestStatistics:
    def test_a_report_without_a_score_has_none(self, recorder):
        observe(recorder, ALGORITHM, report(1, None, status="diverged"))
        assert recorder.scoreboard.statistics("mle-s1", 1) is None

    def test_each_split_has_its_own(self, recorder):
        splits = {"validation": statistics_of(12.5), "test": statistics_of(10.0)}
        observe(recorder, ALGORITHM, report(1, 12.5, sentences=splits))
        observe(recorder, ALGORITHM, report(2, 13.0))
        for split, statistics in splits.items():
            assert recorder.scoreboard.statistics("mle-s1", 1, split) == statistics
        assert recorder.scoreboard.statistics("mle-s1", 2, "test") is None

    def test_an_unknown_trial_or_report_has_none(self, recorder):
        observe(recorder, ALGORITHM, report(1, 12.5))
        assert recorder.scoreboard.statistics("mle-s1", 2) is None
        assert recorder.scoreboard.statistics("member-0", 1) is None

    @pytest.mark.parametrize(
        "again", [fresh_copy, copy.deepcopy, lambda recorder: pickle.loads(pickle.dumps(recorder))]
    )
    def test_a_later_driver_finds_them_to_the_last_bit(self, recorder, again):
        for iteration, score in ((1, 12.5), (2, 14.0)):
            observe(recorder, ALGORITHM, report(iteration, score))
        other = again(recorder)
        for iteration, score in ((1, 12.5), (2, 14.0)):
            assert other.scoreboard.statistics("mle-s1", iteration) == recorder.scoreboard.statistics(
                "mle-s1", iteration
            )
            assert recorder.scoreboard.statistics("mle-s1", iteration) == statistics_of(score)


def test_a_later_driver_knows_the_scores(recorder):
    observe(recorder, ALGORITHM, report(1, 12.5))
    for known in (recorder, fresh_copy(recorder)):
        assert (known.scoreboard.objective_at("mle-s1", 1), known.scoreboard.objective_at("mle-s1", 2)) == (12.5, None)


def test_a_trial_without_a_score_has_no_columns(recorder):
    observe(recorder, ALGORITHM, report(1, None, status="diverged"))
    assert recorder.scoreboard.columns("mle-s1") == {}


def test_only_the_reports_of_the_trial_are_forgotten(recorder):
    for spec in (ALGORITHM, MEMBER):
        observe(recorder, spec, report(1, 12.5))
    scoreboard = recorder.scoreboard
    assert scoreboard.forget("mle-s1")
    assert not scoreboard.forget("mle-s1")
    assert (scoreboard.objective_at("mle-s1", 1), scoreboard.objective_at("member-0", 1)) == (None, 12.5)
