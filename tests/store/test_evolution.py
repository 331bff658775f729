"""Folders of older and newer versions, their parts written by hand."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from erpo_explore.store import TABLES, ResultsWriter, load_results

from .example_rows import OBSERVATION

OLDER = pa.schema(
    [
        pa.field(name, pa.int32() if kind == pa.int64() else pa.float32() if kind == pa.float64() else kind, nullable)
        for name, kind, nullable in (
            (field.name, field.type, field.nullable)
            for field in TABLES["observations"].schema
            if field.name
            not in ("estimator", "num_draws", "forced", "noise_kind", "mean_reward", "objective", "kl_nats")
        )
    ]
)
"""Before four levers of the point and a measurement were kept, and narrower."""


@pytest.fixture
def older(tmp_path):
    """`exploration.yaml` and two parts, as no writer of this version leaves them."""
    folder = tmp_path / "older"
    (folder / "observations").mkdir(parents=True)
    (folder / "exploration.yaml").write_text("exploration: tiny\nseed: 3\n")
    for iteration in (1, 2):
        row = {name: OBSERVATION[name] for name in OLDER.names} | {"iteration": iteration}
        pq.write_table(
            pa.Table.from_pylist([row], OLDER), folder / "observations" / f"trial-t1-{iteration:06d}.parquet"
        )
    return folder


def test_an_older_folder_opens_with_nulls_in_added_columns(older):
    frame = load_results(older)
    assert frame.columns.tolist() == TABLES["observations"].schema.names
    assert frame["iteration"].tolist() == [1, 2]
    assert frame["score"].dtype == float
    assert frame["step"].dtype == "int64"
    assert frame[["estimator", "num_draws", "mean_reward"]].isna().all(axis=None)


def test_an_older_folder_is_filtered_and_its_new_rows_too(older):
    ResultsWriter.open(older).append("observations", [OBSERVATION | {"iteration": 3, "num_draws": 4}])
    assert load_results(older, filters=[("num_draws", ">", 1)])["iteration"].tolist() == [3]
    assert load_results(older, filters=[("step", "==", 100)])["iteration"].tolist() == [1, 2, 3]


def test_an_older_folder_is_resumed_and_compacted_to_the_schema_of_today(older):
    writer = ResultsWriter.open(older)
    writer.append("observations", [OBSERVATION | {"iteration": iteration} for iteration in (3, 4)])
    before = load_results(older)
    writer.compact()
    pd.testing.assert_frame_equal(load_results(older), before)
    (part,) = (older / "observations").iterdir()
    assert pq.read_schema(part).equals(TABLES["observations"].schema)


def test_a_batch_of_an_older_version_takes_rows_of_today(older):
    rows = [{name: OBSERVATION[name] for name in OLDER.names} | {"iteration": iteration} for iteration in (7, 8)]
    pq.write_table(pa.Table.from_pylist(rows, OLDER), older / "observations" / "rows-000001.parquet")
    ResultsWriter.open(older).append("observations", [OBSERVATION | {"iteration": 8, "num_draws": 4}])
    frame = load_results(older)
    assert frame["iteration"].tolist() == [1, 2, 7, 8]
    assert frame["num_draws"].tolist()[-1] == 4


def newer(folder, name, **columns):
    """A part with columns that this version does not know."""
    row = OBSERVATION | {"iteration": 9}
    table = pa.Table.from_pylist([row], TABLES["observations"].schema)
    for column, value in columns.items():
        table = table.append_column(column, pa.array([value]))
    pq.write_table(table, folder / "observations" / name)


def test_a_newer_column_is_named_once_and_the_rest_is_read(older):
    for iteration in (9, 10):
        newer(older, f"trial-t1-{iteration:06d}.parquet", perplexity=3.5)
    with pytest.warns(UserWarning, match=r"trial-t1-000009.*'perplexity', and so have 1 other") as warned:
        frame = load_results(older)
    assert len(warned) == 1
    assert frame["iteration"].tolist() == [1, 2, 9]
    assert "perplexity" not in frame


def test_a_newer_batch_keeps_its_column_where_a_row_of_it_is_replaced(older):
    newer(older, "rows-000001.parquet", perplexity=3.5)
    with pytest.warns(UserWarning, match="perplexity"):
        writer = ResultsWriter.open(older)
        writer.append("observations", [OBSERVATION | {"iteration": 9, "score": 1.0}])
    assert "perplexity" in pq.read_schema(older / "observations" / "rows-000001.parquet").names
    with pytest.warns(UserWarning, match="perplexity"):
        assert load_results(older)["score"].tolist()[-1] == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drop": "trial"}, "has no column 'trial'"),
        ({"null": "trial"}, "its column 'trial' has nulls"),
        ({"text": "score"}, "left out"),
    ],
    ids=str,
)
def test_a_part_that_cannot_be_of_the_table_is_named_and_left_out(older, change, message):
    path = older / "observations" / "trial-t1-000002.parquet"
    ((what, name),) = change.items()
    part = pq.read_table(path)
    if what == "drop":
        part = part.drop_columns([name])
    else:
        values = pa.array([None if what == "null" else "high"], pa.string())
        part = part.set_column(part.column_names.index(name), name, values)
    pq.write_table(part, path)
    with pytest.warns(UserWarning, match=rf"trial-t1-000002\.parquet is not a part of observations.*{message}"):
        frame = load_results(older)
    assert frame["iteration"].tolist() == [1]
