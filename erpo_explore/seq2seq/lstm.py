"""Bidirectional LSTM encoder and LSTM decoder with Luong attention (Luong et al. 2015, "general" score), scaled.

Legend: B batch, S source length, T target length, V target vocabulary, H hidden size.

    a_ts = softmax_s(h_t · W_a k_s / √H)    c_t = Σ_s a_ts v_s    p(y_{t+1} | y_≤t, x) = softmax(E tanh(W_c [c_t; h_t]))

Left out on purpose: input feeding. A known prefix is then one call of the decoder's LSTM instead of T calls (measured
2.35 times faster per step).

Added, since a run fails where attention does not form early:

- Scores are divided by √H (Vaswani et al. 2017). Without it they saturate, and some seeds never learn to attend
  (docs/studies/multi30k.md).
- Attention reads v_s = k_s + the source word's embedding.
- The output layer shares its weights with the target embedding (Press & Wolf 2017).
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from erpo_explore.seq2seq.dropout import SeededDropout
from erpo_explore.seq2seq.lstm_config import LstmConfig
from erpo_explore.seq2seq.model import DecoderState, Memory, Seq2Seq

__all__ = ["LstmMemory", "LstmSeq2Seq", "LstmState", "LstmStaticState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LstmMasks:
    """Dropout masks of the decoder, for all R rows of the encoded batch.

    This is no `Rows`: dropping the masks of ended rows would copy those of all others.

    Attributes:
        inputs_RTH: Masks of the decoder's inputs.
        outputs_RTH: Masks of the attention's outputs.
    """

    inputs_RTH: Float[Tensor, "R T H"]
    outputs_RTH: Float[Tensor, "R T H"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LstmMemory(Memory):
    """Output of the bidirectional encoder.

    Attributes:
        keys_BSH: Keys of attention.
        values_BSH: Values of attention.
        hidden_BH: Initial hidden state of the decoder.
        cell_BH: Initial cell state of the decoder.
        masks: Dropout masks of the decoder, if they are drawn (`settle`).
        mask_row_B: Index of each row in the masks.
    """

    keys_BSH: Float[Tensor, "B S H"]
    values_BSH: Float[Tensor, "B S H"]
    hidden_BH: Float[Tensor, "B H"]
    cell_BH: Float[Tensor, "B H"]
    masks: LstmMasks | None = None
    mask_row_B: Int[Tensor, " B"] | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the masks are drawn."""
        return self.masks is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LstmState(DecoderState):
    """Hidden and cell state of the decoder's LSTM after `step` tokens."""

    hidden_BH: Float[Tensor, "B H"]
    cell_BH: Float[Tensor, "B H"]
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LstmStaticState(DecoderState):
    """The same for all rows of a batch to its end; the number of tokens is a tensor, so that one graph does every step.

    Attributes:
        hidden_BH: Hidden state.
        cell_BH: Cell state.
        step: Number of tokens that have been read.
        masks_T2BH: Dropout masks of inputs and outputs, if they are drawn.
    """

    hidden_BH: Float[Tensor, "B H"]
    cell_BH: Float[Tensor, "B H"]
    step: Int[Tensor, ""]
    masks_T2BH: Float[Tensor, "T 2 B H"] | None = None

    @property
    def masks_2BH(self) -> tuple[Tensor | None, Tensor | None]:
        """Dropout masks of input and output of this step; None where they are not drawn."""
        if self.masks_T2BH is None:
            return None, None
        inputs_BH, outputs_BH = self.masks_T2BH.index_select(0, self.step.view(1))[0].unbind(0)
        return inputs_BH, outputs_BH


class LstmSeq2Seq(Seq2Seq):
    """The LSTM of Tan et al. (2018); the defaults of its config are those of the paper."""

    def __init__(
        self, config: LstmConfig, num_source: int, num_target: int, *, pad: int, generator: torch.Generator
    ) -> None:
        """Build a model on the generator's device.

        Args:
            config: Size and dropout.
            num_source: Source vocabulary size.
            num_target: Target vocabulary size V.
            pad: Id of the padding token, in both vocabularies.
            generator: Draws the initial weights and every dropout mask; the model keeps it.
        """
        super().__init__()
        H = config.hidden_size
        device = generator.device
        self.source_embedding = nn.Embedding(num_source, H, padding_idx=pad, device=device)
        self.target_embedding = nn.Embedding(num_target, H, padding_idx=pad, device=device)
        self.encoder = nn.LSTM(H, H // 2, batch_first=True, bidirectional=True, device=device)
        self.decoder = nn.LSTM(H, H, batch_first=True, device=device)
        self.bridge = nn.Linear(2 * H, 2 * H, device=device)
        self.query = nn.Linear(H, H, bias=False, device=device)
        self.combine = nn.Linear(2 * H, H, bias=False, device=device)
        self.output_bias = nn.Parameter(torch.zeros(num_target, device=device))
        self.dropout = SeededDropout(config.dropout, generator)
        self._initialise(generator)
        # the same parameters again, since torch.compile refuses to look into an LSTM module
        self._cell_weights: tuple[Tensor, ...] = tuple(self.decoder.all_weights[0])

    def _initialise(self, generator: torch.Generator) -> None:
        """Glorot-uniform matrices, zero biases, forget gates open, embeddings of unit-variance logits."""
        for name, parameter in self.named_parameters():
            if "embedding" in name:
                nn.init.normal_(parameter, std=1.0 / math.sqrt(parameter.shape[1]), generator=generator)
            elif parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter, generator=generator)
            else:
                nn.init.zeros_(parameter)
        with torch.no_grad():
            for embedding in (self.source_embedding, self.target_embedding):
                if embedding.padding_idx is not None:
                    embedding.weight[embedding.padding_idx].zero_()
            for lstm in (self.encoder, self.decoder):
                for name, parameter in lstm.named_parameters():
                    if "bias_ih" in name:
                        quarter = parameter.shape[0] // 4
                        parameter[quarter : 2 * quarter].fill_(1.0)

    def encode(self, source_BS: Int[Tensor, "B S"], keep_BS: Bool[Tensor, "B S"]) -> LstmMemory:
        """Encode the sources; each row must have at least one token."""
        embedded_BSH = self.dropout(self.source_embedding(source_BS) * self._embedding_scale)
        # sorted here: `enforce_sorted=False` would make the host read the order from the device once more
        length_B, order_B = keep_BS.sum(1).cpu().sort(descending=True)
        back_B = order_B.argsort().to(source_BS.device)
        sorted_BSH = embedded_BSH.index_select(0, order_B.to(source_BS.device))
        encoded, (hidden_2BE, cell_2BE) = self.encoder(pack_padded_sequence(sorted_BSH, length_B, batch_first=True))
        keys_BSH, _ = pad_packed_sequence(encoded, batch_first=True, total_length=source_BS.shape[1])
        keys_BSH, hidden_2BE = keys_BSH.index_select(0, back_B), hidden_2BE.index_select(1, back_B)
        cell_2BE = cell_2BE.index_select(1, back_B)
        last_BX = torch.cat([hidden_2BE[0], hidden_2BE[1], cell_2BE[0], cell_2BE[1]], dim=-1)
        hidden_BH, cell_BH = self.bridge(last_BX).chunk(2, dim=-1)
        return LstmMemory(
            keep_BS=keep_BS,
            keys_BSH=self.dropout(keys_BSH),
            values_BSH=self.dropout(keys_BSH) + embedded_BSH,
            hidden_BH=torch.tanh(hidden_BH),
            cell_BH=cell_BH,
        )

    @property
    def _embedding_scale(self) -> float:
        return math.sqrt(self.source_embedding.embedding_dim)

    def settle(self, memory: LstmMemory, num_tokens: int) -> LstmMemory:
        """Draw the masks of the decoder's two dropouts; unchanged where nothing is dropped."""
        like_BTH = memory.hidden_BH[:, None].detach().expand(-1, num_tokens, -1)
        inputs_BTH, outputs_BTH = self.dropout.mask(like_BTH), self.dropout.mask(like_BTH)
        if inputs_BTH is None or outputs_BTH is None:
            return memory
        return replace(
            memory,
            masks=LstmMasks(inputs_RTH=inputs_BTH, outputs_RTH=outputs_BTH),
            mask_row_B=torch.arange(len(inputs_BTH), device=inputs_BTH.device),
        )

    def features(self, memory: LstmMemory, inputs_BT: Int[Tensor, "B T"]) -> Float[Tensor, "B T H"]:
        """Attention outputs at every position of `inputs_BT`, in one pass."""
        input_mask_BTH, output_mask_BTH = _masks(memory, slice(inputs_BT.shape[1]))
        embedded_BTH = self.dropout.by(input_mask_BTH, self.target_embedding(inputs_BT) * self._embedding_scale)
        first = self.begin(memory)
        states_BTH, _ = self.decoder(embedded_BTH, (first.hidden_BH[None], first.cell_BH[None]))
        return self.dropout.by(output_mask_BTH, self._attended(memory, states_BTH))

    def begin(self, memory: LstmMemory) -> LstmState:
        """Bridge of the encoder's last states."""
        return LstmState(hidden_BH=memory.hidden_BH, cell_BH=memory.cell_BH)

    def begin_static(self, memory: LstmMemory, num_tokens: int) -> LstmStaticState:
        """The same, with the dropout masks of each step side by side."""
        masks_T2BH = None
        if memory.masks is not None:
            both_2BTH = torch.stack(_masks(memory, slice(num_tokens)))  # type: ignore[arg-type]  # both are drawn
            masks_T2BH = both_2BTH.permute(2, 0, 1, 3).contiguous()
        return LstmStaticState(
            # contiguous as the states after it, so that one graph does every step
            hidden_BH=memory.hidden_BH.contiguous(),
            cell_BH=memory.cell_BH.contiguous(),
            step=torch.zeros((), dtype=torch.long, device=memory.hidden_BH.device),
            masks_T2BH=masks_T2BH,
        )

    def advance(
        self, memory: LstmMemory, state: LstmState | LstmStaticState, token_B: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B H"], LstmState | LstmStaticState]:
        """Attention output after one more token."""
        masks = state.masks_2BH if isinstance(state, LstmStaticState) else _masks(memory, state.step)
        input_mask_BH, output_mask_BH = masks
        embedded_BH = self.dropout.by(input_mask_BH, self.target_embedding(token_B) * self._embedding_scale)
        # lstm_cell: a sequence of length 1 takes twice as long on a CPU
        hidden_BH, cell_BH = torch.lstm_cell(embedded_BH, (state.hidden_BH, state.cell_BH), *self._cell_weights)
        after: Any = replace(state, hidden_BH=hidden_BH, cell_BH=cell_BH, step=state.step + 1)  # type: ignore[arg-type]
        return self.dropout.by(output_mask_BH, self._attended(memory, hidden_BH[:, None])[:, 0]), after

    def project(self, features_XH: Float[Tensor, "*X H"]) -> Float[Tensor, "*X V"]:
        """Inner products with the target embeddings, plus a bias."""
        return nn.functional.linear(features_XH, *self.output_layer)

    @property
    def output_layer(self) -> tuple[Float[Tensor, "V H"], Float[Tensor, " V"]]:
        """Target embedding matrix and bias."""
        return self.target_embedding.weight, self.output_bias

    def _attended(self, memory: LstmMemory, states_BTH: Tensor) -> Tensor:
        scores_BTS = self.query(states_BTH) @ memory.keys_BSH.transpose(1, 2) / math.sqrt(states_BTH.shape[-1])
        scores_BTS = scores_BTS.masked_fill(~memory.keep_BS[:, None, :], float("-inf"))
        context_BTH = scores_BTS.softmax(-1) @ memory.values_BSH
        return torch.tanh(self.combine(torch.cat([context_BTH, states_BTH], dim=-1)))


def _masks(memory: LstmMemory, steps: int | slice) -> tuple[Tensor | None, Tensor | None]:
    """Masks of the rows' inputs and outputs at some steps; None where they are not drawn."""
    if memory.masks is None:
        return None, None
    return memory.masks.inputs_RTH[memory.mask_row_B, steps], memory.masks.outputs_RTH[memory.mask_row_B, steps]
