"""The report in a real browser: what a parser cannot see."""

import contextlib

import pytest

from erpo_explore.atlas import write_report
from tests.watch.chromium import CHROMIUM, open_page

FIGURES = ["score", "pareto", "simplex", "temperature", "parallel", "lineage", "path"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome on this machine"),
]


@pytest.fixture(scope="module")
def address(exploration, tmp_path_factory):
    return write_report(exploration, tmp_path_factory.mktemp("report") / "r.html").as_uri()


@contextlib.contextmanager
def report(address, tmp_path, *, width=1200, dark=False):
    """The report in a window of some width, once all of it is drawn."""
    with open_page(address, tmp_path / "profile") as page:
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        page.call("Emulation.setDeviceMetricsOverride", **screen)
        prefer(page, dark=dark)
        page.evaluate("window.isOld = true")
        page.call("Page.reload")
        page.wait_for("!window.isOld && document.documentElement?.dataset.drawn === 'all'")
        yield page
        assert page.complaints() == []


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
def test_every_figure_is_drawn_in_its_width_without_a_complaint(address, tmp_path, width, dark):
    with report(address, tmp_path, width=width, dark=dark) as page:
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


def test_ink_follows_the_readers_scheme_while_the_page_is_open(address, tmp_path):
    with report(address, tmp_path) as page:
        ink = "getComputedStyle(document.querySelector('#score .xtitle')).fill"
        assert page.evaluate(ink) == "rgb(31, 41, 51)"
        prefer(page, dark=True)
        page.wait_for(f"{ink} === 'rgb(228, 232, 238)'")


def test_hovering_over_a_curve_says_trial_step_and_score(address, tmp_path):
    with report(address, tmp_path) as page:
        x, y = page.evaluate("""(() => {
            const plot = document.getElementById("score"), {xaxis, yaxis} = plot._fullLayout;
            plot.scrollIntoView({block: "center"});
            const box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.d2p(300), box.y + yaxis._offset + yaxis.d2p(16)];
        })()""")
        for nearer in (3, 0):
            page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x - nearer, y=y)
        page.wait_for("Boolean(document.querySelector('#score .hovertext'))")
        assert "step 300" in page.evaluate("document.querySelector('#score .hovertext').textContent")


@pytest.mark.parametrize("name", ["simplex", "temperature"])
def test_the_switch_shows_doubt_and_the_slider_goes_back_in_time_with_it(address, tmp_path, name):
    with report(address, tmp_path) as page:
        scores = f"document.getElementById('{name}').data.at(-2).marker.color"
        last = page.evaluate(scores)
        press(page, f"#{name} .updatemenu-button:last-of-type")
        page.wait_for(f"document.getElementById('{name}').data[0].visible === false")
        press(page, f"#{name} .slider-rail-touch-rect")  # its middle
        page.wait_for(f"document.querySelector('#{name} .slider-label').textContent === 'as of step 300'")
        page.wait_for(f"Math.max(...{scores}) < {max(last)}")
        assert page.evaluate(f"document.getElementById('{name}').data[0].visible") is False


def test_hovering_over_the_surface_says_what_is_expected(address, tmp_path):
    with report(address, tmp_path) as page:
        x, y = page.evaluate("""(() => {
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
            page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x - nearer, y=y)
        page.wait_for("Boolean(document.querySelector('#temperature .hovertext'))")
        said = page.evaluate("document.querySelector('#temperature .hovertext').textContent")
        assert said.startswith("expected score ")
        assert "NaN" not in said
        assert "%" not in said
