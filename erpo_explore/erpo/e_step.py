"""The E-step: draw what the model is to be trained on, in the cheapest way that is exact for the point.

Legend: R rows (sources times draws), T target length.

    R_δ                        nothing is drawn
    truth and noise            all places at once                          (`noising`)
    stratified, ngram          edits of the reference, without the model   (`edit_sampler`, `ngram_sampler`)
    everything else            token after token                           (`sampling`)
"""

import torch

from erpo_explore.erpo.draw import Draw, shifted, truth
from erpo_explore.erpo.edit_sampler import edited
from erpo_explore.erpo.ngram_sampler import replaced
from erpo_explore.erpo.noising import is_noising, noised
from erpo_explore.erpo.sampling import Proposal, sample
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.seq2seq import Memory, Seq2Seq
from erpo_explore.space import Point

__all__ = ["draw_targets"]


def draw_targets(
    point: Point,
    reward: MixtureReward,
    model: Seq2Seq,
    memory: Memory,
    reference: Reference,
    *,
    max_tokens: int,
    generator: torch.Generator,
) -> Draw:
    """Draw one target a row.

    Args:
        point: Where in the space.
        reward: The point's reward, bound to the task.
        model: p_θ; read without gradient, in the mode that it is in.
        memory: The encoded sources, one row a target.
        reference: y*, one row a target.
        max_tokens: Longest target that is drawn token by token, at least as long as the references; it is cut there,
            not ended.
        generator: Of every draw.

    Raises:
        ValueError: Reward and model forbid every token after some prefix.
        FloatingPointError: The model's probabilities are no numbers.
    """
    estimator = point.estimator
    if point.reward.is_truth or point.forced == 1.0:
        return truth(reference)
    if estimator.kind == "stratified":
        return edited(reference, point.reward.temperature * point.tau, generator)
    if estimator.kind == "ngram":
        return replaced(reward, reference, num_candidates=estimator.samples, temperature=point.tau, generator=generator)
    if point.prefix == "truth" or point.label == "truth":
        max_tokens = reference.tokens_BT.shape[1]
    if is_noising(point):
        draw = noised(point, reward, reference, max_tokens=max_tokens, generator=generator)
    else:
        proposal = Proposal(
            point=point,
            reward=reward,
            model=model,
            with_z=estimator.kind == "sequence",
            with_logits=_is_scored_alike(model, memory) and point.forced == 0.0,
        )
        draw = sample(proposal, memory, reference, max_tokens=max_tokens, generator=generator)
    return _with_true_labels(draw, reference) if point.label == "truth" else draw


def _is_scored_alike(model: Seq2Seq, memory: Memory) -> bool:
    """Whether the model says the same of a target when it is read whole as it said while the target was drawn."""
    same = memory.is_settled or not model.training
    return same and model.output_layer is not None and not torch.is_autocast_enabled(model.device.type)


def _with_true_labels(draw: Draw, reference: Reference) -> Draw:
    """Keep the drawn inputs, but say the reference's token at each place (scheduled sampling).

    Behind a drawn EOS the inputs are the reference's own.
    """
    T = reference.tokens_BT.shape[1]
    own_RT = shifted(reference.tokens_BT, reference.symbols)
    missing = T - draw.inputs_RT.shape[1]
    drawn_RT = torch.nn.functional.pad(draw.inputs_RT, (0, missing))
    drawn_keep_RT = torch.nn.functional.pad(draw.keep_RT, (0, missing))
    return Draw(
        inputs_RT=torch.where(drawn_keep_RT, drawn_RT, own_RT),
        labels_RT=reference.tokens_BT,
        keep_RT=reference.keep_BT,
    )
