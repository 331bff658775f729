import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from erpo_explore.errors import ResultsError
from erpo_explore.store import TABLES, ResultsWriter, best_row, load_manifest, load_results
from erpo_explore.store.schema import SPLITS

from .example_rows import MANIFEST, OBSERVATION, ROWS, SENTENCES

KEYS = [("t2", 1), ("t10", 2), ("t1", 2), ("t1", 1), ("t1", 10)]


@pytest.fixture
def folder(tmp_path):
    writer = ResultsWriter.create(tmp_path / "tiny", MANIFEST)
    for trial, iteration in KEYS:
        writer.append("observations", [OBSERVATION | {"trial": trial, "iteration": iteration, "algorithm": None}])
    return writer.folder


def keys(frame):
    return list(zip(frame["trial"], frame["iteration"], strict=True))


def test_rows_are_sorted_by_trial_and_iteration(folder):
    assert keys(load_results(folder)) == sorted(KEYS)


def test_plain_pandas_reads_the_same_rows(folder):
    plain = pd.read_parquet(folder / "observations").sort_values(["trial", "iteration"], ignore_index=True)
    pd.testing.assert_frame_equal(load_results(folder), plain)


@pytest.mark.parametrize("table", TABLES)
def test_an_exploration_without_a_part_has_all_columns_and_no_rows(tmp_path, table):
    folder = ResultsWriter.create(tmp_path / "tiny", MANIFEST).folder
    frame = load_results(folder, table)
    assert frame.empty
    assert frame.columns.tolist() == TABLES[table].schema.names


@pytest.mark.parametrize("table", ROWS)
def test_every_table_is_read_back(tmp_path, table):
    writer = ResultsWriter.create(tmp_path / "tiny", MANIFEST)
    writer.append(table, [ROWS[table]])
    row = load_results(writer.folder, table).iloc[0]
    # pandas gives lists as arrays
    plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in row.items()}
    assert {name: None if value is None or value != value else value for name, value in plain.items()} == ROWS[table]


def test_plain_pandas_gives_the_statistics_of_sentences_as_a_matrix(tmp_path):
    writer = ResultsWriter.create(tmp_path / "tiny", MANIFEST)
    values_ND = np.random.default_rng(1).uniform(0.0, 100.0, (7, 3)).astype(np.float32)
    rows = [SENTENCES | {"split": split, "num_sentences": 7, "values": values_ND.ravel()} for split in SPLITS]
    writer.append("sentences", rows)
    frame = pd.read_parquet(writer.folder / "sentences")
    assert sorted(frame["split"]) == sorted(SPLITS)
    row = frame.iloc[0]
    assert row["values"].dtype == np.float32
    assert np.array_equal(row["values"].reshape(row["num_sentences"], -1), values_ND)


def test_columns_have_the_given_order(folder):
    assert load_results(folder, columns=["score", "step"]).columns.tolist() == ["score", "step"]


def test_only_the_given_trials_are_loaded(folder):
    assert keys(load_results(folder, trials=["t1"])) == [("t1", 1), ("t1", 2), ("t1", 10)]


def test_an_unknown_trial_gives_no_rows(folder):
    assert load_results(folder, trials=["t3"]).empty


def test_an_unknown_column_is_refused_with_those_that_exist(folder):
    with pytest.raises(ValueError, match="observations has no column 'blue'; it has exploration, trial"):
        load_results(folder, columns=["blue"])


@pytest.mark.parametrize("size", [0, 3, 1000, -1], ids=["empty", "header", "half", "last byte lost"])
def test_a_truncated_part_is_named_and_the_rest_loads(folder, size):
    torn = folder / "observations" / "trial-t1-000002.parquet"
    torn.write_bytes(torn.read_bytes()[:size])
    with pytest.warns(UserWarning, match=r"trial-t1-000002\.parquet cannot be read"):
        frame = load_results(folder)
    assert keys(frame) == sorted(set(KEYS) - {("t1", 2)})


@pytest.mark.parametrize("name", ["foreign.parquet", "foreign.csv"])
def test_a_foreign_file_is_named_and_the_rest_loads(folder, name):
    pq.write_table(pa.table({"x": [1]}), folder / "observations" / name)
    with pytest.warns(UserWarning, match=rf"{name} is not a part of"):
        frame = load_results(folder)
    assert len(frame) == len(KEYS)


def test_an_unfinished_part_is_skipped(folder):
    (folder / "observations" / ".part-x.tmp").write_bytes(b"PAR1 half of")
    assert len(load_results(folder)) == len(KEYS)


def test_a_nullable_column_that_an_older_version_did_not_write_is_null(folder):
    path = folder / "observations" / "trial-t1-000001.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["mean_reward", "metric"]), path)
    frame = load_results(folder)
    assert len(frame) == len(KEYS)
    assert frame["mean_reward"].isna().all()


def test_reading_writes_nothing(folder):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    load_results(folder)
    load_manifest(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize("load", [load_results, load_manifest])
def test_a_missing_folder_and_one_without_an_exploration_have_different_errors(tmp_path, load):
    with pytest.raises(ResultsError, match="does not exist"):
        load(tmp_path / "nowhere")
    with pytest.raises(ResultsError, match=r"holds no exploration\.yaml"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["{", "just text", "\t- x: ["])
def test_a_damaged_manifest_is_named(folder, text):
    (folder / "exploration.yaml").write_text(text)
    with pytest.raises(ResultsError, match=r"exploration\.yaml"):
        load_manifest(folder)


def scored(*rows):
    frame = pd.DataFrame(rows, columns=["trial", "step", "score", "status"])
    return frame.assign(objective=frame["score"])


def test_the_best_row_has_the_best_score_and_the_earliest_step_wins_ties():
    frame = scored(("a", 300, 9.0, "running"), ("b", 200, 9.0, "finished"), ("b", 100, 8.0, "running"))
    assert best_row(frame)["trial"] == "b"
    assert best_row(frame)["step"] == 200


def test_where_less_is_better_the_best_row_has_the_fewest_errors():
    """The choice among paths that are planned whole: random, grid, and no search."""
    rates = scored(("a", 300, 30.0, "finished"), ("b", 200, 10.0, "finished"), ("c", 100, 20.0, "running"))
    assert best_row(rates.assign(objective=-rates["score"]))["trial"] == "b"


@pytest.mark.parametrize("status", ["diverged", "failed"])
def test_a_score_of_a_broken_run_is_never_the_best(status):
    frame = scored(("a", 100, 99.0, status), ("b", 100, 1.0, "running"), ("c", 100, None, "running"))
    assert best_row(frame)["trial"] == "b"


def test_no_score_at_all_has_no_best_row():
    with pytest.raises(ResultsError, match="no observation has a score"):
        best_row(scored(("a", 100, None, "running")))
