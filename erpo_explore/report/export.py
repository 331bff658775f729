"""Figures as files for papers: PNG, SVG or PDF, drawn by plotly.js in a headless Chromium, through kaleido."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import plotly.graph_objects as go

from erpo_explore.errors import ResultsError, RunError
from erpo_explore.report.figures.slider import SLIDER_PX
from erpo_explore.report.figures.theme import TEMPLATES
from erpo_explore.report.formats import Format

__all__ = ["write_figures"]

WIDTH_PX: Final = 720
PNG_SCALE: Final = 3  # on a column of 3.4 inches, 720 px give a resolution of 635 per inch


def write_figures(figures: Mapping[str, go.Figure], folder: Path, kind: Format) -> list[Path]:
    """Write each figure into a folder as `NAME.KIND`, on white and without interactive controls.

    Args:
        figures: Figures by name; one with a slider is drawn at its last step.
        folder: Output folder, created where it is missing; files of the same names are replaced.
        kind: File format.

    Returns:
        The files.

    Raises:
        RunError: kaleido is not installed, or neither Chromium nor Chrome is found.
        ResultsError: The folder cannot be written.
    """
    try:
        import kaleido
        from choreographer.errors import ChromeNotFoundError
    except ImportError as error:
        raise RunError(
            "figures as files need kaleido, which is not installed; pip install 'erpo-explore[figures]'"
        ) from error
    files = {folder / f"{name}.{kind}": _on_paper(figure) for name, figure in figures.items()}
    options = {"format": kind, "width": WIDTH_PX, "scale": PNG_SCALE if kind == "png" else 1}
    wanted = [{"fig": figure, "path": str(file), "opts": options} for file, figure in files.items()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # kaleido would load MathJax from the network; no figure has a formula
        kaleido.write_fig_from_object_sync(wanted, cancel_on_error=True, kopts={"mathjax": False})
    except ChromeNotFoundError as error:
        raise RunError(
            "figures as files are drawn by Chromium or Google Chrome, and neither was found; install one, or name its "
            "program in BROWSER_PATH"
        ) from error
    except OSError as error:
        raise ResultsError(
            f"cannot write figures into {folder}: {error.strerror or error}; name another folder with --figures"
        ) from error
    return list(files)


def _on_paper(figure: go.Figure) -> go.Figure:
    """Copy of the figure in the light template, without slider and buttons."""
    still = go.Figure(data=figure.data, layout=figure.layout)
    if still.layout.sliders:
        still.layout.height -= SLIDER_PX
    still.layout.sliders, still.layout.updatemenus = (), ()
    return still.update_layout(template=TEMPLATES["light"], paper_bgcolor="#ffffff")
