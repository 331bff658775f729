"""A replay's table against scipy, and against a bootstrap written out by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from erpo_explore.analysis.replay import replay_table
from erpo_explore.analysis.runs import Runs, load_runs
from erpo_explore.report.replay_report import read_replay, write_replay
from erpo_explore.stats.bootstrap import CorpusStatistics
from erpo_explore.stats.holm import holm
from erpo_explore.store import ResultsWriter
from tests.store.example_rows import OBSERVATION, SENTENCES, TESTED, TRIAL

NUM_SENTENCES = 60


def statistics_of(seed, level):
    values_ND = np.clip(np.random.default_rng(seed).normal(level, 5.0, size=(NUM_SENTENCES, 3)), 0.0, 100.0)
    return CorpusStatistics(kind="mean", values_ND=values_ND.astype(np.float32))


def runs_of(name, level, seeds=(1, 2, 3), *, num_unscored=0, salt=0):
    """Runs whose sentences scatter around a level."""
    statistics = {seed: statistics_of(100 * salt + seed, level) for seed in seeds}
    scores = {seed: float(one.values_ND.mean(dtype=np.float64)) for seed, one in statistics.items()}
    return Runs(
        name=name,
        scores=scores,
        statistics=statistics,
        num_unscored=num_unscored,
        steps=100.0,
        elapsed_s=12.0,
        tokens_per_s=1000.0,
    )


def table_of(*runs, seed=1):
    return replay_table(runs, "found", np.random.default_rng(seed)).set_index("algorithm")


class TestOverSeeds:
    FOUND, BASELINE = runs_of("found", 40.0, salt=1), runs_of("mle", 35.0, salt=2)

    def test_means_and_intervals_match_scipy(self):
        table = table_of(self.FOUND, self.BASELINE)
        for runs in (self.FOUND, self.BASELINE):
            scores = list(runs.scores.values())
            expected = stats.t.interval(0.95, 2, loc=np.mean(scores), scale=stats.sem(scores))
            assert table.loc[runs.name, ["low", "high"]].tolist() == pytest.approx(expected)
            assert table.loc[runs.name, "mean"] == pytest.approx(np.mean(scores))

    def test_difference_is_paired_by_seed(self):
        row = table_of(self.FOUND, self.BASELINE).loc["mle"]
        expected = stats.ttest_rel(list(self.FOUND.scores.values()), list(self.BASELINE.scores.values()))
        bounds = expected.confidence_interval(0.95)
        assert row["seeds_p_value"] == pytest.approx(expected.pvalue)
        assert [row["difference_low"], row["difference_high"]] == pytest.approx([bounds.low, bounds.high])

    def test_other_seeds_are_compared_by_welchs_test(self):
        baseline = runs_of("mle", 35.0, seeds=(7, 8), salt=2)
        expected = stats.ttest_ind(list(self.FOUND.scores.values()), list(baseline.scores.values()), equal_var=False)
        assert table_of(self.FOUND, baseline).loc["mle", "seeds_p_value"] == pytest.approx(expected.pvalue)


class TestOverSentences:
    def test_p_value_matches_a_plain_bootstrap(self):
        found, baseline = runs_of("found", 36.0, salt=1), runs_of("mle", 35.0, salt=2)
        generator = np.random.default_rng(3)
        index_BN = generator.integers(NUM_SENTENCES, size=(1000, NUM_SENTENCES))

        def means(runs):
            """Mean score over all seeds, on the corpus and on each resampled one."""
            sentences_KN = np.stack([one.values_ND.mean(axis=1, dtype=np.float64) for one in runs.statistics.values()])
            return sentences_KN.mean(), sentences_KN[:, index_BN].mean(axis=(0, 2))

        (score, scores_B), (other, others_B) = means(found), means(baseline)
        sizes_B = np.abs(scores_B - others_B)
        expected = (1 + np.sum(sizes_B - sizes_B.mean() >= abs(score - other))) / 1001
        assert 0.001 < expected < 0.9
        assert table_of(found, baseline, seed=3).loc["mle", "sentences_p_value"] == pytest.approx(expected, abs=0.002)

    def test_the_same_generator_gives_the_same_table(self):
        runs = runs_of("found", 36.0, salt=1), runs_of("mle", 35.0, salt=2)
        pd.testing.assert_frame_equal(table_of(*runs), table_of(*runs))


class TestVerdicts:
    def verdict(self, found, baseline):
        return table_of(found, baseline).loc["mle", "verdict"]

    def test_clear_differences_beat_or_are_worse(self):
        high, low = 60.0, 30.0
        assert self.verdict(runs_of("found", high, salt=1), runs_of("mle", low, salt=2)) == "beats"
        assert self.verdict(runs_of("found", low, salt=1), runs_of("mle", high, salt=2)) == "worse"

    def test_significance_over_sentences_alone_is_unclear(self):
        """Each pair of weights differs clearly, but which is better changes with the seed."""
        found, baseline = runs_of("found", 40.0, seeds=(1, 2), salt=1), runs_of("mle", 40.0, seeds=(1, 2), salt=2)
        moved = {1: statistics_of(1, 70.0), 2: statistics_of(2, 20.0)}
        scores = {seed: float(one.values_ND.mean()) for seed, one in moved.items()}
        found = Runs(
            **{name: getattr(found, name) for name in Runs.__slots__} | {"statistics": moved, "scores": scores}
        )
        row = table_of(found, baseline).loc["mle"]
        assert row["sentences_p_value"] < 0.05 < row["seeds_p_value"]
        assert row["holm_p_value"] == row["seeds_p_value"]
        assert row["verdict"] == "unclear"

    def test_one_seed_is_never_enough(self):
        row = table_of(runs_of("found", 60.0, (1,), salt=1), runs_of("mle", 30.0, (1,), salt=2)).loc["mle"]
        assert row["sentences_p_value"] < 0.01
        assert math.isnan(row["holm_p_value"])
        assert row["verdict"] == "unclear"

    def test_p_values_are_corrected_for_the_number_of_baselines(self):
        baselines = [runs_of(f"r{n}", 35.0, salt=2 + n) for n in range(3)]
        found = runs_of("found", 38.0, salt=1)
        alone = [table_of(found, baseline).loc[baseline.name, "holm_p_value"] for baseline in baselines]
        together = table_of(found, *baselines)["holm_p_value"]
        # the bootstrap's draws are the same, so each p is
        assert [together[baseline.name] for baseline in baselines] == pytest.approx(holm(alone))

    def test_equal_runs_are_unclear(self):
        runs = [runs_of(name, 40.0) for name in ("found", "mle")]
        assert table_of(*runs).loc["mle", "verdict"] == "unclear"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        ([0.2], [0.2]),
        # worked by hand: 4 * 0.005, 3 * 0.01, 2 * 0.03, max(0.06, 0.04)
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.6, 0.7], [1.0, 1.0]),
        ([math.nan, 0.01], [math.nan, 0.02]),
    ],
)
def test_holm_matches_its_definition(given, expected):
    assert holm(given) == pytest.approx(expected, nan_ok=True)


@pytest.fixture
def folder(tmp_path):
    """A replay of two seeds in the store; mle's second run has diverged."""
    writer = ResultsWriter.create(tmp_path / "replay", {"exploration": "replay"})
    for algorithm, level in (("found", 50.0), ("mle", 30.0)):
        for seed in (1, 2):
            name = {"trial": f"{algorithm}-s{seed}"}
            diverged = (algorithm, seed) == ("mle", 2)
            row = {
                "algorithm": algorithm,
                "seed": seed,
                "status": "diverged" if diverged else "finished",
                "score_name": "rouge",
            }
            writer.append("trials", [TRIAL | name | row])
            writer.append(
                "observations", [OBSERVATION | name | {"iteration": 2, "step": 200, "score": 1.0, "objective": 1.0}]
            )
            if not diverged:
                values_ND = statistics_of(seed, level).values_ND
                score = float(values_ND.mean())
                writer.append("tests", [TESTED | name | {"score": score, "objective": score}])
                splits = {"validation": np.zeros((2, 3), dtype=np.float32), "test": values_ND}
                writer.append(
                    "sentences",
                    [
                        SENTENCES
                        | name
                        | {"iteration": 2, "split": split, "num_sentences": len(v), "values": v.ravel()}
                        for split, v in splits.items()
                    ],
                )
    return writer.folder


def test_runs_are_read_from_the_test_set(folder):
    split, runs = load_runs(folder)
    by_name = {each.name: each for each in runs}
    assert split == "test"
    assert by_name["found"].statistics == {seed: statistics_of(seed, 50.0) for seed in (1, 2)}
    assert by_name["found"].scores == {s: float(statistics_of(s, 50.0).values_ND.mean()) for s in (1, 2)}
    assert (set(by_name["mle"].scores), by_name["mle"].num_unscored) == ({1}, 1)


def test_a_replay_report_states_only_what_is_supported(folder):
    report = read_replay(folder, "found", np.random.default_rng(1))
    page = write_replay(report, folder).read_text()
    assert report.title == "Replay: rouge on the test set, last weights, beam 5"
    assert "The found path does not beat its baseline mle." in page
    assert "There are too few seeds" in page
    assert "1 of 2 runs of mle have no score" in page
    written = pd.read_csv(folder / "replay.csv")
    assert written["mean"].tolist() == pytest.approx(report.table["mean"].tolist())


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({"mle": 30.0, "spg": 31.0}, "The found path beats spg and mle."),
        ({"mle": 30.0, "spg": 80.0}, "The found path beats mle, but not spg."),
        ({"mle": 79.0, "spg": 80.0}, "The found path does not beat its baselines spg and mle."),
        ({}, "The found path was replayed without baselines, so it cannot be compared."),
    ],
)
def test_the_conclusion_names_beaten_and_unbeaten_baselines(folder, levels, expected, monkeypatch):
    runs = [runs_of("found", 50.0, salt=1), *(runs_of(n, v, salt=p) for p, (n, v) in enumerate(levels.items(), 2))]
    monkeypatch.setattr("erpo_explore.report.replay_report.load_runs", lambda _: ("test", runs))
    report = read_replay(folder, "found", np.random.default_rng(1))
    assert report.sentences[0] == expected
    assert all(f"Against {name}: " in report.markdown() for name in levels)
    assert ("Holm" in " ".join(report.sentences)) == (len(levels) > 1)
