import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.store.ordering import sorted_by_key

rows = st.lists(st.tuples(st.text(max_size=2), st.integers(-3, 3), st.integers()), max_size=12)


@given(rows=rows, pieces=st.integers(1, 3))
def test_sorting_matches_pandas_and_keeps_the_last_row_of_a_key(rows, pieces):
    schema = pa.schema([("trial", pa.string()), ("iteration", pa.int64()), ("value", pa.string())])
    frame = pd.DataFrame(
        [(trial, count, str(value)) for trial, count, value in rows], columns=schema.names, dtype=object
    )
    table = pa.concat_tables([pa.Table.from_pandas(frame[start::pieces], schema) for start in range(pieces)])
    arrived = pd.concat([frame[start::pieces] for start in range(pieces)])
    expected = arrived.drop_duplicates(["trial", "iteration"], keep="last").sort_values(["trial", "iteration"])
    assert sorted_by_key(table, ["trial", "iteration"]).to_pylist() == expected.to_dict("records")


def test_sorted_rows_are_not_copied():
    table = pa.table({"trial": ["a", "a", "b"], "iteration": [1, 2, 1]})
    assert sorted_by_key(table, ["trial", "iteration"]) is table
