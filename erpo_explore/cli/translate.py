"""`explore.py translate`."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Annotated, BinaryIO
from uuid import uuid4

import typer

from erpo_explore.cli.app import Average, Device, Last, Trial, Trust
from erpo_explore.errors import ConfigError

__all__ = ["translate"]

_BROKEN_PIPE = 141
"""Exit code of a program whose reader has gone, as shells report it: 128 + SIGPIPE."""


def translate(
    results: Annotated[str, typer.Argument(help="A results folder or its URI, or a folder that export wrote.")],
    source: Annotated[FilePath | None, typer.Option("--input", help="File of lines. Default: standard input.")] = None,
    output: Annotated[FilePath | None, typer.Option(help="File to write. Default: standard output.")] = None,
    trial: Trial = None,
    last: Last = False,
    average: Average = 1,
    beam: Annotated[int, typer.Option(min=1, help="Hypotheses per line; 1 is greedy.")] = 5,
    length_penalty: Annotated[
        float, typer.Option(min=0.0, help="Exponent of the length penalty; 0 prefers short translations.")
    ] = 1.0,
    n_best: Annotated[
        int | None, typer.Option(min=1, help="Translations per line: number of the line, score, text, with tabs.")
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Draw translations instead of searching the best.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
    temperature: Annotated[float, typer.Option(help="Temperature of the draws; below 1 is less random.")] = 1.0,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Tokens at which a translation is cut. Default: that of training.")
    ] = None,
    batch_tokens: Annotated[int, typer.Option(min=1, help="Source tokens per batch, times the beam.")] = 4096,
    device: Device = None,
    trust: Trust = False,
) -> None:
    """Translate lines with the best trained model; line n of the output belongs to line n of the input.

    A line that is not UTF-8 or has a NUL byte is reported by its number and left empty; the exit code is then 1.

    \b
    Examples:
      explore.py translate results/multi30k < test.de > test.hyp
      explore.py translate results/multi30k --input test.de --n-best 5 --output test.tsv
    """  # noqa: D301
    if sample and length_penalty != 1.0:
        raise ConfigError("--length-penalty has no effect on draws; leave out --length-penalty or --sample")
    if not sample and (seed != 0 or temperature != 1.0):
        raise ConfigError("--seed and --temperature are for draws; add --sample, or leave them out")
    with _opened(source) as lines:
        _check_output(output)
        from erpo_explore.api.load_model import load_model
        from erpo_explore.inference.stream import Decoding, translate_stream

        decoding = Decoding(
            beam_width=beam,
            length_penalty=length_penalty,
            n_best=n_best,
            sample=sample,
            seed=seed,
            temperature=temperature,
            max_tokens=max_tokens,
            batch_tokens=batch_tokens,
        )
        model = load_model(results, trial=trial, last=last, average=average, device=device, trust=trust)
        try:
            with _written(output) as write:
                done = translate_stream(model, lines, write, decoding, report=_report, waits=lines.isatty())
        except BrokenPipeError:
            # what is left in the buffer of standard output would fail again at the end of Python
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(_BROKEN_PIPE) from None
    if done.num_broken:
        _report(f"{done.num_broken} of {done.num_lines} lines have no translation")
        raise typer.Exit(1)


def _report(line: str) -> None:
    typer.echo(line, err=True)


@contextmanager
def _opened(file: FilePath | None) -> Iterator[BinaryIO]:
    """Standard input, or a file.

    Raises:
        ConfigError: The file cannot be read.
    """
    if file is None:
        yield sys.stdin.buffer
        return
    try:
        opened = file.open("rb")
        opened.peek(1)
    except OSError as error:
        raise ConfigError(f"--input {file}: cannot be read ({error.strerror}); name a file of lines") from error
    with opened:
        yield opened


def _check_output(file: FilePath | None) -> None:
    if file is not None and not file.absolute().parent.is_dir():
        raise ConfigError(f"--output {file}: its folder does not exist; make it first")
    if file is not None and file.is_dir():
        raise ConfigError(f"--output {file}: is a folder; name a file in it")


@contextmanager
def _written(file: FilePath | None) -> Iterator[Callable[[str], object]]:
    """Writes to standard output, or to a file that appears once it is whole.

    Raises:
        ConfigError: The file cannot be written.
    """
    if file is None:

        def write(text: str) -> None:
            sys.stdout.buffer.write(text.encode())
            sys.stdout.buffer.flush()

        yield write
        return
    aside = file.with_name(f".{file.name}.{uuid4().hex}.tmp")
    try:
        with aside.open("xb") as stream:
            yield lambda text: stream.write(text.encode())
        aside.replace(file)
    except OSError as error:
        raise ConfigError(f"--output {file}: cannot be written ({error.strerror}); free some space there") from error
    finally:
        aside.unlink(missing_ok=True)
