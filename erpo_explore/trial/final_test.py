"""The score on the test set, computed once with the weights that a trial ends with."""

import time
from typing import Any, Final

from erpo_explore.config.experiment import FinalTest
from erpo_explore.seq2seq import Seq2Seq
from erpo_explore.store.columns import SCORES
from erpo_explore.tasks import Task
from erpo_explore.trial.evaluation import Scores, evaluate
from erpo_explore.trial.tuned_decoding import tuned_decoding

__all__ = ["decode_test_set"]

_SCORES: Final = (*SCORES, "score", "objective", "signature")


def decode_test_set(model: Seq2Seq, task: Task, test: FinalTest) -> tuple[dict[str, Any], Scores]:
    """Decode and score the test set.

    Args:
        model: The model with its last weights.
        task: The task, whose test set is not empty.
        test: Beam width and length penalty, or that they are tuned.

    Returns:
        Columns of the store's table `tests`, and the evaluation that they are of.
    """
    started = time.perf_counter()
    chosen = tuned_decoding(model, task, task.validation) if test.tune else test
    width, penalty = chosen.beam_width, chosen.length_penalty
    scores = evaluate(model, task, task.test, beam_width=width, length_penalty=penalty)
    columns = {"beam_width": width, "length_penalty": penalty} | {name: getattr(scores, name) for name in _SCORES}
    columns |= {"num_sentences": len(task.test), "nll_nats": scores.validation_nll_nats}
    return columns | {"decoding_s": time.perf_counter() - started}, scores
