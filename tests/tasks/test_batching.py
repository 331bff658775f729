from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from erpo_explore.errors import ConfigError, DataError
from erpo_explore.symbols import Symbols
from erpo_explore.tasks import Batch, Sentences, Split, TrainingBatches, collate, evaluation_batches, steps_per_epoch

SYMBOLS = Symbols()
LENGTHS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40)


def split_of(lengths: list[tuple[int, int]]) -> Split:
    """Pairs with the given source and target lengths; the tokens identify their pair."""
    texts = tuple("w" for _ in lengths)
    return Split(
        sources=texts,
        references=texts,
        source_ids=Sentences.from_rows((10 + index,) * source for index, (source, _) in enumerate(lengths)),
        target_ids=Sentences.from_rows((10 + index,) * target for index, (_, target) in enumerate(lengths)),
    )


def same(one: Batch, other: Batch) -> bool:
    fields = ("source_BS", "source_keep_BS", "target_BT", "target_keep_BT", "index_B")
    return all(torch.equal(getattr(one, field), getattr(other, field)) for field in fields)


@given(LENGTHS)
def test_rows_are_tokens_then_eos_then_padding(lengths: list[tuple[int, int]]) -> None:
    split = split_of(lengths)
    batch = collate(split, range(len(split)), SYMBOLS)
    for tokens_BL, keep_BL, rows in (
        (batch.source_BS, batch.source_keep_BS, split.source_ids),
        (batch.target_BT, batch.target_keep_BT, split.target_ids),
    ):
        assert tokens_BL.dtype == torch.long and keep_BL.dtype == torch.bool
        assert tokens_BL.shape[1] == 1 + max(map(len, rows))
        for tokens_L, keep_L, row in zip(tokens_BL, keep_BL, rows, strict=True):
            assert keep_L.tolist() == [position <= len(row) for position in range(len(keep_L))]
            assert tokens_L[keep_L].tolist() == [*row, SYMBOLS.eos]
            assert (tokens_L[~keep_L] == SYMBOLS.pad).all()
    assert batch.num_target_tokens == sum(1 + target for _, target in lengths)
    assert len(batch) == len(split)


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 9), st.integers(0, 2**40), st.integers(0, 3))
def test_an_epoch_has_each_pair_exactly_once(
    lengths: list[tuple[int, int]], batch_size: int, seed: int, epoch: int
) -> None:
    batches = TrainingBatches(split_of(lengths), SYMBOLS, batch_size, seed)
    epoch_batches = [batches.at(epoch * len(batches) + index) for index in range(len(batches))]
    counts = Counter(index for batch in epoch_batches for index in batch.index_B.tolist())
    assert counts == Counter(range(len(lengths)))
    assert sum(len(batch) < batch_size for batch in epoch_batches) <= 1


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 9), st.lists(st.integers(0, 200), min_size=1, max_size=6))
def test_a_batch_depends_on_the_step_alone(lengths: list[tuple[int, int]], batch_size: int, steps: list[int]) -> None:
    split = split_of(lengths)
    asked_before = TrainingBatches(split, SYMBOLS, batch_size, 7)
    for step in steps:
        resumed = TrainingBatches(split, SYMBOLS, batch_size, 7)
        assert same(asked_before.at(step), resumed.at(step))


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 60), st.integers(0, 9))
def test_batches_of_tokens_cover_each_epoch_and_are_as_large_as_they_may_be(
    lengths: list[tuple[int, int]], batch_tokens: int, seed: int
) -> None:
    batches = TrainingBatches(split_of(lengths), SYMBOLS, None, seed, batch_tokens=batch_tokens)
    start = 0
    for epoch in (0, 1, 2):
        of_epoch = [batches.at(start + index) for index in range(batches.num_batches(epoch))]
        start += len(of_epoch)
        assert Counter(index for batch in of_epoch for index in batch.index_B.tolist()) == Counter(range(len(lengths)))
        sizes = [len(batch) * (batch.source_BS.shape[1] + batch.target_BT.shape[1]) for batch in of_epoch]
        assert all(size <= batch_tokens or len(batch) == 1 for size, batch in zip(sizes, of_epoch, strict=True))


def test_pairs_of_one_length_fill_batches_of_tokens() -> None:
    batches = TrainingBatches(split_of([(3, 4)] * 25), SYMBOLS, None, 1, batch_tokens=94)
    assert sorted(len(batches.at(step)) for step in range(len(batches))) == [5, 10, 10]


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 60), st.lists(st.integers(0, 90), min_size=1, max_size=5))
def test_a_batch_of_tokens_depends_on_the_step_alone(
    lengths: list[tuple[int, int]], batch_tokens: int, steps: list[int]
) -> None:
    split = split_of(lengths)
    asked_before = TrainingBatches(split, SYMBOLS, None, 7, batch_tokens=batch_tokens)
    for step in steps:
        resumed = TrainingBatches(split, SYMBOLS, None, 7, batch_tokens=batch_tokens)
        assert same(asked_before.at(step), resumed.at(step))


def test_steps_per_epoch_are_those_of_the_first_epoch() -> None:
    split = split_of([(index % 5, index % 3) for index in range(50)])
    assert steps_per_epoch(split, 8) == 7
    assert steps_per_epoch(split, None, 40) == len(TrainingBatches(split, SYMBOLS, None, 0, batch_tokens=40))


def test_epochs_and_seeds_have_different_orders() -> None:
    split = split_of([(3, 3)] * 40)
    orders = set()
    for seed in (0, 1):
        batches = TrainingBatches(split, SYMBOLS, 4, seed)
        for epoch in (0, 1):
            steps = range(epoch * len(batches), (epoch + 1) * len(batches))
            orders.add(tuple(index for step in steps for index in batches.at(step).index_B.tolist()))
    assert len(orders) == 4


def test_batches_hold_pairs_of_similar_length_and_are_not_sorted() -> None:
    lengths = [(index % 30, index % 7) for index in range(600)]
    batches = TrainingBatches(split_of(lengths), SYMBOLS, 20, 3)
    epoch = [batches.at(step) for step in range(len(batches))]
    assert max(batch.source_keep_BS.sum(1).max() - batch.source_keep_BS.sum(1).min() for batch in epoch) <= 2
    longest = [batch.source_BS.shape[1] for batch in epoch]
    assert longest != sorted(longest) and longest != sorted(longest, reverse=True)


@given(LENGTHS, st.integers(1, 9))
def test_evaluation_covers_each_pair_once_and_shortest_first(lengths: list[tuple[int, int]], batch_size: int) -> None:
    split = split_of(lengths)
    indices = [index for batch in evaluation_batches(split, SYMBOLS, batch_size) for index in batch.index_B.tolist()]
    assert sorted(indices) == list(range(len(split)))
    assert [lengths[index][0] for index in indices] == sorted(source for source, _ in lengths)


def test_an_empty_split_has_no_evaluation_batches() -> None:
    assert list(evaluation_batches(split_of([]), SYMBOLS, 4)) == []


def test_to_moves_every_tensor() -> None:
    batch = collate(split_of([(2, 3)]), [0], SYMBOLS).to("meta")
    tensors = (batch.source_BS, batch.source_keep_BS, batch.target_BT, batch.target_keep_BT, batch.index_B)
    assert {tensor.device.type for tensor in tensors} == {"meta"}


@pytest.mark.parametrize(("batch_size", "seed"), [(0, 1), (4, -1)])
def test_settings_out_of_range_are_errors(batch_size: int, seed: int) -> None:
    with pytest.raises(ConfigError, match=r"must be >= .*got"):
        TrainingBatches(split_of([(1, 1)]), SYMBOLS, batch_size, seed)


def test_steps_below_zero_are_errors() -> None:
    with pytest.raises(ConfigError, match="step must be >= 0, got -1"):
        TrainingBatches(split_of([(1, 1)]), SYMBOLS, 2, 0).at(-1)


def test_an_empty_batch_is_an_error() -> None:
    with pytest.raises(DataError, match="no pair"):
        TrainingBatches(split_of([]), SYMBOLS, 2, 0)
    with pytest.raises(DataError, match="at least one pair"):
        collate(split_of([(1, 1)]), [], SYMBOLS)
