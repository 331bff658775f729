"""Explore the hyperparameter space of sequence training on Ray Tune, and find annealing paths through it."""

from erpo_explore.analysis.best_path import best_path
from erpo_explore.space import Path, Point, Reward, dot
from erpo_explore.store import load_results

__all__ = ["Path", "Point", "Reward", "best_path", "dot", "load_results"]
