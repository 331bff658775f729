"""A replay on a real Ray, from the command line: killed, resumed, and its table computed again."""

import signal
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sacrebleu.metrics.bleu import BLEU
from scipy import stats

import erpo_explore as erpo
from erpo_explore.config.path_file import save_path
from erpo_explore.space import Path as ErpoPath
from erpo_explore.space import Point, Reward
from tests.tiny_exploration import TINY
from tests.tune.driver import start_command, wait_for_reports

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    # the garbage collector closes the pipe of a killed driver
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PATH = ErpoPath(knots=((0.0, Point(reward=Reward(truth=1.0))), (0.5, Point(reward=Reward(truth=0.8, model=0.2)))))
TRAINING = {"steps": 160, "interval": 40, "batch_size": 16, "learning_rate": 0.02}
TIMED = ["elapsed_s", "tokens_per_s", "reported_at", "checkpoint", "decoding_s"]
"""Columns that differ between two runs with the same seed."""


def output_of(driver: "subprocess.Popen[bytes]") -> str:
    output = driver.communicate()[0].decode()
    assert driver.returncode == 0, output[-3000:]
    return " ".join(output.split())


@pytest.fixture(scope="module")
def replays(tmp_path_factory: pytest.TempPathFactory, one_slot: str) -> tuple[Path, dict[str, str]]:
    """An undisturbed replay, and one that was killed after its first test and resumed, with the output of both."""
    folder = tmp_path_factory.mktemp("replays")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY | {"training": TRAINING}))
    save_path(PATH, folder / "path.yaml")
    replay = ("replay", "path.yaml", "--space", "tiny.yaml", "--seeds", "2", "--against", "mle", "--beam", "3")
    outputs = {"whole": output_of(start_command(*replay, "--results", "whole", cwd=folder))}
    driver = start_command(*replay, "--results", "killed", cwd=folder)
    wait_for_reports(driver, folder / "killed", 1, table="tests")
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert (erpo.load_results(folder / "killed", "trials")["status"] == "running").any()
    outputs["killed"] = output_of(start_command("resume", "killed", cwd=folder))
    return folder, outputs


@pytest.mark.parametrize("name", ["whole", "killed"])
def test_every_run_is_tested_once_with_its_last_weights(replays: tuple[Path, dict[str, str]], name: str) -> None:
    tests = erpo.load_results(replays[0] / name, "tests")
    seeds = {f"{algorithm}-s{seed}" for algorithm in ("found", "mle") for seed in (4, 5)}
    assert set(tests["trial"]) == seeds
    assert len(tests) == 4
    assert set(tests["step"]) == {160}
    assert set(tests["beam_width"]) == {3}


@pytest.mark.parametrize("table", ["tests", "observations", "sentences"])
def test_a_resumed_replay_has_the_same_results(replays: tuple[Path, dict[str, str]], table: str) -> None:
    frames = [erpo.load_results(replays[0] / name, table).drop(columns=TIMED, errors="ignore") for name in replays[1]]
    if table == "sentences":
        for frame in frames:
            frame["values"] = frame["values"].map(list)
    pd.testing.assert_frame_equal(*frames)
    pages = [(replays[0] / name / "replay.csv") for name in replays[1]]
    scores = [pd.read_csv(page).drop(columns=["median_elapsed_s", "median_tokens_per_s"]) for page in pages]
    pd.testing.assert_frame_equal(*scores)


def bleu_of(sums_D: np.ndarray) -> float:
    """sacrebleu's BLEU from sums of lengths, matches and n-grams."""
    hypothesis, reference, *counts = (int(value) for value in sums_D)
    return float(BLEU.compute_bleu(counts[:4], counts[4:], hypothesis, reference, smooth_method="exp").score)


def test_the_table_can_be_computed_again_from_the_store(replays: tuple[Path, dict[str, str]]) -> None:
    folder = replays[0] / "whole"
    table = pd.read_csv(folder / "replay.csv").set_index("algorithm")
    trials = erpo.load_results(folder, "trials").set_index("trial")
    sentences = erpo.load_results(folder, "sentences")
    tested = sentences[sentences["split"] == "test"]
    values = {row.trial: np.asarray(row.values).reshape(row.num_sentences, -1) for row in tested.itertuples()}
    scores = {
        algorithm: [bleu_of(values[f"{algorithm}-s{seed}"].sum(axis=0)) for seed in (4, 5)]
        for algorithm in ("found", "mle")
    }
    assert len({score for each in scores.values() for score in each}) == 4
    for algorithm, each in scores.items():
        assert table.loc[algorithm, "mean"] == pytest.approx(np.mean(each))
        low, high = stats.t.interval(0.95, 1, loc=np.mean(each), scale=stats.sem(each))
        assert table.loc[algorithm, ["low", "high"]].tolist() == pytest.approx([low, high])
        runs = trials[trials["algorithm"] == algorithm]
        assert table.loc[algorithm, "median_elapsed_s"] == pytest.approx(runs["elapsed_s"].median())
        assert table.loc[algorithm, "median_steps"] == 160
    row = table.loc["mle"]
    paired = stats.ttest_rel(scores["found"], scores["mle"])
    assert row["difference"] == pytest.approx(np.mean(scores["found"]) - np.mean(scores["mle"]))
    assert row["seeds_p_value"] == pytest.approx(paired.pvalue)

    generator = np.random.default_rng(4)
    index_BN = generator.integers(TINY["task"]["test_pairs"], size=(1000, TINY["task"]["test_pairs"]))  # type: ignore[index]
    lead_B = np.array(
        [
            np.mean([bleu_of(values[f"found-s{seed}"][index_N].sum(axis=0)) for seed in (4, 5)])
            - np.mean([bleu_of(values[f"mle-s{seed}"][index_N].sum(axis=0)) for seed in (4, 5)])
            for index_N in index_BN
        ]
    )
    beyond = np.sum(np.abs(lead_B) - np.abs(lead_B).mean() >= abs(row["difference"]))
    assert row["sentences_p_value"] == pytest.approx((1 + beyond) / 1001)


@pytest.mark.parametrize("name", ["whole", "killed"])
def test_the_verdict_is_printed_and_written(replays: tuple[Path, dict[str, str]], name: str) -> None:
    folder, outputs = replays
    row = pd.read_csv(folder / name / "replay.csv").set_index("algorithm").loc["mle"]
    beats = "beats mle." if row["verdict"] == "beats" else "does not beat its baseline mle."
    for page in (outputs[name], (folder / name / "replay.md").read_text()):
        assert f"The found path {beats}" in page
        assert "Replay: bleu on the test set, last weights, beam 3" in page
