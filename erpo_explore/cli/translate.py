"""`explore.py translate`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Annotated, BinaryIO

import typer

from erpo_explore.cli.app import Average, Device, Last, LengthPenalty, Trial, Trust
from erpo_explore.cli.output_file import check_output, written_file
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
    beam: Annotated[int | None, typer.Option(min=1, help="Hypotheses per line; 1 is greedy. Default: 5.")] = None,
    length_penalty: LengthPenalty = None,
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
    for name, value in (("--beam", beam), ("--length-penalty", length_penalty)):
        if sample and value is not None:
            raise ConfigError(f"{name} has no effect on draws; leave out {name} or --sample")
    if length_penalty is not None and beam == 1 and (n_best or 1) == 1:
        raise ConfigError("--length-penalty has no effect on greedy decoding; leave it out, or raise --beam")
    if not sample and (seed != 0 or temperature != 1.0):
        raise ConfigError("--seed and --temperature are for draws; add --sample, or leave them out")
    with _opened(source) as lines:
        check_output(output)
        from erpo_explore.api.load_model import load_model
        from erpo_explore.inference.model import BEAM_WIDTH
        from erpo_explore.inference.stream import Decoding, translate_stream

        decoding = Decoding(
            beam_width=beam or BEAM_WIDTH,
            length_penalty=1.0 if length_penalty is None else length_penalty,
            n_best=n_best,
            sample=sample,
            seed=seed,
            temperature=temperature,
            max_tokens=max_tokens,
            batch_tokens=batch_tokens,
        )
        model = load_model(results, trial=trial, last=last, average=average, device=device, trust=trust)
        try:
            with written_file(output) as write:
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
