"""The page of a search by branches."""

import json

import pytest

from erpo_explore.report import write_report
from erpo_explore.store import ResultsWriter
from tests.example_branches import HANDOVER, write_branches
from tests.example_exploration import HOSTILE
from tests.report.test_report import Page


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = write_branches(tmp_path_factory.mktemp("branches") / "toy")
    return Page(write_report(folder).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def figures(page):
    return json.loads(page.scripts["figures"])


def test_what_is_handed_over_and_its_p_value_come_first(page):
    text = " ".join(page.text.split())
    begin = text.index("toy_space", text.index("toy_space") + 1)
    assert text[begin:].startswith(
        "toy_space The search hands over mle (1), noise (1), seen on 2 seeds: an expected bleu of 21.40"
    )
    assert "p = 0.010" in text[begin : begin + 300]
    assert "It tried 4 paths in 3 runs, and dropped 1" in text[begin : begin + 600]


def test_the_figures_of_the_search_come_before_those_of_any_search(figures):
    assert list(figures)[:4] == ["candidates", "effects", "branches", "score"]
    assert "lineage" not in figures


def test_each_candidate_has_a_lane_with_its_runs_and_its_interval(figures):
    traces = {trace["name"]: trace for trace in figures["candidates"]["data"]}
    assert figures["candidates"]["layout"]["yaxis"]["ticktext"][0] == "mle (1), noise (1)  n = 2"
    assert (traces["handed over"]["x"], traces["handed over"]["y"]) == ([21.4], [3])
    assert traces["handed over"]["error_x"]["array"] == pytest.approx([0.98])
    assert (traces["maximum likelihood"]["x"], traces["maximum likelihood"]["y"]) == ([20.2], [2])
    assert sorted(zip(traces["score of a run"]["x"], traces["score of a run"]["y"], strict=True)) == [
        (20.0, 2),
        (21.0, 3),
        (22.0, 3),
    ]


def test_effects_are_a_row_per_algorithm_with_deviations(figures):
    [heat] = figures["effects"]["data"]
    assert (heat["y"], heat["x"], heat["z"]) == (["noise"], [1, 2], [[-1.0, 1.2]])
    assert heat["text"] == [["-1.00 ± 0.30", "+1.20 ± 0.40"]]
    assert heat["zmin"] == -heat["zmax"]


def test_a_branch_begins_at_the_lane_of_its_donor(figures):
    traces = {trace.get("name"): trace for trace in figures["branches"]["data"]}
    begins = traces["begins with a checkpoint"]
    assert (begins["x"][:2], begins["y"][:2]) == ([1, 1], [4, 3])
    # mle-s1 in both phases, branch-1 in its first; branch-3 will come to it
    assert traces["mle"]["y"] == [4, 4, None, 4, 4, None, 1, 1, None]
    assert traces["handed over"]["y"] == [3, 1]


def test_the_table_says_what_was_dropped_when_and_why(page):
    text = " ".join(page.text.split())
    assert "2 of 3 runs" in text
    assert "A path is dropped while this chance is below 5 %" in text


def test_a_hostile_name_of_an_algorithm_stays_text(tmp_path):
    folder = write_branches(tmp_path / "toy")
    paths = [path | {"name": path["name"].replace("noise", HOSTILE)} for path in HANDOVER["paths"]]
    ResultsWriter.open(folder).note(
        {"handover": HANDOVER | {"paths": paths, "name": HOSTILE, "algorithms": ["mle", HOSTILE]}}
    )
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert [tag for tag, _ in page.tags].count("script") == 4
    assert not any(tag == "img" for tag, _ in page.tags)
    assert "<img" not in page.scripts["figures"].replace("\\u003c", "<").replace("&lt;img", "")
