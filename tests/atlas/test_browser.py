"""The report in a real browser: what a parser cannot see."""

import os
import re
import shutil
import subprocess

import pytest

from erpo_explore.atlas import write_report

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome", "chrome"])), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=10000",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome on this machine"),
]


@pytest.fixture(scope="module")
def address(exploration, tmp_path_factory):
    return write_report(exploration, tmp_path_factory.mktemp("report") / "r.html").as_uri()


@pytest.mark.parametrize("scheme", [0, 1], ids=["dark", "light"])
@pytest.mark.parametrize("width", [500, 1200])
def test_every_figure_is_drawn_without_an_error(address, tmp_path, scheme, width):
    done = subprocess.run(
        [
            CHROMIUM,
            *FLAGS,
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--window-size={width},900",
            f"--blink-settings=preferredColorScheme={scheme}",
            "--dump-dom",
            address,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env=os.environ | {"HOME": str(tmp_path)},
    )
    drawn = re.findall(r'<div id="(\w+)" class="plot js-plotly-plot">(.*?)</figcaption>', done.stdout, re.DOTALL)
    assert [name for name, _ in drawn] == ["score", "simplex", "temperature", "lineage", "path"]
    assert all("main-svg" in inside for _, inside in drawn)
    assert "<title>toy_space: erpo_explore</title>" in done.stdout  # the hostile sentence would have changed it
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
