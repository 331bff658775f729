"""Decoding time of 1,000 sentences, greedily and with a beam of 5.

    .venv/bin/python -m benchmarks.speed.decoding --data DIR [--warm 400] [--rounds 3]

An untrained model does not end its sentences. So the model is first trained for some hundred steps of maximum
likelihood on the text of `--data`. The mean lengths of hypotheses and references are printed. The time includes
encoding.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Final

import torch
from torch import Tensor

from benchmarks.speed.timing import Goal, Work, interleaved, machine, table
from benchmarks.speed.training_step import options, trained_run
from benchmarks.studies.multi30k import multi30k
from erpo_explore.seq2seq import Memory, Seq2Seq, beam_search, greedy
from erpo_explore.symbols import Symbols
from erpo_explore.tasks import Split, Task, evaluation_batches

Search = Callable[[Seq2Seq, Memory, Symbols, int], Tensor]

_NUM_SENTENCES: Final = 1_000
_BATCH_SIZE: Final = 128
_LENGTH_SLACK: Final = 10
_SEARCHES: Final[dict[str, Search]] = {
    "greedy": greedy,
    "beam 5": lambda model, memory, symbols, max_tokens: beam_search(model, memory, symbols, max_tokens, width=5),
}
_MOST: Final = {"greedy": 4.0, "beam 5": 15.0}


class Decoder:
    """A trained model, sentences to decode, and the number of decoded words."""

    def __init__(self, model: Seq2Seq, task: Task, split: Split, device: torch.device) -> None:
        self._model, self._symbols = model, task.symbols
        self._batches = [batch.to(device) for batch in evaluation_batches(split, task.symbols, _BATCH_SIZE)]
        self._max_tokens = max(map(len, split.target_ids)) + _LENGTH_SLACK
        self.num_words: dict[str, int] = {}

    def piece(self, name: str) -> Work:
        """Work of encoding and decoding all sentences with one search."""
        return lambda _: self._decode(name)

    @torch.no_grad()
    def _decode(self, name: str) -> None:
        num_words = 0
        for batch in self._batches:
            memory = self._model.encode(batch.source_BS, batch.source_keep_BS)
            tokens_BT = _SEARCHES[name](self._model, memory, self._symbols, self._max_tokens)
            num_words += int(((tokens_BT != self._symbols.pad) & (tokens_BT != self._symbols.eos)).sum())
        self.num_words[name] = num_words


def _first(split: Split, num: int) -> Split:
    return replace(split, **{field.name: getattr(split, field.name)[:num] for field in fields(split)})


def main() -> None:
    """Train, measure and print a table."""
    parser = options(__doc__ or "")
    parser.set_defaults(rounds=3, warm=400)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    chosen = parser.parse_args()
    if chosen.data is None:
        parser.error("--data is needed: a model of random words does not end its sentences")
    torch.set_num_threads(chosen.threads)
    device, task = torch.device(chosen.device), multi30k(chosen.data)
    split = _first(task.validation, _NUM_SENTENCES)
    model = trained_run(task, device, chosen.warm).model.eval()
    decoder = Decoder(model, task, split, device)
    work = {name: decoder.piece(name) for name in _SEARCHES}
    goals = {name: Goal(most=most) for name, most in _MOST.items()}
    print(table(interleaved(work, chosen.rounds, device=device), goals, title=f"{len(split):,} sentences", unit="s"))
    lengths = {name: num / len(split) for name, num in decoder.num_words.items()}
    lengths["references"] = sum(map(len, split.target_ids)) / len(split)
    print("words per sentence: " + ", ".join(f"{name} {length:.1f}" for name, length in lengths.items()))
    print(machine(device))


if __name__ == "__main__":
    main()
