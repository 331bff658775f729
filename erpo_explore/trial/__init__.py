"""One training run: the loop, its evaluation and its checkpoints. Nothing here imports Ray."""

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
