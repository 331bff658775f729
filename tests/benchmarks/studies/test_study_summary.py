import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.studies.study_summary import differences, main, markdown, summary
from erpo_explore.space import algorithm

RUNS = pd.DataFrame(
    {
        "path": ["mle", "mle", "mle", "raml", "raml", "raml", "spg"],
        "seed": [1, 2, 3, 1, 2, 3, 2],
        "final_score": [30.0, 32.0, 31.0, 30.5, 32.75, 31.25, 40.0],
        "final_nll_nats": [1.5] * 7,
        "minutes": [2.0] * 7,
    }
)


def test_differences_agree_with_scipys_paired_test():
    table = differences(RUNS, "mle").set_index("path")
    ours = RUNS[RUNS["path"] == "raml"]["final_score"].to_numpy()
    theirs = RUNS[RUNS["path"] == "mle"]["final_score"].to_numpy()
    low, high = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    raml = table.loc["raml"]
    assert (raml["difference"] - raml["half_width"], raml["difference"] + raml["half_width"]) == pytest.approx(
        (low, high)
    )
    assert (raml["seeds"], raml["mean"], raml["low"], raml["high"]) == (3, pytest.approx(31.5), 30.5, 32.75)
    assert table.index.tolist() == ["spg", "raml", "mle"]


def test_single_seed_is_compared_with_the_same_seed_and_has_no_interval():
    spg = differences(RUNS, "mle").set_index("path").loc["spg"]
    assert spg["difference"] == 8.0
    assert np.isnan(spg["half_width"])
    line = next(line for line in markdown(RUNS, "mle").splitlines() if "`spg`" in line)
    assert [cell.strip() for cell in line.split("|")[2:6]] == ["1", "40.00", "", "+8.00"]


def test_one_row_per_ended_trial():
    observations = pd.DataFrame(
        {
            "trial": ["raml-s1", "raml-s1", "mle-s1", "mle-s2"],
            "step": [200, 100, 100, 100],
            "score": [31.0, 32.04, 30.0, 29.0],
            "validation_nll_nats": [1.4, 1.6, 1.7, 1.8],
        }
    )
    trials = pd.DataFrame(
        {
            "trial": ["raml-s1", "mle-s1", "mle-s2"],
            "algorithm": ["raml", "mle", "mle"],
            "seed": [1, 1, 2],
            "status": ["finished", "stopped", "running"],
            "steps": [200, 100, 100],
            "final_score": [31.0, 30.0, 29.0],
            "best_score": [32.04, 30.0, 29.0],
            "best_step": [100, 100, 100],
            "elapsed_s": [90.0, 45.0, 45.0],
        }
    )
    mle, raml = summary(observations, trials).to_dict("records")
    assert (mle["path"], mle["seed"], mle["minutes"], mle["curve"]) == ("mle", 1, 0.75, "100:30.0")
    assert (raml["final_score"], raml["best_step"], raml["final_nll_nats"]) == (31.0, 100, 1.4)
    assert raml["curve"] == "100:32.0 200:31.0"
    assert "test_score" not in raml
    tests = pd.DataFrame({"trial": trials["trial"][:1], "score": [29.5]})
    tested = summary(observations, trials, tests).set_index("path")["test_score"]
    by_trial = dict(zip(trials["trial"], trials["algorithm"], strict=True))
    assert tested.dropna().to_dict() == {by_trial[tests["trial"][0]]: 29.5}


def test_searched_trial_has_its_own_name_and_its_path():
    path = algorithm("scheduled_sampling", rate=0.2).path("bleu")
    trials = pd.DataFrame(
        {
            "trial": ["mle-s1", "member-0"],
            "algorithm": ["mle", None],
            "seed": [1, 1],
            "status": "finished",
            "steps": 100,
            "final_score": [30.0, 31.5],
            "best_score": [30.0, 31.5],
            "best_step": 100,
            "elapsed_s": 45.0,
            "path": [json.dumps(each.to_dict()) for each in (algorithm("mle").path("bleu"), path)],
        }
    )
    observations = trials.rename(columns={"final_score": "score", "steps": "step"}).assign(validation_nll_nats=1.7)
    runs = summary(observations, trials)
    assert dict(zip(runs["path"], runs["walked"].fillna(""), strict=True)) == {"mle": "", "member-0": str(path)}
    assert "| `member-0` | 1 | 31.50 |  | +1.50 |" in markdown(runs, "mle")


def test_differences_of_the_test_score():
    runs = RUNS.assign(test_score=RUNS["final_score"] + 2.0 * (RUNS["path"] != "mle"))
    validation, test = (differences(runs, "mle", score).set_index("path") for score in ("final_score", "test_score"))
    others = test.index.drop("mle")
    assert (test.loc[others, "difference"] - validation.loc[others, "difference"]).tolist() == [2.0] * len(others)


def test_rows_of_several_explorations_form_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    is_mle = RUNS["path"] == "mle"
    for name, rows in (("baseline", RUNS[is_mle]), ("others", RUNS[~is_mle])):
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    monkeypatch.setattr(
        "sys.argv", ["study_summary", "--table", f"{tmp_path / 'baseline.csv'}", f"{tmp_path / 'others.csv'}"]
    )
    main()
    assert capsys.readouterr().out.strip() == markdown(RUNS, "mle")


def test_missing_baseline_is_an_error_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    RUNS.to_csv(tmp_path / "runs.csv", index=False)
    arguments = ["--table", f"{tmp_path / 'runs.csv'}", "--baseline", "mixer", "--write", f"{tmp_path / 'out.csv'}"]
    monkeypatch.setattr("sys.argv", ["study_summary", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert f"no trial of --baseline mixer has ended in {tmp_path / 'runs.csv'}" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()
