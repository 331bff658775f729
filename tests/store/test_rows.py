from datetime import datetime
from math import inf, isnan, nan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.store.rows import find_table, rows_to_arrow
from erpo_explore.store.schema import ROLES, STATUSES

from .example_rows import OBSERVATION, ROWS, SENTENCES

OBSERVATIONS_TABLE = find_table("observations")


@pytest.mark.parametrize("name", ROWS)
def test_a_legal_row_keeps_its_values(name):
    assert rows_to_arrow(find_table(name), [ROWS[name]]).to_pylist() == [ROWS[name]]


@pytest.mark.parametrize(
    ("column", "value", "requirement"),
    [
        ("trial", None, "must not be null"),
        ("trial", "", "non-empty"),
        ("trial", 7, "must be text"),
        ("node", "\ud800", "UTF-8"),
        ("role", "hero", "one of algorithm, member"),
        ("status", "done", "one of running"),
        ("iteration", -1, ">= 0"),
        ("iteration", True, "whole number"),
        ("step", 1.0, "whole number"),
        ("step", 2**63, "64 bits"),
        ("score", nan, "not NaN"),
        ("score", inf, "finite"),
        ("progress", "0.5", "must be a number"),
        ("rho", nan, "not NaN"),
        ("reported_at", datetime(2026, 3, 4), "time zone"),
        ("reported_at", pd.NaT, "time zone"),
        ("reported_at", "2026-03-04", "time zone"),
    ],
)
def test_an_illegal_value_is_refused_by_table_column_and_requirement(column, value, requirement):
    with pytest.raises(ValueError, match=rf"observations\.{column} .*{requirement}"):
        rows_to_arrow(OBSERVATIONS_TABLE, [OBSERVATION | {column: value}])


@pytest.mark.parametrize(
    "values",
    [None, 1.0, "1.0", [1.0, nan], [1.0, "a"], ["a"], [[1.0]], np.ones((2, 2)), np.ones(2, dtype=int)],
    ids=repr,
)
def test_statistics_must_be_a_vector_of_finite_floats(values):
    with pytest.raises(ValueError, match=r"sentences\.values must (not be null|be a vector of finite floats)"):
        rows_to_arrow(find_table("sentences"), [SENTENCES | {"values": values}])


def test_an_unknown_column_is_refused_by_name():
    with pytest.raises(ValueError, match="observations: unknown column 'blue'"):
        rows_to_arrow(OBSERVATIONS_TABLE, [OBSERVATION | {"blue": 1.0}])


def test_a_duplicate_key_is_refused():
    with pytest.raises(ValueError, match="occurs twice"):
        rows_to_arrow(OBSERVATIONS_TABLE, [OBSERVATION, OBSERVATION])


def test_an_unknown_table_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match="observations, trials, lineage, samples, sentences"):
        find_table("observation")


def test_policy_gradient_is_a_legal_point_and_a_diverged_loss_a_legal_observation():
    row = OBSERVATION | {"alpha": inf, "tau": inf, "rho": 1.0, "train_loss_nats": nan}
    kept = rows_to_arrow(OBSERVATIONS_TABLE, [row]).to_pylist()[0]
    assert kept["tau"] == inf
    assert isnan(kept["train_loss_nats"])


def test_numpy_scalars_are_numbers():
    row = OBSERVATION | {"step": np.int64(7), "score": np.float32(0.5), "progress": np.int32(1)}
    kept = rows_to_arrow(OBSERVATIONS_TABLE, [row]).to_pylist()[0]
    assert (kept["step"], kept["score"], kept["progress"]) == (7, 0.5, 1.0)


def test_a_nullable_column_may_be_left_out():
    row = {name: value for name, value in OBSERVATION.items() if name != "algorithm"}
    assert rows_to_arrow(OBSERVATIONS_TABLE, [row]).to_pylist() == [OBSERVATION | {"algorithm": None}]


finite = st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(codec="utf-8"))


@given(
    changes=st.fixed_dictionaries(
        {
            "trial": text.filter(bool),
            "role": st.sampled_from(ROLES),
            "iteration": st.integers(0, 2**63 - 1),
            "seed": st.integers(-(2**63), 2**63 - 1),
            "algorithm": st.none() | text,
            "tau": st.floats(allow_nan=False),
            "score": st.none() | finite,
            "status": st.sampled_from(STATUSES),
            "path": text,
        }
    )
)
def test_any_legal_row_is_read_back_unchanged(changes):
    row = OBSERVATION | changes
    assert rows_to_arrow(OBSERVATIONS_TABLE, [row]).to_pylist() == [row]
