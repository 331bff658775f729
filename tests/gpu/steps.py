"""One step of a small model at a point, on any device: the same weights, batch and seeds everywhere."""

from dataclasses import dataclass

import torch

from erpo_explore.erpo import step_loss
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.seq2seq import LstmConfig, build_model
from erpo_explore.space import Point
from erpo_explore.symbols import Symbols

SYMBOLS = Symbols()
NUM_SOURCE, NUM_TARGET = 40, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A loss and the norm of each gradient."""

    loss: torch.Tensor
    gradient_norms: torch.Tensor


def rows_of(num_tokens: int, device: torch.device, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Eight sentences of two to nine words with EOS, and their mask."""
    generator = torch.Generator().manual_seed(seed)
    length_B = torch.arange(2, 10)
    keep_BT = torch.arange(10)[None, :] <= length_B[:, None]
    tokens_BT = torch.randint(4, num_tokens, keep_BT.shape, generator=generator)
    tokens_BT = tokens_BT.scatter(1, length_B[:, None], SYMBOLS.eos).masked_fill(~keep_BT, SYMBOLS.pad)
    return tokens_BT.to(device), keep_BT.to(device)


def reference_on(device: torch.device) -> Reference:
    tokens_BT, keep_BT = rows_of(NUM_TARGET, device, seed=2)
    return Reference(tokens_BT=tokens_BT, keep_BT=keep_BT, num_tokens=NUM_TARGET, symbols=SYMBOLS)


def step_on(device: torch.device, point: Point, default_device: torch.device | None = None) -> Step:
    """The loss of one batch with dropout, and its gradients.

    Args:
        device: Device of the model, the batch and the generators.
        point: The point.
        default_device: Device of tensors that are created without one in the step. Default: the CPU.
    """
    weights, draws = (torch.Generator(device).manual_seed(seed) for seed in (3, 4))
    model = build_model(
        LstmConfig(hidden_size=16, dropout=0.2), NUM_SOURCE, NUM_TARGET, pad=SYMBOLS.pad, generator=weights
    )
    source_BS, source_keep_BS = rows_of(NUM_SOURCE, device, seed=1)
    unigram_V = torch.full((NUM_TARGET,), 1.0 / (NUM_TARGET - 4), device=device)
    unigram_V[:4] = 0.0
    reward = MixtureReward(point.reward, unigram_V)
    reference = reference_on(device)
    with torch.device("cpu") if default_device is None else default_device:
        outcome = step_loss(point, reward, model, source_BS, source_keep_BS, reference, draws)
        outcome.loss.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norms = torch.stack([gradient.float().norm() for gradient in gradients])
    return Step(loss=outcome.loss.detach().float().cpu(), gradient_norms=norms.cpu())
