from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.tasks.held_out import hold_out

PAIRS = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xyz")), max_size=30)


@given(PAIRS, st.integers(1, 40))
def test_every_pair_is_on_exactly_one_side(pairs: list[tuple[str, str]], num_pairs: int) -> None:
    train, validation = hold_out(pairs, num_pairs)
    assert sorted(train + validation) == sorted(pairs)


@given(PAIRS, st.integers(1, 40))
def test_no_validation_source_is_trained_on(pairs: list[tuple[str, str]], num_pairs: int) -> None:
    train, validation = hold_out(pairs, num_pairs)
    assert not {source for source, _ in train} & {source for source, _ in validation}


@given(PAIRS, st.integers(1, 40))
def test_at_most_half_of_the_pairs_are_held_out(pairs: list[tuple[str, str]], num_pairs: int) -> None:
    assert len(hold_out(pairs, num_pairs)[1]) <= len(pairs) // 2


@given(PAIRS.flatmap(lambda pairs: st.tuples(st.just(pairs), st.permutations(pairs))), st.integers(1, 40))
def test_the_order_of_the_lines_does_not_matter(orders: tuple[list[tuple[str, str]], ...], num_pairs: int) -> None:
    first, second = (sorted(hold_out(pairs, num_pairs)[1]) for pairs in orders)
    assert first == second


def test_distinct_sources_give_exactly_the_wanted_number() -> None:
    train, validation = hold_out([(f"source {index}", "target") for index in range(100)], 10)
    assert (len(train), len(validation)) == (90, 10)


def test_a_new_pair_moves_at_most_one_other_pair() -> None:
    pairs = [(f"source {index}", "target") for index in range(100)]
    before, after = (set(hold_out(some, 10)[1]) for some in (pairs, [*pairs, ("new", "target")]))
    assert len(before - after) <= 1
