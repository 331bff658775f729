"""Maximum likelihood against JoeyNMT 2.3.0: same text, batches, sizes and threads, in alternating blocks of steps.

    python3 -m venv .venv-joeynmt
    .venv-joeynmt/bin/pip install torch==2.13.0 joeynmt==2.3.0 importlib_metadata
    .venv/bin/python -m benchmarks.speed.joeynmt --data DIR [--joeynmt .venv-joeynmt/bin/python] [--blocks 10]

JoeyNMT runs in its own environment and process; the two processes alternate. Its recurrent model feeds attention back
into the decoder, so it processes the target word by word. Ours does not, which explains most of the difference. Its
batches are prepared in memory; the time of ours includes collation.
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.speed.timing import Figures, Goal, machine, table
from benchmarks.speed.training_step import MLE, trained_run
from benchmarks.studies.multi30k import BATCH_SIZE, UNITS, add_data_option, multi30k
from erpo_explore.symbols import Symbols
from erpo_explore.tasks import Batch, Task, TrainingBatches
from erpo_explore.trial import TrainingRun

_DRIVER = Path(__file__).with_name("joeynmt_steps.py")
_OURS, _THEIRS = "erpo_explore", "joeynmt"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_option(parser, required=True)
    parser.add_argument("--joeynmt", type=Path, default=Path(".venv-joeynmt/bin/python"), help="JoeyNMT's Python")
    parser.add_argument("--blocks", type=int, default=10, help="blocks per side")
    parser.add_argument("--steps", type=int, default=20, help="steps per block")
    parser.add_argument("--threads", type=int, default=2, help="threads of each side")
    chosen = parser.parse_args()
    if not chosen.joeynmt.exists():
        parser.error(f"--joeynmt {chosen.joeynmt} does not exist; create it with the commands at the top of --help")
    torch.set_num_threads(chosen.threads)
    task = multi30k(chosen.data)
    batches = TrainingBatches(task.train, task.symbols, BATCH_SIZE, seed=0)
    first_steps = range(0, chosen.steps * (chosen.blocks + 1), chosen.steps)
    run = trained_run(task, torch.device("cpu"), 0)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "batches.pt"
        torch.save(_for_joeynmt(task, [batches.at(index) for index in range(first_steps.stop)]), file)
        # -P, otherwise this file would shadow the package joeynmt
        command = [str(chosen.joeynmt), "-P", str(_DRIVER), str(file), str(chosen.threads)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            size = int(_answer(other))
            figures = _in_turns(run, other, batches, first_steps)
            other.communicate()
    print(table(figures, {_OURS: Goal(base=_THEIRS, least=2.5)}, title="target tokens", unit="tokens/s"))
    print(f"{run.model.num_parameters:,} parameters, JoeyNMT {size:,}")
    print(machine(torch.device("cpu")))


def _in_turns(
    run: TrainingRun, other: "subprocess.Popen[str]", batches: TrainingBatches, first_steps: range
) -> Figures:
    """Target tokens per second of each side by block; the first block is a warm-up."""
    figures: Figures = {_OURS: [], _THEIRS: []}
    for first in first_steps:
        steps = range(first, first + first_steps.step)
        num_tokens = sum(batches.at(step).num_target_tokens for step in steps)
        started = time.perf_counter()
        for run.step in steps:
            run.train_step(MLE.end)
        seconds = {_OURS: time.perf_counter() - started, _THEIRS: float(_answer(other, f"{first} {len(steps)}"))}
        for name, values in figures.items():
            if first > 0:
                values.append(num_tokens / seconds[name])
    return figures


def _answer(process: "subprocess.Popen[str]", line: str | None = None) -> str:
    """Send a line, if given, and wait for the next answer."""
    if line is not None:
        process.stdin.write(f"{line}\n")  # type: ignore[union-attr]  # both are pipes
        process.stdin.flush()  # type: ignore[union-attr]
    answer: str = process.stdout.readline()  # type: ignore[union-attr]
    if not answer:
        raise SystemExit("JoeyNMT's process has ended; see its message above")
    return answer


def _for_joeynmt(task: Task, batches: list[Batch]) -> dict[str, object]:
    """Batches in JoeyNMT's numbering, targets with BOS and EOS."""
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    for batch in batches:
        target_BT = torch.nn.functional.pad(batch.target_BT, (1, 0), value=task.symbols.bos)
        source_BS = _renumbered(batch.source_BS, task.symbols)
        rows.append((source_BS, batch.source_keep_BS.sum(1), _renumbered(target_BT, task.symbols)))
    sizes = {"num_source": len(task.source_vocabulary), "num_target": len(task.target_vocabulary)}
    return {**sizes, "hidden_size": UNITS, "batches": rows}


def _renumbered(tokens_BT: Tensor, symbols: Symbols) -> Tensor:
    """Tokens with JoeyNMT's ids: unknown 0, padding 1, BOS 2, EOS 3."""
    theirs_BT = tokens_BT.clone()
    for theirs, ours in enumerate((symbols.unk, symbols.pad, symbols.bos, symbols.eos)):
        theirs_BT[tokens_BT == ours] = theirs
    return theirs_BT


if __name__ == "__main__":
    main()
