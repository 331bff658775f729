"""Multi-head attention (Vaswani et al. 2017).

Legend: B batch, Q queries, S positions attended to, H hidden size, N heads, D = H / N head size.

    a_qs = softmax_s(q_q · k_s / √D)      o_q = W_o [Σ_s a_qs v_s of each head]

Keys and values are projected apart from queries, so that a decoder can cache them for the tokens that it has read.

Left out: biases of queries, keys and values, and dropout of the weights a. Softmax is invariant to a bias of the keys,
and the preceding layer norm has a bias for the others. torch's attention would draw dropout from the process-wide
generator.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

__all__ = ["Attention"]


class Attention(nn.Module):
    """Attention from any queries to any keys."""

    def __init__(self, hidden_size: int, heads: int, *, device: torch.device) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden_size, hidden_size, bias=False, device=device)
        self.key = nn.Linear(hidden_size, hidden_size, bias=False, device=device)
        self.value = nn.Linear(hidden_size, hidden_size, bias=False, device=device)
        self.output = nn.Linear(hidden_size, hidden_size, device=device)

    def read(self, x_BSH: Float[Tensor, "B S H"]) -> tuple[Float[Tensor, "B N S D"], Float[Tensor, "B N S D"]]:
        """Keys and values of the positions to attend to."""
        return self._split(self.key(x_BSH)), self._split(self.value(x_BSH))

    def forward(
        self,
        x_BQH: Float[Tensor, "B Q H"],
        keys_BNSD: Float[Tensor, "B N S D"],
        values_BNSD: Float[Tensor, "B N S D"],
        *,
        keep_BQS: Bool[Tensor, "B #Q S"] | Float[Tensor, "#B #Q S"] | None = None,
        causal: bool = False,
    ) -> Float[Tensor, "B Q H"]:
        """Attended values per query.

        Args:
            x_BQH: Inputs of the query projection.
            keys_BNSD: Keys from `read`.
            values_BNSD: Values from `read`.
            keep_BQS: True where a query may attend, or 0 there and −∞ elsewhere; at least one position per query.
                Default: all positions.
            causal: Whether query q attends to positions up to q only.
        """
        read_BNQD = scaled_dot_product_attention(
            self._split(self.query(x_BQH)),
            keys_BNSD,
            values_BNSD,
            attn_mask=None if keep_BQS is None else keep_BQS[:, None],
            is_causal=causal,
        )
        read_BQH: Tensor = self.output(read_BNQD.transpose(1, 2).flatten(2))
        return read_BQH

    def _split(self, x_BSH: Tensor) -> Tensor:
        B, S, _ = x_BSH.shape
        return x_BSH.view(B, S, self.heads, -1).transpose(1, 2)
