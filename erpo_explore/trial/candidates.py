"""The candidates of a run's training sources: found with the frozen anchor and scored when a point first reads them.

They are no part of a run's state: a run that is resumed or cloned finds the same ones again with the same anchor. That
takes as long as decoding the training pairs by a beam of K slots.
"""

import torch

from erpo_explore.erpo.candidates import Candidates, find_candidates, joined
from erpo_explore.erpo.objective import longest_draw
from erpo_explore.rewards import MixtureReward
from erpo_explore.seq2seq import Seq2Seq
from erpo_explore.tasks import Task
from erpo_explore.tasks.batching import evaluation_batches
from erpo_explore.trial.references import training_references

__all__ = ["TrainingCandidates"]

_SOURCES_AT_ONCE = 64


class TrainingCandidates:
    """The candidates of all training sources, of one model and one metric at a time."""

    def __init__(self, task: Task) -> None:
        """Find nothing yet.

        Args:
            task: The training pairs.
        """
        self._task = task
        self._of: tuple[Seq2Seq, str | None, int] | None = None
        self._found: Candidates | None = None

    def of(self, anchor: Seq2Seq, reward: MixtureReward, number: int) -> Candidates:
        """The candidates of every training source, by its index.

        Args:
            anchor: The frozen model.
            reward: A metric alone, bound to the task.
            number: K.
        """
        asked = (anchor, reward.reward.metric, number)
        if self._found is None or self._of is None or self._of[0] is not anchor or self._of[1:] != asked[1:]:
            self._found, self._of = self._find(anchor, reward, number), asked
        return self._found

    @torch.no_grad()
    def _find(self, anchor: Seq2Seq, reward: MixtureReward, number: int) -> Candidates:
        task, parts, indices = self._task, [], []
        for on_cpu in evaluation_batches(task.train, task.symbols, _SOURCES_AT_ONCE):
            batch = on_cpu.to(anchor.device)
            reference = training_references(task, batch)
            memory = anchor.encode(batch.source_BS, batch.source_keep_BS)
            longest = longest_draw(reference)
            parts.append(find_candidates(anchor, reward, memory, reference, max_tokens=longest, number=number))
            indices.append(batch.index_B)
        return joined(parts, torch.cat(indices).argsort(), task.symbols)
