from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.store.layout import is_part_of, part_path
from erpo_explore.store.schema import TABLES

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
counts = st.integers(0, 2_000_000)


@given(first=st.tuples(names, counts), second=st.tuples(names, counts))
def test_two_parts_share_a_name_only_when_they_share_a_key(first, second):
    paths = [
        part_path(Path("r"), TABLES["observations"], {"trial": trial, "iteration": iteration})
        for trial, iteration in (first, second)
    ]
    assert (paths[0] == paths[1]) == (first == second)


@given(trial=names, other=names, iteration=counts)
def test_a_part_is_known_by_its_trial(trial, other, iteration):
    name = part_path(Path("r"), TABLES["lineage"], {"trial": trial, "generation": iteration}).name
    assert is_part_of(name, TABLES["lineage"], trial)
    assert is_part_of(name, TABLES["lineage"], other) == (trial == other)


@pytest.mark.parametrize("trial", ["../../etc/passwd", "a/b", "a\\b", "..", "a b:c"])
def test_a_trial_name_cannot_leave_its_folder(trial):
    path = part_path(Path("r"), TABLES["trials"], {"trial": trial})
    assert path.parent == Path("r/trials")
