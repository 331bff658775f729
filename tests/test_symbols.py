import pytest

from erpo_explore.symbols import Symbols


@pytest.mark.parametrize(
    ("symbols", "never"),
    [
        (Symbols(), (0, 1, 3)),
        (Symbols(pad=0, bos=0, eos=1, unk=2), (0, 2)),
        (Symbols(pad=1, bos=2, eos=2, unk=3), (1, 3)),
        (Symbols(pad=9, bos=9, eos=0, unk=1, unused=(11, 10, 1)), (1, 9, 10, 11)),
    ],
    ids=["built here", "begins with padding", "begins with EOS", "ids without a token"],
)
def test_never_drawn_ids_are_sorted_unique_and_without_eos(symbols, never):
    assert symbols.never_drawn == never
