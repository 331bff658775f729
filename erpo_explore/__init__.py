"""Explore the hyperparameter space of sequence training on Ray Tune, and find annealing paths through it."""

from erpo_explore.analysis.best_path import best_path
from erpo_explore.space import Path, Point, Reward, algorithm
from erpo_explore.store import load_results

__all__ = ["Path", "Point", "Reward", "algorithm", "best_path", "load_results"]
