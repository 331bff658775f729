"""What a training step costs at each dot, as a ratio to maximum likelihood in the same run.

    .venv/bin/python benchmarks/training_step.py [--rounds 15] [--threads 2]

Sizes of Multi30k: batch 64, 13 words, vocabularies 7,859 / 5,921, 256 units. The dots take turns, round by round, so
a machine that slows down slows all of them; medians and quartiles are over the rounds.
"""

import argparse
import statistics
import time

import torch

from erpo_explore.erpo import step_loss
from erpo_explore.rewards import MixtureReward, Reference
from erpo_explore.seq2seq import LstmConfig, build_model
from erpo_explore.space import DOTS, Point, dot
from erpo_explore.symbols import Symbols

NUM_SOURCE, NUM_TARGET, BATCH_SIZE, NUM_WORDS = 7_859, 5_921, 64, 13


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="steps of each dot")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    generator = torch.Generator().manual_seed(0)
    symbols = Symbols()
    model = build_model(LstmConfig(), NUM_SOURCE, NUM_TARGET, pad=symbols.pad, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    unigram_V = torch.rand(NUM_TARGET, generator=generator)
    unigram_V[[symbols.eos, *symbols.never_drawn]] = 0.0
    unigram_V /= unigram_V.sum()
    # the end of each path, where it is furthest from maximum likelihood
    points = {name: dot(name, metric="bleu").end for name in DOTS}

    times: dict[str, list[float]] = {name: [] for name in points}
    for _ in range(options.rounds + 1):
        source_BS = _sentences(NUM_SOURCE, symbols, generator)
        target_BT = _sentences(NUM_TARGET, symbols, generator)
        keep = torch.ones_like(source_BS, dtype=torch.bool)
        reference = Reference(tokens_BT=target_BT, keep_BT=keep, num_tokens=NUM_TARGET, symbols=symbols)
        for name, point in points.items():
            times[name].append(_step(point, unigram_V, model, optimizer, source_BS, keep, reference, generator))

    # the first round warms up
    medians = {name: statistics.median(seconds[1:]) for name, seconds in times.items()}
    print(f"{'dot':<20} {'ms a step':>10} {'quartiles':>15} {'to mle':>8}")
    for name, seconds in times.items():
        low, _, high = statistics.quantiles(seconds[1:], n=4)
        ratio = medians[name] / medians["mle"]
        print(f"{name:<20} {1e3 * medians[name]:>10.0f} {f'{1e3 * low:.0f}–{1e3 * high:.0f}':>15} {ratio:>7.2f}x")


def _sentences(num_tokens: int, symbols: Symbols, generator: torch.Generator) -> torch.Tensor:
    words = torch.randint(4, num_tokens, (BATCH_SIZE, NUM_WORDS), generator=generator)
    return torch.nn.functional.pad(words, (0, 1), value=symbols.eos)


def _step(
    point: Point,
    unigram_V: torch.Tensor,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    source_BS: torch.Tensor,
    keep_BS: torch.Tensor,
    reference: Reference,
    generator: torch.Generator,
) -> float:
    started = time.perf_counter()
    outcome = step_loss(point, MixtureReward(point.reward, unigram_V), model, source_BS, keep_BS, reference, generator)
    optimizer.zero_grad(set_to_none=True)
    outcome.loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
