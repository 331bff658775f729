"""Figure of regret by share of the budget: one curve per method, with a band for the 95 % interval of its mean."""

from collections.abc import Mapping
from typing import Final

import numpy as np

__all__ = ["figure"]

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 680, 400, 50, 170, 30, 45
COLOURS: Final = ("#2f6fb0", "#c2571a", "#3a8a4d", "#8b5fbf", "#b03a5b", "#7a7a2a", "#2a8f8f", "#555555")


def figure(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """Figure as SVG.

    Args:
        curves: Mean and half-width of the interval by method, with one entry per training interval.
    """
    highest = max(float((mean_T + half_T).max()) for mean_T, half_T in curves.values())
    lowest = min(0.0, *(float((mean_T - half_T).min()) for mean_T, half_T in curves.values()))
    num = len(next(iter(curves.values()))[0])

    def x(interval: int) -> float:
        return LEFT + (interval - 1) / max(1, num - 1) * (WIDTH - LEFT - RIGHT)

    def y(regret: float) -> float:
        return TOP + (highest - regret) / (highest - lowest) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12" fill="#777" role="img">',
        "<title>Regret of the returned path by share of the budget</title>",
        f'<text x="{LEFT}" y="16">regret, points</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">'
        "intervals × 8 members spent</text>",
    ]
    parts += [
        f'<text x="{x(interval):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{interval}</text>'
        for interval in range(1, num + 1)
    ]
    for regret in np.linspace(0.0, highest, 5):
        level = f"{y(float(regret)):.1f}"
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{level}" y2="{level}" stroke="#999" stroke-opacity="0.35"/>'
            f'<text x="{LEFT - 8}" y="{level}" dy="4" text-anchor="end">{regret:.0f}</text>'
        )
    # names at the ends of curves would overlap; the legend is in the order of the ends
    ends = sorted(curves, key=lambda name: -float(curves[name][0][-1]))
    for colour, (name, (mean_T, half_T)) in zip(_colours(len(curves)), curves.items(), strict=True):
        above = [f"{x(interval):.1f},{y(value):.1f}" for interval, value in enumerate(mean_T + half_T, 1)]
        below = [f"{x(interval):.1f},{y(value):.1f}" for interval, value in enumerate(mean_T - half_T, 1)]
        middle = " ".join(f"{x(interval):.1f},{y(value):.1f}" for interval, value in enumerate(mean_T, 1))
        parts.append(f'<polygon points="{" ".join(above + below[::-1])}" fill="{colour}" fill-opacity="0.12"/>')
        parts.append(f'<polyline points="{middle}" fill="none" stroke="{colour}" stroke-width="2"/>')
        legend_y = TOP + 14 + 20 * ends.index(name)
        parts.append(
            f'<text x="{WIDTH - RIGHT + 12}" y="{legend_y}" fill="{colour}">{name} {float(mean_T[-1]):.1f}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _colours(number: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(number)]
