"""`explore.py evaluate`."""

from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated

import typer

from erpo_explore.cli.app import Average, Device, Last, LengthPenalty, Trial, Trust
from erpo_explore.cli.output import print_table, say
from erpo_explore.cli.output_file import check_output, written_file
from erpo_explore.errors import ConfigError

if TYPE_CHECKING:
    from erpo_explore.api.evaluate import Evaluation

__all__ = ["evaluate"]


def evaluate(
    results: Annotated[str, typer.Argument(help="A results folder or its URI, or a folder that export wrote.")],
    data: Annotated[
        FilePath | None, typer.Option(help="Folder with test.SRC and test.TGT. Default: the task's test set.")
    ] = None,
    split: Annotated[str, typer.Option(help="test or valid.")] = "test",
    source: Annotated[str | None, typer.Option(help="Suffix of the sources. Default: that of the task.")] = None,
    target: Annotated[str | None, typer.Option(help="Suffix of the references. Default: that of the task.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Metric; may be given several times. Default: that of the task.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Other system: results, exported folder, trial, or file of translations.")
    ] = None,
    tune: Annotated[
        bool, typer.Option("--tune-decoding", help="Choose beam and length penalty on the validation set.")
    ] = False,
    output: Annotated[FilePath | None, typer.Option(help="File for the scored translations.")] = None,
    trial: Trial = None,
    last: Last = False,
    average: Average = 1,
    beam: Annotated[int | None, typer.Option(min=1, help="Hypotheses per sentence; 1 is greedy. Default: 5.")] = None,
    length_penalty: LengthPenalty = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    device: Device = None,
    trust: Trust = False,
) -> None:
    """Score the best trained model on a test set, and compare it with another system.

    \b
    Examples:
      explore.py evaluate results/multi30k --data DIR --metric bleu --metric rouge
      explore.py evaluate results/multi30k --against other.hyp --tune-decoding
    """  # noqa: D301
    if split not in ("test", "valid"):
        raise ConfigError(f"--split must be test or valid, got {split!r}")
    if tune and split == "valid":
        raise ConfigError("--tune-decoding chooses on the valid split, so --split must be test; leave one out")
    for name, value in (("--beam", beam), ("--length-penalty", length_penalty)):
        if tune and value is not None:
            raise ConfigError(f"--tune-decoding chooses beam and length penalty; leave out {name} or --tune-decoding")
    if length_penalty is not None and beam == 1:
        raise ConfigError("--length-penalty has no effect on greedy decoding; leave it out, or raise --beam")
    check_output(output)
    from erpo_explore.api.evaluate import evaluate as evaluate_system

    found = evaluate_system(
        results,
        data=data,
        split="test" if split == "test" else "valid",
        source=source,
        target=target,
        metrics=metric or (),
        against=against,
        beam_width=beam or 5,
        length_penalty=1.0 if length_penalty is None else length_penalty,
        tune=tune,
        trial=trial,
        last=last,
        average=average,
        seed=seed,
        device=device,
        trust=trust,
    )
    if found.decoders:
        best = found.decoders[0]
        say(
            f"tuned on the validation set: beam {best.beam_width}, length penalty {best.length_penalty:g} "
            f"({best.score:.2f}; the worst of {len(found.decoders)} settings has {found.decoders[-1].score:.2f})"
        )
    _show(found, against)
    if output is not None:
        with written_file(output) as write:
            write("".join(f"{line}\n" for line in found.hypotheses))
        say(f"wrote {output}")


def _show(found: "Evaluation", against: str | None) -> None:
    how = "greedy" if found.beam_width == 1 else f"beam {found.beam_width}, length penalty {found.length_penalty:g}"
    say(f"{found.num_sentences} sentences, {how}; 95 % intervals by bootstrap over sentences")
    rows = [("metric", "score", "95% interval", "better is")]
    rows += [
        (each.metric, f"{each.value:.2f}", f"{each.low:.2f} … {each.high:.2f}", _direction(each.higher_is_better))
        for each in found.scores
    ]
    print_table(rows[0], tuple(rows[1:]))
    if found.differences:
        say(f"against {against}:")
        compared = [
            (
                each.metric,
                f"{other.value:.2f}",
                f"{each.value:+.2f}",
                f"{each.low:+.2f} … {each.high:+.2f}",
                f"{each.p_value:.3f}",
            )
            for each, other in zip(found.differences, found.against, strict=True)
        ]
        print_table(("metric", "its score", "difference", "95% interval", "p"), tuple(compared))
    for score in found.scores:
        say(f"measured by: {score.signature}")


def _direction(higher_is_better: bool) -> str:
    return "more" if higher_is_better else "less"
