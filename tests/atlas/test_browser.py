"""The report in a real browser: what a parser cannot see."""

import shutil

import pytest

from erpo_explore.atlas import write_report

pytest.importorskip(
    "choreographer", reason="the browser is driven by choreographer, which comes with the extra [figures]"
)
from .browser import visit

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome", "chrome"])), None)
FIGURES = ["score", "pareto", "simplex", "temperature", "parallel", "lineage", "path"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome on this machine"),
]


@pytest.fixture(scope="module")
def address(exploration, tmp_path_factory):
    return write_report(exploration, tmp_path_factory.mktemp("report") / "r.html").as_uri()


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("width", [375, 1200])
def test_every_figure_is_drawn_in_its_width_without_a_complaint(address, width, dark):
    async def look(page):
        drawn = await page.evaluate(
            "[...document.querySelectorAll('.plot')].map((plot) => [plot.id, plot.querySelectorAll('.trace').length])"
        )
        assert [name for name, _ in drawn] == FIGURES
        assert all(num_traces for _, num_traces in drawn)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert (
            await page.evaluate("document.title") == "toy_space: erpo_explore"
        )  # the hostile sentence would change it
        assert page.complaints == []

    visit(address, look, width=width, dark=dark)


def test_ink_follows_the_readers_scheme_while_the_page_is_open(address):
    async def switch(page):
        ink = "getComputedStyle(document.querySelector('#score .xtitle')).fill"
        assert await page.evaluate(ink) == "rgb(31, 41, 51)"
        await page.color_scheme(dark=True)
        await page.until(f"{ink} === 'rgb(228, 232, 238)'")
        assert page.complaints == []

    visit(address, switch)


def test_hovering_over_a_curve_says_trial_step_and_score(address):
    async def hover(page):
        await page.centre("#score .main-svg")
        x, y = await page.evaluate("""(() => {
            const plot = document.getElementById("score"), {xaxis, yaxis} = plot._fullLayout;
            const box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.d2p(300), box.y + yaxis._offset + yaxis.d2p(16)];
        })()""")
        await page.move(x - 3, y)
        await page.move(x, y)
        await page.until("document.querySelector('#score .hovertext')")
        assert "step 300" in await page.evaluate("document.querySelector('#score .hovertext').textContent")

    visit(address, hover)


@pytest.mark.parametrize("name", ["simplex", "temperature"])
def test_the_slider_goes_back_in_time_and_the_switch_shows_doubt(address, name):
    async def use(page):
        scores = f"document.getElementById('{name}').data.at(-2).marker.color"
        last = await page.evaluate(scores)
        await page.click(f"#{name} .slider-rail-touch-rect")  # its middle
        await page.until(f"document.querySelector('#{name} .slider-label').textContent === 'as of step 300'")
        await page.until(f"Math.max(...{scores}) < {max(last)}")
        await page.click(f"#{name} .updatemenu-button:last-of-type")
        await page.until(f"document.getElementById('{name}').data[0].visible === false")
        assert page.complaints == []

    visit(address, use)
