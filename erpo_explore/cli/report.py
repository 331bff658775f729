"""`explore.py report`."""

from pathlib import Path as FilePath
from typing import Annotated

import typer

from erpo_explore.cli.app import Results
from erpo_explore.cli.output import say
from erpo_explore.errors import ConfigError

__all__ = ["report"]


def report(
    results: Results,
    output: Annotated[str | None, typer.Option(help="HTML file. Default: report.html in the folder.")] = None,
    figures: Annotated[FilePath | None, typer.Option(help="Folder for the figures as files, for papers.")] = None,
    kind: Annotated[
        str | None, typer.Option("--format", help="Format of these files: svg, pdf or png. Default: svg.")
    ] = None,
) -> None:
    """Write the report: one self-contained HTML page.

    \b
    Examples:
      explore.py report results/multi30k
      explore.py report results/multi30k --figures paper/figures --format pdf
    """  # noqa: D301
    from erpo_explore.report.formats import FORMATS
    from erpo_explore.store.files import as_location, join
    from erpo_explore.store.layout import REPORT
    from erpo_explore.store.manifest import load_manifest

    if kind is not None and figures is None:
        raise ConfigError(f"--format {kind} is the format of the files of --figures FOLDER; add --figures FOLDER")
    if (wanted := next((each for each in FORMATS if each == (kind or "svg")), None)) is None:
        raise ConfigError(f"--format must be one of {', '.join(FORMATS)}, got {kind!r}")
    load_manifest(results)  # before what takes seconds to import
    from erpo_explore.report import read_report, save_report, write_figures

    drawn = read_report(results)
    say(f"wrote {save_report(drawn, as_location(output or str(join(as_location(results), REPORT))))}")
    if figures is not None:
        for file in write_figures(drawn.figures, figures, wanted):
            say(f"wrote {file}")
