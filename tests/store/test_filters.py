import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.store import TABLES, ResultsWriter, load_results
from erpo_explore.store.filters import row_filter
from erpo_explore.store.rows import rows_to_arrow

from .example_rows import MANIFEST, OBSERVATION, WHEN

TABLE = TABLES["observations"]
SCORES = (None, 1.0, 2.0, 3.0)
ALGORITHMS = (None, "mle", "raml")
ROWS = [
    OBSERVATION | {"trial": f"t{index}", "iteration": index, "score": score, "algorithm": algorithm, "tau": math.inf}
    for index, (score, algorithm) in enumerate((score, algorithm) for score in SCORES for algorithm in ALGORITHMS)
]
ARROW = rows_to_arrow(TABLE, ROWS)

conditions = st.one_of(
    st.tuples(st.just("score"), st.sampled_from(["=", "==", "!=", "<", "<=", ">", ">="]), st.sampled_from(SCORES[1:])),
    st.tuples(st.just("algorithm"), st.sampled_from(["in", "not in"]), st.lists(st.sampled_from(ALGORITHMS[1:]))),
    st.tuples(st.just("iteration"), st.just("<"), st.integers(0, 12)),
)


def holds(row, condition):
    """What a condition means, in plain Python."""
    name, comparison, value = condition
    found = row[name]
    if found is None:
        return False
    return {
        "=": lambda: found == value,
        "==": lambda: found == value,
        "!=": lambda: found != value,
        "<": lambda: found < value,
        "<=": lambda: found <= value,
        ">": lambda: found > value,
        ">=": lambda: found >= value,
        "in": lambda: found in value,
        "not in": lambda: found not in value,
    }[comparison]()


@given(groups=st.lists(st.lists(conditions, min_size=1, max_size=3), min_size=1, max_size=3))
def test_filters_match_plain_python_conditions(groups):
    expected = [row["trial"] for row in ROWS if any(all(holds(row, each) for each in group) for group in groups)]
    assert ARROW.filter(row_filter(TABLE, None, groups).current)["trial"].to_pylist() == expected


@pytest.fixture(params=["parts of one key", "a batch"])
def folder(request, tmp_path):
    writer = ResultsWriter.create(tmp_path / "tiny", MANIFEST)
    for rows in [ROWS] if request.param == "a batch" else [[row] for row in ROWS]:
        writer.append("observations", rows)
    return writer.folder


def test_a_frame_is_filtered_and_need_not_have_the_filtered_columns(folder):
    frame = load_results(folder, columns=["trial"], filters=[("score", ">=", 2), ("algorithm", "==", "mle")])
    assert frame["trial"].tolist() == ["t10", "t7"]
    assert frame.columns.tolist() == ["trial"]


def test_trials_and_filters_must_both_hold(folder):
    assert load_results(folder, trials=["t7", "t1", "t8"], filters=[("algorithm", "in", ["mle"])])[
        "trial"
    ].tolist() == [
        "t1",
        "t7",
    ]


def test_a_filter_takes_times_infinity_and_numpy_numbers(folder):
    filters = [("reported_at", "<=", WHEN), ("tau", "==", math.inf), ("iteration", "<", np.int64(2))]
    assert len(load_results(folder, filters=filters)) == 2


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ([("blue", "==", 1)], "observations has no column 'blue'"),
        ([("score", "~", 1)], "a filter compares by =, ==, !=, .*got '~'"),
        ([("score", ">", "high")], "observations.score must compare with double values, got 'high'"),
        ([("score", "==", None)], "got None; null meets no filter"),
        ([("algorithm", "in", "mle")], "must compare with string values, got 'mle'"),
        ([("algorithm", "in", [None])], "null meets no filter"),
        ([("algorithm", "in", 3)], "must compare with string values, got 3"),
        ([("step", "==", 1.5)], "must compare with int64 values"),
        (["score > 1"], r"must be \(column, comparison, value\)"),
        ([("score", ">")], r"must be \(column, comparison, value\)"),
        ([], "must hold a condition"),
        ([[]], "must hold a condition"),
    ],
)
def test_an_invalid_filter_is_refused(tmp_path, filters, message):
    with pytest.raises(ValueError, match=message):
        load_results(tmp_path, filters=filters)


def test_a_list_cannot_be_compared(tmp_path):
    with pytest.raises(ValueError, match=r"sentences\.values holds lists"):
        load_results(tmp_path, "sentences", filters=[("values", "==", 1.0)])


def test_one_trial_is_read_without_decoding_the_others(tmp_path):
    """Pushed down: a damaged row group of other trials is not even looked at."""
    rows = [OBSERVATION | {"trial": f"t{index:06d}"} for index in range(50_001)]
    folder = ResultsWriter.create(tmp_path / "tiny", MANIFEST).folder
    ResultsWriter.open(folder).append("observations", rows)
    (file,) = (folder / "observations").iterdir()
    content = bytearray(file.read_bytes())
    content[4:5000] = bytes(4996)
    file.write_bytes(content)
    assert load_results(folder, filters=[("trial", ">=", "t050000")])["trial"].tolist() == ["t050000"]
    assert load_results(folder, trials=["t050000"], columns=["score"])["score"].tolist() == [12.5]
    with pytest.warns(UserWarning, match="cannot be read"):
        assert load_results(folder).empty


def test_a_frame_may_be_changed_in_place(folder):
    frame = load_results(folder, columns=["step"])
    frame.loc[0, "step"] = 7
    assert isinstance(frame, pd.DataFrame)
    assert frame["step"].iloc[0] == 7
    assert pa.Table.from_pandas(frame).num_rows == len(ROWS)
