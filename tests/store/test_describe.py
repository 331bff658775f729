from pathlib import Path

import pytest

from erpo_explore.store import TABLES
from erpo_explore.store.describe import describe

PAGE = Path(__file__).parents[2] / "docs" / "store.md"


def test_the_page_matches_the_schema():
    assert PAGE.read_text(encoding="utf-8") == describe(), "python -m erpo_explore.store.describe > docs/store.md"


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_column_has_a_line_with_its_meaning_and_when_it_is_null(table):
    section = describe().split(f"\n## {table.name}\n")[1].split("\n## ")[0]
    lines = {line.split("`")[1]: line for line in section.splitlines() if line.startswith("| `")}
    assert list(lines) == table.schema.names
    for column in table.columns:
        assert column.meaning in lines[column.name]
        assert lines[column.name].endswith(f"| {column.null or 'never'} |")
