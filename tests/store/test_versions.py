"""Folders that a version before the renames wrote open under the names of today.

Expected values are read straight from the Parquet files with pyarrow.
"""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from erpo_explore.analysis.best_path import best_path
from erpo_explore.report import read_replay, read_report
from erpo_explore.store import TABLES, ResultsWriter, load_manifest, load_results
from erpo_explore.store.versions import DERIVED_COLUMNS, RENAMED_COLUMNS

from .example_rows import MANIFEST, OBSERVATION, SENTENCES

DATA = Path(__file__).parents[1] / "data"
OLD = DATA / "results_0_1"
OLD_REPLAY = DATA / "results_0_1-replay"


def stored(folder, table):
    """Rows as pyarrow reads them, sorted as the store sorts them."""
    (file,) = (folder / table).glob("*.parquet")
    rows = pq.ParquetFile(file).read().to_pylist()
    return sorted(rows, key=lambda row: tuple(row[name] for name in TABLES[table].key))


def plain(values):
    """Values of a frame's column, nulls as None."""
    return [None if value is None or value is pd.NA or value != value else value for value in values]


@pytest.fixture
def old(tmp_path):
    """A copy of an older folder, to write into."""
    return shutil.copytree(OLD, tmp_path / "old")


@pytest.fixture
def mixed(old):
    """Parents of an older folder and one of today."""
    writer = ResultsWriter.create(old.parent / "today", MANIFEST)
    writer.append("observations", [OBSERVATION | {"trial": trial} for trial in ("a", "b")])
    writer.append("sentences", [SENTENCES | {"trial": "a", "split": "validation"}])
    return old.parent


def test_the_fixture_has_the_older_names():
    names = pq.read_schema(OLD / "observations" / "rows-000001.parquet").names
    assert set(RENAMED_COLUMNS) <= set(names)
    assert not set(RENAMED_COLUMNS.values()) & set(names)
    assert {row["role"] for row in stored(OLD, "observations")} == {"dot", "path", "member"}
    assert {row["split"] for row in stored(OLD, "sentences")} == {"valid", "test"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("folder", [OLD, OLD_REPLAY], ids=["run", "replay"])
def test_renamed_columns_hold_the_values_of_the_older_ones(folder):
    observations, expected = load_results(folder), stored(folder, "observations")
    assert observations.columns.tolist() == TABLES["observations"].schema.names
    assert plain(observations["algorithm"]) == [row["dot"] for row in expected]
    assert plain(observations["validation_nll_nats"]) == [row["valid_nll_nats"] for row in expected]
    assert plain(load_results(folder, "trials")["algorithm"]) == [row["dot"] for row in stored(folder, "trials")]


@pytest.mark.parametrize("table", ["observations", "trials", "lineage", "samples", "sentences", "tests"])
def test_every_other_column_is_as_stored(table):
    if not (OLD / table).exists():
        assert load_results(OLD, table).empty
        return
    frame, expected = load_results(OLD, table), stored(OLD, table)
    assert len(frame) == len(expected)
    for name in set(frame.columns) - {*RENAMED_COLUMNS.values(), "role", "split", "values"}:
        found = [value.to_pydatetime() if isinstance(value, pd.Timestamp) else value for value in plain(frame[name])]
        # a column that was added later is null, or has the values of another
        assert found == [row.get(DERIVED_COLUMNS.get(name, name)) for row in expected], name


def test_roles_and_splits_have_the_values_of_today():
    roles = {"dot": "algorithm", "path": "path", "member": "member"}
    for table in ("observations", "trials"):
        assert load_results(OLD, table)["role"].tolist() == [roles[row["role"]] for row in stored(OLD, table)]
    sentences = load_results(OLD, "sentences")
    rows = stored(OLD, "sentences")
    splits = {"valid": "validation", "test": "test"}
    assert sentences["split"].tolist() == [splits[row["split"]] for row in rows]
    assert [values.tolist() for values in sentences["values"]] == [row["values"] for row in stored(OLD, "sentences")]


def test_columns_trials_and_filters_take_the_names_of_today():
    expected = [row for row in stored(OLD, "observations") if row["dot"] == "mle"]
    frame = load_results(OLD, columns=["algorithm", "step"], filters=[("algorithm", "in", ["mle"])])
    assert frame.to_numpy().tolist() == [["mle", row["step"]] for row in expected]
    of_trial = load_results(OLD, columns=["validation_nll_nats"], trials=["mle-s1"])
    assert of_trial["validation_nll_nats"].tolist() == [row["valid_nll_nats"] for row in expected]
    low = min(row["valid_nll_nats"] for row in stored(OLD, "observations"))
    best = load_results(OLD, columns=["role"], filters=[("validation_nll_nats", "<=", low)])
    assert len(best) == 1


@pytest.mark.parametrize(
    ("condition", "role_is"),
    [
        (("role", "==", "algorithm"), lambda role: role == "dot"),
        (("role", "!=", "algorithm"), lambda role: role != "dot"),
        (("role", "in", ["algorithm", "path"]), lambda role: role in ("dot", "path")),
        (("role", "not in", ["algorithm"]), lambda role: role != "dot"),
        (("role", "==", "dot"), lambda role: role is None),
    ],
)
def test_a_filter_compares_with_the_values_of_today(condition, role_is):
    expected = [(row["trial"], row["iteration"]) for row in stored(OLD, "observations") if role_is(row["role"])]
    frame = load_results(OLD, filters=[condition])
    assert list(zip(frame["trial"], frame["iteration"], strict=True)) == expected


def test_a_filter_on_a_split_reaches_tables_without_a_renamed_column():
    counts = Counter(row["split"] for row in stored(OLD, "sentences"))
    assert len(load_results(OLD, "sentences", filters=[("split", "==", "validation")])) == counts["valid"] > 0
    assert len(load_results(OLD, "sentences", filters=[("split", "in", ["test"])])) == counts["test"] > 0
    assert load_results(OLD, "sentences", filters=[("split", "==", "valid")]).empty


@pytest.mark.parametrize(("older", "current"), RENAMED_COLUMNS.items())
def test_an_older_name_is_refused_with_the_name_of_today(older, current):
    with pytest.raises(ValueError, match=f"no column '{older}'; it is now '{current}'"):
        load_results(OLD, columns=[older])
    with pytest.raises(ValueError, match=f"no column '{older}'; it is now '{current}'"):
        load_results(OLD, filters=[(older, "==", 1)])


def test_a_filter_is_pushed_down_to_an_older_part(old):
    """A damaged row group of other trials is not decoded."""
    (file,) = (old / "observations").iterdir()
    part = pq.ParquetFile(file).read()
    first, second = part.slice(0, 5), part.slice(5)
    with pq.ParquetWriter(file, part.schema, use_dictionary=False, write_statistics=["trial"]) as writer:
        writer.write_table(first)
        writer.write_table(second)
    middle = pq.ParquetFile(file).metadata.row_group(1).column(0).data_page_offset
    content = bytearray(file.read_bytes())
    content[4:middle] = bytes(middle - 4)
    file.write_bytes(content)
    last = second["trial"].to_pylist()[-1]
    assert last not in first["trial"].to_pylist()
    frame = load_results(old, columns=["algorithm", "trial"], filters=[("trial", ">=", last)])
    assert set(frame["trial"]) == {last}


def test_older_and_newer_explorations_are_one_frame(mixed):
    frame = load_results(mixed, filters=[("role", "==", "algorithm")])
    assert set(frame["exploration"]) == {"old", "today"}
    num_older = sum(row["role"] == "dot" for row in stored(OLD, "observations"))
    assert len(frame) == num_older + 2
    assert set(frame["algorithm"]) == {"mle", "raml"}
    splits = load_results(mixed, "sentences", columns=["split", "exploration"])
    assert set(splits[splits["exploration"] == "old"]["split"]) == {"validation", "test"}
    assert set(splits[splits["exploration"] == "today"]["split"]) == {"validation"}


def test_an_older_folder_is_written_on_and_compacted(old):
    before = load_results(old)
    writer = ResultsWriter.open(old)
    first = before.iloc[0]
    again = OBSERVATION | {"trial": first["trial"], "iteration": int(first["iteration"]), "algorithm": "again"}
    writer.append("observations", [again])
    writer.append("observations", [OBSERVATION | {"trial": "zz"}])
    frame = load_results(old)
    assert len(frame) == len(before) + 1
    assert frame["algorithm"].iloc[0] == "again"
    pd.testing.assert_frame_equal(frame.iloc[1:-1].reset_index(drop=True), before.iloc[1:].reset_index(drop=True))
    assert writer.compact() > 0
    pd.testing.assert_frame_equal(load_results(old), frame)
    (file,) = (old / "observations").iterdir()
    assert pq.read_schema(file).equals(TABLES["observations"].schema)
    assert set(pq.read_table(file, columns=["role"])["role"].to_pylist()) <= {"algorithm", "path", "member"}


def test_a_trial_is_removed_from_an_older_batch(old):
    ResultsWriter.open(old).remove_reports("mle-s1")
    frame = load_results(old)
    assert frame["trial"].tolist() == [row["trial"] for row in stored(OLD, "observations") if row["dot"] != "mle"]


def test_the_best_path_of_an_older_folder_is_that_of_its_best_observation():
    scores = {row["score"] for row in stored(OLD, "observations") if row["score"] is not None}
    best = load_results(OLD).sort_values("score", ascending=False).iloc[0]
    assert best["score"] == max(scores)
    assert best_path(OLD).to_dict()["knots"]
    assert load_manifest(OLD)["exploration"] == "results_0_1"


def test_the_report_of_an_older_folder_is_drawn():
    report = read_report(OLD)
    best = max(row["score"] for row in stored(OLD, "observations") if row["score"] is not None)
    assert f"{best:.2f}" in report.body
    assert {"score", "simplex", "temperature", "path", "lineage"} <= set(report.figures)
    assert "named algorithm" in report.body or "mle" in report.body


def test_the_replay_of_an_older_folder_gives_the_table_that_was_written_then():
    replay = read_replay(OLD_REPLAY, "found", np.random.default_rng(0))
    written = pd.read_csv(OLD_REPLAY / "replay.csv")
    assert replay.table["algorithm"].tolist() == written["algorithm"].tolist()
    exact = ["n", "mean", "low", "high", "difference", "effect_size", "seeds_p_value"]
    pd.testing.assert_frame_equal(replay.table[exact], written[exact])
    scores = {row["trial"]: row["score"] for row in stored(OLD_REPLAY, "tests")}
    names = {row["trial"]: row["dot"] for row in stored(OLD_REPLAY, "trials")}
    for name, mean in zip(replay.table["algorithm"], replay.table["mean"], strict=True):
        assert mean == pytest.approx(np.mean([score for trial, score in scores.items() if names[trial] == name]))
