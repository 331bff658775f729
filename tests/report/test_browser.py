"""The report in a real browser: what a parser cannot see."""

import contextlib

import pytest

from benchmarks.speed.synthetic_results import FEWEST_TRIALS, write_synthetic
from erpo_explore.report import write_report
from tests.report.watch.chromium import open_page

FIGURES = ["score", "pareto", "simplex", "temperature", "parallel", "lineage", "path"]

pytestmark = pytest.mark.tools("chromium")


@pytest.fixture(scope="module")
def address(exploration, tmp_path_factory):
    return write_report(exploration, tmp_path_factory.mktemp("report") / "r.html").as_uri()


@contextlib.contextmanager
def report(address, profile, *, width, dark):
    """The report in a window of some width, once all of it is drawn."""
    with open_page("data:text/html,nothing yet", profile) as page:
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        page.call("Emulation.setDeviceMetricsOverride", **screen)
        prefer(page, dark=dark)
        page.call("Page.navigate", url=address)
        page.wait_for("document.documentElement?.dataset.drawn === 'all'")
        yield page


@pytest.fixture(scope="module")
def desk(address, tmp_path_factory):
    """The report on a large screen by day; tests may leave it otherwise, but each looks at what it has changed."""
    with report(address, tmp_path_factory.mktemp("profile"), width=1200, dark=False) as page:
        yield page


def prefer(page, *, dark):
    """Set what the reader prefers."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.call("Emulation.setEmulatedMedia", features=[scheme])


def press(page, selector):
    """Scroll to an element and press the mouse in its middle."""
    x, y = page.evaluate(f"""(() => {{
        const element = document.querySelector("{selector}");
        element.scrollIntoView({{block: "center"}});
        const box = element.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
    }})()""")
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("width", [375, 1200])
def test_every_figure_fits_its_width_without_console_errors(address, tmp_path, width, dark):
    with report(address, tmp_path / "profile", width=width, dark=dark) as page:
        drawn = page.evaluate(
            "[...document.querySelectorAll('.plot')].map((plot) => [plot.id, plot.querySelectorAll('.trace').length])"
        )
        assert [name for name, _ in drawn] == FIGURES
        assert all(num_traces for _, num_traces in drawn)
        assert page.evaluate("[window.innerWidth, document.documentElement.scrollWidth <= window.innerWidth]") == [
            width,
            True,
        ]
        assert page.evaluate("document.title") == "toy_space: erpo_explore"  # the hostile sentence would change it
        assert page.complaints() == []


def test_text_colour_follows_the_colour_scheme_of_the_reader(desk):
    ink = "getComputedStyle(document.querySelector('#score .xtitle')).fill"
    assert desk.evaluate(ink) == "rgb(31, 41, 51)"
    prefer(desk, dark=True)
    desk.wait_for(f"{ink} === 'rgb(228, 232, 238)'")
    prefer(desk, dark=False)
    assert desk.complaints() == []


def test_hovering_over_a_curve_shows_trial_step_and_score(desk):
    x, y = desk.evaluate("""(() => {
        const plot = document.getElementById("score"), {xaxis, yaxis} = plot._fullLayout;
        plot.scrollIntoView({block: "center"});
        const box = plot.getBoundingClientRect();
        return [box.x + xaxis._offset + xaxis.d2p(300), box.y + yaxis._offset + yaxis.d2p(16)];
    })()""")
    for nearer in (3, 0):
        desk.call("Input.dispatchMouseEvent", type="mouseMoved", x=x - nearer, y=y)
    desk.wait_for("Boolean(document.querySelector('#score .hovertext'))")
    assert "step 300" in desk.evaluate("document.querySelector('#score .hovertext').textContent")
    assert desk.complaints() == []


def test_hovering_over_the_surface_shows_the_expected_score(desk):
    x, y = desk.evaluate("""(() => {
        const plot = document.getElementById("temperature"), {xaxis, yaxis} = plot._fullLayout;
        plot.scrollIntoView({block: "center"});
        const box = plot.getBoundingClientRect();
        const surface = plot.data[0], marks = plot.data.at(-2);
        const far = (x, y) => Math.min(...marks.x.map((mark, at) => Math.hypot(x - mark, y - marks.y[at])));
        const known = surface.y.flatMap((y, row) => surface.x.map((x, at) => [x, y, surface.z[row][at]]))
            .filter(([x, y, z]) => z !== null).sort((one, other) => far(...other) - far(...one));
        const [[x, y]] = known;
        return [box.x + xaxis._offset + xaxis.d2p(x), box.y + yaxis._offset + yaxis.d2p(y)];
    })()""")
    for nearer in (3, 0):
        desk.call("Input.dispatchMouseEvent", type="mouseMoved", x=x - nearer, y=y)
    desk.wait_for("Boolean(document.querySelector('#temperature .hovertext'))")
    hover_text = desk.evaluate("document.querySelector('#temperature .hovertext').textContent")
    assert hover_text.startswith("expected score ")
    assert "NaN" not in hover_text
    assert "%" not in hover_text
    assert desk.complaints() == []


def test_a_large_exploration_has_every_figure(tmp_path):
    folder = write_synthetic(tmp_path / "large", num_trials=FEWEST_TRIALS + 30, num_reports=4)
    with report(write_report(folder).as_uri(), tmp_path / "profile", width=1200, dark=True) as page:
        drawn = page.evaluate(
            "[...document.querySelectorAll('.plot')].map((plot) => [plot.id, plot.querySelectorAll('.trace').length])"
        )
        assert {name for name, num_traces in drawn if num_traces} == {*FIGURES, "importance"}
        assert page.complaints() == []


@pytest.mark.parametrize("name", ["simplex", "temperature"])
def test_the_switch_shows_the_uncertainty_and_the_slider_keeps_it(desk, name):
    scores = f"document.getElementById('{name}').data.at(-2).marker.color"
    last = desk.evaluate(scores)
    press(desk, f"#{name} .updatemenu-button:last-of-type")
    desk.wait_for(f"document.getElementById('{name}').data[0].visible === false")
    press(desk, f"#{name} .slider-rail-touch-rect")  # its middle
    desk.wait_for(f"document.querySelector('#{name} .slider-label').textContent === 'as of step 300'")
    desk.wait_for(f"Math.max(...{scores}) < {max(last)}")
    assert desk.evaluate(f"document.getElementById('{name}').data[0].visible") is False
    assert desk.complaints() == []
