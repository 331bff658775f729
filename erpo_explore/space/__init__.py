"""Training algorithms as values: points, paths, rewards, estimators, and the algorithms with a name."""

from erpo_explore.space.algorithms import ALGORITHMS, Algorithm, algorithm
from erpo_explore.space.estimator import Estimator
from erpo_explore.space.path import Path
from erpo_explore.space.point import Point
from erpo_explore.space.reward import Reward

__all__ = ["ALGORITHMS", "Algorithm", "Estimator", "Path", "Point", "Reward", "algorithm"]
