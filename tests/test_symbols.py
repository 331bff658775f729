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
def test_what_is_never_drawn_is_named_once_and_in_order_and_eos_is_not_of_it(symbols, never):
    assert symbols.never_drawn == never
