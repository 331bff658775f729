"""The references of a training batch, as rewards read them."""

from erpo_explore.rewards import Reference
from erpo_explore.tasks import Batch, Task

__all__ = ["training_references"]


def training_references(task: Task, batch: Batch) -> Reference:
    """The references of a batch of training pairs, with the text of those that hold unknown words."""
    return Reference(
        tokens_BT=batch.target_BT,
        keep_BT=batch.target_keep_BT,
        num_tokens=len(task.target_vocabulary),
        symbols=task.symbols,
        index_B=batch.index_B,
        texts=task.train.target_texts,
    )
