import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.store.layout import batch_name, batch_number, key_of, part_key, part_name
from erpo_explore.store.schema import TABLES

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
counts = st.integers(0, 2_000_000)
tables = st.sampled_from(list(TABLES.values()))


@given(table=tables, trial=names, count=counts)
def test_the_key_of_a_part_is_read_from_its_name(table, trial, count):
    key = part_key(table, dict.fromkeys(table.part_key, count) | {"trial": trial})
    assert key == (trial, count if len(table.part_key) > 1 else 0)
    assert key_of(table, part_name(table, key)) == key
    assert batch_number(part_name(table, key)) is None


@given(number=counts, table=tables)
def test_a_batch_name_gives_its_number_and_no_key(number, table):
    assert batch_number(batch_name(number)) == number
    assert key_of(table, batch_name(number)) is None


@pytest.mark.parametrize(
    "name",
    ["trial-t1.parquet", "trial-t1-1.parquet", "trial-t1-٠٠٠٠٠١.parquet", "rows-1.parquet", "rows-.parquet", "x"],
)
def test_a_name_that_no_writer_gives_has_no_key(name):
    assert key_of(TABLES["observations"], name) is None
    assert batch_number(name) is None


@pytest.mark.parametrize("trial", ["../../etc/passwd", "a/b", "a\\b", "..", "a b:c"])
def test_a_trial_name_cannot_leave_its_folder(trial):
    name = part_name(TABLES["trials"], (trial, 0))
    assert "/" not in name
    assert "\\" not in name
