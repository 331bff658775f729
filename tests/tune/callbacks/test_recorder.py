import copy
import json
import pickle
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from erpo_explore.config.search import Search
from erpo_explore.search.decisions import decide
from erpo_explore.search.ranking import MemberState
from erpo_explore.space import Path, Point
from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.store import load_results
from tests.store.example_rows import TESTED
from tests.tune.reports import (
    ALGORITHM,
    KNOTTED,
    MEMBER,
    MEMBERS,
    NOISE,
    TRUTH,
    fresh_copy,
    new_recorder,
    observe,
    report,
    statistics_of,
)


@pytest.fixture
def recorder(tmp_path):
    return new_recorder(tmp_path / "tiny")


def trial(recorder, name="mle-s1"):
    """A trial's row of the table `trials`, nulls as None."""
    frame = load_results(recorder.folder, "trials").set_index("trial")
    return {column: None if pd.isna(value) else value for column, value in frame.loc[name].items()}


class TestBeginning:
    def test_every_trial_is_there_before_it_runs(self, recorder):
        frame = load_results(recorder.folder, "trials")
        assert frame["trial"].tolist() == ["member-0", "member-1", "mle-s1"]
        assert set(frame["status"]) == {"running"}
        assert set(frame["num_observations"]) == set(frame["steps"]) == {0}
        assert frame["best_score"].isna().all()
        assert (trial(recorder)["algorithm"], trial(recorder)["score_name"]) == ("mle", "bleu")

    def test_the_lineage_begins_with_each_members_first_knot(self, recorder):
        frame = load_results(recorder.folder, "lineage")
        assert frame["trial"].tolist() == ["member-0", "member-1"]
        assert set(frame["action"]) == {"start"}
        assert set(frame["generation"]) == set(frame["step"]) == {0}
        assert [Point.from_dict(json.loads(knot)) for knot in frame["knot"]] == [NOISE, NOISE]
        assert [Path.from_dict(json.loads(path)) for path in frame["path"]] == [Path.constant(TRUTH)] * 2


class TestObserving:
    def test_a_report_becomes_an_observation(self, recorder):
        observe(recorder, MEMBER, report(1, 12.5))
        (row,) = load_results(recorder.folder).to_dict("records")
        assert (row["exploration"], row["trial"], row["role"], row["seed"]) == ("tiny", "member-0", "member", 1)
        assert (row["iteration"], row["step"], row["progress"], row["score"]) == (1, 10, 0.25, 12.5)
        assert (row["task"], row["model"], row["node"], row["parent"]) == ("toy", "lstm", "here", "member-1")
        assert (row["generation"], row["status"], row["elapsed_s"]) == (2, "running", 2.0)
        assert Path.from_dict(json.loads(row["path"])) == KNOTTED
        assert abs(datetime.now(UTC) - row["reported_at"]).total_seconds() < 60.0

    def test_its_samples_are_kept(self, recorder):
        observe(recorder, ALGORITHM, report(1, 12.5))
        (row,) = load_results(recorder.folder, "samples").to_dict("records")
        assert row == {
            "exploration": "tiny",
            "trial": "mle-s1",
            "iteration": 1,
            "step": 10,
            "index": 0,
            "source": "a",
            "reference": "b",
            "hypothesis": "c 12.5",
            "sentence_score": 50.0,
        }

    def test_the_row_of_the_trial_follows_its_last_report(self, recorder):
        observe(recorder, ALGORITHM, report(1, 12.5))
        observe(recorder, ALGORITHM, report(2, 14.0))
        observe(recorder, ALGORITHM, report(3, 13.0, status="finished"))
        row = trial(recorder)
        assert (row["best_score"], row["best_step"], row["final_score"]) == (14.0, 20, 13.0)
        assert (row["status"], row["num_observations"], row["steps"], row["elapsed_s"]) == ("finished", 3, 30, 6.0)
        assert (row["generation"], row["parent"], row["point"], row["error"]) == (2, "member-1", str(NOISE), None)
        assert Path.from_dict(json.loads(row["path"])) == KNOTTED

    def test_the_earliest_of_equal_scores_is_the_best(self, recorder):
        for iteration in (1, 2, 3):
            observe(recorder, ALGORITHM, report(iteration, 12.5))
        assert trial(recorder)["best_step"] == 10

    def test_a_repeated_iteration_replaces_the_first_and_its_scores(self, recorder):
        observe(recorder, ALGORITHM, report(1, 12.5))
        observe(recorder, ALGORITHM, report(2, 99.0))
        observe(recorder, ALGORITHM, report(2, 11.0))
        assert load_results(recorder.folder)["score"].tolist() == [12.5, 11.0]
        assert load_results(recorder.folder, "samples")["hypothesis"].tolist() == ["c 12.5", "c 11.0"]
        row = trial(recorder)
        assert (row["best_score"], row["final_score"], row["num_observations"]) == (12.5, 11.0, 2)

    def test_trials_do_not_share_their_scores(self, recorder):
        observe(recorder, ALGORITHM, report(1, 12.5))
        observe(recorder, MEMBER, report(1, 3.0))
        assert trial(recorder, "member-0")["best_score"] == 3.0

    def test_a_diverged_trial_keeps_the_scores_that_it_had(self, recorder):
        observe(recorder, ALGORITHM, report(1, 12.5))
        observe(recorder, ALGORITHM, report(2, None, status="diverged"))
        row = trial(recorder)
        assert (row["status"], row["best_score"], row["final_score"]) == ("diverged", 12.5, 12.5)
        assert row["error"] == "non-finite loss after step 20"
        assert load_results(recorder.folder)["status"].tolist() == ["running", "diverged"]


class TestSentences:
    def test_the_statistics_of_a_report_are_a_row(self, recorder):
        observe(recorder, ALGORITHM, report(1, 12.5))
        (row,) = load_results(recorder.folder, "sentences").to_dict("records")
        values_ND = row.pop("values").reshape(row["num_sentences"], -1)
        assert np.array_equal(values_ND, statistics_of(12.5).values_ND)
        assert row == {
            "exploration": "tiny",
            "trial": "mle-s1",
            "iteration": 1,
            "step": 10,
            "split": "validation",
            "kind": "mean",
            "num_sentences": 2,
        }

    def test_a_report_without_a_score_has_no_row(self, recorder):
        observe(recorder, ALGORITHM, report(1, None, status="diverged"))
        assert load_results(recorder.folder, "sentences").empty


class TestTesting:
    def test_a_test_set_adds_one_row_and_its_sentences_however_often_it_is_reported(self, recorder):
        names = ("exploration", "trial", "iteration", "step")
        tested = {name: value for name, value in TESTED.items() if name not in names}
        values_ND = np.arange(6, dtype=np.float32).reshape(2, 3)
        statistics = {"validation": CorpusStatistics(kind="mean", values_ND=values_ND + 1)}
        last = {"test": tested, "sentences": statistics | {"test": CorpusStatistics(kind="mean", values_ND=values_ND)}}
        observe(recorder, ALGORITHM, report(1, 12.5) | {"sentences": statistics})
        for _ in range(2):
            observe(recorder, ALGORITHM, report(2, 12.5, status="finished") | last)
        (row,) = load_results(recorder.folder, "tests").to_dict("records")
        assert {name: row[name] for name in names} == {
            "exploration": "tiny",
            "trial": "mle-s1",
            "iteration": 2,
            "step": 20,
        }
        assert (row["score"], row["beam_width"]) == (12.5, 5)
        sentences = load_results(recorder.folder, "sentences")
        assert sorted(zip(sentences["iteration"], sentences["split"], strict=True)) == [
            (1, "validation"),
            (2, "test"),
            (2, "validation"),
        ]
        kept = sentences[sentences["split"] == "test"].iloc[0]
        np.testing.assert_array_equal(kept["values"].reshape(kept["num_sentences"], -1), values_ND)


class TestCheckpoints:
    def test_the_checkpoint_of_a_report_is_a_path_within_the_results(self, recorder):
        observe(recorder, ALGORITHM, report(1, 12.5))
        recorder.note_checkpoint(ALGORITHM, 1, f"{recorder.folder}/checkpoints/mle-s1/one")
        (row,) = load_results(recorder.folder).to_dict("records")
        assert (row["checkpoint"], row["score"]) == ("checkpoints/mle-s1/one", 12.5)

    def test_weights_of_another_report_are_not_noted(self, recorder):
        observe(recorder, ALGORITHM, report(2, 12.5))
        recorder.note_checkpoint(ALGORITHM, 1, f"{recorder.folder}/checkpoints")
        recorder.note_checkpoint(MEMBER, 2, f"{recorder.folder}/checkpoints")
        assert load_results(recorder.folder)["checkpoint"].isna().all()


class TestFailing:
    def test_a_trial_that_failed_keeps_what_it_reported(self, recorder):
        observe(recorder, MEMBER, report(1, 12.5))
        recorder.fail(MEMBER, report(1, 12.5), "worker lost", num_failures=3, status="failed")
        row = trial(recorder, "member-0")
        assert (row["status"], row["error"], row["best_score"], row["final_score"]) == (
            "failed",
            "worker lost",
            12.5,
            12.5,
        )
        assert row["num_failures"] == 3
        assert (row["steps"], row["num_observations"], row["elapsed_s"], row["point"]) == (10, 1, 2.0, str(NOISE))
        assert (row["generation"], row["parent"]) == (2, "member-1")
        assert Path.from_dict(json.loads(row["path"])) == KNOTTED

    @pytest.mark.parametrize(
        "result", [None, {}, {"trial_id": "f00d_00000"}, {"trial_id": "f00d_00000", "hostname": "here", "pid": 7}]
    )
    def test_a_trial_that_failed_before_its_first_report_is_recorded(self, recorder, result):
        recorder.fail(MEMBER, result, "worker lost", num_failures=1, status="failed")
        row = trial(recorder, "member-0")
        assert (row["status"], row["error"], row["steps"], row["num_observations"]) == ("failed", "worker lost", 0, 0)
        assert row["best_score"] is None

    def test_a_retried_trial_keeps_its_count_and_last_error(self, recorder):
        observe(recorder, ALGORITHM, report(1, 12.5))
        recorder.fail(ALGORITHM, report(1, 12.5), "worker lost", num_failures=1, status="running")
        assert (trial(recorder)["status"], trial(recorder)["num_failures"]) == ("running", 1)
        recorder.fail(ALGORITHM, report(1, 12.5), "MemoryError", num_failures=2, status="running")
        observe(recorder, ALGORITHM, report(2, 13.0, status="finished"))
        row = trial(recorder)
        assert (row["status"], row["num_failures"], row["error"]) == ("finished", 2, "MemoryError")

    def test_a_reseeded_member_has_failed_once_more(self, recorder):
        recorder.fail(MEMBER, None, "worker lost", num_failures=1, status="running")
        observe(recorder, MEMBER, report(1, None, status="diverged"))
        observe(recorder, MEMBER, report(1, None, status="diverged"))
        observe(recorder, MEMBER, report(2, 12.5))
        row = trial(recorder, "member-0")
        assert (row["status"], row["num_failures"]) == ("running", 2)
        assert row["error"] == "non-finite loss after step 10"


class TestDeciding:
    def decisions(self):
        states = [
            MemberState(name=spec.name, index=index, iteration=1, objective=10.0 + index, path=KNOTTED)
            for index, spec in enumerate(MEMBERS)
        ]
        return decide(states, Search(quantile=0.5, evolve_every=(1,)), "bleu", seed=1, generation=1, num_intervals=4)

    def test_each_decision_is_a_row_of_the_lineage(self, recorder):
        decisions = self.decisions()
        recorder.decide(decisions, interval=10)
        frame = load_results(recorder.folder, "lineage")
        rows = frame[frame["generation"] == 1].set_index("trial")
        for decision in decisions:
            row = rows.loc[decision.member]
            for name in ("action", "rank", "population", "period", "reason"):
                assert row[name] == getattr(decision, name)
            assert row["score"] == decision.objective
            assert Point.from_dict(json.loads(row["knot"])) == decision.next_knot
            assert Path.from_dict(json.loads(row["path"])) == decision.path
            assert (row["step"], row["until_step"]) == (10, 20)
        clone = rows.loc["member-0"]
        assert (clone["action"], clone["donor"], clone["donor_score"]) == ("clone", "member-1", 11.0)
        assert pd.isna(rows.loc["member-1", ["donor", "donor_score"]]).all()

    def test_the_p_value_of_a_member_that_did_not_clone_is_recorded(self, recorder):
        recorder.decide([replace(self.decisions()[0], p_value=0.25)], interval=10)
        frame = load_results(recorder.folder, "lineage")
        assert frame.set_index("generation").loc[1, "p_value"] == 0.25

    def test_a_repeated_decision_is_one_row(self, recorder):
        for _ in range(2):
            recorder.decide(self.decisions(), interval=10)
        assert len(load_results(recorder.folder, "lineage")) == 2 + 2


@pytest.mark.parametrize(
    "again",
    [lambda recorder: pickle.loads(pickle.dumps(recorder)), fresh_copy, copy.deepcopy],
    ids=["pickled", "copied", "deeply"],
)
class TestAnotherDriver:
    def test_a_pickled_recorder_is_the_same_value(self, recorder, again):
        observe(recorder, ALGORITHM, report(1, 12.5))
        assert again(recorder) == recorder

    def test_scores_that_were_recorded_before_count(self, recorder, again):
        observe(recorder, ALGORITHM, report(1, 12.5))
        observe(recorder, ALGORITHM, report(2, 14.0))
        other = again(recorder)
        observe(other, ALGORITHM, report(3, 13.0))
        row = trial(recorder)
        assert (row["best_score"], row["best_step"], row["final_score"]) == (14.0, 20, 13.0)

    def test_a_repeated_interval_counts_once(self, recorder, again):
        observe(recorder, ALGORITHM, report(1, 12.5))
        observe(recorder, ALGORITHM, report(2, 99.0))
        other = again(recorder)
        observe(other, ALGORITHM, report(2, 11.0))
        observe(other, ALGORITHM, report(3, 12.0))
        row = trial(recorder)
        assert (row["best_score"], row["best_step"], row["final_score"]) == (12.5, 10, 12.0)

    def test_a_trial_that_fails_there_keeps_its_scores(self, recorder, again):
        observe(recorder, ALGORITHM, report(1, 12.5))
        again(recorder).fail(ALGORITHM, report(1, 12.5), "worker lost", num_failures=1, status="failed")
        assert trial(recorder)["best_score"] == 12.5

    def test_failures_that_were_recorded_before_count(self, recorder, again):
        observe(recorder, ALGORITHM, report(1, None, status="diverged"))
        recorder.fail(ALGORITHM, None, "worker lost", num_failures=1, status="running")
        other = again(recorder)
        observe(other, ALGORITHM, report(2, 12.5))
        assert (trial(recorder)["num_failures"], trial(recorder)["error"]) == (2, "worker lost")
        observe(other, ALGORITHM, report(1, None, status="diverged"))
        assert trial(recorder)["num_failures"] == 2


class TestMeasures:
    def test_every_metric_of_every_split_is_a_row(self, tmp_path):
        recorder = new_recorder(tmp_path / "tiny")
        bleu = {"metric": "bleu", "score": 12.5, "higher_is_better": True, "signature": "BLEU"}
        ter = {"metric": "ter", "score": 54.0, "higher_is_better": False, "signature": "TER"}
        given = {"validation": [bleu, ter], "test": [ter]}
        observe(recorder, ALGORITHM, report(1, 12.5, measures=given))
        frame = load_results(recorder.folder, "measures")
        assert frame[
            ["trial", "iteration", "step", "split", "metric", "score", "higher_is_better"]
        ].values.tolist() == [
            ["mle-s1", 1, 10, "test", "ter", 54.0, False],
            ["mle-s1", 1, 10, "validation", "bleu", 12.5, True],
            ["mle-s1", 1, 10, "validation", "ter", 54.0, False],
        ]

    def test_the_best_report_is_the_one_with_the_lowest_rate(self, tmp_path):
        recorder = new_recorder(tmp_path / "tiny")
        for iteration, rate in ((1, 40.0), (2, 20.0), (3, 30.0)):
            observe(recorder, ALGORITHM, report(iteration, rate, objective=-rate))
        row = load_results(recorder.folder, "trials").set_index("trial").loc["mle-s1"]
        assert (row["best_score"], row["best_step"], row["final_score"]) == (20.0, 20, 30.0)
        assert recorder.scoreboard.objective_at("mle-s1", 2) == -20.0

    def test_a_lineage_has_scores_not_objectives(self, tmp_path):
        recorder = replace(new_recorder(tmp_path / "tiny"), higher_is_better=False)
        states = [
            MemberState(name=spec.name, index=index, iteration=1, objective=-20.0 + index, path=KNOTTED)
            for index, spec in enumerate(MEMBERS)
        ]
        recorder.decide(decide(states, Search(), "bleu", seed=1, generation=1, num_intervals=4), interval=10)
        rows = load_results(recorder.folder, "lineage")
        assert set(rows.loc[rows["generation"] == 1, "score"]) == {20.0, 19.0}
