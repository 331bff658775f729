"""Convergence of weighted draws to the exact E-step, and variance of sampled against expected labels.

    .venv/bin/python benchmarks/speed/exactness.py [--figure docs/exactness.svg] [--rows 131072] [--steps 100]

Legend: R rows, K draws per source, N enumerated targets, P parameters.

The problem is small enough to enumerate: three words, targets of at most four tokens, an untrained model with hidden
size 8. Draws of the training sampler are compared with `enumerate_targets`.
"""

import argparse
import math
from pathlib import Path

import torch

from erpo_explore.erpo import Enumeration, draw_targets, enumerate_targets, step_loss
from erpo_explore.erpo.weights import effective_sample_size, self_normalised
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.seq2seq import LstmConfig, Memory, Seq2Seq, build_model
from erpo_explore.space import Point, Reward
from erpo_explore.space.estimator import Estimator
from erpo_explore.symbols import Symbols

SYMBOLS, NUM_TOKENS, MAX_TOKENS = Symbols(), 7, 4
SIZES = (4, 16, 64, 256, 1024, 4096)
SEQUENCE = Estimator(kind="sequence", samples=2)


def _task(alpha: float, beta: float, metric: str, temperature: float = 1.0) -> Point:
    reward = Reward(task=1.0, metric=metric, temperature=temperature)
    return Point(reward=reward, alpha=alpha, beta=beta, estimator=SEQUENCE)


WEIGHTED = {
    "spg, w = 1": _task(1.0, 0.0, "bleu"),
    "halfway, τ_R = 0.6": _task(0.5, 0.5, "rouge", 0.6),
    "spg, w = 4": _task(1.0, 0.0, "bleu", 0.25),
}
LABELLED = {
    "raml, edit, τ = 0.7": Point(reward=Reward(task=1.0, metric="edit"), beta=0.7),
    "spg, bleu, w = 4": Point(reward=Reward(task=1.0, temperature=0.25), alpha=1.0, beta=0.0),
    "halfway, rouge, τ_R = 0.3": Point(reward=Reward(task=1.0, metric="rouge", temperature=0.3), alpha=0.5, beta=0.5),
    "truth 0.9, noise 0.1": Point(reward=Reward(truth=0.9, noise=0.1)),
    "truth 0.6, task 0.3, model 0.1": Point(reward=Reward(truth=0.6, task=0.3, model=0.1, temperature=0.1)),
}


def main() -> None:
    """Measure, print two tables, and plot the first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figure", type=Path, default=Path("docs/exactness.svg"), help="SVG file of the figure")
    parser.add_argument("--rows", type=int, default=2**17, help="draws per point, a multiple of 4096")
    parser.add_argument("--steps", type=int, default=100, help="steps per label")
    options = parser.parse_args()
    torch.set_num_threads(1)
    world = World()

    print("| point | " + " | ".join(f"K = {size}" for size in SIZES) + " | slope | ESS / K at 64 | E of q̃ off by |")
    print("|" + " --- |" * (len(SIZES) + 4))
    curves = {}
    for name, point in WEIGHTED.items():
        errors, share, gap = world.convergence(point, options.rows)
        curves[name] = errors
        cells = " | ".join(f"{error:.4f}" for error in errors)
        print(f"| {name} | {cells} | {_slope(errors):.2f} | {share:.2f} | {gap:.4f} |")
    options.figure.write_text(_figure(curves))

    print("\n| point | prefix q | prefix model |\n| --- | --- | --- |")
    for name, point in LABELLED.items():
        ratios = [world.variance_ratio(point, prefix, options.steps) for prefix in ("q", "model")]
        print(f"| {name} | " + " | ".join(f"{ratio:.1f}" for ratio in ratios) + " |")


class World:
    """One source, one reference, one model."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(8)
        self.model: Seq2Seq = build_model(
            LstmConfig(hidden_size=8), NUM_TOKENS, NUM_TOKENS, pad=SYMBOLS.pad, generator=generator
        ).eval()
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.mul_(1.5)  # larger weights, so that tokens differ in probability
        self.unigram_V = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.5, 0.3, 0.2])

    def convergence(self, point: Point, num_rows: int) -> tuple[list[float], float, float]:
        """Root mean square errors of E_q[R] by K, ESS / K at K = 64, and the error of E under q̃; R is the metric."""
        reward, reference = MixtureReward(point.reward, self.unigram_V), self._reference(num_rows)
        drawn = draw_targets(
            point, reward, self.model, self._memory(num_rows), reference,
            max_tokens=MAX_TOKENS, generator=torch.Generator().manual_seed(1),
        )  # fmt: skip
        exact: Enumeration = enumerate_targets(
            point, reward, self.model, self._memory(1), self._reference(1), MAX_TOKENS
        )
        if drawn.log_z_R is None or drawn.finished_R is None or drawn.reward_R is None:
            raise ValueError(f"whole targets of {point} have no weights")
        scale = point.reward.temperature
        mean = float((exact.log_q_N.exp() * exact.reward_N).sum())
        q_token_N = exact.log_q_token_N.exp() * exact.finished_N
        gap = abs(float((q_token_N * exact.reward_N).sum() / q_token_N.sum()) - mean) * scale
        errors, share = [], 0.0
        for size in SIZES:
            weight_BK = self_normalised(drawn.log_z_R.view(-1, size), drawn.finished_R.view(-1, size))
            off_B = (weight_BK * drawn.reward_R.view(-1, size)).sum(1) - mean
            errors.append(scale * float(off_B.square().mean().sqrt()))
            if size == 64:
                share = float(effective_sample_size(weight_BK).mean()) / size
        return errors, share, gap

    def variance_ratio(self, point: Point, prefix: str, num_steps: int) -> float:
        """Ratio of gradient variances, summed over parameters: sampled labels over expected labels."""
        sampled, expected = (
            self._gradient_variance(Point.from_dict(point.to_dict() | {"prefix": prefix, "label": label}), num_steps)
            for label in ("sampled", "expected")
        )
        return sampled / expected

    def _gradient_variance(self, point: Point, num_steps: int, copies: int = 64) -> float:
        reward, reference = MixtureReward(point.reward, self.unigram_V), self._reference(copies)
        gradients = []
        for seed in range(num_steps):
            generator = torch.Generator().manual_seed(seed)
            outcome = step_loss(point, reward, self.model, *self._source(copies), reference, generator)
            found = torch.autograd.grad(outcome.loss * outcome.num_units / copies, list(self.model.parameters()))
            gradients.append(torch.cat([gradient.flatten() for gradient in found]))
        return float(torch.stack(gradients).var(0).sum())

    def _source(self, copies: int) -> tuple[torch.Tensor, torch.Tensor]:
        source_BS = torch.tensor([[5, 6, 4, SYMBOLS.eos]]).repeat(copies, 1)
        return source_BS, torch.ones_like(source_BS, dtype=torch.bool)

    @torch.no_grad()
    def _memory(self, copies: int) -> Memory:
        memory: Memory = self.model.encode(*self._source(copies))
        return memory

    def _reference(self, copies: int) -> Reference:
        tokens_BT = torch.tensor([[4, 5, SYMBOLS.eos]]).repeat(copies, 1)
        keep_BT = torch.ones_like(tokens_BT, dtype=torch.bool)
        return Reference(tokens_BT=tokens_BT, keep_BT=keep_BT, num_tokens=NUM_TOKENS, symbols=SYMBOLS)


def _slope(errors: list[float]) -> float:
    """Least-squares slope of log error against log K."""
    x_S, y_S = torch.tensor(SIZES).log(), torch.tensor(errors).log()
    return float(((x_S - x_S.mean()) * (y_S - y_S.mean())).sum() / (x_S - x_S.mean()).square().sum())


# --- figure ----------------------------------------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 60, 150, 25, 50
COLOURS = ("#2f6fb0", "#c2571a", "#3a8a4d")
LOWEST, HIGHEST = 1e-3, 1.0


def _figure(curves: dict[str, list[float]]) -> str:
    """Errors by K on logarithmic axes, with K^−½ as a dashed line."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12" fill="#777" role="img">',
        "<title>Error of the weighted estimate of E_q[R] by the number of draws</title>",
        *(_tick(_x(size), HEIGHT - BOTTOM, f"{size}") for size in SIZES),
        *(_rule(_y(10.0**power), f"{10.0**power:g}") for power in (-3, -2, -1, 0)),
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 10}" text-anchor="middle">draws per source, K</text>',
        f'<text x="{LEFT}" y="14">root mean square error of E_q[R]</text>',
        _line([size**-0.5 for size in SIZES], "#999", dashed=True) + _key(0, "#999", "K^−½"),
    ]
    for row, (colour, (name, errors)) in enumerate(zip(COLOURS, curves.items(), strict=True), 1):
        parts.append(_line(errors, colour) + _key(row, colour, name))
    return "\n".join([*parts, "</svg>", ""])


def _x(size: int) -> float:
    share = math.log(size / SIZES[0]) / math.log(SIZES[-1] / SIZES[0])
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(error: float) -> float:
    share = math.log(error / LOWEST) / math.log(HIGHEST / LOWEST)
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _tick(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{text}</text>'


def _rule(y: float, text: str) -> str:
    line = f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#999" stroke-opacity="0.35"/>'
    return f'{line}<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'


def _line(errors: list[float], colour: str, *, dashed: bool = False) -> str:
    points = " ".join(f"{_x(size):.1f},{_y(error):.1f}" for size, error in zip(SIZES, errors, strict=True))
    dash = ' stroke-dasharray="4 4"' if dashed else ""
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'


def _key(row: int, colour: str, name: str) -> str:
    return f'<text x="{WIDTH - RIGHT + 12}" y="{TOP + 20 + 20 * row}" fill="{colour}">{name}</text>'


if __name__ == "__main__":
    main()
