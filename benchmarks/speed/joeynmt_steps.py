"""JoeyNMT's side of `benchmarks.speed.joeynmt`: runs with JoeyNMT's Python and trains on request.

Model, loss, batch, clipping and optimizer are JoeyNMT's, called as its `TrainManager` calls them. The script reads the
batches from a file. For each input line `FIRST NUM` it trains NUM steps and prints the seconds they took.
"""

import logging
import sys
import time
from types import SimpleNamespace

import torch
from joeynmt.batch import Batch
from joeynmt.builders import build_gradient_clipper, build_optimizer
from joeynmt.model import build_model
from joeynmt.vocabulary import Vocabulary

UNK, PAD, BOS, EOS = 0, 1, 2, 3
SYMBOLS = SimpleNamespace(
    unk_token="<unk>",
    pad_token="<pad>",
    bos_token="<s>",
    eos_token="</s>",
    sep_token=None,
    lang_tags=[],
    unk_id=UNK,
    pad_id=PAD,
    bos_id=BOS,
    eos_id=EOS,
)


def vocabulary(size: int) -> Vocabulary:
    """Vocabulary of the given size; the words do not matter."""
    return Vocabulary([f"w{index}" for index in range(size - 4)], SYMBOLS)


def config(hidden_size: int) -> dict:
    """LSTM with attention of the same sizes: half the hidden size per direction, and JoeyNMT's input feeding."""
    embeddings = {"embedding_dim": hidden_size, "dropout": 0.2}
    encoder = {"type": "recurrent", "rnn_type": "lstm", "hidden_size": hidden_size // 2, "bidirectional": True}
    decoder = {
        "type": "recurrent",
        "rnn_type": "lstm",
        "hidden_size": hidden_size,
        "attention": "luong",
        "input_feeding": True,
    }
    return {
        "tied_softmax": True,
        "encoder": {**encoder, "embeddings": embeddings, "dropout": 0.2},
        "decoder": {
            **decoder,
            "embeddings": embeddings,
            "dropout": 0.2,
            "hidden_dropout": 0.2,
            "init_hidden": "bridge",
        },
    }


def step(model, optimizer, clip, rows) -> None:
    """A step as in JoeyNMT's `TrainManager`, with the loss normalised by tokens."""
    source, length, target = rows
    batch = Batch(
        src=source,
        src_length=length,
        src_prompt_mask=None,
        trg=target,
        trg_prompt_mask=None,
        indices=torch.arange(len(source)),
        device=torch.device("cpu"),
        pad_index=PAD,
        eos_index=EOS,
    )
    model.train()
    batch.sort_by_src_length()
    loss, _, _, correct = model(return_type="loss", **vars(batch))
    loss = batch.normalize(loss, normalization="tokens")
    loss.backward()
    loss.item(), correct.item()
    clip(parameters=model.parameters())
    optimizer.step()
    model.zero_grad()


def main() -> None:
    """Read lines, train steps, print times."""
    logging.disable(logging.WARNING)
    file, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    given = torch.load(file, weights_only=True)
    model = build_model(config(given["hidden_size"]), vocabulary(given["num_source"]), vocabulary(given["num_target"]))
    model.loss_function = ("crossentropy", 0.0)
    optimizer = build_optimizer({"optimizer": "adam", "learning_rate": 2e-3}, model.parameters())
    clip = build_gradient_clipper({"clip_grad_val": None, "clip_grad_norm": 5.0})
    print(sum(parameter.numel() for parameter in model.parameters()), flush=True)
    for line in sys.stdin:
        first, num_steps = map(int, line.split())
        started = time.perf_counter()
        for index in range(first, first + num_steps):
            step(model, optimizer, clip, given["batches"][index])
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    main()
