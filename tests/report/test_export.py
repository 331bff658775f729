import sys

import plotly.graph_objects as go
import pytest

from erpo_explore.errors import ResultsError, RunError
from erpo_explore.report.export import write_figures
from erpo_explore.report.figures.map import temperature_map

kaleido = pytest.importorskip("kaleido", reason="needs kaleido; pip install kaleido")
choreographer = pytest.importorskip("choreographer", reason="needs choreographer; pip install kaleido")

FIGURE = go.Figure(go.Scatter(x=[1, 2], y=[3, 4], name="baselines"))


@pytest.mark.tools("chromium")
def test_a_map_is_exported_without_buttons_and_slider(observations, tmp_path):
    [file] = write_figures({"map": temperature_map(observations)}, tmp_path / "new", "svg")
    assert file == tmp_path / "new" / "map.svg"
    drawing = file.read_text(encoding="utf-8")
    assert drawing.startswith("<svg")
    assert "trust in the model" in drawing
    assert "uncertainty" not in drawing
    assert "as of step" not in drawing


def test_without_kaleido_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "kaleido", None)
    with pytest.raises(RunError, match=r"pip install 'erpo-explore\[figures\]'"):
        write_figures({"one": FIGURE}, tmp_path, "svg")


def test_without_a_browser_the_error_says_so(monkeypatch, tmp_path):
    def no_browser(*_, **__):
        raise choreographer.errors.ChromeNotFoundError("none")

    monkeypatch.setattr(kaleido, "write_fig_from_object_sync", no_browser)
    with pytest.raises(RunError, match=r"Chromium or Google Chrome.*BROWSER_PATH"):
        write_figures({"one": FIGURE}, tmp_path, "png")


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(ResultsError, match=r"cannot write figures into .*--figures"):
        write_figures({"one": FIGURE}, tmp_path / "file", "svg")
    assert (tmp_path / "file").read_text() == "kept"
