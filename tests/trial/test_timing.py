"""Timing a trial: what is timed, and that nothing but seconds comes of it."""

from dataclasses import replace

from erpo_explore.config.experiment import FinalTest
from erpo_explore.seq2seq import LstmConfig
from erpo_explore.space import algorithm
from erpo_explore.trial.timing import time_trial

from .tiny import CPU, TRAINING, toy

POINTS = {name: algorithm(name).path("bleu").end for name in ("mle", "raml", "grpo")}


def test_each_point_and_each_decoding_has_its_seconds() -> None:
    task = toy()
    measured = time_trial(
        replace(task, test=task.validation), LstmConfig(hidden_size=8), TRAINING, POINTS, CPU, test=FinalTest()
    )
    assert measured.step_s.keys() == POINTS.keys()
    assert min(*measured.step_s.values(), measured.evaluation_s, measured.test_s) > 0.0


def test_without_a_final_test_none_is_timed() -> None:
    assert time_trial(toy(), LstmConfig(hidden_size=8), TRAINING, {}, CPU).test_s == 0.0
