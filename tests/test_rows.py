from dataclasses import dataclass

import pytest
import torch

from erpo_explore.rows import Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf(Rows):
    value_B: torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree(Rows):
    leaf: Leaf
    layers: tuple[torch.Tensor, ...]
    step: int
    nothing: Leaf | None = None


def tree_of(*values: float) -> Tree:
    value_B = torch.tensor(values)
    return Tree(leaf=Leaf(value_B=value_B), layers=(value_B[:, None], value_B * 2.0), step=7)


@pytest.mark.parametrize("rows", [[0, 1, 2], [2, 0], [1, 1, 1], []])
def test_rows_of_every_tensor_are_selected_and_numbers_kept(rows):
    values = [3.0, 4.0, 5.0]
    taken = tree_of(*values).take(torch.tensor(rows, dtype=torch.long))
    picked = [values[row] for row in rows]
    assert taken.leaf.value_B.tolist() == picked
    assert [layer.flatten().tolist() for layer in taken.layers] == [picked, [2.0 * value for value in picked]]
    assert (taken.step, taken.nothing) == (7, None)
