import pyarrow as pa
import pytest

from erpo_explore.store.schema import LINEAGE, MEASURES, OBSERVATIONS, SAMPLES, SENTENCES, TABLES, TESTS, TRIALS


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_column_is_documented_and_named_once(table):
    assert all(column.meaning for column in table.columns)
    assert len({column.name for column in table.columns}) == len(table.columns)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_number_has_a_unit(table):
    for column in table.columns:
        kinds = (pa.types.is_string, pa.types.is_timestamp, pa.types.is_boolean)
        assert bool(column.unit) != any(is_kind(column.type) for is_kind in kinds)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_a_key_is_never_null_and_begins_with_the_part_key(table):
    assert table.key[: len(table.part_key)] == table.part_key
    assert not any(table.schema.field(name).nullable for name in table.key)


def test_published_schemas_match_the_tables():
    assert [table.schema for table in TABLES.values()] == [
        OBSERVATIONS,
        TRIALS,
        LINEAGE,
        SAMPLES,
        SENTENCES,
        TESTS,
        MEASURES,
    ]
