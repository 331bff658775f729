"""Sentences in flat arrays behave as the rows that they were made of."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.tasks import Sentences

ROWS = st.lists(st.lists(st.integers(4, 30), max_size=5), max_size=12)


@given(ROWS)
def test_the_rows_come_back(rows: list[list[int]]) -> None:
    sentences = Sentences.from_rows(rows)
    assert [list(row) for row in sentences] == rows
    assert [list(sentences[index]) for index in range(-len(rows), 0)] == rows
    assert sentences.lengths.tolist() == [len(row) for row in rows]
    assert len(sentences) == len(rows)
    with pytest.raises(IndexError):
        sentences[len(rows)]


@given(ROWS, st.slices(12))
def test_a_slice_is_that_of_the_rows(rows: list[list[int]], part: slice) -> None:
    assert [list(row) for row in Sentences.from_rows(rows)[part]] == rows[part]


@given(ROWS.filter(len), st.data())
def test_chosen_rows_keep_the_order_of_their_indices(rows: list[list[int]], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=20))
    taken = Sentences.from_rows(rows).take(np.array(chosen, np.int64))
    assert taken == Sentences.from_rows([rows[index] for index in chosen])


@given(ROWS, st.integers(0, 6))
def test_cut_rows_are_prefixes(rows: list[list[int]], longest: int) -> None:
    assert Sentences.from_rows(rows).cut(longest) == Sentences.from_rows([row[:longest] for row in rows])


@given(st.lists(ROWS, max_size=4))
def test_parts_are_joined_in_their_order(parts: list[list[list[int]]]) -> None:
    joined = Sentences.joined(map(Sentences.from_rows, parts))
    assert joined == Sentences.from_rows(row for part in parts for row in part)


def test_many_rows_are_copied_in_several_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("erpo_explore.tasks.sentences._ROWS_AT_ONCE", 2)
    rows = [[5, 6, 7], [], [8], [9, 10], [11]]
    assert [list(row) for row in Sentences.from_rows(rows).take(np.array([4, 3, 1, 0, 0]))] == [
        [11],
        [9, 10],
        [],
        [5, 6, 7],
        [5, 6, 7],
    ]


@given(ROWS.filter(len), st.data())
def test_padded_rows_end_in_eos(rows: list[list[int]], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=6))
    padded, lengths = Sentences.from_rows(rows).padded(np.array(chosen, np.int64), eos=2, pad=0)
    longest = 1 + max(len(rows[index]) for index in chosen)
    assert padded.tolist() == [[*rows[index], 2, *[0] * (longest - 1 - len(rows[index]))] for index in chosen]
    assert lengths.tolist() == [1 + len(rows[index]) for index in chosen]


def test_a_pickle_of_protocol_5_holds_no_token() -> None:
    sentences = Sentences.from_rows([[5] * 1000] * 10)
    buffers: list[pickle.PickleBuffer] = []
    rest = pickle.dumps(sentences, protocol=5, buffer_callback=buffers.append)
    assert len(rest) < 500
    again = pickle.loads(rest, buffers=[bytes(buffer) for buffer in buffers])
    assert again == sentences
    assert not again.tokens_N.flags.writeable
