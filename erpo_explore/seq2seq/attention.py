"""Attention of several heads (Vaswani et al. 2017).

Legend: B batch, Q queries, S what is attended to, H units, N heads, D = H / N units of a head.

    a_qs = softmax_s(q_q · k_s / √D)      o_q = W_o [Σ_s a_qs v_s of each head]

Keys and values are projected apart from queries, so that a decoder can keep those of what it has read. Queries, keys
and values have no bias: softmax does not see one of keys, and the layer norm before has one for the others. No dropout
of the weights a: torch's attention would draw it from the process-wide generator.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

__all__ = ["Attention"]


class Attention(nn.Module):
    """From any queries to any keys."""

    def __init__(self, hidden_size: int, heads: int, *, device: torch.device) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden_size, hidden_size, bias=False, device=device)
        self.key = nn.Linear(hidden_size, hidden_size, bias=False, device=device)
        self.value = nn.Linear(hidden_size, hidden_size, bias=False, device=device)
        self.output = nn.Linear(hidden_size, hidden_size, device=device)

    def read(self, x_BSH: Float[Tensor, "B S H"]) -> tuple[Float[Tensor, "B N S D"], Float[Tensor, "B N S D"]]:
        """Keys and values of what is to be attended to."""
        return self._split(self.key(x_BSH)), self._split(self.value(x_BSH))

    def forward(
        self,
        x_BQH: Float[Tensor, "B Q H"],
        keys_BNSD: Float[Tensor, "B N S D"],
        values_BNSD: Float[Tensor, "B N S D"],
        *,
        keep_BQS: Bool[Tensor, "B #Q S"] | None = None,
        causal: bool = False,
    ) -> Float[Tensor, "B Q H"]:
        """What each query reads.

        Args:
            x_BQH: Queries, not yet projected.
            keys_BNSD: From `read`.
            values_BNSD: From `read`.
            keep_BQS: True where a query may look; each must have a place to look at. All places if not given.
            causal: Query q looks at the places up to q alone.
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
