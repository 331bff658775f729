"""Where: points, paths, the baselines with a name, and the search space that a user writes."""

from erpo_explore.space.algorithms import ALGORITHMS, algorithm
from erpo_explore.space.estimator import Estimator
from erpo_explore.space.path import Path
from erpo_explore.space.point import Point
from erpo_explore.space.reward import Reward

__all__ = ["ALGORITHMS", "Estimator", "Path", "Point", "Reward", "algorithm"]
