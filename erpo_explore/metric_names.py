"""Metrics of the package by name. Each scores tasks, and its sentence score is a reward of finished targets."""

from collections.abc import Mapping
from typing import Final

__all__ = ["METRICS"]

METRICS: Final[Mapping[str, str]] = {
    "bleu": "erpo_explore.metrics.bleu:Bleu",
    "chrf": "erpo_explore.metrics.chrf:Chrf",
    "chrf++": "erpo_explore.metrics.chrf:ChrfPlusPlus",
    "ter": "erpo_explore.metrics.ter:Ter",
    "rouge": "erpo_explore.metrics.rouge:Rouge",
    "edit": "erpo_explore.metrics.edit:Edit",
}
"""Metrics of the package by name, as `package.module:class`; each is a `metrics.MetricConfig`."""
