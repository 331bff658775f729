"""One training run: the loop, its evaluation and checkpoints, and the Ray Trainable around it.

The Trainable is not imported here, so that a run can be had without Ray.
"""

from erpo_explore.trial.evaluation import Sample, Scores, evaluate
from erpo_explore.trial.observation import Observation
from erpo_explore.trial.spec import TrialSpec
from erpo_explore.trial.training import TrainingRun, choose_device

__all__ = [
    "Observation",
    "Sample",
    "Scores",
    "TrainingRun",
    "TrialSpec",
    "choose_device",
    "evaluate",
]
