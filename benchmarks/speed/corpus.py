"""Time and memory that a corpus of two text files costs: loading it, and what each worker holds of it.

    .venv/bin/python -m benchmarks.speed.corpus [--pairs 500000] [--words 13] [--kind bpe] [--workers 2] [--before TREE]

The text is random words with frequencies of about 1 / rank. `--before` measures the code of another checkout in the
same run, such as one that `git worktree add TREE COMMIT` made. Each version runs in a process of its own. Memory is
that of the kernel's `smaps_rollup`: a page that n processes map counts 1/n in each (PSS).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

_Value = TypeVar("_Value")

_NUM_WORDS: Final = 50_000
_LETTERS: Final = 6
_NUM_VALIDATION: Final = 500
_ROWS_AT_ONCE: Final = 20_000
_PARTS: Final = ("read", "vocabularies", "encode", "the rest")


def write_corpus(folder: Path, num_pairs: int, num_words: int) -> None:
    """Write files of random words."""
    generator = np.random.default_rng(0)
    share_V = 1.0 / np.arange(10, 10 + _NUM_WORDS)
    bound_V = np.cumsum(share_V / share_V.sum()).astype(np.float32)
    for suffix in ("de", "en"):
        letters_VL = generator.integers(ord("a"), ord("z") + 1, (_NUM_WORDS, _LETTERS + 1), dtype=np.uint8)
        letters_VL[:, -1] = ord(" ")
        for split, rows in (("train", num_pairs), ("valid", _NUM_VALIDATION)):
            with (folder / f"{split}.{suffix}").open("wb") as file:
                for start in range(0, rows, _ROWS_AT_ONCE):
                    num_rows = min(_ROWS_AT_ONCE, rows - start)
                    draws = generator.random((num_rows, num_words), dtype=np.float32)
                    text = letters_VL[np.searchsorted(bound_V, draws).clip(max=_NUM_WORDS - 1)].reshape(num_rows, -1)
                    text[:, -1] = ord("\n")
                    file.write(text.tobytes())


def memory_mb() -> dict[str, float]:
    """Private memory and PSS of this process."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    kb = {name: int(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}
    return {"private": (kb["Private_Clean"] + kb["Private_Dirty"]) / 1000, "pss": kb["Pss"] / 1000}


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - started


def _timing(seconds: dict[str, float], part: str, function: Callable[..., _Value]) -> Callable[..., _Value]:
    def timed(*args: Any) -> _Value:
        with _timed(seconds, part):
            return function(*args)

    return timed


def measured(folder: Path, kind: str, size: int, num_workers: int) -> dict[str, Any]:
    """Load the corpus and hand it to workers; also run by the code of another checkout, so it uses names of both."""
    import ray

    from erpo_explore.tasks import FilesConfig, load, load_task, text_files

    config = FilesConfig.model_validate({"data": folder, "vocabulary": {"kind": kind, "size": size}})
    seconds: dict[str, float] = {}
    text_files.FILES = replace(text_files.FILES, read=_timing(seconds, "read", text_files.FILES.read))  # type: ignore[misc]
    load._build_vocabularies = _timing(seconds, "vocabularies", load._build_vocabularies)
    load._encode = _timing(seconds, "encode", load._encode)
    cpu_s = time.process_time()
    with _timed(seconds, "load"):
        task = load_task(config)
    cpu_s = time.process_time() - cpu_s
    seconds["the rest"] = seconds["load"] - sum(seconds[part] for part in _PARTS[:-1])
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    loaded_mb = memory_mb()["pss"]
    ray.init(address="local", num_cpus=num_workers, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    shared = ray.put(task)
    workers = [ray.remote(_Worker).options(num_cpus=1).remote() for _ in range(num_workers)]
    before = ray.get([worker.memory.remote() for worker in workers])
    after = ray.get([worker.take.remote(shared) for worker in workers])
    pss = [memory_mb()["pss"]] + [each["pss"] for each in ray.get([worker.memory.remote() for worker in workers])]
    ray.shutdown()
    return {
        "seconds": seconds,
        "cpu_s": cpu_s,
        "peak_mb": peak_mb,
        "loaded_mb": loaded_mb,
        "worker_mb": max(now["private"] - then["private"] for now, then in zip(after, before, strict=True)),
        "together_mb": sum(pss),
    }


class _Worker:
    """A worker that reads what a trial reads of its task."""

    def __init__(self) -> None:
        import torch

        import erpo_explore.tasks.batching  # noqa: F401 - so that memory counts the data alone

        torch.set_num_threads(1)

    def memory(self) -> dict[str, float]:
        """Memory of the process."""
        return memory_mb()

    def take(self, task: Any) -> dict[str, float]:
        """Memory once the process has the task, and the batches of an epoch."""
        from erpo_explore.tasks import TrainingBatches

        self._task, self._unigram = task, task.unigram_V
        self._batches = TrainingBatches(task.train, task.symbols, 64, 1)
        for step in range(0, len(self._batches), max(1, len(self._batches) // 50)):
            self._batches.at(step)
        return memory_mb()


def _run(tree: Path, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure the code of a checkout in a fresh process."""
    words = ["--measure", str(folder), "--kind", options.kind, "--size", options.size, "--workers", options.workers]
    done = subprocess.run(
        [sys.executable, __file__, *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(tree)},
        cwd=folder,
        stdout=subprocess.PIPE,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _rows(result: dict[str, Any]) -> dict[str, str]:
    seconds = {f"{part}, s": result["seconds"][part] for part in (*_PARTS, "load")}
    named = {
        "load, s of CPU": "cpu_s",
        "driver at its peak, MB": "peak_mb",
        "driver after loading, MB": "loaded_mb",
        "each worker, private, MB": "worker_mb",
        "driver and workers, PSS, MB": "together_mb",
    }
    return {name: f"{value:,.1f}" for name, value in seconds.items()} | {
        name: f"{result[key]:,.1f}" for name, key in named.items()
    }


def main() -> None:
    """Write a corpus, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=500_000)
    parser.add_argument("--words", type=int, default=13, help="words per sentence")
    parser.add_argument("--kind", choices=("bpe", "word"), default="bpe", help="kind of the vocabularies")
    parser.add_argument("--size", type=int, default=8_000, help="entries of a vocabulary")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--before", type=Path, help="another checkout to compare with")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        print(json.dumps(measured(options.measure, options.kind, options.size, options.workers)))
        return
    trees = {"now": Path(__file__).parents[2]} | ({"before": options.before.resolve()} if options.before else {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_corpus(folder, options.pairs, options.words)
        columns = {title: _rows(_run(tree, options, folder)) for title, tree in trees.items()}
    print(f"{options.pairs:,} pairs of {options.words} words, {options.kind}, {options.workers} workers\n")
    print(f"| | {' | '.join(columns)} |\n| --- |{' ---: |' * len(columns)}")
    for row in columns["now"]:
        print(f"| {row} | {' | '.join(column[row] for column in columns.values())} |")


if __name__ == "__main__":
    main()
