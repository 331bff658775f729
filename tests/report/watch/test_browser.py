"""The page in a real browser: it keeps itself up to date, and the reader's position."""

import plotly.graph_objects as go
import pytest

from erpo_explore.report.watch import LiveReport
from erpo_explore.store import ResultsWriter, load_results
from tests.example_exploration import MANIFEST, POINTS, observation, write_example
from tests.report.watch.chromium import open_page
from tests.report.watch.test_live_report import MORE

pytestmark = pytest.mark.tools("chromium")

INSIDE = "document.querySelector('iframe:not(.next)')?.contentDocument"
DRAWN = f"{INSIDE}?.querySelectorAll('.js-plotly-plot .main-svg').length"


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr("erpo_explore.report.watch.live_report._MIN_PAUSE_S", 0.0)
    monkeypatch.setattr("erpo_explore.report.watch.live_report._PAUSE_FACTOR", 0.0)


def test_the_page_waits_shows_what_comes_without_a_reload_and_keeps_it_where_drawing_fails(tmp_path, serve):
    writer = ResultsWriter.create(tmp_path / "toy_space", MANIFEST)
    server = serve(LiveReport(writer.folder))
    with open_page(server.url, tmp_path / "profile") as page:
        page.wait_for("document.getElementById('state').textContent.includes('no report yet')")
        assert page.evaluate("!document.getElementById('waiting').hidden")
        page.evaluate("window.notReloaded = true; 1")

        write_more(writer, "first", 20.0)
        page.wait_for(DRAWN)
        assert page.evaluate("document.getElementById('waiting').hidden")
        assert "first" in page.evaluate(f"{INSIDE}.body.textContent")

        # the reader zooms into a figure, scrolls down, and goes on reading
        page.evaluate(
            "(async () => { const frame = document.querySelector('iframe'), inside = frame.contentDocument;"
            " await frame.contentWindow.Plotly.relayout(inside.getElementById('score'),"
            " {'xaxis.range[0]': 20, 'xaxis.range[1]': 60});"
            " inside.scrollingElement.scrollTop = 700; })()"
        )
        position = f"{INSIDE}.getElementById('score').getBoundingClientRect().top"
        before = page.evaluate(position)
        write_more(writer, "second", 25.0)
        page.wait_for(f"{INSIDE}?.body.textContent.includes('second')")
        assert page.evaluate(f"{INSIDE}.getElementById('score').layout.xaxis.range") == [20, 60]
        assert page.evaluate(position) == pytest.approx(before, abs=2)
        assert page.evaluate("window.notReloaded")
        assert page.evaluate("document.querySelectorAll('iframe').length") == 1
        assert page.num_navigations() == 1

        writer.append("trials", [trial("first"), trial("second")])
        page.wait_for("document.getElementById('state').textContent.includes('the exploration has ended')")
        assert page.evaluate("/last report .+ ago · 2 reports/.test(document.getElementById('state').textContent)")

        (writer.folder / "exploration.yaml").write_text("[")
        page.wait_for("!document.getElementById('error').hidden")
        assert "exploration.yaml cannot be read (is no valid YAML: a bracket is not closed" in page.evaluate(
            "document.getElementById('error').textContent"
        )
        assert "second" in page.evaluate(f"{INSIDE}.body.textContent")
        assert page.complaints() == []


def sliding(folder, output):
    """A page of one figure with a slider, buttons and a legend; each report adds a step to the slider."""
    steps = [str(step) for step in range(len(load_results(folder)))]
    figure = go.Figure([go.Scatter(y=[1, 2], name="one"), go.Scatter(y=[2, 1], name="two")])
    figure.frames = [go.Frame(name=step, data=[go.Scatter(y=[1, int(step)])], traces=[0]) for step in steps]
    jump = {"mode": "immediate", "frame": {"duration": 0}, "transition": {"duration": 0}}
    moves = [{"label": step, "method": "animate", "args": [[step], jump]} for step in steps]
    colours = [{"label": name, "method": "restyle", "args": [{"line.color": name}, [1]]} for name in ("red", "blue")]
    figure.update_layout(
        sliders=[{"active": len(steps) - 1, "steps": moves}],
        updatemenus=[{"type": "buttons", "buttons": colours}],
    )
    figure.write_html(output, div_id="map")
    return output


def middle(page, selector, share=0.5):
    """Where an element of the report is in the window: its middle, or so far along it."""
    return page.evaluate(
        f"(() => {{ const box = {INSIDE}.querySelector('{selector}').getBoundingClientRect(),"
        " frame = document.querySelector('iframe').getBoundingClientRect();"
        f" return [frame.x + box.x + box.width * {share}, frame.y + box.y + box.height / 2]; }})()"
    )


def test_slider_buttons_and_hidden_traces_stay_as_the_reader_set_them(tmp_path, serve):
    folder = write_example(tmp_path / "toy_space")
    figure = f"{INSIDE}?.getElementById('map')"
    with open_page(serve(LiveReport(folder, sliding)).url, tmp_path / "profile") as page:
        page.wait_for(DRAWN)
        num_steps = page.evaluate(f"{figure}.layout.sliders[0].steps.length")
        page.click(*middle(page, ".slider-rail-touch-rect", share=1 / 3))
        page.click(*middle(page, ".updatemenu-button:nth-of-type(2)"))
        page.click(*middle(page, ".legendtoggle"))
        page.wait_for(f"{figure}.data[0].visible === 'legendonly'")
        chosen = page.evaluate(f"{figure}.layout.sliders[0].active")
        assert 0 < chosen < num_steps - 1
        assert page.evaluate(f"{figure}.data[1].line.color") == "blue"

        write_more(ResultsWriter.open(folder), "another", 25.0)
        page.wait_for(f"{figure}?.layout.sliders[0].steps.length === {num_steps + 1}")
        assert page.evaluate(f"{figure}.layout.sliders[0].active") == chosen
        assert page.evaluate(f"{figure}.data[0].y") == [1, chosen]
        assert page.evaluate(f"{figure}.data[0].visible") == "legendonly"
        assert page.evaluate(f"{figure}.data[1].line.color") == "blue"
        assert page.evaluate(f"{figure}.layout.updatemenus[0].active") == 1
        assert page.complaints() == []


def write_more(writer, trial_name, score):
    row = observation(trial_name, 1, 100, score, **MORE)
    writer.append("observations", [row])


def trial(name):
    """A row of the table `trials`."""
    return {
        "exploration": "toy_space",
        "trial": name,
        "role": "algorithm",
        "algorithm": "mle",
        "seed": 1,
        "status": "finished",
        "num_observations": 1,
        "num_failures": 0,
        "score_name": "bleu",
        "steps": 100,
        "elapsed_s": 10.0,
        "generation": 0,
        "path": "[]",
        "point": str(POINTS["mle"]),
    }
